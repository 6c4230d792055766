//! Files that hold several samples: the pages of TIFFs.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Which page of which file each sample is.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    /// The first sample of each file, then the number of samples; empty where each file is one.
    starts: Vec<usize>,
}

impl Pages {
    /// Counts the pages of each file by `count`, in parallel.
    pub(super) fn count(files: usize, count: impl Fn(usize) -> usize + Send + Sync) -> Self {
        let counts: Vec<usize> = (0..files).into_par_iter().map(count).collect();
        if counts.iter().all(|&pages| pages == 1) {
            return Self::default();
        }
        let mut starts = vec![0];
        for pages in counts {
            starts.push(starts[starts.len() - 1] + pages);
        }
        Self { starts }
    }

    /// How many samples so many files are.
    pub(super) fn samples(&self, files: usize) -> usize {
        self.starts.last().copied().unwrap_or(files)
    }

    /// The file and the page of a sample.
    pub(super) fn locate(&self, id: usize) -> (usize, usize) {
        if self.starts.is_empty() {
            return (id, 0);
        }
        let file = self.starts.partition_point(|&start| start <= id) - 1;
        (file, id - self.starts[file])
    }

    /// What to say after the name of a file: the page, where the file has several.
    pub(super) fn suffix(&self, id: usize) -> String {
        let (file, page) = self.locate(id);
        match self.starts.get(file..file + 2) {
            Some(&[start, end]) if end - start > 1 => format!(" page {page}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_a_sample_of_its_own() {
        let pages = Pages::count(4, |file| [1, 3, 1, 2][file]);
        assert_eq!(pages.samples(4), 7);
        let located: Vec<_> = (0..7).map(|id| pages.locate(id)).collect();
        assert_eq!(located, [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (3, 1)]);
        assert_eq!(pages.suffix(0), "");
        assert_eq!(pages.suffix(2), " page 1");
        let plain = Pages::count(4, |_| 1);
        assert_eq!((plain.samples(4), plain.locate(3)), (4, (3, 0)));
        assert_eq!(plain.suffix(3), "");
    }
}
