//! What an arm's numbers mean, in words, from its settings alone.

use barlow_data::views::PixelShuffle;
use barlow_nn::ProjectorConfig;
use barlow_report::ArmFacts;
use barlow_train::settings::{ProbeSettings, Settings};

/// How an arm is trained and measured.
pub(super) fn facts(settings: &Settings) -> ArmFacts {
    ArmFacts { protocol: protocol(settings), parameters: parameters(settings) }
}

fn protocol(settings: &Settings) -> String {
    let ProbeSettings { train, test, k, temperature, every_epochs, max_images } = &settings.probe;
    let source = &settings.data.source;
    let share = match settings.data.fraction {
        1.0 => String::new(),
        share => format!("{} % of ", 100.0 * share),
    };
    let images = match settings.data.max_images {
        0 => format!("{share}`{source}`"),
        most => format!("at most {most} images of {share}`{source}`"),
    };
    let Settings { encoder, schedule, train: steps, views, .. } = settings;
    let epochs = schedule.epochs;
    let trained = format!(
        "{epochs} epoch{} of {images} in batches of {}; {} of width {}, {} px",
        if epochs == 1 { "" } else { "s" },
        steps.batch_size,
        encoder.name.as_str(),
        encoder.width,
        views.image_size
    );
    if *every_epochs == 0 {
        return format!("no k-NN (`probe.every_epochs` is 0) after {trained}");
    }
    let some = match max_images {
        0 => "all images".to_owned(),
        most => format!("at most {most} images"),
    };
    let bank = if train.is_empty() { source } else { train };
    let judged = if test.is_empty() {
        format!("a seeded tenth of {some} of `{bank}`, held out, against the rest")
    } else {
        format!("{some} of `{test}` against {some} of `{bank}`")
    };
    let is_shuffled = views.distributions().iter().any(|view| view.shuffle != PixelShuffle::None);
    let shuffled = if is_shuffled { ", all their pixels moved by one permutation" } else { "" };
    format!(
        "k-NN (k {k}, temperature {temperature}, cosine) of the representation, {judged}{shuffled}, \
         after {trained}"
    )
}

/// Weights of encoder and projector; of targets and predictors objectives do not tell.
fn parameters(settings: &Settings) -> Option<u64> {
    if settings.data.channels == 0 {
        return None;
    }
    let config = settings.encoder.config(settings.data.channels);
    let tensors = barlow_weights::expected(&config);
    let is_weight = |name: &str| !name.ends_with("running_mean") && !name.ends_with("running_var");
    let encoder = tensors.iter().filter(|(name, _)| is_weight(name));
    let encoder: u64 = encoder.map(|(_, shape)| shape.iter().product::<usize>() as u64).sum();
    let widths = settings.projector.widths.as_slice();
    let inputs = std::iter::once(config.representation_dim()).chain(widths.iter().copied());
    let layers: u64 = inputs.zip(widths).map(|(input, &output)| (input * output) as u64).sum();
    let hidden: usize = widths.iter().rev().skip(1).sum();
    // Of each hidden dimension a norm's weight and bias; without norms none.
    let norms = if settings.projector.batch_norm { 2 * hidden } else { 0 };
    // A layer that no norm follows may have a bias.
    let ProjectorConfig { batch_norm, bias, final_norm, .. } = settings.projector;
    let last = widths.last().copied().unwrap_or(0);
    let hidden_biases = if batch_norm { 0 } else { hidden };
    let last_bias = if final_norm { 0 } else { last };
    let biases = if bias { hidden_biases + last_bias } else { 0 };
    Some(encoder + layers + (norms + biases) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_networks_have_as_many_weights_as_published() {
        let mut settings = Settings::default();
        settings.data.channels = 3;
        // torchvision's ResNet-50 without its classifier; three layers of 8192 without biases, and
        // the weights and biases of two norms.
        let expected = 23_508_032 + 2048 * 8192 + 2 * 8192 * 8192 + 4 * 8192;
        assert_eq!(parameters(&settings), Some(expected));
        settings.data.channels = 0;
        assert_eq!(parameters(&settings), None);
    }

    #[test]
    fn the_protocol_says_who_judges_whom() {
        let mut settings = Settings::default();
        settings.data.source = "synthetic:512".to_owned();
        settings.schedule.epochs = 2;
        assert_eq!(
            protocol(&settings),
            "k-NN (k 20, temperature 0.07, cosine) of the representation, a seeded tenth of at most \
             10000 images of `synthetic:512`, held out, against the rest, after 2 epochs of \
             `synthetic:512` in batches of 2048; resnet50 of width 64, 224 px"
        );
        settings.probe.test = "synthetic:100:1".to_owned();
        settings.probe.max_images = 0;
        settings.views.b.shuffle = PixelShuffle::Fresh;
        assert!(protocol(&settings).contains(", all their pixels moved by one permutation, after"));
        assert!(protocol(&settings).contains("all images of `synthetic:100:1` against all images"));
    }
}
