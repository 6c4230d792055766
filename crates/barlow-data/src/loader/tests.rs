mod reduced;

use std::collections::HashSet;

use super::*;
use crate::decode::ImageError;
use crate::views::{RangeConfig, ViewConfig, ViewKey, ViewPipelineConfig};
use crate::{DecodedImage, Image};

/// Grey images of 6 x 6 pixels that tell their id, some of them bad, one of them deadly.
#[derive(Debug)]
struct Numbers {
    len: usize,
    bad: HashSet<usize>,
    panics_at: Option<usize>,
}

impl Numbers {
    fn new(len: usize) -> Self {
        Self { len, bad: HashSet::new(), panics_at: None }
    }

    fn with_bad(len: usize, bad: impl IntoIterator<Item = usize>) -> Self {
        Self { bad: bad.into_iter().collect(), ..Self::new(len) }
    }
}

impl Source for Numbers {
    fn len(&self) -> usize {
        self.len
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        assert_ne!(self.panics_at, Some(id), "image {id} is deadly");
        if self.bad.contains(&id) {
            return Err(ImageError::Truncated { bytes: id });
        }
        let pixels = (0..36).map(|i| (id * 7 + i) as u8).collect();
        Ok(Image { width: 6, height: 6, channels: 1, pixels }.into())
    }

    fn name(&self, id: usize) -> String {
        format!("number {id}")
    }

    fn label(&self, id: usize) -> Option<usize> {
        Some(id % 3)
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        format!("{self:?}")
    }
}

fn pipeline() -> Arc<ViewPipeline> {
    let config = ViewPipelineConfig {
        image_size: 4,
        channels: 1,
        mean: vec![0.5],
        std: vec![0.25],
        resize: None,
        range: RangeConfig::Full,
        evaluation_shuffle: None,
        views: vec![
            ViewConfig::official_a().for_channels(1),
            ViewConfig::official_b().for_channels(1),
        ],
    };
    Arc::new(ViewPipeline::new(config).unwrap())
}

fn loader(source: Numbers, batch_size: usize, workers: usize) -> Loader {
    let config =
        LoaderConfig { batch_size, workers, seed: 5, prefetch: 2, max_bad_image_fraction: 0.1 };
    Loader::new(Arc::new(source), pipeline(), config).unwrap()
}

/// All batches of some steps, without the time that they were waited for.
fn collect(loader: &Loader, first: u64, last: u64) -> Vec<Batch> {
    let mut batches = loader.batches(first, last);
    let mut all = Vec::new();
    while let Some(batch) = batches.next() {
        let batch = batch.unwrap();
        all.push(Batch { waited: Duration::ZERO, ..batch.clone() });
        batches.recycle(batch);
    }
    all
}

#[test]
fn batches_do_not_depend_on_the_number_of_workers() {
    let of = |workers| collect(&loader(Numbers::with_bad(50, [3, 4, 20]), 8, workers), 0, 15);
    let one = of(1);
    assert_eq!(one.len(), 15);
    for workers in [0, 2, 7, 40] {
        assert_eq!(of(workers), one, "{workers} workers");
    }
}

#[test]
fn starting_in_the_middle_gives_the_tail() {
    let loader = loader(Numbers::with_bad(50, [3, 4, 20]), 8, 2);
    let whole = collect(&loader, 0, 15);
    for first in [1, 6, 7, 14, 15] {
        assert_eq!(collect(&loader, first, 15), whole[first as usize..], "from {first}");
    }
}

#[test]
fn every_epoch_has_each_image_at_most_once_in_an_order_of_its_own() {
    let loader = loader(Numbers::new(50), 8, 2);
    assert_eq!(loader.steps_per_epoch(), 6);
    let batches = collect(&loader, 0, 12);
    let epoch = |epoch: u64| -> Vec<u64> {
        batches.iter().filter(|batch| batch.epoch == epoch).flat_map(|b| b.ids.clone()).collect()
    };
    let (first, second) = (epoch(0), epoch(1));
    for ids in [&first, &second] {
        assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (48, 48));
        assert!(ids.iter().all(|&id| id < 50));
    }
    assert_ne!(first, second);
    assert!(batches.iter().map(|batch| batch.step).eq(0..12));
}

#[test]
fn each_view_is_the_pipeline_s_own_under_the_key_of_its_position() {
    let source = Numbers::with_bad(50, [9]);
    let (images, pipeline) = (Numbers::new(50), pipeline());
    let loader = loader(source, 8, 2);
    let mut scratch = Scratch::default();
    for batch in collect(&loader, 4, 9) {
        for (view, views) in batch.views.iter().enumerate() {
            assert_eq!(views.shape, [8, 1, 4, 4]);
            for (sample, found) in views.data.chunks_exact(16).enumerate() {
                let position = (batch.step % 6) * 8 + sample as u64;
                let key = ViewKey { seed: 5, epoch: batch.epoch, position, view };
                let id = batch.ids[sample] as usize;
                let mut expected = [0.0; 16];
                pipeline.render(&images.load(id).unwrap(), key, &mut scratch, &mut expected);
                assert_eq!(found, expected);
                assert_eq!(batch.labels[sample], Some(id % 3));
            }
        }
    }
}

#[test]
fn a_bad_image_gives_its_place_to_the_next_good_one_and_is_told_once() {
    let good = collect(&loader(Numbers::new(48), 8, 2), 0, 6);
    let loader = loader(Numbers::with_bad(48, [10, 11, 47]), 8, 2);
    let replaced = collect(&loader, 0, 6);
    for (good, replaced) in good.iter().zip(&replaced) {
        for (&wanted, &got) in good.ids.iter().zip(&replaced.ids) {
            let expected = match wanted {
                10 | 11 => 12,
                47 => 0,
                id => id,
            };
            assert_eq!(got, expected);
        }
    }
    let mut bad = loader.drain_bad_images();
    bad.sort_by_key(|image| image.id);
    assert_eq!(bad.iter().map(|image| image.id).collect::<Vec<_>>(), [10, 11, 47]);
    assert_eq!((bad[0].name.as_str(), bad[0].kind), ("number 10", "truncated"));
    assert!(bad[0].reason.contains("10 bytes"), "{}", bad[0].reason);
    collect(&loader, 6, 12);
    assert_eq!(loader.drain_bad_images(), []);
}

/// Images of 6 x 6 pixels, of 3 channels where the id is a multiple of 5, else of 2.
#[derive(Debug)]
struct Mixed;

impl Source for Mixed {
    fn len(&self) -> usize {
        40
    }

    fn load(&self, id: usize) -> Result<DecodedImage, ImageError> {
        let channels = if id.is_multiple_of(5) { 3 } else { 2 };
        let pixels = (0..36 * channels).map(|i| (id * 700 + i) as u16).collect();
        Ok(DecodedImage::U16(Image { width: 6, height: 6, channels, pixels }))
    }

    fn name(&self, id: usize) -> String {
        format!("mixed {id}")
    }

    fn label(&self, _: usize) -> Option<usize> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        "mixed".into()
    }
}

#[test]
fn views_have_sizes_of_their_own_and_images_of_other_channels_are_bad() {
    let small = ViewConfig { image_size: Some(2), ..ViewConfig::official_b().for_channels(2) };
    let config = ViewPipelineConfig {
        channels: 2,
        mean: vec![0.5; 2],
        std: vec![0.25; 2],
        range: RangeConfig::Percentiles([1.0, 99.0]),
        views: vec![ViewConfig::official_a().for_channels(2), small.clone(), small],
        ..pipeline().config().clone()
    };
    let pipeline = Arc::new(ViewPipeline::new(config).unwrap());
    let config = LoaderConfig {
        batch_size: 8,
        workers: 2,
        seed: 5,
        prefetch: 2,
        max_bad_image_fraction: 0.1,
    };
    let loader = Loader::new(Arc::new(Mixed), Arc::clone(&pipeline), config).unwrap();
    let mut scratch = Scratch::default();
    for batch in collect(&loader, 0, 5) {
        let shapes: Vec<_> = batch.views.iter().map(|view| view.shape).collect();
        assert_eq!(shapes, [[8, 2, 4, 4], [8, 2, 2, 2], [8, 2, 2, 2]]);
        for (view, views) in batch.views.iter().enumerate() {
            let size = views.shape[1..].iter().product();
            for (sample, found) in views.data.chunks_exact(size).enumerate() {
                let position = batch.step * 8 + sample as u64;
                let key = ViewKey { seed: 5, epoch: 0, position, view };
                let image = Mixed.load(batch.ids[sample] as usize).unwrap();
                let mut expected = vec![0.0; size];
                pipeline.render(&image, key, &mut scratch, &mut expected);
                assert_eq!(found, expected);
            }
        }
    }
    let mut bad = loader.drain_bad_images();
    bad.sort_by_key(|image| image.id);
    assert_eq!(
        bad.iter().map(|image| image.id).collect::<Vec<_>>(),
        [0, 5, 10, 15, 20, 25, 30, 35]
    );
    assert!(bad.iter().all(|image| image.kind == "channels"), "{bad:?}");

    let config = EvaluationConfig { batch_size: 40, workers: 2 };
    let mut batches = EvaluationBatches::new(Arc::new(Mixed), pipeline, &config);
    assert_eq!(batches.next().unwrap().unwrap().shape, [32, 2, 4, 4]);
    assert_eq!(batches.drain_bad_images(), bad);
}

#[test]
fn too_many_bad_images_end_the_loading_at_the_same_step_for_all_workers() {
    // 25 of 200 are more than a tenth; 19 of 50 are, too, but so few are always tolerated.
    let ended = |workers| {
        let loader = loader(Numbers::with_bad(200, (0..25).map(|i| i * 8)), 10, workers);
        let mut batches = loader.batches(0, 100);
        let good = batches.by_ref().take_while(Result::is_ok).count();
        assert!(batches.next().is_none());
        (good, loader.drain_bad_images())
    };
    let (good, bad) = ended(1);
    assert!((1..20).contains(&good) && bad.len() > 20, "{good} batches, {} bad", bad.len());
    assert_eq!(ended(3), (good, bad));
    assert_eq!(collect(&loader(Numbers::with_bad(50, 0..19), 10, 2), 0, 50).len(), 50);
    let mut batches = loader(Numbers::with_bad(50, 0..20), 10, 2).batches(0, 50);
    let error = batches.find_map(Result::err).unwrap();
    assert!(matches!(error, LoadError::TooManyBadImages { bad: 20, images: 50, .. }), "{error}");
}

#[test]
fn a_source_that_never_decodes_is_an_error() {
    for len in [8, 1000] {
        let mut batches = loader(Numbers::with_bad(len, 0..len), 8, 2).batches(0, 5);
        let error = batches.next().unwrap().unwrap_err();
        assert_eq!(matches!(error, LoadError::NothingDecodes { .. }), len == 8, "{error}");
        assert!(error.to_string().contains("number "), "{error}");
        assert!(batches.next().is_none());
    }
}

#[test]
fn a_panic_of_any_worker_is_an_error_and_no_hang() {
    for workers in [1, 2, 7] {
        let source = Numbers { panics_at: Some(17), ..Numbers::new(50) };
        let mut batches = loader(source, 8, workers).batches(0, 12);
        let error = batches.find_map(Result::err).unwrap();
        assert!(error.to_string().contains("image 17 is deadly"), "{error}");
        assert!(batches.next().is_none());
    }
}

#[test]
fn dropping_the_batches_stops_the_workers() {
    let source = Arc::new(Numbers::new(50));
    let config = LoaderConfig {
        batch_size: 8,
        workers: 3,
        seed: 0,
        prefetch: 2,
        max_bad_image_fraction: 0.0,
    };
    let loader = Loader::new(Arc::<Numbers>::clone(&source), pipeline(), config).unwrap();
    let mut batches = loader.batches(0, u64::MAX);
    assert!(batches.next().unwrap().is_ok());
    drop(batches);
    drop(loader);
    // Nobody else holds the source any more: every thread is gone.
    assert_eq!(Arc::strong_count(&source), 1);
}

#[test]
fn impossible_settings_are_refused_with_their_values() {
    let config = |batch_size, max_bad_image_fraction| LoaderConfig {
        batch_size,
        workers: 1,
        seed: 0,
        prefetch: 1,
        max_bad_image_fraction,
    };
    for (config, part) in [
        (config(0, 0.1), "batch size is 0"),
        (config(11, 0.1), "holds 10 images and a batch takes 11"),
        (config(5, 1.5), "1.5"),
        (config(5, f64::NAN), "NaN"),
    ] {
        let error = Loader::new(Arc::new(Numbers::new(10)), pipeline(), config).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn evaluation_gives_all_good_images_in_order() {
    let of = |workers, bad: &[usize]| {
        let source = Arc::new(Numbers::with_bad(23, bad.iter().copied()));
        let config = EvaluationConfig { batch_size: 8, workers };
        let mut batches = EvaluationBatches::new(source, pipeline(), &config);
        let all: Vec<_> = batches.by_ref().map(Result::unwrap).collect();
        (all, batches.drain_bad_images())
    };
    let (batches, bad) = of(1, &[]);
    assert!(bad.is_empty());
    assert_eq!(batches.iter().map(|batch| batch.shape[0]).collect::<Vec<_>>(), [8, 8, 7]);
    assert_eq!(of(5, &[]).0, batches);
    let mut scratch = Scratch::default();
    let mut expected = [0.0; 16];
    for (id, found) in batches.iter().flat_map(|batch| batch.data.chunks_exact(16)).enumerate() {
        let image = Numbers::new(23).load(id).unwrap();
        pipeline().render_evaluation(&image, &mut scratch, &mut expected);
        assert_eq!(found, expected, "image {id}");
    }

    let missing: Vec<usize> = [0, 5].into_iter().chain(8..16).chain([22]).collect();
    let (kept, bad) = of(3, &missing);
    assert_eq!(bad.iter().map(|image| image.id as usize).collect::<Vec<_>>(), missing);
    assert_eq!(kept.iter().map(|batch| batch.shape[0]).collect::<Vec<_>>(), [6, 6]);
    let values = |batches: &[EvaluationBatch]| -> Vec<(u64, Option<usize>, Vec<f32>)> {
        let of_batch = |batch: &EvaluationBatch| -> Vec<_> {
            let values = batch.data.chunks_exact(16).map(<[f32]>::to_vec);
            batch.ids.iter().zip(&batch.labels).zip(values).map(|((&i, &l), v)| (i, l, v)).collect()
        };
        batches.iter().flat_map(of_batch).collect()
    };
    let mut expected = values(&batches);
    expected.retain(|(id, ..)| !missing.contains(&(*id as usize)));
    assert_eq!(values(&kept), expected);
}

#[test]
fn a_panic_while_evaluating_is_an_error() {
    let source = Numbers { panics_at: Some(17), ..Numbers::new(50) };
    let config = EvaluationConfig { batch_size: 8, workers: 2 };
    let mut batches = EvaluationBatches::new(Arc::new(source), pipeline(), &config);
    assert!(batches.find_map(Result::err).unwrap().to_string().contains("deadly"));
    assert!(batches.next().is_none());
}
