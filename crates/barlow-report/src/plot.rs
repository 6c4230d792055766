//! A study as a picture: SVG, written by hand.
//!
//! Arms with an x become lines over it, all others bars. Every label has a place of its own (a row,
//! a column, a line of the legend), so that none can lie on another. Texts are measured by the widths
//! of the widest font that may show them.

mod bars;
mod lines;
mod scale;
mod svg;

use crate::report::{Report, Row};
use svg::Svg;

/// Colours that people with any vision tell apart (Okabe and Ito, 2008).
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000"];
const INK: &str = "#222222";
const GRID: &str = "#dddddd";
const ILL: &str = "#c00000";
/// Text of axes and rows, and of titles.
const SMALL_PX: f64 = 12.0;
const LARGE_PX: f64 = 16.0;
const WIDTH_PX: f64 = 900.0;

/// The plot of a study.
pub fn plot(report: &Report) -> String {
    if report.arms.iter().any(|row| row.x.is_some()) {
        lines::draw(report)
    } else {
        bars::draw(report)
    }
}

/// The colour of a row: that of its first group.
fn colour(report: &Report, row: &Row) -> &'static str {
    let mut groups: Vec<Option<&String>> = Vec::new();
    for row in &report.arms {
        if !groups.contains(&row.groups.first()) {
            groups.push(row.groups.first());
        }
    }
    let index = groups.iter().position(|group| *group == row.groups.first()).unwrap_or(0);
    COLOURS[index % COLOURS.len()]
}

/// Title and what the numbers are.
fn heading(svg: &mut Svg, report: &Report) {
    let title = svg::shortened(&report.title, LARGE_PX, WIDTH_PX - 32.0);
    svg.text([16.0, 26.0], LARGE_PX, svg::Anchor::Start, INK, &title);
    let seeds = report.seeds.len();
    let of = match seeds {
        1 => "one seed".to_owned(),
        _ => format!("{seeds} seeds, mean and standard deviation"),
    };
    let protocols = report.protocols();
    let protocol = protocols.first().copied().unwrap_or("k-NN accuracy");
    let what = format!("{of}; {protocol}");
    let what = svg::shortened(&what, SMALL_PX, WIDTH_PX - 32.0);
    svg.text([16.0, 46.0], SMALL_PX, svg::Anchor::Start, "#666666", &what);
}
