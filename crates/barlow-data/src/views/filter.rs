//! Which source pixels a target pixel of a resize is made of, and how much of each, as Pillow has it.

use std::ops::Range;

/// The interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// Triangle of support 1: evaluation.
    Bilinear,
    /// Cubic convolution with a = -0.5 and support 2: the random crop.
    Bicubic,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        // Each piece is worked out before one is taken: a branch would often be guessed wrong.
        let (near, far) = match self {
            Self::Bilinear => (1.0 - x, 0.0),
            Self::Bicubic => {
                (((A + 2.0) * x - (A + 3.0)) * x * x + 1.0, (((x - 5.0) * x + 8.0) * x - 4.0) * A)
            }
        };
        let far = if x < 2.0 { far } else { 0.0 };
        if x < 1.0 { near } else { far }
    }
}

/// A part of a row of pixels, which need not begin or end with one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// The pixels that it touches, of which no other is read.
    pub(super) pixels: usize,
    /// Where in the first it begins, in pixels.
    pub(super) begin: f64,
    /// How many pixels long it is.
    pub(super) length: f64,
}

impl Span {
    /// All of a row.
    pub(super) fn whole(pixels: usize) -> Self {
        Self { pixels, begin: 0.0, length: pixels as f64 }
    }

    /// Whether a resize to so many pixels changes nothing.
    pub(super) fn is(&self, pixels: usize) -> bool {
        *self == Self::whole(pixels)
    }
}

/// One direction of a resize: a filter that is centred on each target pixel and, when shrinking,
/// stretched by the scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    filter: Filter,
    from: usize,
    begin: f64,
    scale: f64,
    support: f64,
    shrink: f64,
}

impl Sampling {
    /// Of a resize from `from` to `to` pixels.
    pub(super) fn new(filter: Filter, [from, to]: [usize; 2]) -> Self {
        Self::of_span(filter, Span::whole(from), to)
    }

    /// Of a resize of a part of a row of pixels to `to` pixels.
    pub(super) fn of_span(filter: Filter, from: Span, to: usize) -> Self {
        let Span { pixels: from, begin, length } = from;
        let scale = length / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        // Multiplied by, not divided: Pillow does so, and last bits depend on it.
        Self { filter, from, begin, scale, support, shrink: 1.0 / stretch }
    }

    /// The most source pixels that a target has.
    pub(super) fn most_sources(&self) -> usize {
        self.support.ceil() as usize * 2 + 1
    }

    /// The source pixels of a target.
    pub(super) fn sources(&self, target: usize) -> Range<usize> {
        let centre = self.centre(target);
        let first = (centre - self.support + 0.5).max(0.0) as usize;
        first..((centre + self.support + 0.5) as usize).min(self.from)
    }

    /// The weights of a target's sources, which add up to 1, into `weights`.
    pub(super) fn weigh(&self, target: usize, weights: &mut Vec<f64>) {
        let centre = self.centre(target);
        let begin = weights.len();
        let weight = |source| self.filter.at((source as f64 - centre + 0.5) * self.shrink);
        weights.extend(self.sources(target).map(weight));
        let sum: f64 = weights[begin..].iter().sum();
        for weight in &mut weights[begin..] {
            *weight /= sum;
        }
    }

    fn centre(&self, target: usize) -> f64 {
        self.begin + (target as f64 + 0.5) * self.scale
    }
}
