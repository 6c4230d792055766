use super::*;
use crate::Image;
use crate::decode::ImageError;
use crate::source::Synthetic;
use crate::views::{RangeConfig, ViewPipeline, ViewPipelineConfig};

/// Images of every kind in turn; each fifth is bad.
#[derive(Debug)]
struct Zoo {
    classes: Vec<String>,
}

impl Source for Zoo {
    fn len(&self) -> usize {
        25
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        Ok(match id % 5 {
            0 => Image::<u8>::new(10 + id, 7, 3).into(),
            1 => DecodedImage::U16(Image::new(20, 7, 1)),
            2 => DecodedImage::F32(Image::new(30, 70, 5)),
            3 => Image::<u8>::new(40, 7, 1).into(),
            _ => return Err(ImageError::Truncated { bytes: id }),
        })
    }

    fn name(&self, id: usize) -> String {
        format!("image {id}")
    }

    fn label(&self, id: usize) -> Option<usize> {
        (id > 0).then_some(id % 2)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        "zoo".to_owned()
    }

    fn format(&self, id: usize) -> Option<&'static str> {
        (id % 5 < 2).then_some("TIFF")
    }
}

#[test]
fn everything_is_counted_whatever_the_number_of_threads() {
    let zoo = Zoo { classes: vec!["even".into(), "odd".into()] };
    for workers in [0, 1, 3] {
        let summary = Summary::of(&zoo, 0, workers, &|_, _| {});
        assert_eq!((summary.images, summary.looked_at, summary.decodable), (25, 25, 20));
        let classes: Vec<_> = summary.classes.iter().map(|c| (&*c.name, c.images)).collect();
        assert_eq!((classes, summary.unlabelled), (vec![("even", 12), ("odd", 12)], 1));
        assert_eq!((summary.width, summary.height), ([10, 30, 40], [7, 7, 70]));
        assert_eq!(summary.channels, BTreeMap::from([(1, 10), (3, 5), (5, 5)]));
        assert_eq!(summary.depths, BTreeMap::from([("8 bit", 10), ("16 bit", 5), ("float", 5)]));
        assert_eq!(summary.formats, BTreeMap::from([("TIFF", 10)]));
        assert_eq!(summary.bad, BTreeMap::from([("truncated", 5)]));
        let bad: Vec<u64> = summary.bad_images.iter().map(|bad| bad.id).collect();
        assert_eq!(bad, [4, 9, 14, 19, 24]);
    }
    let few = Summary::of(&zoo, 5, 2, &|_, _| {});
    assert_eq!((few.images, few.looked_at), (25, 5));
}

#[test]
fn mean_and_deviation_are_those_of_all_pixels() {
    let source = Synthetic::new(40, 3);
    let config = ViewPipelineConfig {
        image_size: 32,
        channels: 3,
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
        resize: None,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: vec![],
    };
    let pipeline = ViewPipeline::new(config).expect("a valid pipeline");
    let found = ChannelStatistics::measure(&source, &pipeline, 0, 2).expect("images");
    assert_eq!(found.images, 40);
    for channel in 0..3 {
        let values = (0..40).flat_map(|id| {
            let image = source.load(id).expect("drawing cannot fail").to_8_bit().into_owned();
            let of_channel = image.pixels.into_iter().skip(channel).step_by(3);
            of_channel.map(|v| f64::from(v) / 255.0).collect::<Vec<f64>>()
        });
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        let std = (squares / values.len() as f64).sqrt();
        // The views are f32.
        assert!((found.mean[channel] - mean).abs() < 1e-6, "{} {mean}", found.mean[channel]);
        assert!((found.std[channel] - std).abs() < 1e-6, "{} {std}", found.std[channel]);
    }
}
