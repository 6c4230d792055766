//! `objective`: loss and gradients of given embeddings.

use crate::arguments::{Options, Selection};
use crate::work::{Claim, Precision, Work, time_ours};

/// Barlow Twins for two `[n, d]` embeddings, against the official d×d form.
pub(crate) const WORKS: [Work; 2] = [
    Work {
        name: "objective-n256-d8192",
        images: 256,
        peer: &["objective.py", "--batch=256", "--dim=8192"],
        claims: &[Claim { precision: Precision::F32, against: "f32", at_least: 40.0, aim: 80.0 }],
        prepare: None,
    },
    Work {
        name: "objective-n2048-d8192",
        images: 2048,
        peer: &["objective.py", "--batch=2048", "--dim=8192"],
        claims: &[Claim { precision: Precision::F32, against: "f32", at_least: 4.0, aim: 8.0 }],
        prepare: None,
    },
];

/// Times ours.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    time_ours(&WORKS, selection, options)
}
