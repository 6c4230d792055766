//! Views of reduced images: how far an image is reduced, and that a reduced one lies where the whole
//! one does. How much real photographs differ is measured, not tested: `benches/record/views.md`.

use super::config;
use crate::decode::{ReducedImage, Reduction};
use crate::views::{Scratch, ViewConfig, ViewKey, ViewPipeline, ViewPipelineConfig};
use crate::{DecodedImage, Image};

fn pipeline(views: Vec<ViewConfig>, image_size: usize) -> ViewPipeline {
    let config = ViewPipelineConfig { views, ..config(image_size, 3, None) };
    ViewPipeline::new(config).expect("right settings")
}

fn key(position: u64) -> ViewKey {
    ViewKey { seed: 3, epoch: 0, position, view: 0 }
}

#[test]
fn every_crop_keeps_twice_the_pixels_of_its_view_and_would_not_at_the_next_reduction() {
    let small = ViewConfig { image_size: Some(48), ..ViewConfig::official_b() };
    let pipeline = pipeline(vec![ViewConfig::official_a(), small], 96);
    let size = [3000, 2000];
    let blank = DecodedImage::U8(Image::new(3000, 2000, 1));
    let mut counts = [0; 4];
    for position in 0..300 {
        let found = pipeline.reduction(key(position), size);
        let is_enough = |by: Reduction| {
            [(0, 96), (1, 48)].into_iter().all(|(view, side)| {
                let crop = pipeline.draw(ViewKey { view, ..key(position) }, &blank).crop;
                crop.width.min(crop.height) >= 2 * side * by.divisor()
            })
        };
        assert!(is_enough(found) || found == Reduction::None, "{position}");
        assert!(Reduction::ALL.into_iter().all(|by| by <= found || !is_enough(by)), "{position}");
        counts[Reduction::ALL.iter().position(|by| *by == found).unwrap()] += 1;
    }
    assert!(counts[..3].iter().all(|&count| count > 10), "{counts:?}");
    assert_eq!(pipeline.reduction(key(0), [383, 5000]), Reduction::None);
}

/// Levels that rise evenly along both axes, of an image whose pixels are squares of `divisor` pixels of
/// one of 600 x 500.
fn ramp(divisor: usize) -> DecodedImage {
    let (width, height) = (600usize.div_ceil(divisor), 500usize.div_ceil(divisor));
    let mut image = Image::new(width, height, 3);
    for (at, pixel) in image.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let centre = |n: usize| (n as f64 + 0.5) * divisor as f64;
        let (x, y) = (centre(at % width), centre(at / width));
        *pixel = [x * 0.4, y * 0.5, 255.0 - x * 0.2 - y * 0.2].map(|level| level.round() as u8);
    }
    image.into()
}

#[test]
fn a_reduced_image_lies_where_the_whole_one_does() {
    // Without what makes small differences large.
    let view = ViewConfig {
        jitter_probability: 0.0,
        grayscale_probability: 0.0,
        blur_probability: 0.0,
        vertical_flip_probability: 0.5,
        ..ViewConfig::official_a()
    };
    let mut config = config(40, 3, None);
    (config.mean, config.std, config.views) = (vec![0.0; 3], vec![1.0; 3], vec![view]);
    let pipeline = ViewPipeline::new(config).expect("right settings");
    let whole = ramp(1);
    let mut scratch = Scratch::default();
    let [mut expected, mut found] = [(); 2].map(|()| vec![0.0; 3 * 40 * 40]);
    let mut worst = 0.0f32;
    for reduction in Reduction::ALL {
        let image = ramp(reduction.divisor());
        let image = ReducedImage { image, whole_size: [600, 500], reduction };
        for position in 0..100 {
            let key = key(position);
            let range = pipeline.range(&whole, &mut scratch);
            pipeline.render_in(&whole, range, key, &mut scratch, &mut expected);
            pipeline.render_reduced(&image, range, key, &mut scratch, &mut found);
            for y in 4..36 {
                for at in (0..3).flat_map(|c| (4..36).map(move |x| (c * 40 + y) * 40 + x)) {
                    worst = worst.max((expected[at] - found[at]).abs() * 255.0);
                }
            }
        }
    }
    // Levels of both images are rounded, and again after each pass. A shift by a quarter of a reduced
    // pixel would be 0.8 at an eighth.
    assert!(worst <= 1.01, "{worst} levels");
}
