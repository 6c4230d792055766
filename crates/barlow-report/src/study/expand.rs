//! From `[[arm]]`, `[[axis]]`, `[[series]]` and `[[reference]]` to arms.
//!
//! A series is crossed with its own axes and arms, or, where it has none, with those of the study; a
//! reference with nothing. Axes are multiplied, the first one outermost. An arm's settings are those
//! of its series, of its value on each axis, and its own, in this order; `like` comes before the `set`
//! beside it, and that before `sizing`.

use super::reader::{Page, Place};
use super::{Arm, Recipes, Setting, Study, StudyProblem};
use crate::names;

/// The most arms that a product of axes may make.
const MOST: usize = 10_000;

/// What an arm is made of: a series, a value of an axis, or an arm of a list.
#[derive(Debug, Clone, Default)]
struct Part {
    name: String,
    label: String,
    group: Option<String>,
    x: Option<f64>,
    is_baseline: bool,
    paper: Option<f64>,
    paper_difference: Option<f64>,
    settings: Vec<Setting>,
    line: usize,
}

/// Values, one of which each arm takes.
#[derive(Debug)]
struct Axis {
    values: Vec<Part>,
}

/// What a series, or the study, is crossed with.
#[derive(Debug)]
struct Block {
    axes: Vec<Axis>,
    list: Vec<Part>,
}

/// Fills in the arms.
pub(super) fn arms<'a>(page: &mut Page<'a>, root: Place<'a>, recipes: &Recipes, study: &mut Study) {
    let common = block(page, root, recipes, &mut study.x_label);
    let mut found = Vec::new();
    let series = page.tables(root, "series");
    let has_series = !series.is_empty();
    for place in series {
        page.allow(place, &["name", "label", "like", "set", "sizing", "arm", "axis"]);
        let part = part(page, place, recipes, "a series");
        let own = block(page, place, recipes, &mut study.x_label);
        let block = if own.is_empty() { &common } else { &own };
        cross(Some(&part), block, &mut found);
    }
    if !has_series {
        cross(None, &common, &mut found);
    }
    for place in page.tables(root, "reference") {
        page.allow(place, &["name", "label", "like", "set", "sizing", "paper", "paper_difference"]);
        let part = part(page, place, recipes, "a reference");
        found.push((Arm { is_reference: true, ..arm(&[&part], None) }, part.line));
    }
    if found.is_empty() && page.problems.is_empty() {
        page.problems.push(StudyProblem::NoArms);
    }
    for (arm, line) in found {
        let is_same = |other: &Arm| other.name.eq_ignore_ascii_case(&arm.name);
        if study.arms.iter().any(is_same) {
            page.problems.push(StudyProblem::Twice { line, name: arm.name });
        } else if names::is_name(&arm.name) {
            study.arms.push(arm);
        } else if arm.name.len() > names::LONGEST {
            // Whatever else is wrong with it is wrong with a part of it and said there.
            let (key, value) = ("name".to_owned(), format!("`{}`", arm.name));
            let expected = format!("at most {} characters in all", names::LONGEST);
            page.problems.push(StudyProblem::Value { line, key, value, expected });
        }
    }
}

impl Block {
    fn is_empty(&self) -> bool {
        self.axes.is_empty() && self.list.is_empty()
    }
}

/// The axes and arms of the study or of a series.
fn block<'a>(
    page: &mut Page<'a>,
    place: Place<'a>,
    recipes: &Recipes,
    x_label: &mut Option<String>,
) -> Block {
    let mut axes = Vec::new();
    let mut has_x = false;
    for place in page.tables(place, "axis") {
        page.allow(place, &["name", "label", "values"]);
        let name = page.name(place, "an axis");
        let label = page.text(place, "label").unwrap_or_else(|| name.clone());
        let places = page.tables(place, "values");
        let values: Vec<Part> = places
            .into_iter()
            .map(|place| {
                page.allow(place, &["name", "label", "x", "baseline", "like", "set", "sizing"]);
                let mut value = part(page, place, recipes, "a value of an axis");
                if value.x.is_some() && value.label == value.name {
                    value.label = format!("{label} {}", value.name);
                }
                value
            })
            .collect();
        let with_x = values.iter().filter(|value| value.x.is_some()).count();
        let line = place.line;
        if values.is_empty() {
            let what = format!("axis `{name}`");
            page.problems.push(StudyProblem::Missing { line, what, key: "values" });
        } else if with_x > 0 && has_x {
            page.problems.push(StudyProblem::SecondX { line, axis: name });
        } else if with_x > 0 && with_x < values.len() {
            let of = values.len();
            page.problems.push(StudyProblem::SomeX { line, axis: name, with_x, of });
        }
        one_baseline(page, &values);
        if with_x > 0 {
            has_x = true;
            x_label.get_or_insert(label);
        }
        axes.push(Axis { values });
    }
    let product = axes.iter().try_fold(1usize, |product, axis| {
        product.checked_mul(axis.values.len()).filter(|&product| product <= MOST)
    });
    if product.is_none() {
        let line = page.line_of(place, "axis");
        page.problems.push(StudyProblem::TooMany { line, most: MOST });
        axes.clear();
    }
    let list = page.tables(place, "arm");
    let list: Vec<Part> = list
        .into_iter()
        .map(|place| {
            page.allow(
                place,
                &[
                    "name",
                    "label",
                    "group",
                    "x",
                    "baseline",
                    "paper",
                    "paper_difference",
                    "like",
                    "set",
                    "sizing",
                ],
            );
            part(page, place, recipes, "an arm")
        })
        .collect();
    one_baseline(page, &list);
    Block { axes, list }
}

/// Notes each baseline beyond the first of a list or axis; a list has one for each group.
fn one_baseline(page: &mut Page, parts: &[Part]) {
    let baselines: Vec<&Part> = parts.iter().filter(|part| part.is_baseline).collect();
    for (index, part) in baselines.iter().enumerate() {
        if baselines[..index].iter().any(|before| before.group == part.group) {
            let (line, name) = (part.line, part.name.clone());
            page.problems.push(StudyProblem::SecondBaseline { line, name });
        }
    }
}

fn part<'a>(page: &mut Page<'a>, place: Place<'a>, recipes: &Recipes, what: &str) -> Part {
    let name = page.name(place, what);
    let mut settings = Vec::new();
    if let Some(like) = page.text(place, "like") {
        let line = page.line_of(place, "like");
        if let Some(recipe) = recipes.get(&like) {
            settings.extend(recipe.iter().map(|setting| Setting { line, ..setting.clone() }));
        } else {
            let known: Vec<String> = recipes.keys().map(|name| format!("`{name}`")).collect();
            page.problems.push(StudyProblem::Value {
                line,
                key: "like".to_owned(),
                value: format!("`{like}`"),
                expected: format!("an arm of the study `methods`: {}", known.join(", ")),
            });
        }
    }
    settings.extend(page.settings(place, "set"));
    settings.extend(page.sizing(place));
    Part {
        label: page.text(place, "label").unwrap_or_else(|| name.clone()),
        name,
        group: page.text(place, "group"),
        x: page.number(place, "x"),
        is_baseline: page.boolean(place, "baseline").unwrap_or(false),
        paper: page.number(place, "paper"),
        paper_difference: page.number(place, "paper_difference"),
        settings,
        line: place.line,
    }
}

/// Every arm of a series, or of a study without series, with its line.
fn cross(series: Option<&Part>, block: &Block, arms: &mut Vec<(Arm, usize)>) {
    let mut products: Vec<Vec<&Part>> = vec![];
    if !block.axes.is_empty() {
        products.push(vec![]);
        for axis in &block.axes {
            products = products
                .iter()
                .flat_map(|before| axis.values.iter().map(|value| [&before[..], &[value]].concat()))
                .collect();
        }
    }
    for values in &products {
        let parts: Vec<&Part> = series.into_iter().chain(values.iter().copied()).collect();
        // Where an axis has a baseline, the baseline's arm has that value there.
        let on_axes = block.axes.iter().zip(values);
        let baseline: Vec<&Part> = on_axes
            .clone()
            .map(|(axis, &value)| axis.values.iter().find(|v| v.is_baseline).unwrap_or(value))
            .collect();
        let has_baseline = block.axes.iter().any(|axis| axis.values.iter().any(|v| v.is_baseline));
        let named: Vec<&Part> = series.into_iter().chain(baseline).collect();
        let baseline = has_baseline.then(|| name(&named));
        arms.push((arm(&parts, baseline), parts.last().map_or(0, |part| part.line)));
    }
    for part in &block.list {
        let parts: Vec<&Part> = series.into_iter().chain([part]).collect();
        let is_baseline = |other: &&Part| other.is_baseline && other.group == part.group;
        let baseline = block.list.iter().find(is_baseline);
        let baseline =
            baseline.map(|other| name(&series.into_iter().chain([other]).collect::<Vec<_>>()));
        arms.push((arm(&parts, baseline), part.line));
    }
    if let (Some(series), true) = (series, block.is_empty()) {
        arms.push((arm(&[series], None), series.line));
    }
}

fn name(parts: &[&Part]) -> String {
    parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join("-")
}

fn arm(parts: &[&Part], baseline: Option<String>) -> Arm {
    let last = parts.last().expect("an arm has a part");
    let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
    let (above, own) = parts.split_at(parts.len() - 1);
    let is_listed = own[0].group.is_some();
    let mut groups: Vec<String> =
        above.iter().filter(|part| part.x.is_none()).map(|part| part.label.clone()).collect();
    if is_listed {
        groups.extend(own[0].group.clone());
    } else if own[0].x.is_none() {
        groups.push(own[0].label.clone());
    }
    Arm {
        name: name(parts),
        label: labels.join(", "),
        groups,
        x: parts.iter().find_map(|part| part.x),
        baseline,
        paper: last.paper,
        paper_difference: last.paper_difference,
        is_reference: false,
        settings: parts.iter().flat_map(|part| part.settings.clone()).collect(),
    }
}
