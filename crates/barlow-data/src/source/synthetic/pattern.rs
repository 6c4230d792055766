//! The ten classes, each a plane full of equal elements, given by its signed distance.

/// A class of synthetic images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Straight bands, half of the plane.
    Stripes,
    /// Bands that turn at right angles or so.
    Zigzags,
    /// The dark squares of a chessboard.
    Checks,
    /// Thin lines in two directions.
    Grid,
    /// Long blocks in rows, each row moved by half a block, joints between them.
    Bricks,
    /// Filled discs.
    Dots,
    /// Circles.
    Rings,
    /// Plus signs.
    Crosses,
    /// Triangles, all pointing one way.
    Triangles,
    /// Short bars, side by side.
    Dashes,
}

impl Pattern {
    /// All classes, in the order of their labels.
    pub(super) const ALL: [Self; 10] = [
        Self::Stripes,
        Self::Zigzags,
        Self::Checks,
        Self::Grid,
        Self::Bricks,
        Self::Dots,
        Self::Rings,
        Self::Crosses,
        Self::Triangles,
        Self::Dashes,
    ];

    /// What to call the class.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stripes => "stripes",
            Self::Zigzags => "zigzags",
            Self::Checks => "checks",
            Self::Grid => "grid",
            Self::Bricks => "bricks",
            Self::Dots => "dots",
            Self::Rings => "rings",
            Self::Crosses => "crosses",
            Self::Triangles => "triangles",
            Self::Dashes => "dashes",
        }
    }

    /// The signed distance from (u, v) to the edge of the nearest element, negative inside, all in
    /// periods.
    ///
    /// Sizes are such that strokes and gaps stay visible at periods of 6.5 pixels, that every class
    /// covers 0.38 to 0.46 of the plane, and that edges are about as long in each of them: neither
    /// counting painted pixels nor counting half-painted ones shall tell a class.
    pub(super) fn distance(self, u: f32, v: f32) -> f32 {
        match self {
            Self::Stripes => (offset(1.2 * u).abs() - 0.21) / 1.2,
            Self::Zigzags => {
                // The bands lean by a slope of 1.28, so they are 1 / sqrt(1 + 1.28^2) as wide.
                offset(u + 1.6 * offset(0.8 * v).abs()).abs() * 0.62 - 0.13
            }
            Self::Checks => {
                let (s, t) = (1.8 * u, 1.8 * v);
                let to_centre = offset(s).abs().max(offset(t).abs()) / 1.8;
                let is_painted = (nearest(s) + nearest(t)) % 2 == 0;
                if is_painted { to_centre - 0.26 } else { 0.296 - to_centre }
            }
            Self::Grid => offset(u).abs().min(offset(v).abs()) - 0.12,
            Self::Bricks => {
                let (a, b) = staggered(u, v, [0.7, 1.5]);
                0.15 - (0.5 / 0.7 - a.abs()).min(0.5 / 1.5 - b.abs())
            }
            Self::Dots => {
                let (a, b) = staggered(u, v, [1.1, 1.1]);
                length(a, b) - 0.33
            }
            Self::Rings => {
                let (a, b) = staggered(u, v, [0.8, 0.8]);
                (length(a, b) - 0.425).abs() - 0.12
            }
            Self::Crosses => {
                let (a, b) = staggered(u, v, [0.9, 0.9]);
                let (a, b) = (a.abs(), b.abs());
                (a - 0.17).max(b - 0.46).min((b - 0.17).max(a - 0.46))
            }
            Self::Triangles => {
                let (a, b) = staggered(u, v, [0.9, 0.9]);
                (0.866 * a.abs() - 0.5 * b).max(b) - 0.31
            }
            Self::Dashes => {
                let (a, b) = staggered(u, v, [1.4, 0.8]);
                (a.abs() - 0.19).max(b.abs() - 0.47)
            }
        }
    }
}

/// The position relative to the nearest centre, in periods, of a lattice with `per_period` columns
/// and rows a period, odd rows moved by half a column.
fn staggered(u: f32, v: f32, per_period: [f32; 2]) -> (f32, f32) {
    let y = v * per_period[1];
    let moved = if nearest(y) % 2 == 0 { 0.0 } else { 0.5 };
    let x = u * per_period[0] + moved;
    (offset(x) / per_period[0], offset(y) / per_period[1])
}

/// The nearest whole number.
fn nearest(x: f32) -> i32 {
    (x + 0.5).floor() as i32
}

/// How far past the nearest whole number: -0.5 to 0.5.
fn offset(x: f32) -> f32 {
    x - (x + 0.5).floor()
}

fn length(a: f32, b: f32) -> f32 {
    (a * a + b * b).sqrt()
}
