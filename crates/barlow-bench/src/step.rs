//! `step`: whole training steps without the optimizer.

use crate::arguments::{Options, Selection};
use crate::work::{Claim, Precision, Work, time_ours};

/// Against PyTorch's best mode of all, and f32 against its best f32.
const RESNET18: &[Claim] = &[
    Claim { precision: Precision::Auto, against: "", at_least: 1.0, aim: 1.2 },
    Claim { precision: Precision::F32, against: "f32", at_least: 0.9, aim: 1.05 },
];

/// Both views forward, loss, backward of a ResNet-18 with a small stem and projector 512-512-512; and
/// one view of a ResNet-50, forward and backward.
pub(crate) const WORKS: [Work; 4] = [
    Work {
        name: "step-resnet18-w64-32px-c3-n32",
        images: 32,
        peer: &["step.py", "--width=64", "--side=32", "--channels=3", "--batch=32"],
        claims: RESNET18,
        prepare: None,
    },
    Work {
        name: "step-resnet18-w64-32px-c3-n256",
        images: 256,
        peer: &["step.py", "--width=64", "--side=32", "--channels=3", "--batch=256"],
        claims: RESNET18,
        prepare: None,
    },
    Work {
        name: "step-resnet18-w16-28px-c1-n256",
        images: 256,
        peer: &["step.py", "--width=16", "--side=28", "--channels=1", "--batch=256"],
        claims: &[Claim { precision: Precision::Auto, against: "", at_least: 1.2, aim: 1.7 }],
        prepare: None,
    },
    Work {
        name: "pass-resnet50-224px-n16",
        images: 16,
        peer: &["step.py", "--model=resnet50", "--side=224", "--batch=16"],
        claims: &[Claim { precision: Precision::Auto, against: "", at_least: 0.9, aim: 1.15 }],
        prepare: None,
    },
];

/// Times ours.
pub(crate) fn run(selection: &Selection, options: &Options) -> anyhow::Result<()> {
    time_ours(&WORKS, selection, options)
}
