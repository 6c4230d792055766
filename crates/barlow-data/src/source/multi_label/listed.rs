//! What a file says of images and classes, gathered line by line.

use std::collections::HashMap;

use super::MAX_CLASSES;
use super::excerpt::quoted;
use super::marks::{Mark, Marks};
use crate::source::list::lines::Malformed;
use crate::source::natural;

/// Images by their paths, the names of classes, and a row of marks for each image.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) paths: Vec<String>,
    pub(super) classes: Vec<String>,
    pub(super) marks: Marks,
}

/// A list while it is read: classes have numbers in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Listing {
    listed: Listed,
    numbers: HashMap<String, u16>,
    /// The lines of images.
    lines: HashMap<String, usize>,
}

impl Listing {
    /// The number of a class, a new one where it was not met before.
    ///
    /// # Errors
    /// If it has no name or is one too many.
    pub(super) fn class(&mut self, name: &str) -> Result<u16, String> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        if name.is_empty() {
            return Err("a class has no name".to_owned());
        }
        let number = self.listed.classes.len();
        if number == MAX_CLASSES {
            return Err(format!("class {} is one more than {MAX_CLASSES}", quoted(name)));
        }
        self.listed.classes.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number as u16);
        Ok(number as u16)
    }

    /// The marks of classes that are present or ignored, each any number of times.
    ///
    /// # Errors
    /// If a class is both, or [`Listing::class`] refuses it.
    pub(super) fn row<'a>(
        &mut self,
        classes: impl Iterator<Item = (&'a str, bool)>,
    ) -> Result<Vec<Mark>, String> {
        let mut row: Vec<Mark> = Vec::new();
        for (name, is_present) in classes {
            row.push(Mark { class: self.class(name)?, is_present });
        }
        row.sort_unstable_by_key(|mark| (mark.class, mark.is_present));
        row.dedup();
        match row.windows(2).find(|pair| pair[0].class == pair[1].class) {
            Some(pair) => {
                let name = &self.listed.classes[usize::from(pair[0].class)];
                Err(format!("class {} is both present and ignored", quoted(name)))
            }
            None => Ok(row),
        }
    }

    /// Adds an image that stands at a line.
    ///
    /// # Errors
    /// If it has no path or stood at another line before.
    pub(super) fn add(&mut self, line: usize, path: &str, row: &[Mark]) -> Result<(), Malformed> {
        if path.is_empty() {
            return Err(Malformed { line, reason: "no path".to_owned() });
        }
        if let Some(first) = self.lines.insert(path.to_owned(), line) {
            let reason = format!("{} is on line {first} already", quoted(path));
            return Err(Malformed { line, reason });
        }
        self.listed.paths.push(path.to_owned());
        self.listed.marks.push(row);
        Ok(())
    }

    /// What was read, with classes in the order in which they were met.
    pub(super) fn unsorted(self) -> Listed {
        self.listed
    }

    /// What was read, with classes in natural order.
    pub(super) fn sorted(self) -> Listed {
        let Listed { paths, classes, mut marks } = self.listed;
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_unstable_by(|&a, &b| {
            natural::compare(classes[a].as_bytes(), classes[b].as_bytes())
        });
        let mut numbers = vec![0; classes.len()];
        for (number, &class) in order.iter().enumerate() {
            numbers[class] = number as u16;
        }
        marks.renumber(&numbers);
        let classes = order.into_iter().map(|class| classes[class].clone()).collect();
        Listed { paths, classes, marks }
    }
}
