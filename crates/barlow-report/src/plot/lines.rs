//! A line a series over the arms' x, with deviations, and a level for each arm without one; beside
//! it the paper's, on an axis of its own.

use super::scale::{Scale, tick_text};
use super::svg::{Anchor, Stroke, Svg, shortened, width_px};
use super::{COLOURS, GRID, ILL, INK, SMALL_PX, WIDTH_PX, colour, heading};
use crate::report::{Report, Row};

const TOP_PX: f64 = 84.0;
const PANEL_PX: f64 = 330.0;
const LEFT_PX: f64 = 60.0;
const RIGHT_PX: f64 = 16.0;
const BETWEEN_PX: f64 = 64.0;
/// Ticks and their label below a panel.
const AXIS_PX: f64 = 52.0;
const LEGEND_ROW_PX: f64 = 20.0;
/// Tells series of one colour apart.
const DASHES: [&str; 4] = ["", "6 3", "2 3", "8 3 2 3"];

/// Of an arm without x.
const LEVEL: Stroke = Stroke { colour: "#666666", width_px: 1.5, dashes: "1 4" };

/// A line of the plot.
struct Series<'a> {
    label: String,
    stroke: Stroke,
    rows: Vec<&'a Row>,
}

/// One number of an arm: where, how high, how uncertain, and whether something is wrong with it.
struct Point {
    x: Option<f64>,
    y: f64,
    deviation: f64,
    is_ill: bool,
}

pub(super) fn draw(report: &Report) -> String {
    let series = series(report);
    // A single line without a name needs no legend.
    let named: Vec<&Series> = series.iter().filter(|series| !series.label.is_empty()).collect();
    let legend = legend_places(&named);
    let legend_rows = legend.iter().map(|[_, y]| *y).fold(0.0, f64::max) + LEGEND_ROW_PX;
    let height = TOP_PX + PANEL_PX + AXIS_PX + legend_rows + 8.0;
    let mut svg = Svg::new(WIDTH_PX, height);
    heading(&mut svg, report);

    let has_paper = report.arms.iter().any(|row| row.paper.is_some());
    let width = WIDTH_PX - LEFT_PX - RIGHT_PX;
    let panel_px = if has_paper { (width - BETWEEN_PX) / 2.0 } else { width };
    let left = [LEFT_PX, LEFT_PX + panel_px];
    panel(&mut svg, report, &series, left, "k-NN accuracy, %", &ours);
    if has_paper {
        let right = [WIDTH_PX - RIGHT_PX - panel_px, WIDTH_PX - RIGHT_PX];
        panel(&mut svg, report, &series, right, "paper, %", &papers);
    }
    let below = TOP_PX + PANEL_PX + AXIS_PX;
    for (series, [x, y]) in named.into_iter().zip(legend) {
        let y = below + y + 12.0;
        svg.line(&[[x, y - 4.0], [x + 26.0, y - 4.0]], series.stroke);
        if series.rows.iter().any(|row| row.x.is_some()) {
            svg.circle([x + 13.0, y - 4.0], 3.5, series.stroke.colour, series.stroke.colour);
        }
        svg.text([x + 32.0, y], SMALL_PX, Anchor::Start, INK, &series.label);
    }
    let ill: Vec<&Row> = report.arms.iter().filter(|row| row.health.is_ill()).collect();
    if !ill.is_empty() {
        let text = if ill.iter().any(|row| row.knn.is_none()) {
            "x: collapsed or diverged; on the axis: no accuracy"
        } else {
            "x: collapsed or diverged"
        };
        svg.text([WIDTH_PX - RIGHT_PX, TOP_PX - 20.0], SMALL_PX, Anchor::End, ILL, text);
    }
    svg.finish()
}

fn series(report: &Report) -> Vec<Series<'_>> {
    let mut series: Vec<Series> = Vec::new();
    for row in report.arms.iter().filter(|row| row.x.is_some()) {
        let label = row.groups.join(", ");
        if let Some(known) = series.iter_mut().find(|known| known.label == label) {
            known.rows.push(row);
            continue;
        }
        let colour = if row.groups.is_empty() { COLOURS[0] } else { colour(report, row) };
        let of_colour = series.iter().filter(|known| known.stroke.colour == colour).count();
        let dashes = DASHES[of_colour % DASHES.len()];
        let stroke = Stroke { colour, width_px: 2.0, dashes };
        series.push(Series { label, stroke, rows: vec![row] });
    }
    for row in report.arms.iter().filter(|row| row.x.is_none()) {
        series.push(Series { label: row.label.clone(), stroke: LEVEL, rows: vec![row] });
    }
    for series in &mut series {
        series.rows.sort_by(|a, b| a.x.unwrap_or(0.0).total_cmp(&b.x.unwrap_or(0.0)));
        series.label = shortened(&series.label, SMALL_PX, 360.0);
    }
    series
}

fn ours(row: &Row) -> Option<Point> {
    let knn = row.knn?.times(100.0);
    let is_ill = row.health.is_ill();
    Some(Point { x: row.x, y: knn.mean, deviation: knn.deviation.unwrap_or(0.0), is_ill })
}

fn papers(row: &Row) -> Option<Point> {
    Some(Point { x: row.x, y: row.paper?, deviation: 0.0, is_ill: false })
}

/// Where each entry of the legend begins, row by row, from its upper left corner.
fn legend_places(series: &[&Series]) -> Vec<[f64; 2]> {
    let (mut x, mut y) = (LEFT_PX, 0.0);
    let mut places = Vec::new();
    for series in series {
        let width = 32.0 + width_px(&series.label, SMALL_PX) + 22.0;
        if x > LEFT_PX && x + width > WIDTH_PX - RIGHT_PX {
            (x, y) = (LEFT_PX, y + LEGEND_ROW_PX);
        }
        places.push([x, y]);
        x += width;
    }
    places
}

/// Axes and lines between two pixels across.
fn panel(
    svg: &mut Svg,
    report: &Report,
    series: &[Series],
    [from, to]: [f64; 2],
    label: &str,
    point: &dyn Fn(&Row) -> Option<Point>,
) {
    let points: Vec<Point> = report.arms.iter().filter_map(point).collect();
    // Both panels have all places across, so that they can be compared by eye.
    let places: Vec<f64> = report.arms.iter().filter_map(|row| row.x).collect();
    let heights: Vec<f64> =
        points.iter().flat_map(|p| [p.y - p.deviation, p.y + p.deviation]).collect();
    let bottom = TOP_PX + PANEL_PX;
    let x = Scale::through(&places, [from, to]);
    let y = Scale::around(&heights, [bottom, TOP_PX]);
    for tick in y.ticks() {
        let at = y.at(tick);
        svg.line(&[[from, at], [to, at]], Stroke::plain(GRID, 1.0));
        svg.text([from - 8.0, at + 4.0], SMALL_PX, Anchor::End, INK, &tick_text(tick));
    }
    let frame = [[from, TOP_PX], [from, bottom], [to, bottom]];
    svg.line(&frame, Stroke::plain(INK, 1.0));
    for (tick, has_text) in ticks_apart(&places, x) {
        let at = x.at(tick);
        svg.line(&[[at, bottom], [at, bottom + 5.0]], Stroke::plain(INK, 1.0));
        if has_text {
            let text = tick_text(tick);
            svg.text([at, bottom + 18.0], SMALL_PX, Anchor::Middle, INK, &text);
        }
    }
    let middle = f64::midpoint(from, to);
    let name = report.x_label.as_deref().unwrap_or("x");
    let name = shortened(name, SMALL_PX, to - from);
    svg.text([middle, bottom + 38.0], SMALL_PX, Anchor::Middle, INK, &name);
    svg.text([from - 40.0, TOP_PX - 12.0], SMALL_PX, Anchor::Start, INK, label);

    for series in series {
        let points: Vec<Point> = series.rows.iter().filter_map(|row| point(row)).collect();
        let places: Vec<[f64; 2]> =
            points.iter().filter_map(|p| Some([x.at(p.x?), y.at(p.y)])).collect();
        for level in points.iter().filter(|point| point.x.is_none()) {
            let at = y.at(level.y);
            svg.line(&[[from, at], [to, at]], series.stroke);
        }
        if places.len() > 1 {
            svg.line(&places, series.stroke);
        }
        let plain = Stroke { dashes: "", width_px: 1.3, ..series.stroke };
        for row in series.rows.iter().filter(|row| row.knn.is_none() && row.health.is_ill()) {
            if let Some(place) = row.x {
                svg.circle([x.at(place), bottom], 6.0, "#ffffff", series.stroke.colour);
                svg.cross([x.at(place), bottom], 4.0, Stroke::plain(ILL, 2.0));
            }
        }
        for (point, &[left, top]) in points.iter().zip(&places) {
            if point.deviation > 0.0 {
                let ends =
                    [point.y - point.deviation, point.y + point.deviation].map(|y_| y.at(y_));
                svg.line(&[[left, ends[0]], [left, ends[1]]], plain);
                for end in ends {
                    svg.line(&[[left - 3.5, end], [left + 3.5, end]], plain);
                }
            }
            if point.is_ill {
                svg.circle([left, top], 6.0, "#ffffff", series.stroke.colour);
                svg.cross([left, top], 4.0, Stroke::plain(ILL, 2.0));
            } else {
                svg.circle([left, top], 3.5, series.stroke.colour, series.stroke.colour);
            }
        }
    }
}

/// Every place once, and whether there is room for its number behind the last one that is written.
fn ticks_apart(places: &[f64], scale: Scale) -> Vec<(f64, bool)> {
    let mut sorted = places.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let mut free = f64::NEG_INFINITY;
    let mut ticks = Vec::new();
    for value in sorted {
        let half = width_px(&tick_text(value), SMALL_PX) / 2.0;
        let has_room = scale.at(value) - half >= free;
        if has_room {
            free = scale.at(value) + half + 6.0;
        }
        ticks.push((value, has_room));
    }
    ticks
}
