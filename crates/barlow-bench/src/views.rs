//! `views`: two official views of each image, in one thread.
//!
//! Before they are timed, the values of a few views are held to their 8-bit form, which the tests of
//! `barlow-data` hold to Pillow and torchvision.

use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, ensure};
use barlow_data::decode::{DecodeOptions, decode};
use barlow_data::views::{
    RangeConfig, Scratch, ViewConfig, ViewKey, ViewPipeline, ViewPipelineConfig,
};
use barlow_data::{DecodedImage, Image};
use barlow_random::Key;

use crate::arguments::{Options, Selection};
use crate::work::{Claim, Precision, Repeat, Work, time_ours};

/// Pairs of one repetition, as in `benches/peers/views.py`.
const PAIRS: usize = 64;
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// From the bytes of photographs, from their pixels, and from random small images without blur.
pub(crate) const WORKS: [Work; 3] = [
    Work {
        name: "views-jpeg",
        images: PAIRS,
        peer: &["views.py", "--input=jpeg"],
        claims: &[Claim {
            precision: Precision::F32,
            against: "albumentations",
            at_least: 1.5,
            aim: 2.0,
        }],
        prepare: Some(|_| prepare(224, Inputs::Files(photographs()?))),
    },
    Work {
        name: "views-decoded",
        images: PAIRS,
        peer: &["views.py", "--input=decoded"],
        claims: &[Claim {
            precision: Precision::F32,
            against: "torchvision-pil",
            at_least: 7.0,
            aim: 9.0,
        }],
        prepare: Some(|_| prepare(224, Inputs::Images(decoded(&photographs()?)?))),
    },
    Work {
        name: "views-small",
        images: PAIRS,
        peer: &["views.py", "--input=small"],
        claims: &[Claim {
            precision: Precision::F32,
            against: "torchvision-pil",
            at_least: 17.5,
            aim: 17.5,
        }],
        prepare: Some(|_| prepare(32, Inputs::Images((0..PAIRS).map(noise).collect()))),
    },
];

/// Times ours.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    time_ours(&WORKS, selection, options)
}

/// What views are made of.
enum Inputs {
    Files(Vec<Vec<u8>>),
    Images(Vec<DecodedImage>),
}

/// Makes a pipeline, blurring except for small images, verifies a few views, and gives what makes
/// [`PAIRS`] pairs.
fn prepare(image_size: usize, inputs: Inputs) -> anyhow::Result<Repeat> {
    let pipeline = pipeline(image_size)?;
    let mut scratch = Scratch::default();
    let mut values = vec![0.0; 3 * image_size * image_size];
    let first = match &inputs {
        Inputs::Files(files) => decoded(files)?.swap_remove(0),
        Inputs::Images(images) => images[0].clone(),
    };
    verify(&pipeline, &first, &mut scratch, &mut values)?;
    let mut position = 0;
    Ok(Box::new(move || {
        for number in 0..PAIRS {
            let opened;
            let image = match &inputs {
                Inputs::Files(files) => {
                    let file = &files[number % files.len()];
                    opened = decode(file, &DecodeOptions::default()).expect("decoded before");
                    &opened
                }
                Inputs::Images(images) => &images[number % images.len()],
            };
            for view in 0..2 {
                let key = ViewKey { seed: 0, epoch: 0, position, view };
                pipeline.render(image, key, &mut scratch, &mut values);
                black_box(&values);
            }
            position += 1;
        }
    }))
}

fn pipeline(image_size: usize) -> anyhow::Result<ViewPipeline> {
    let mut views = vec![ViewConfig::official_a(), ViewConfig::official_b()];
    if image_size < 64 {
        for view in &mut views {
            view.blur_probability = 0.0;
        }
    }
    let (mean, std) = (MEAN.to_vec(), STD.to_vec());
    let range = RangeConfig::Full;
    let config = ViewPipelineConfig {
        image_size,
        channels: 3,
        mean,
        std,
        resize: None,
        range,
        evaluation_shuffle: None,
        views,
    };
    ViewPipeline::new(config).context("the official views")
}

/// # Errors
/// If a value is not that of the view's 8-bit sample.
fn verify(
    pipeline: &ViewPipeline,
    image: &DecodedImage,
    scratch: &mut Scratch,
    values: &mut [f32],
) -> anyhow::Result<()> {
    for (position, view) in (0..8).flat_map(|position| [(position, 0), (position, 1)]) {
        let key = ViewKey { seed: 0, epoch: 0, position, view };
        pipeline.render(image, key, scratch, values);
        let made = pipeline.apply(image, view, &pipeline.draw(key, image), scratch);
        let made = made.to_8_bit();
        let plane = values.len() / 3;
        for (at, &sample) in made.pixels.iter().enumerate() {
            let (found, c) = (values[at % 3 * plane + at / 3], at % 3);
            let expected = (f32::from(sample) / 255.0 - MEAN[c]) / STD[c];
            ensure!(found.to_bits() == expected.to_bits(), "{key:?}: {found}, not {expected}");
        }
    }
    Ok(())
}

/// The photographs that the rivals get.
fn photographs() -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers/photos");
    let hint = || format!("{}: benches/peers/views.py writes it", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(hint)? {
        paths.push(entry.with_context(hint)?.path());
    }
    paths.sort();
    ensure!(!paths.is_empty(), "{}", hint());
    paths.iter().map(|path| std::fs::read(path).with_context(hint)).collect()
}

fn decoded(files: &[Vec<u8>]) -> anyhow::Result<Vec<DecodedImage>> {
    let images = files.iter().map(|file| decode(file, &DecodeOptions::default()));
    images.collect::<Result<_, _>>().context("a photograph")
}

/// An image of 32×32 uncorrelated samples.
fn noise(number: usize) -> DecodedImage {
    let mut stream = Key { position: number as u64, ..Key::default() }.stream();
    let mut image = Image::new(32, 32, 3);
    image.pixels.fill_with(|| stream.below(256) as u8);
    image.into()
}
