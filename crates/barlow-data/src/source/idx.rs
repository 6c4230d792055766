//! Arrays of bytes in the IDX format, in which MNIST and its relatives are distributed.
//!
//! A header (two zero bytes, the type, the rank, each dimension as a big-endian 32-bit number) and
//! the values, row by row, plain or gzip-compressed. All pixels are kept in one buffer, so loading
//! an image is a copy of its bytes.

mod array;

use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::{Source, SourceError};
use crate::decode::ImageError;
use crate::{DecodedImage, Image};
use array::Array;

const IMAGES: &str = "images ([n, height, width] or [n, height, width, 1 or 3] bytes)";
const LABELS: &str = "labels ([n] bytes)";

/// The images of an IDX file, with the labels of another.
#[derive(Debug)]
pub struct Idx {
    path: PathBuf,
    len: usize,
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

impl Idx {
    /// Reads both files whole. Classes are named by their numbers, from 0 to the largest label.
    ///
    /// # Errors
    /// If a file cannot be read, is not IDX of the right rank, has not the size that it declares,
    /// or the numbers of images and labels differ or are 0.
    pub fn open(images: &Path, labels: Option<&Path>) -> Result<Self, SourceError> {
        let Array { dimensions, values: pixels } = Array::read(images, IMAGES, &[3, 4])?;
        let channels = dimensions.get(3).copied().unwrap_or(1);
        let [len, height, width] = [dimensions[0], dimensions[1], dimensions[2]];
        if ![1, 3].contains(&channels) || height == 0 || width == 0 {
            let reason = format!("its dimensions are {dimensions:?}");
            return Err(SourceError::MalformedIdx {
                path: images.to_owned(),
                expected: IMAGES,
                reason,
            });
        }
        if len == 0 {
            return Err(SourceError::EmptyList { path: images.to_owned() });
        }
        let labels = match labels {
            Some(path) => {
                let labels = Array::read(path, LABELS, &[1])?.values;
                if labels.len() != len {
                    let (path, found) = (path.to_owned(), labels.len());
                    return Err(SourceError::WrongLabelCount { path, images: len, found });
                }
                labels
            }
            None => Vec::new(),
        };
        let classes = labels.iter().max().map_or(0..0, |&largest| 0..usize::from(largest) + 1);
        let classes = classes.map(|class| class.to_string()).collect();
        Ok(Self { path: images.to_owned(), len, height, width, channels, pixels, labels, classes })
    }

    /// The same images with names for the classes; where there are more classes than names, they
    /// keep their numbers.
    #[must_use]
    pub fn with_class_names(mut self, names: &[&str]) -> Self {
        if self.classes.len() <= names.len() && !self.labels.is_empty() {
            self.classes = names.iter().map(|&name| name.to_owned()).collect();
        }
        self
    }
}

impl Source for Idx {
    fn len(&self) -> usize {
        self.len
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let Self { width, height, channels, .. } = *self;
        let samples = width * height * channels;
        let pixels = self.pixels[id * samples..][..samples].to_vec();
        Ok(Image { width, height, channels, pixels }.into())
    }

    fn name(&self, id: usize) -> String {
        format!("{}[{id}]", self.path.display())
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.labels.get(id).map(|&label| usize::from(label))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        for dimension in [self.height, self.width, self.channels] {
            fingerprint.add_number(dimension as u64);
        }
        fingerprint.add(&self.pixels);
        fingerprint.add(&self.labels);
        fingerprint.finish("idx", self.len)
    }
}

#[cfg(test)]
mod tests;
