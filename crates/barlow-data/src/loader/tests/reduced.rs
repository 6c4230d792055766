//! Sources whose JPEGs may be decoded at a part of their size.

use ::image::ExtendedColorType;
use ::image::codecs::jpeg::JpegEncoder;

use super::*;
use crate::cache::{CacheConfig, Cached};
use crate::decode::{DecodeOptions, Reduction};
use crate::source::{OpenOptions, open};

const SIZE: [usize; 2] = [160, 120];

/// A folder of six smooth pictures.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [width, height] = SIZE;
    for number in 0..6 {
        let mut image = Image::new(width, height, 3);
        for (at, pixel) in image.pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = ((at % width) as f64 / 20.0, (at / width) as f64 / 15.0);
            let wave = |c: f64| (x + c).sin() * (y * (1.0 + c / 4.0) + f64::from(number)).cos();
            *pixel = [0.0, 1.0, 2.0].map(|c| (128.0 + 100.0 * wave(c)) as u8);
        }
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode(&image.pixels, width as u32, height as u32, ExtendedColorType::Rgb8)
            .unwrap();
        std::fs::write(folder.path().join(format!("{number}.jpg")), bytes).unwrap();
    }
    folder
}

fn source(folder: &tempfile::TempDir, scale_down: bool) -> Arc<dyn Source> {
    let decode = DecodeOptions { scale_down, ..DecodeOptions::default() };
    // All but one, by two sources that hand the wish on.
    let (fraction, max_images) = (Some(0.99), Some(5));
    let options = OpenOptions { fraction, max_images, decode, ..OpenOptions::default() };
    open(folder.path().to_str().unwrap(), &options).unwrap()
}

fn batches(source: Arc<dyn Source>, workers: usize) -> Vec<Batch> {
    let config =
        LoaderConfig { batch_size: 5, workers, seed: 5, prefetch: 2, max_bad_image_fraction: 0.1 };
    collect(&Loader::new(source, pipeline(), config).unwrap(), 0, 6)
}

#[test]
fn reduced_images_give_nearly_the_views_of_whole_ones_for_any_number_of_workers() {
    let folder = folder();
    let [whole, reduced] = [false, true].map(|scale_down| batches(source(&folder, scale_down), 2));
    assert_eq!(batches(source(&folder, true), 1), reduced);
    let values = |batches: &[Batch]| -> Vec<f32> {
        batches.iter().flat_map(|b| &b.views).flat_map(|view| &view.data).copied().collect()
    };
    let (expected, found) = (values(&whole), values(&reduced));
    let differences = expected.iter().zip(&found).map(|(a, b)| f64::from((a - b).abs()));
    // Levels of 255, with a deviation of 0.25. Views of 4 pixels are mostly edges, where a reduced pixel
    // may reach out of the crop.
    let mean = differences.sum::<f64>() / found.len() as f64 * 0.25 * 255.0;
    assert!(mean > 0.01 && mean < 2.0, "{mean}");
    assert!(whole.iter().zip(&reduced).all(|(a, b)| a.ids == b.ids));
}

#[test]
fn a_wish_reaches_the_file_but_not_through_a_cache() {
    let folder = folder();
    let source = source(&folder, true);
    let image = source.load_reduced(3, &|size| {
        assert_eq!(size, SIZE);
        Reduction::Quarter
    });
    let image = image.unwrap();
    assert_eq!((image.whole_size, image.image.shape()), (SIZE, [3, 30, 40]));
    let config = CacheConfig { folder: folder.path().join("cache"), max_bytes: 1 << 20 };
    let cached = Cached::open(Arc::clone(&source), "", &config).unwrap();
    for _ in 0..2 {
        let image = cached.load_reduced(3, &|_| Reduction::Quarter).unwrap();
        assert_eq!(image.image, source.load(3).unwrap());
        assert_eq!(image.reduction, Reduction::None);
    }
}
