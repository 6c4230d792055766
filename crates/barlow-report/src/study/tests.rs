use super::*;

fn read(text: &str) -> Study {
    let recipes = Study::read(RECIPES, &Recipes::new()).0.recipes();
    let (study, problems) = Study::read(text, &recipes);
    assert!(problems.is_empty(), "{problems:?}");
    study
}

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = Study::read(text, &Recipes::new());
    problems.iter().map(ToString::to_string).collect()
}

fn names(study: &Study) -> Vec<&str> {
    study.arms.iter().map(|arm| arm.name.as_str()).collect()
}

fn set(arm: &Arm) -> Vec<String> {
    arm.settings.iter().map(|s| format!("{}={}", s.key, s.text())).collect()
}

const RECIPES: &str = r#"
title = "methods"
claim = "c"
[[arm]]
name = "byol"
set = { objective.name = "byol", "projector.widths" = "512-256" }
"#;

const GRID: &str = r#"
title = "t"
claim = "c"
preset = "quick"
seeds = [3, 1]

[settings]
schedule.epochs = 2
[settings.views]
a.hue = 0.0
[sizing]
data.max_images = 512

[[axis]]
name = "method"
values = [
    { name = "barlow-twins", label = "Barlow Twins" },
    { name = "byol", label = "BYOL", like = "byol", set = { projector.widths = "64-32" } },
]
[[axis]]
name = "batch"
label = "batch size"
values = [
    { name = "32", x = 32, set = { train.batch_size = 32 } },
    { name = "64", x = 64, baseline = true, set = { train.batch_size = 64, objective.lambda = 1e-3 } },
]

[paper]
byol-64 = 72.5
[paper_difference]
"byol-32" = -2
"#;

#[test]
fn axes_are_multiplied_the_first_one_outermost() {
    let study = read(GRID);
    assert_eq!(names(&study), ["barlow-twins-32", "barlow-twins-64", "byol-32", "byol-64"]);
    let byol = study.arm("byol-64").unwrap();
    assert_eq!(byol.label, "BYOL, batch size 64");
    assert_eq!(byol.groups, ["BYOL"]);
    assert_eq!((byol.x, byol.paper), (Some(64.0), Some(72.5)));
    assert_eq!(study.arm("byol-32").unwrap().paper_difference, Some(-2.0));
    assert_eq!(study.arm("byol-32").unwrap().baseline.as_deref(), Some("byol-64"));
    assert_eq!(study.x_label.as_deref(), Some("batch size"));
    assert_eq!(
        set(byol),
        [
            "objective.name=byol",
            "projector.widths=512-256",
            "projector.widths=64-32",
            "objective.lambda=0.001",
            "train.batch_size=64",
        ],
        "a recipe first, so that what stands beside it counts"
    );
    assert_eq!(byol.settings.last().unwrap().line, 25);
}

#[test]
fn settings_are_single_keys_with_their_lines() {
    let study = read(GRID);
    let keys: Vec<(&str, String, usize, bool)> =
        study.settings.iter().map(|s| (s.key.as_str(), s.text(), s.line, s.is_sizing)).collect();
    assert_eq!(
        keys,
        [
            ("schedule.epochs", "2".to_owned(), 8, false),
            ("views.a.hue", "0.0".to_owned(), 10, false),
            ("data.max_images", "512".to_owned(), 12, true)
        ]
    );
    assert_eq!((study.preset.as_deref(), &study.seeds[..]), (Some("quick"), &[3, 1][..]));
}

#[test]
fn a_series_has_its_own_arms_or_those_of_the_study() {
    let study = read(
        r#"
title = "t"
claim = "c"
[[series]]
name = "a"
label = "A"
set = { objective.lambda = 1 }
[[series]]
name = "b"
[[series.axis]]
name = "width"
values = [{ name = "8", x = 8 }, { name = "16", x = 16 }]
[[arm]]
name = "plain"
baseline = true
[[arm]]
name = "other"
set = { objective.lambda = 2 }
[[reference]]
name = "ceiling"
"#,
    );
    assert_eq!(names(&study), ["a-plain", "a-other", "b-8", "b-16", "ceiling"]);
    assert_eq!(study.arm("ceiling").unwrap().baseline, None);
    let other = study.arm("a-other").unwrap();
    assert_eq!(other.baseline.as_deref(), Some("a-plain"));
    assert_eq!(set(other), ["objective.lambda=1", "objective.lambda=2"]);
    assert_eq!(other.label, "A, other");
    let line = study.arm("b-16").unwrap();
    assert_eq!((line.groups.clone(), line.x), (vec!["b".to_owned()], Some(16.0)));
}

#[test]
fn a_second_baseline_of_a_list_or_an_axis_is_refused() {
    let found = problems(
        r#"
title = "t"
claim = "c"
[[arm]]
name = "a"
group = "g"
baseline = true
[[arm]]
name = "b"
baseline = true
[[arm]]
name = "c"
baseline = true
[[axis]]
name = "width"
values = [{ name = "8", baseline = true }, { name = "16", baseline = true }]
"#,
    );
    assert_eq!(
        found,
        [
            "line 16: `16` is a second baseline, expected one at most",
            "line 11: `c` is a second baseline, expected one at most",
        ]
    );
}

#[test]
fn everything_wrong_is_found_in_one_reading() {
    let found = problems(
        r#"
titel = "t"
claim = 3
seeds = [0, 0]
[[arm]]
name = "../a"
set = 4
[[arm]]
name = "b"
x = inf
[[arm]]
name = "B"
like = "moco"
[[axis]]
name = "w"
values = [{ name = "1", x = 1 }, { name = "2" }]
[paper]
c = 71.4
"#,
    );
    let expected = [
        "line 2: key `titel` is unknown, expected one of `title`, `claim`",
        "line 1: the study has no `title`",
        "line 3: key `claim` is `3`, expected a text in quotes",
        "line 4: key `seeds` is `[0, 0]`, expected different whole numbers from 0",
        "line 14: axis `w` has `x` on 1 of 2 values, expected on all or on none",
        "line 6: key `name` is `../a`, expected a name of letters",
        "line 7: key `set` is `4`, expected a table of keys",
        "line 10: key `x` is `inf`, expected a number without quotes, 0 or of a size",
        "line 13: key `like` is `moco`, expected an arm of the study `methods`",
        "line 11: there is another arm `B`",
        "line 18: a number of the paper is for arm `c`, which is not there; there are `1`, `2`, `b`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

#[test]
fn a_grid_that_explodes_is_refused() {
    let axis = |name: &str| {
        let values: Vec<String> = (0..100).map(|n| format!("{{ name = \"{n}\" }}")).collect();
        format!("[[axis]]\nname = \"{name}\"\nvalues = [{}]\n", values.join(", "))
    };
    let axes: String = ["a", "b", "c", "d", "e"].map(axis).concat();
    let found = problems(&format!("title = \"t\"\nclaim = \"c\"\n{axes}"));
    assert_eq!(found, ["line 3: these axes make more than 10000 arms"]);
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let found = problems("title = \"t\"\nclaim == 3\n");
    assert!(found.len() == 1 && found[0].starts_with("line 2: not TOML"), "{found:?}");
    assert_eq!(
        problems("title = \"t\"\nclaim = \"c\"\n"),
        ["there is no arm: a study has `[[arm]]`, `[[axis]]` or `[[series]]`"]
    );
}

#[test]
fn no_text_breaks_the_reader() {
    // Every beginning of a study, and the study with each line left out.
    for end in 0..GRID.len() {
        let _ = Study::read(&GRID[..end], &Recipes::new());
    }
    let lines: Vec<&str> = GRID.lines().collect();
    for left_out in 0..lines.len() {
        let rest: Vec<&str> = [&lines[..left_out], &lines[left_out + 1..]].concat();
        let (study, _) = Study::read(&rest.join("\n"), &Recipes::new());
        assert!(study.arms.iter().all(|arm| crate::names::is_name(&arm.name)));
    }
}
