//! Views take no memory per sample.

use barlow_data::views::{
    PixelShuffle, RangeConfig, Scratch, ViewConfig, ViewKey, ViewPipeline, ViewPipelineConfig,
};
use barlow_data::{DecodedImage, Image};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Every operation, often.
fn busy(view: &ViewConfig) -> ViewConfig {
    ViewConfig {
        vertical_flip_probability: 0.5,
        rotation_probability: 0.5,
        equalize_probability: 0.5,
        shuffle: PixelShuffle::Fresh,
        erase_probability: 0.5,
        ..view.clone()
    }
}

#[test]
fn rendering_into_a_given_buffer_takes_no_memory_once_the_scratch_has_its_size() {
    for channels in [1, 3] {
        let small = ViewConfig { image_size: Some(20), ..ViewConfig::official_b() };
        let views = [ViewConfig::official_a(), busy(&ViewConfig::official_b()), busy(&small)];
        let pipeline = ViewPipeline::new(ViewPipelineConfig {
            image_size: 48,
            channels,
            mean: vec![0.5; channels],
            std: vec![0.25; channels],
            resize: Some(50),
            range: RangeConfig::Full,
            evaluation_shuffle: Some(3),
            views: views.map(|view| view.for_channels(channels)).to_vec(),
        });
        let pipeline = pipeline.expect("right settings");
        let pixels = (0..100 * 80 * 3u32).map(|i| ((i * i) >> 7) as u8).collect();
        let image = DecodedImage::U8(Image { width: 100, height: 80, channels: 3, pixels });
        let mut scratch = Scratch::default();
        let mut buffers: Vec<Vec<f32>> =
            (0..3).map(|view| vec![0.0; pipeline.shape(view).iter().product()]).collect();
        let mut evaluation = vec![0.0; pipeline.evaluation_shape().iter().product()];
        let mut all = || {
            for position in 0..100 {
                for (view, out) in buffers.iter_mut().enumerate() {
                    let key = ViewKey { seed: 1, epoch: 0, position, view };
                    pipeline.render(&image, key, &mut scratch, out);
                }
                pipeline.render_evaluation(&image, &mut scratch, &mut evaluation);
            }
        };
        // Crops of these sizes have all been met after one round. Afterwards every allocation, even
        // one that is given back at once, would raise the peak.
        let empty = MEMORY.current_usage();
        all();
        let before = MEMORY.current_usage();
        assert!(before > empty, "the scratch is counted");
        MEMORY.reset_peak_usage();
        all();
        assert_eq!(MEMORY.peak_usage(), before, "{channels} channels");
    }
}
