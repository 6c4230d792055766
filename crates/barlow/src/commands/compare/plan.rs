//! A study whose every arm was judged: what is to run, in which order and where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use barlow_data::source::Source;
use barlow_objectives::Registry;
use barlow_report::{Arm, Setting, Study};
use barlow_train::run::objective;
use barlow_train::settings::Settings;
use burn::tensor::Device;

use super::problems::{Problems, quoted};
use crate::arguments::CompareArguments;
use crate::commands::pretrain::{Earlier, refuse_changes};
use crate::exit::Usage;
use crate::images;
use crate::settings::{Resolution, TypedOption, TypedSettings, nearest, resolve};
use crate::studies;

/// The key that seeds decide.
const SEED: &str = "train.seed";

/// Where a study's images come from; `--data` replaces them all.
const IMAGES: [&str; 3] = ["data.source", "probe.train", "probe.test"];

/// What is to run.
#[derive(Debug)]
pub(super) struct Plan {
    /// The study's name.
    pub(super) name: String,
    /// The study, with the seeds that were asked for.
    pub(super) study: Study,
    /// Folder of runs and tables.
    pub(super) out: PathBuf,
    /// What the study's author says that a run takes, where its sizing is kept.
    pub(super) seconds_a_run: Option<f64>,
    /// The settings of each arm of the study, in its order.
    resolutions: Vec<Resolution>,
    /// Positions of the arms that are to run.
    chosen: Vec<usize>,
}

/// One run of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedRun {
    /// Position of its arm.
    arm: usize,
    pub(super) seed: u64,
}

impl Plan {
    /// Reads the study and judges the settings of all its arms.
    ///
    /// # Errors
    /// If anything is wrong with them or with what was typed; all that is wrong with the file and
    /// its settings is one error.
    pub(super) fn new(arguments: &CompareArguments, registry: &Registry) -> anyhow::Result<Self> {
        let (name, path, text) = open(&arguments.study)?;
        let (mut study, found) = Study::read(&text, studies::recipes());
        let mut problems = Problems::new(&arguments.study, path);
        problems.add_of_study(&found);
        if !arguments.seeds.is_empty() {
            study.seeds.clone_from(&arguments.seeds);
        }
        let mut resolutions = Vec::new();
        for arm in &study.arms {
            let (typed, settings) = typed(&study, arm, arguments);
            for setting in settings.iter().filter(|setting| setting.key == SEED) {
                problems.add_seed(setting);
            }
            match resolve(&typed, registry) {
                Ok(resolution) => resolutions.push(resolution),
                Err(found) => {
                    let typed_too = |setting: &&Setting| !sets(arguments, &setting.key);
                    let settings: Vec<&Setting> = settings.iter().filter(typed_too).collect();
                    problems.add_of_settings(&arm.name, found, &settings);
                }
            }
        }
        problems.finish(study.arms.len())?;
        refuse_options(&study, arguments)?;
        let seconds_a_run = study.seconds_a_run.filter(|_| keeps_sizing(arguments));
        let chosen = chosen(&study, &arguments.only)?;
        let out = arguments.out.clone().unwrap_or_else(|| Path::new("studies").join(&name));
        Ok(Self { name, study, out, seconds_a_run, resolutions, chosen })
    }

    /// What is to run, in order: all arms with the first seed, then with the second, and so on.
    pub(super) fn runs(&self) -> Vec<PlannedRun> {
        let arms = |&seed| self.chosen.iter().map(move |&arm| PlannedRun { arm, seed });
        self.study.seeds.iter().flat_map(arms).collect()
    }

    /// The arm of a run.
    pub(super) fn arm(&self, run: &PlannedRun) -> &Arm {
        &self.study.arms[run.arm]
    }

    /// The settings of a run.
    pub(super) fn resolution(&self, run: &PlannedRun) -> Resolution {
        let mut resolution = self.resolutions[run.arm].clone();
        resolution.settings.train.seed = run.seed;
        resolution
    }

    /// The directory of a run.
    pub(super) fn folder(&self, run: &PlannedRun) -> PathBuf {
        self.folder_of(&self.arm(run).name, run.seed)
    }

    /// The directory of an arm's run.
    pub(super) fn folder_of(&self, arm: &str, seed: u64) -> PathBuf {
        self.out.join("runs").join(arm).join(format!("seed-{seed}"))
    }

    /// The study's arms with their settings, those that are not to run as well.
    pub(super) fn arms(&self) -> impl Iterator<Item = (&Arm, &Settings)> {
        let settings = self.resolutions.iter().map(|resolution| &resolution.settings);
        self.study.arms.iter().zip(settings)
    }

    /// What resolving had to say, each once, and which runs in the folder are no arm's.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> =
            self.resolutions.iter().flat_map(|resolution| resolution.notes.clone()).collect();
        notes.sort();
        notes.dedup();
        let others = names_in(&self.out.join("runs"));
        let others: Vec<&str> = others
            .iter()
            .map(String::as_str)
            .filter(|name| self.study.arm(name).is_none())
            .collect();
        if !others.is_empty() {
            notes.push(format!(
                "`{}` also holds runs of arms that the study does not have, and its tables leave \
                 out: {}",
                self.out.display(),
                quoted(others)
            ));
        }
        notes
    }

    /// Image pairs in a run of each arm; each source is opened once.
    ///
    /// # Errors
    /// If one cannot be opened, or an arm that is to run has an objective that cannot work with it.
    pub(super) fn pairs(&self, registry: &Registry) -> anyhow::Result<Vec<u64>> {
        let mut opened: BTreeMap<String, Arc<dyn Source>> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (index, (arm, settings)) in self.arms().enumerate() {
            let (spec, options) = (&settings.data.source, images::options(settings));
            let key = format!("{spec} {options:?}");
            let source = match opened.get(&key) {
                Some(source) => Arc::clone(source),
                None => images::open(spec, &options)?,
            };
            if self.chosen.contains(&index) {
                objective(settings, &*source, registry, &Device::flex())
                    .with_context(|| format!("arm `{}`", arm.name))?;
            }
            let steps = source.len() / settings.train.batch_size;
            opened.insert(key, source);
            pairs.push((steps * settings.train.batch_size) as u64 * settings.schedule.epochs);
        }
        Ok(pairs)
    }

    /// The study's seeds and others of which its folder holds runs.
    pub(super) fn seeds_there(&self) -> Vec<u64> {
        let folders = self.study.arms.iter().map(|arm| self.out.join("runs").join(&arm.name));
        let seed = |name: String| name.strip_prefix("seed-")?.parse().ok();
        let there: BTreeSet<u64> =
            folders.flat_map(|folder| names_in(&folder)).filter_map(seed).collect();
        let others = there.into_iter().filter(|seed| !self.study.seeds.contains(seed));
        self.study.seeds.iter().copied().chain(others).collect()
    }

    /// Refuses runs in the study's folder that were begun with other settings than their arms have.
    ///
    /// # Errors
    /// If there is one, or one cannot be read.
    pub(super) fn refuse_other_runs(&self) -> anyhow::Result<()> {
        for (arm, settings) in self.arms() {
            for &seed in &self.study.seeds {
                let folder = self.folder_of(&arm.name, seed);
                let Some(earlier) = Earlier::read(&folder)? else { continue };
                let earlier = earlier.settings()?;
                let mut settings = settled_as(settings, &earlier);
                settings.train.seed = seed;
                if let Err(error) = refuse_changes(&earlier, &settings) {
                    bail!(Usage::new(format!("`{}`: {error}", folder.display())).hint(
                        "another `--out` begins the study anew; the settings it was begun \
                             with go on with it"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A study's name, what messages call its file, and its text.
fn open(study: &str) -> anyhow::Result<(String, PathBuf, String)> {
    if let Some(named) = studies::find(study) {
        let path = PathBuf::from(format!("{}.toml", named.name));
        return Ok((named.name.to_owned(), path, named.text.to_owned()));
    }
    let path = Path::new(study);
    let is_file = path.extension().is_some_and(|extension| extension == "toml");
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    if let (true, Some(stem)) = (is_file, stem) {
        return match fs::read_to_string(path) {
            Ok(text) => Ok((stem, path.to_owned(), text)),
            Err(error) => bail!(Usage::new(format!("cannot read `{study}`: {error}"))),
        };
    }
    let shown = study.escape_debug();
    let unknown = Usage::new(format!(
        "study `{shown}` is unknown, expected a file `*.toml` or one of {}",
        studies::names()
    ));
    match nearest(study, studies::ALL.iter().map(|study| study.name)) {
        Some(name) => bail!(unknown.hint(format!("did you mean `{name}`?"))),
        None => bail!(unknown),
    }
}

/// Whether runs have the size that the study gives them, and not that of a preset that was named.
fn keeps_sizing(arguments: &CompareArguments) -> bool {
    arguments.preset.is_none()
}

/// The names in a folder, in order; none where it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The key of what was typed after `--set`.
fn typed_key(text: &str) -> Option<&str> {
    Some(text.split_once('=')?.0.trim())
}

/// Whether a key was typed after `--set`.
fn sets(arguments: &CompareArguments, key: &str) -> bool {
    arguments.set.iter().any(|text| typed_key(text) == Some(key))
}

/// Whether a key is a constant of objectives, which a reference, having one of its own, need not know.
fn is_constant(key: &str) -> bool {
    key.starts_with("objective.") && key != "objective.name"
}

/// An arm's settings as if they had been typed, and those among them that the study states.
fn typed(study: &Study, arm: &Arm, arguments: &CompareArguments) -> (TypedSettings, Vec<Setting>) {
    let data = arguments.data.as_ref();
    let of_all = study.settings.iter().filter(|s| !arm.is_reference || !is_constant(&s.key));
    let settings: Vec<Setting> = of_all
        .chain(&arm.settings)
        .filter(|setting| !setting.is_sizing || keeps_sizing(arguments))
        .filter(|setting| data.is_none() || !IMAGES.contains(&setting.key.as_str()))
        .cloned()
        .collect();
    let set = settings.iter().map(|setting| format!("{}={}", setting.key, setting.text()));
    let is_skipped = |text: &&String| arm.is_reference && typed_key(text).is_some_and(is_constant);
    let typed_too = arguments.set.iter().filter(|text| !is_skipped(text));
    // With other images k-NN holds some of them out, whatever the preset says.
    let no_probe = ["probe.train=", "probe.test="].map(str::to_owned);
    let no_probe = no_probe.into_iter().filter(|_| data.is_some());
    let option =
        |value: &String| TypedOption { flag: "--data", key: "data.source", value: value.clone() };
    let typed = TypedSettings {
        preset: arguments.preset.clone().or_else(|| study.preset.clone()),
        config: None,
        options: data.map(option).into_iter().collect(),
        set: set.chain(no_probe).chain(typed_too.cloned()).collect(),
    };
    (typed, settings)
}

/// Refuses what was typed where it would undo what the study compares.
fn refuse_options(study: &Study, arguments: &CompareArguments) -> anyhow::Result<()> {
    for key in arguments.set.iter().filter_map(|text| typed_key(text)) {
        if key == SEED {
            bail!(
                Usage::new(format!(
                    "`--set {SEED}` is not possible: each run has a seed of its own"
                ))
                .hint("choose them with `--seeds 0,1,2`")
            );
        }
        let is_stated = |setting: &Setting| {
            setting.key == key && (!setting.is_sizing || keeps_sizing(arguments))
        };
        if study.arms.iter().any(|arm| arm.settings.iter().any(is_stated)) {
            bail!(
                Usage::new(format!("`--set {key}`: arms of the study differ in this key"))
                    .hint("write the study down with other values: docs/studies.md")
            );
        }
    }
    if arguments.data.is_some() {
        let settings = study.arms.iter().flat_map(|arm| &arm.settings);
        let mut differing = settings.filter(|s| !s.is_sizing && IMAGES.contains(&s.key.as_str()));
        if let Some(Setting { key, .. }) = differing.next() {
            bail!(
                Usage::new(format!("`--data`: arms of the study differ in their images (`{key}`)"))
                    .hint("write the study down with other images: docs/studies.md")
            );
        }
    }
    let mut seeds = arguments.seeds.clone();
    seeds.sort_unstable();
    if let Some(&[seed, _]) = seeds.array_windows().find(|[a, b]| a == b) {
        bail!(Usage::new(format!("`--seeds` has {seed} twice")));
    }
    Ok(())
}

/// Positions of the arms of these names; of all arms where none is named.
fn chosen(study: &Study, only: &[String]) -> anyhow::Result<Vec<usize>> {
    let names: Vec<&str> = study.arms.iter().map(|arm| arm.name.as_str()).collect();
    let unknown: Vec<&str> =
        only.iter().map(String::as_str).filter(|name| !names.contains(name)).collect();
    if !unknown.is_empty() {
        let noun = if unknown.len() == 1 { "arm is" } else { "arms are" };
        let problem = Usage::new(format!(
            "no such {noun} in the study: {}; expected some of {}",
            quoted(unknown.iter().copied()),
            quoted(names.iter().copied())
        ));
        let meant = unknown.iter().filter_map(|name| {
            let meant = nearest(name, names.iter().copied())?;
            Some(format!("`{meant}` for `{}`", name.escape_debug()))
        });
        let meant: Vec<String> = meant.collect();
        if meant.is_empty() {
            bail!(problem);
        }
        bail!(problem.hint(format!("did you mean {}?", meant.join(", "))));
    }
    let is_chosen = |name: &str| only.is_empty() || only.iter().any(|chosen| chosen == name);
    Ok((0..names.len()).filter(|&arm| is_chosen(names[arm])).collect())
}

/// The settings with what images and machine decide taken from a run that had begun: opening images
/// to find out again would take longer than reading what the run measured.
pub(super) fn settled_as(settings: &Settings, earlier: &Settings) -> Settings {
    let mut settings = settings.clone();
    if settings.data.channels == 0 {
        settings.data.channels = earlier.data.channels;
    }
    let views = &mut settings.views;
    views.resize = views.resize.max(views.image_size);
    for view in [&mut views.a, &mut views.b, &mut views.small] {
        *view = view.for_channels(settings.data.channels);
    }
    for (own, decided) in
        [(&mut views.mean, &earlier.views.mean), (&mut views.std, &earlier.views.std)]
    {
        if own.values().is_empty() {
            own.clone_from(decided);
        }
    }
    if settings.train.precision == "auto" {
        settings.train.precision.clone_from(&earlier.train.precision);
    }
    settings
}
