//! The ten classes, each a plane full of elements, given by their signed distances.

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
    /// Short bars.
    Dashes,
}

/// What is at one point of the plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// To the nearest edge of the nearest element, in periods; negative inside.
    pub(super) distance: f32,
    /// Which element that is.
    pub(super) element: [i32; 2],
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

    /// What is at (u, v), both in periods.
    ///
    /// The sizes are chosen by eye for periods of 8 to 13 pixels: strokes of two pixels or more,
    /// gaps likewise, and between a quarter and a half of the plane covered.
    pub(super) fn at(self, u: f32, v: f32) -> Point {
        match self {
            Self::Stripes => Point { distance: offset(u).abs() - 0.21, element: [nearest(u), 0] },
            Self::Zigzags => {
                let bent = u + 1.6 * offset(v * 0.8).abs();
                // The bands lean by a slope of 1.28, so they are 1 / sqrt(1 + 1.28^2) as wide.
                let distance = offset(bent).abs() * 0.62 - 0.13;
                Point { distance, element: [nearest(bent), 0] }
            }
            Self::Checks => {
                let (s, t) = (2.0 * u, 2.0 * v);
                let element = [nearest(s), nearest(t)];
                let dark = (element[0] + element[1]) % 2 == 0;
                let to_centre = 0.5 * offset(s).abs().max(offset(t).abs());
                Point { distance: if dark { to_centre - 0.23 } else { 0.27 - to_centre }, element }
            }
            Self::Grid => {
                let (a, b) = (offset(u).abs(), offset(v).abs());
                // Lines of one direction have a second index that no line of the other has.
                let other = i32::MAX;
                let element = if a < b { [nearest(u), other] } else { [other, nearest(v)] };
                Point { distance: a.min(b) - 0.12, element }
            }
            Self::Bricks => staggered(u, v, [0.7, 1.5], |a, b| {
                0.15 - (0.5 / 0.7 - a.abs()).min(0.5 / 1.5 - b.abs())
            }),
            Self::Dots => staggered(u, v, [1.0, 1.0], |a, b| length(a, b) - 0.36),
            Self::Rings => staggered(u, v, [0.8, 0.8], |a, b| (length(a, b) - 0.425).abs() - 0.12),
            Self::Crosses => staggered(u, v, [0.9, 0.9], |a, b| {
                let (a, b) = (a.abs(), b.abs());
                (a - 0.17).max(b - 0.46).min((b - 0.17).max(a - 0.46))
            }),
            Self::Triangles => {
                staggered(u, v, [0.9, 0.9], |a, b| (0.866 * a.abs() - 0.5 * b).max(b) - 0.31)
            }
            Self::Dashes => {
                staggered(u, v, [1.4, 0.8], |a, b| (a.abs() - 0.19).max(b.abs() - 0.47))
            }
        }
    }
}

/// One element at every point of a lattice with `per_period` columns and rows a period, odd rows
/// moved by half a column; `distance` takes the position relative to the element's centre, in
/// periods.
fn staggered(u: f32, v: f32, per_period: [f32; 2], distance: impl Fn(f32, f32) -> f32) -> Point {
    let y = v * per_period[1];
    let row = nearest(y);
    let x = u * per_period[0] + if row % 2 == 0 { 0.0 } else { 0.5 };
    let distance = distance(offset(x) / per_period[0], offset(y) / per_period[1]);
    Point { distance, element: [nearest(x), row] }
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
