//! What Barlow Twins says of a run from its measures.

use barlow_objectives::{BarlowTwins, Objective, Reading, Verdict};

fn reading(batch_size: usize, dim: usize, rms_off_diagonal: f64) -> Reading {
    let measures =
        [("mean_diagonal", 0.8), ("rms_off_diagonal", rms_off_diagonal), ("variation", 0.9)];
    let measures = measures.map(|(name, value)| (name.to_owned(), value)).into();
    Reading { batch_size, dim, measures }
}

#[test]
fn eight_images_are_too_few_for_8192_dimensions_whatever_is_measured() {
    let finding = BarlowTwins::new(0.0051).diagnose(&reading(8, 8192, 0.1)).unwrap();
    assert_eq!(finding.verdict, Verdict::BatchTooSmall);
    // 0.0051 · 8192 · 8191 / 8, and the two ways out.
    for number in ["42777", "8 images", "at least 42", "at most 1568"] {
        assert!(finding.reason.contains(number), "{number}: {}", finding.reason);
    }
}

#[test]
fn the_advice_against_a_small_batch_helps() {
    let objective = BarlowTwins::new(0.0051);
    for (batch_size, dim) in [(42, 8192), (8, 1568)] {
        assert_eq!(objective.diagnose(&reading(batch_size, dim, 0.1)), None, "{batch_size} {dim}");
    }
}

#[test]
fn strong_correlations_between_dimensions_are_redundant() {
    let finding = BarlowTwins::new(0.0).diagnose(&reading(256, 512, 0.8)).unwrap();
    assert_eq!(finding.verdict, Verdict::Redundant);
    assert!(finding.reason.contains("objective.lambda"), "{}", finding.reason);
    assert!(finding.reason.contains("0.80"), "{}", finding.reason);
}

#[test]
fn correlations_that_chance_explains_are_not_redundant() {
    // Four images: independent dimensions correlate by 0.5.
    assert_eq!(BarlowTwins::new(0.0051).diagnose(&reading(4, 64, 0.6)), None);
}

#[test]
fn an_ordinary_run_has_no_finding() {
    let objective = BarlowTwins::new(0.0051);
    for (batch_size, dim, off_diagonal) in [(256, 512, 0.1), (2048, 8192, 0.02), (128, 128, 0.3)] {
        assert_eq!(objective.diagnose(&reading(batch_size, dim, off_diagonal)), None);
    }
}
