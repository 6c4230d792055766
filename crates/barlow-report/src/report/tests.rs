use super::*;
use crate::plot;
use crate::study::Recipes;

fn run(seed: u64, knn: f64) -> RunRow {
    RunRow {
        seed,
        state: RunState::Finished,
        reason: None,
        steps: 80,
        knn_before: Some(0.25),
        knn: Some(knn),
        verdict: Some("healthy".to_owned()),
        verdict_reason: None,
        since_step: None,
        loss: Some(12.5),
        images_per_second: Some(1000.0),
        seconds: Some(10.0 + seed as f64),
    }
}

fn collapsed(seed: u64, since: u64) -> RunRow {
    RunRow { verdict: Some("collapsed".to_owned()), since_step: Some(since), ..run(seed, 0.1) }
}

fn report(study: &str, runs: &[(&str, Vec<RunRow>)]) -> Report {
    let (study, problems) = Study::read(study, &Recipes::new());
    assert!(problems.is_empty(), "{problems:?}");
    let runs = runs.iter().map(|(arm, runs)| ((*arm).to_owned(), runs.clone())).collect();
    let facts = ArmFacts { protocol: "k-NN (k 20)".to_owned(), parameters: Some(1_250_000) };
    let facts = study.arms.iter().map(|arm| (arm.name.clone(), facts.clone())).collect();
    Report::new("name", &study, &facts, &runs)
}

const LIST: &str = r#"
title = "Losses | and more"
claim = "One < two."
differs = "in size"
paper_protocol = "linear probe"
[[arm]]
name = "base"
label = "baseline"
baseline = true
paper = 71.4
[[arm]]
name = "other"
paper = 57.3
[[arm]]
name = "empty"
paper_difference = -1.5
"#;

fn list() -> Report {
    let base = vec![run(0, 0.75), run(1, 0.79), run(2, 0.77)];
    let failed = RunRow {
        state: RunState::Failed,
        reason: Some("no, \"space\"".to_owned()),
        knn: None,
        ..run(2, 0.0)
    };
    report(LIST, &[("base", base), ("other", vec![collapsed(0, 40), collapsed(1, 80), failed])])
}

#[test]
fn rows_are_mean_deviation_and_differences() {
    let report = list();
    let [base, other, empty] = &report.arms[..] else { panic!("three arms") };
    let knn = base.knn.unwrap();
    assert!((knn.mean - 0.77).abs() < 1e-12 && (knn.deviation.unwrap() - 0.02).abs() < 1e-12);
    assert_eq!(other.knn.unwrap().seeds, 2, "the failed one does not count");
    let difference = other.difference.unwrap();
    assert!((difference.mean + 67.0).abs() < 1e-9, "of seeds 0 and 1: -65 and -69");
    assert!((difference.deviation.unwrap() - 8f64.sqrt()).abs() < 1e-9);
    assert!((other.paper_difference.unwrap() + 14.1).abs() < 1e-9);
    assert!((base.seconds.unwrap().mean - 11.0).abs() < 1e-12);
    assert_eq!((empty.knn, empty.difference, empty.paper_difference), (None, None, Some(-1.5)));
}

#[test]
fn collapse_is_told_with_its_steps_and_a_failure_apart() {
    let report = list();
    assert_eq!(report.arms[0].health.to_string(), "healthy");
    assert!(report.arms[1].health.is_ill());
    assert_eq!(
        report.arms[1].health.to_string(),
        "collapsed since step 40-80 in 2 of 3, failed in 1 of 3"
    );
}

#[test]
fn markdown_has_a_row_an_arm() {
    let text = list().to_markdown("plot.svg");
    for line in [
        "# Losses \\| and more",
        "One \\< two.",
        "![Losses \\| and more](plot.svg)",
        "| arm | k-NN, % | seeds | untrained, % | to baseline | paper, % | paper, to baseline | \
         health | weights, M | images/s | s a run |",
        "| baseline (`base`) | 77.0 ± 2.0 | 3 | 25.0 | baseline | 71.4 | baseline | healthy | 1.25 | \
         1000 | 11 |",
        "| `other` | 10.0 ± 0.0 | 2 of 3 | 25.0 | -67.0 ± 2.8 | 57.3 | -14.1 | collapsed since step 40-80 in \
         2 of 3, failed in 1 of 3 | 1.25 | 1000 | 10 |",
        "| `empty` |  | 0 of 3 |  |  |  | -1.5 |  | 1.25 |  |  |",
        "Protocol: k-NN (k 20).",
        "Differs from the paper: in size.",
        "- `other`, seed 2: no, \"space\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
    }
}

#[test]
fn csv_quotes_what_needs_it_and_has_a_line_a_run() {
    let report = list();
    let arms = report.to_csv();
    assert_eq!(arms.lines().count(), 4);
    let base = arms.lines().nth(1).unwrap();
    assert!(base.starts_with("base,baseline,baseline,,77,2"), "{base}");
    let runs = report.runs_to_csv();
    assert_eq!(runs.lines().count(), 7);
    assert_eq!(runs.lines().nth(1).unwrap(), "base,0,finished,75,25,healthy,,80,12.5,1000,10,");
    let failed = runs.lines().last().unwrap();
    assert!(failed.ends_with(",\"no, \"\"space\"\"\""), "{failed}");
}

#[test]
fn json_has_the_same_numbers() {
    let value = serde_json::to_value(list()).unwrap();
    assert_eq!(value["arms"][0]["knn"]["seeds"], 3);
    assert_eq!(value["arms"][1]["health"]["findings"][0]["since_steps"][1], 80);
    assert_eq!(value["arms"][1]["runs"][2]["state"], "failed");
    assert_eq!(value["arms"][0]["runs"][1]["knn"], 0.79);
}

/// Places of the shapes of a kind, by the numbers of one attribute.
fn numbers(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
    let lines = svg.lines().filter(|line| line.starts_with(&format!("<{element} ")));
    lines
        .filter_map(|line| line.split(&format!(" {attribute}=\"")).nth(1)?.split('"').next())
        .map(|number| number.parse().unwrap())
        .collect()
}

#[test]
fn bars_are_as_long_as_the_means() {
    let svg = plot(&list());
    // After the ground come the bars of the two arms with numbers, and the place of a verdict.
    let widths = numbers(&svg, "rect", "width");
    assert_eq!(widths.len(), 4, "{svg}");
    assert!((widths[1] / widths[2] - 7.7).abs() < 0.05, "77 % is 7.7 times 10 %: {widths:?}");
    assert!(svg.contains("collapsed since step 40-80 in 2 of 3"), "{svg}");
    // Paper's differences: baseline 0, other and empty, and one in the legend.
    assert_eq!(svg.matches("<path ").count(), 4);
}

const CURVE: &str = r#"
title = "Batch"
claim = "c"
[[series]]
name = "a"
[[series]]
name = "b"
[[reference]]
name = "ceiling"
[[axis]]
name = "batch"
values = [{ name = "32", x = 32 }, { name = "64", x = 64 }, { name = "2048", x = 2048 }]
[paper]
a-64 = 70
"#;

#[test]
fn lines_rise_with_the_means_and_ill_arms_are_crossed_out() {
    let runs = [
        ("a-32", vec![run(0, 0.5)]),
        ("a-64", vec![run(0, 0.6)]),
        ("a-2048", vec![collapsed(0, 40)]),
        ("ceiling", vec![run(0, 0.7)]),
    ];
    let svg = plot(&report(CURVE, &runs));
    // On the panel and in the legend.
    let levels: Vec<&str> = svg.lines().filter(|line| line.contains(r#""1 4""#)).collect();
    assert_eq!(levels.len(), 2, "{svg}");
    let heights = numbers(&svg, "circle", "cy");
    assert!(heights[0] > heights[1] && heights[2] > heights[0], "down is less: {heights:?}");
    let places = numbers(&svg, "circle", "cx");
    let doublings = (places[2] - places[1]) / (places[1] - places[0]);
    assert!((doublings - 5.0).abs() < 0.05, "32 to 64 is one doubling, 64 to 2048 five");
    assert!(svg.contains("x: collapsed or diverged") && svg.contains("paper, %"));
}

#[test]
fn a_study_without_runs_has_a_table_and_a_plot() {
    for study in [LIST, CURVE] {
        let report = report(study, &[]);
        assert!(report.arms.iter().all(|row| row.knn.is_none()));
        assert!(report.to_markdown("p.svg").contains("0 of 3"));
        assert!(!plot(&report).contains("NaN"));
    }
}
