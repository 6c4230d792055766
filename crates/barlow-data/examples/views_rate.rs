//! How many pairs of official views one thread makes in a second: `views_rate FOLDER` with the JPEG
//! files that the rivals of `benches/peers/views.py` get.
//!
//! Prints a line for each work: from the bytes of the files, from decoded images, and 32×32 pixels
//! without blur; and from files that are decoded at a part of their size, always or where no crop needs
//! more. Each is the median of repetitions, then the fastest.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::hint::black_box;
use std::io;
use std::time::Instant;

use barlow_data::decode::{ChooseReduction, DecodeOptions, ReducedImage, Reduction};
use barlow_data::views::{
    RangeConfig, Scratch, ViewConfig, ViewKey, ViewPipeline, ViewPipelineConfig,
};
use barlow_data::{DecodedImage, Image, decode};

const REPETITIONS: usize = 15;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).ok_or(io::Error::other("usage: views_rate FOLDER"))?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(std::fs::read(entry?.path())?);
    }
    let images: Vec<DecodedImage> = files.iter().map(|bytes| decoded(bytes)).collect();
    let (large, small) = (pipeline(224, true), pipeline(32, false));
    let mut views = Views::default();
    let tiny: Vec<DecodedImage> = (0..64).map(|seed| noise(32, seed)).collect();

    let print =
        |name: &str, [median, most]: [f64; 2]| println!("{name}: {median:.0} /s, {most:.0} /s");
    print("decode", rate(files.len(), 40, |i, _| drop(black_box(decoded(&files[i])))));
    print(
        "pairs from files",
        rate(files.len(), 40, |i, n| views.pair(&large, &decoded(&files[i]), n)),
    );
    print("pairs from decoded", rate(images.len(), 100, |i, n| views.pair(&large, &images[i], n)));
    for by in [Reduction::Half, Reduction::Quarter, Reduction::Eighth] {
        let name = format!("decode at 1/{}", by.divisor());
        print(&name, rate(files.len(), 40, |i, _| drop(black_box(reduced(&files[i], &|_| by)))));
    }
    print(
        "pairs from files, scaled down",
        rate(files.len(), 40, |i, n| {
            let choose = |size| large.reduction(key(n, 0), size);
            views.reduced_pair(&large, &reduced(&files[i], &choose), n);
        }),
    );
    print("pairs of 32 px", rate(tiny.len(), 4096, |i, n| views.pair(&small, &tiny[i], n)));
    Ok(())
}

fn decoded(bytes: &[u8]) -> DecodedImage {
    decode::decode(bytes, &DecodeOptions::default()).expect("a JPEG file")
}

fn reduced(bytes: &[u8], choose: &ChooseReduction) -> ReducedImage {
    let options = DecodeOptions { scale_down: true, ..DecodeOptions::default() };
    decode::decode_page_reduced(bytes, 0, &options, choose).expect("a JPEG file")
}

fn key(position: u64, view: usize) -> ViewKey {
    ViewKey { seed: 1, epoch: 0, position, view }
}

/// The median and the highest rate of calls with the index of an input and a running number.
fn rate(inputs: usize, calls: usize, mut work: impl FnMut(usize, u64)) -> [f64; 2] {
    let mut number = 0;
    let mut seconds: Vec<f64> = (0..=REPETITIONS)
        .map(|_| {
            let begin = Instant::now();
            for call in 0..calls {
                work(call % inputs, number);
                number += 1;
            }
            begin.elapsed().as_secs_f64()
        })
        .skip(1)
        .collect();
    seconds.sort_by(f64::total_cmp);
    [REPETITIONS / 2, 0].map(|repetition| calls as f64 / seconds[repetition])
}

fn pipeline(image_size: usize, is_blurred: bool) -> ViewPipeline {
    let mut views = vec![ViewConfig::official_a(), ViewConfig::official_b()];
    if !is_blurred {
        for view in &mut views {
            view.blur_probability = 0.0;
        }
    }
    ViewPipeline::new(ViewPipelineConfig {
        image_size,
        channels: 3,
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        resize: None,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views,
    })
    .expect("the settings are right")
}

#[derive(Default)]
struct Views {
    scratch: Scratch,
    values: Vec<f32>,
}

impl Views {
    fn pair(&mut self, pipeline: &ViewPipeline, image: &DecodedImage, position: u64) {
        self.values.resize(pipeline.shape(0).iter().product(), 0.0);
        for view in 0..2 {
            pipeline.render(image, key(position, view), &mut self.scratch, &mut self.values);
            black_box(&self.values);
        }
    }

    fn reduced_pair(&mut self, pipeline: &ViewPipeline, image: &ReducedImage, position: u64) {
        self.values.resize(pipeline.shape(0).iter().product(), 0.0);
        let range = pipeline.range(&image.image, &mut self.scratch);
        for view in 0..2 {
            let (key, scratch) = (key(position, view), &mut self.scratch);
            pipeline.render_reduced(image, range, key, scratch, &mut self.values);
            black_box(&self.values);
        }
    }
}

/// An image of uncorrelated samples.
fn noise(side: usize, seed: u32) -> DecodedImage {
    let mut image = Image::new(side, side, 3);
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(1);
    for sample in &mut image.pixels {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *sample = state as u8;
    }
    image.into()
}
