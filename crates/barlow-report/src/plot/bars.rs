//! A row an arm: a bar with its deviation and its seeds, the numbers, and the differences to the
//! baseline, ours and the paper's.

use super::scale::{Scale, tick_text};
use super::svg::{Anchor, Stroke, Svg, shortened, width_px};
use super::{GRID, ILL, INK, SMALL_PX, WIDTH_PX, colour, heading};
use crate::report::{Report, Row};
use crate::statistics::Spread;

/// Rows fill this height if that leaves them neither too narrow nor too far apart.
const HEIGHT_PX: f64 = 500.0;
const TOP_PX: f64 = 84.0;
const BOTTOM_PX: f64 = 58.0;
const WIDEST_LABEL_PX: f64 = 300.0;
/// `77.3 ± 0.9` and a margin.
const NUMBERS_PX: f64 = 88.0;
const GAP_PX: f64 = 24.0;
/// The paper's marks, darker than every colour of ours.
const PAPER: &str = "#000000";

pub(super) fn draw(report: &Report) -> String {
    let rows = report.arms.len().max(1) as f64;
    let row_px = ((HEIGHT_PX - TOP_PX - BOTTOM_PX) / rows).clamp(22.0, 44.0);
    let bottom = TOP_PX + rows * row_px;
    let mut svg = Svg::new(WIDTH_PX, bottom + BOTTOM_PX);
    heading(&mut svg, report);

    let labels = report.arms.iter().map(|row| width_px(&row.label, SMALL_PX));
    let label_px = labels.fold(0.0, f64::max).min(WIDEST_LABEL_PX);
    let left = 16.0 + label_px + 10.0;
    let has_differences = report.arms.iter().any(|row| row.baseline.is_some());
    let width = WIDTH_PX - left - NUMBERS_PX - 16.0;
    let bars_px = if has_differences { 0.55 * (width - GAP_PX) } else { width };
    let bars = Scale::around(
        &report.arms.iter().flat_map(shown_values).chain([0.0]).collect::<Vec<_>>(),
        [left, left + bars_px],
    );
    let across = [TOP_PX - 6.0, bottom];
    axis(&mut svg, bars, across, left + bars_px / 2.0, "k-NN accuracy, %");
    for (index, row) in report.arms.iter().enumerate() {
        let middle = TOP_PX + (index as f64 + 0.5) * row_px;
        let label = shortened(&row.label, SMALL_PX, WIDEST_LABEL_PX);
        svg.text([left - 10.0, middle + 4.0], SMALL_PX, Anchor::End, INK, &label);
        bar(&mut svg, bars, row, colour(report, row), middle, row_px);
        let numbers = row.knn.map_or_else(|| "-".to_owned(), |knn| knn.times(100.0).to_string());
        let at = [left + bars_px + NUMBERS_PX, middle + 4.0];
        svg.text(at, SMALL_PX, Anchor::End, INK, &numbers);
    }
    if has_differences {
        let from = left + bars_px + NUMBERS_PX + GAP_PX;
        differences(&mut svg, report, [from, WIDTH_PX - 24.0], across, row_px);
    }
    svg.finish()
}

/// All that is drawn of a row, percent.
fn shown_values(row: &Row) -> Vec<f64> {
    let seeds = row.runs.iter().filter_map(|run| run.knn).map(|knn| 100.0 * knn);
    let spread = row.knn.map(|knn| knn.times(100.0));
    let ends = spread.map(|knn| knn.mean + knn.deviation.unwrap_or(0.0));
    seeds.chain(ends).collect()
}

/// Lines across at round numbers, the numbers below them and what they are.
fn axis(svg: &mut Svg, scale: Scale, [top, bottom]: [f64; 2], middle: f64, label: &str) {
    for tick in scale.ticks() {
        let x = scale.at(tick);
        let colour = if tick == 0.0 { "#999999" } else { GRID };
        svg.line(&[[x, top], [x, bottom]], Stroke::plain(colour, 1.0));
        svg.text([x, bottom + 16.0], SMALL_PX, Anchor::Middle, INK, &tick_text(tick));
    }
    svg.text([middle, bottom + 36.0], SMALL_PX, Anchor::Middle, INK, label);
}

fn bar(svg: &mut Svg, scale: Scale, row: &Row, colour: &'static str, middle: f64, row_px: f64) {
    let (zero, thickness) = (scale.at(0.0), (0.55 * row_px).min(18.0));
    if let Some(knn) = row.knn.map(|knn| knn.times(100.0)) {
        let end = scale.at(knn.mean);
        let opacity = if row.health.is_ill() { 0.25 } else { 0.65 };
        let at = [zero, middle - thickness / 2.0];
        svg.rectangle(at, [end - zero, thickness], colour, opacity);
        if let Some(deviation) = knn.deviation {
            let (low, high) = (scale.at(knn.mean - deviation), scale.at(knn.mean + deviation));
            svg.line(&[[low, middle], [high, middle]], Stroke::plain(INK, 1.5));
            for x in [low, high] {
                svg.line(&[[x, middle - 4.0], [x, middle + 4.0]], Stroke::plain(INK, 1.5));
            }
        }
        for run in &row.runs {
            if let Some(knn) = run.knn {
                svg.circle([scale.at(100.0 * knn), middle], 2.2, "#ffffff", INK);
            }
        }
    }
    if row.health.is_ill() {
        // Behind all marks of the row; where that is too far right, at the bar's root on white.
        let text = shortened(&row.health.to_string(), SMALL_PX, scale.end() - zero - 12.0);
        let width = width_px(&text, SMALL_PX);
        let behind = shown_values(row).into_iter().fold(0.0, f64::max);
        let behind = scale.at(behind) + 8.0;
        let x = if behind + width <= scale.end() { behind } else { zero + 6.0 };
        svg.rectangle([x - 2.0, middle - 8.0], [width, 16.0], "#ffffff", 0.85);
        svg.text([x, middle + 4.0], SMALL_PX, Anchor::Start, ILL, &text);
    }
}

/// Differences to the baseline: ours as a line from zero with its deviation, the paper's as a diamond.
fn differences(
    svg: &mut Svg,
    report: &Report,
    [from, to]: [f64; 2],
    across: [f64; 2],
    row_px: f64,
) {
    let ends = |points: Spread| {
        let deviation = points.deviation.unwrap_or(0.0);
        [points.mean - deviation, points.mean + deviation]
    };
    let ours = report.arms.iter().filter_map(|row| row.difference).flat_map(ends);
    let papers = report.arms.iter().filter_map(|row| row.paper_difference);
    let values: Vec<f64> = ours.chain(papers).chain([0.0]).collect();
    let scale = Scale::around(&values, [from, to]);
    axis(svg, scale, across, f64::midpoint(from, to), "difference to the baseline, points");
    for (index, row) in report.arms.iter().enumerate() {
        let middle = TOP_PX + (index as f64 + 0.5) * row_px;
        if let Some(points) = row.difference {
            let (zero, end) = (scale.at(0.0), scale.at(points.mean));
            svg.line(&[[zero, middle], [end, middle]], Stroke::plain(INK, 2.0));
            let [low, high] = ends(points).map(|end| [scale.at(end), middle]);
            svg.line(&[low, high], Stroke::plain(INK, 1.0));
            svg.circle([end, middle], 4.0, colour(report, row), INK);
        }
        if let Some(points) = row.paper_difference {
            svg.diamond([scale.at(points), middle], 5.0, PAPER);
        }
    }
    let y = TOP_PX - 16.0;
    svg.circle([from + 6.0, y - 4.0], 4.0, "#ffffff", INK);
    svg.text([from + 16.0, y], SMALL_PX, Anchor::Start, INK, "ours");
    if report.has_paper() {
        svg.diamond([from + 66.0, y - 4.0], 5.0, PAPER);
        svg.text([from + 76.0, y], SMALL_PX, Anchor::Start, INK, "paper");
    }
}
