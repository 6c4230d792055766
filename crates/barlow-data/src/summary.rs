//! What a source holds, found out by looking at its images, or at some spread over it.
//!
//! Looking at an image is decoding it, so it takes as long as an epoch without views. Results do not
//! depend on the number of threads, times excepted.

mod statistics;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Serialize;

use crate::DecodedImage;
use crate::loader::BadImage;
use crate::source::{Source, is_spread};

pub use statistics::ChannelStatistics;

/// Bad images that are named.
const NAMED: usize = 10;

/// What some images of a source are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Images of the source.
    pub images: usize,
    /// Images that were looked at, spread over the source.
    pub looked_at: usize,
    /// Of these, images that could be decoded.
    pub decodable: usize,
    /// Images of each class, over the whole source; none without labels.
    pub classes: Vec<ClassCount>,
    /// Images without a label, over the whole source.
    pub unlabelled: usize,
    /// Lowest, median and highest width, pixels.
    pub width: [usize; 3],
    /// Lowest, median and highest height, pixels.
    pub height: [usize; 3],
    /// Images by number of channels.
    pub channels: BTreeMap<usize, usize>,
    /// Images by depth: `8 bit`, `16 bit`, `float`.
    pub depths: BTreeMap<&'static str, usize>,
    /// Images by what their first bytes say, as `JPEG`; none of sources that are not files.
    pub formats: BTreeMap<&'static str, usize>,
    /// Bad images by kind of trouble.
    pub bad: BTreeMap<&'static str, usize>,
    /// The first bad images.
    pub bad_images: Vec<BadImage>,
    /// Images that one thread reads and decodes in a second; 0 where none could be.
    pub decoded_per_second: f64,
    /// What was met while the images were found.
    pub remarks: Vec<String>,
}

/// Images of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// How many.
    pub images: usize,
}

/// What looking at one image gave.
struct Look {
    /// Channels, height, width; depth.
    found: Result<([usize; 3], &'static str), (&'static str, BadImage)>,
    format: Option<&'static str>,
    seconds: f64,
}

impl Summary {
    /// Looks at `most` images of a source (0 for all) with so many threads; `report` is told how
    /// many were looked at so far, of how many.
    pub fn of(
        source: &dyn Source,
        most: usize,
        workers: usize,
        report: &(dyn Fn(usize, usize) + Sync),
    ) -> Self {
        let ids = spread(source.len(), most);
        let done = AtomicUsize::new(0);
        let looks = in_parallel(&ids, workers, |&id| {
            let look = look(source, id);
            report(done.fetch_add(1, Ordering::Relaxed) + 1, ids.len());
            look
        });
        let mut summary = Self {
            images: source.len(),
            looked_at: ids.len(),
            decodable: 0,
            classes: vec![],
            unlabelled: 0,
            width: [0; 3],
            height: [0; 3],
            channels: BTreeMap::new(),
            depths: BTreeMap::new(),
            formats: BTreeMap::new(),
            bad: BTreeMap::new(),
            bad_images: vec![],
            decoded_per_second: 0.0,
            remarks: source.remarks(),
        };
        summary.count_classes(source);
        let (mut widths, mut heights, mut seconds) = (vec![], vec![], 0.0);
        for look in looks {
            if let Some(format) = look.format {
                *summary.formats.entry(format).or_default() += 1;
            }
            match look.found {
                Ok(([channels, height, width], depth)) => {
                    summary.decodable += 1;
                    seconds += look.seconds;
                    widths.push(width);
                    heights.push(height);
                    *summary.channels.entry(channels).or_default() += 1;
                    *summary.depths.entry(depth).or_default() += 1;
                }
                Err((kind, bad)) => {
                    *summary.bad.entry(kind).or_default() += 1;
                    if summary.bad_images.len() < NAMED {
                        summary.bad_images.push(bad);
                    }
                }
            }
        }
        summary.width = extremes(widths);
        summary.height = extremes(heights);
        if seconds > 0.0 {
            summary.decoded_per_second = summary.decodable as f64 / seconds;
        }
        summary
    }

    fn count_classes(&mut self, source: &dyn Source) {
        let mut counts = vec![0; source.classes().len()];
        for id in 0..source.len() {
            match source.label(id) {
                Some(label) => counts[label] += 1,
                None => self.unlabelled += 1,
            }
        }
        let classes = source.classes().iter().zip(counts);
        self.classes =
            classes.map(|(name, images)| ClassCount { name: name.clone(), images }).collect();
    }
}

fn look(source: &dyn Source, id: usize) -> Look {
    let begin = Instant::now();
    let image = source.load(id);
    let seconds = begin.elapsed().as_secs_f64();
    let found = match image {
        Ok(image) => {
            let depth = match image {
                DecodedImage::U8(_) => "8 bit",
                DecodedImage::U16(_) => "16 bit",
                DecodedImage::F32(_) => "float",
            };
            Ok((image.shape(), depth))
        }
        Err(error) => Err((error.kind(), BadImage::new(source, id, &error))),
    };
    Look { found, format: source.format(id), seconds }
}

/// The positions of `most` of `len` images (0 for all), spread evenly.
fn spread(len: usize, most: usize) -> Vec<usize> {
    let most = if most == 0 { len } else { most };
    (0..len).filter(|&id| is_spread(id, len, most)).collect()
}

/// Lowest, median and highest; zeros of none.
fn extremes(mut values: Vec<usize>) -> [usize; 3] {
    values.sort_unstable();
    match &values[..] {
        [] => [0; 3],
        [low, ..] => [*low, values[values.len() / 2], values[values.len() - 1]],
    }
}

/// The results of some work, in order, by so many threads (0 counts as 1).
fn in_parallel<I: Sync, R: Send>(
    items: &[I],
    workers: usize,
    work: impl Fn(&I) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return results };
            results.push((index, work(item)));
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..workers).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for thread in threads {
            results.extend(thread.join().expect("decoders' panics are contained"));
        }
        results
    });
    results.sort_unstable_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests;
