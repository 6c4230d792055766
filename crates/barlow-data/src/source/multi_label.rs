//! Images that show several things each: which classes are present, absent or not to be judged.
//!
//! For judging representations as VOC2007 is judged: one decision an image and class. What a user
//! types is a [`MultiLabelSpec`], read into a [`MultiLabelSet`]: a [`Source`] of the images, the
//! names of the classes, and for each image and class 1 (present), -1 (absent) or 0 (ignored: neither
//! answer is wrong). These are the numbers of VOC's own files `ImageSets/Main/CLASS_SPLIT.txt`, where
//! 0 stands for "difficult".
//!
//! Only what is not absent is kept, so that memory goes by the size of the files and not by images
//! times classes. Nothing here scores anything.

mod annotation;
mod csv;
mod error;
mod excerpt;
mod json_lines;
mod listed;
mod marks;
mod spec;
mod voc;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::first::FirstImages;
use super::list::lines::{Entry, Malformed};
use super::patterns::Patterns;
use super::{List, OpenOptions, Source, SourceError, Subset};
use listed::Listed;
use marks::Marks;

pub use error::MultiLabelError;
pub use spec::MultiLabelSpec;

/// The most classes of a set.
pub const MAX_CLASSES: usize = 10_000;

/// Images, the names of classes, and which class is present, absent or ignored in which image.
#[derive(Debug, Clone)]
pub struct MultiLabelSet {
    images: Arc<dyn Source>,
    classes: Vec<String>,
    marks: Marks,
}

impl MultiLabelSet {
    /// Opens what a user typed, in the grammar of [`MultiLabelSpec::parse`].
    ///
    /// Patterns of `options` are of paths as listed (of VOC `JPEGImages/NAME.jpg`), `fraction` takes
    /// a part of all images alike, and classes stay those of the whole set. Where the pages of a TIFF
    /// are samples, each has the labels of its file. An image file that is missing is a bad image,
    /// found when it is loaded; an annotation that is missing is an error.
    ///
    /// # Errors
    /// If the grammar is wrong; a file cannot be read, is malformed (by its line), names an image
    /// twice, no class or more than [`MAX_CLASSES`]; or `options` are out of their range or leave no
    /// image.
    pub fn open(spec: &str, options: &OpenOptions) -> Result<Self, MultiLabelError> {
        options.check_fraction()?;
        match MultiLabelSpec::parse(spec).map_err(SourceError::from)? {
            MultiLabelSpec::Voc { folder, split } => {
                let listed = voc::read(&folder, &split)?;
                Self::new(listed, &voc::list_of(&folder, &split), &folder, options)
            }
            MultiLabelSpec::Csv { path } => {
                Self::open_list(&path, options, csv::read, csv::EXPECTED)
            }
            MultiLabelSpec::JsonLines { path } => {
                Self::open_list(&path, options, json_lines::read, json_lines::EXPECTED)
            }
        }
    }

    fn open_list(
        path: &Path,
        options: &OpenOptions,
        read: impl FnOnce(&[u8]) -> Result<Listed, Malformed>,
        expected: &'static str,
    ) -> Result<Self, MultiLabelError> {
        let unreadable = |source| SourceError::Read { path: path.to_owned(), source };
        let listed = read(&fs::read(path).map_err(unreadable)?).map_err(|malformed| {
            let Malformed { line, reason } = malformed;
            SourceError::MalformedLine { path: path.to_owned(), line, reason, expected }
        })?;
        Self::new(listed, path, path.parent().unwrap_or(Path::new("")), options)
    }

    /// The images that options leave of what the file at `path` lists, below `folder`.
    fn new(
        listed: Listed,
        path: &Path,
        folder: &Path,
        options: &OpenOptions,
    ) -> Result<Self, MultiLabelError> {
        let Listed { paths, classes, marks } = listed;
        if paths.is_empty() {
            return Err(SourceError::EmptyList { path: path.to_owned() }.into());
        }
        if classes.is_empty() {
            return Err(MultiLabelError::NoClasses { path: path.to_owned() });
        }
        let patterns = Patterns::new(&options.include, &options.exclude)?;
        let listed = paths.len();
        let (mut entries, mut rows) = (Vec::new(), Vec::new());
        for (row, path) in paths.into_iter().enumerate() {
            if patterns.take(path.as_bytes()) {
                entries.push(Entry { path, label: None });
                rows.push(row);
            }
        }
        let excluded = listed - entries.len();
        if entries.is_empty() {
            return Err(SourceError::NothingLeft { path: path.to_owned(), excluded }.into());
        }
        let list = List::of_entries(folder, &entries, excluded, options);
        let mut rows: Vec<usize> = (0..list.len()).map(|id| rows[list.entry(id)]).collect();
        let mut images: Arc<dyn Source> = Arc::new(list);
        if let Some(fraction) = options.fraction {
            let part = Subset::fraction(images, fraction, options.seed);
            rows = part.ids().iter().map(|&id| rows[id]).collect();
            images = Arc::new(part);
        }
        if let Some(most) = options.max_images.filter(|&most| most < rows.len()) {
            rows.truncate(most);
            images = Arc::new(FirstImages::new(images, most));
        }
        Ok(Self { images, classes, marks: marks.pick(&rows) })
    }

    /// The images. They have no labels of their own: [`Source::label`] is none for all of them.
    pub fn images(&self) -> &Arc<dyn Source> {
        &self.images
    }

    /// The names of the classes: in natural order, or in the order of a CSV file's columns.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an image says of each class, `[classes]`: 1 present, -1 absent, 0 ignored.
    ///
    /// # Panics
    /// If there is no image of this number.
    pub fn row(&self, id: usize) -> Vec<i8> {
        let mut row = vec![-1; self.classes.len()];
        for mark in self.marks.row(id) {
            row[usize::from(mark.class)] = mark.value();
        }
        row
    }

    /// What each image says of a class, `[images]`: 1 present, -1 absent, 0 ignored.
    ///
    /// # Panics
    /// If there is no class of this number.
    pub fn column(&self, class: usize) -> Vec<i8> {
        assert!(class < self.classes.len(), "class {class} of {}", self.classes.len());
        (0..self.len()).map(|id| self.marks.value(id, class)).collect()
    }

    /// All of it, `[images, classes]`, contiguous: a byte for each image and class.
    pub fn matrix(&self) -> Vec<i8> {
        (0..self.len()).flat_map(|id| self.row(id)).collect()
    }

    /// Numbers the classes as another set does, by name, so that what was learnt there can be judged
    /// here: `test.align(train.classes())`. A class that is new here is absent in all images.
    ///
    /// # Errors
    /// If this set has a class that is not among `classes`, or these are more than [`MAX_CLASSES`];
    /// the set stays as it was.
    pub fn align(&mut self, classes: &[String]) -> Result<(), MultiLabelError> {
        if classes.len() > MAX_CLASSES {
            return Err(MultiLabelError::TooManyClasses { found: classes.len() });
        }
        let known: HashMap<&str, u16> =
            classes.iter().zip(0..).map(|(class, number)| (class.as_str(), number)).collect();
        let number = |class: &String| known.get(class.as_str()).copied();
        let numbers: Vec<Option<u16>> = self.classes.iter().map(number).collect();
        if numbers.contains(&None) {
            let strangers = self.classes.iter().zip(&numbers).filter(|(_, known)| known.is_none());
            let unknown = strangers.map(|(class, _)| class.clone()).collect();
            return Err(MultiLabelError::UnknownClasses { unknown });
        }
        let numbers: Vec<u16> = numbers.into_iter().flatten().collect();
        self.marks.renumber(&numbers);
        self.classes = classes.to_vec();
        Ok(())
    }
}

/// How many classes an annotation has, 0 for one that is malformed.
pub(super) fn annotated_classes(bytes: &[u8]) -> usize {
    annotation::read(bytes).map_or(0, |classes| classes.len())
}

/// How many images a CSV list has, 0 for one that is malformed.
pub(super) fn csv_images(bytes: &[u8]) -> usize {
    csv::read(bytes).map_or(0, |listed| listed.paths.len())
}

/// How many images a list of JSON objects has, 0 for one that is malformed.
pub(super) fn json_images(bytes: &[u8]) -> usize {
    json_lines::read(bytes).map_or(0, |listed| listed.paths.len())
}

#[cfg(test)]
mod tests;
