//! The first images of another source.

use std::sync::Arc;

use super::Source;
use crate::DecodedImage;
use crate::decode::{ChooseReduction, ImageError, ReducedImage};

/// The first images of another source; classes stay those of the whole.
#[derive(Debug)]
pub(super) struct FirstImages {
    whole: Arc<dyn Source>,
    images: usize,
}

impl FirstImages {
    pub(super) fn new(whole: Arc<dyn Source>, images: usize) -> Self {
        Self { images: images.min(whole.len()), whole }
    }
}

impl Source for FirstImages {
    fn len(&self) -> usize {
        self.images
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        self.whole.load(id)
    }

    fn load_reduced(
        &self,
        id: usize,
        choose: &ChooseReduction<'_>,
    ) -> Result<ReducedImage, ImageError> {
        self.whole.load_reduced(id, choose)
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        self.whole.format(id)
    }

    fn name(&self, id: usize) -> String {
        self.whole.name(id)
    }

    fn label(&self, id: usize) -> Option<usize> {
        self.whole.label(id)
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn fingerprint(&self) -> String {
        format!("{} first {}", self.whole.fingerprint(), self.images)
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.whole.remarks();
        remarks.push(format!("only the first {} of {} images", self.images, self.whole.len()));
        remarks
    }
}
