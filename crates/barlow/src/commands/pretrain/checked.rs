//! A run whose settings, images and memory were looked at: it can be trained, alone or as one of many.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use barlow_data::source::Source;
use barlow_data::views::ViewPipeline;
use barlow_nn::Precision;
use barlow_nn::collective::SingleRank;
use barlow_objectives::Registry;
use barlow_train::interrupt::Interrupt;
use barlow_train::probe::Probe;
use barlow_train::run::{Outcome, Run, loader, objective, train};
use barlow_train::run_directory::{OpenMode, RunDirectory, RunState};
use barlow_train::settings::Settings;
use barlow_weights::tensor_file::Tensors;
use barlow_weights::{EncoderConfig, Stem};

use crate::commands::output;
use crate::commands::progress::Progress;
use crate::devices::DeviceChoice;
use crate::doctor::{self, Report};
use crate::exit::{Advised, Usage};
use crate::images;
use crate::settings::{Resolution, changed_keys, from_config_toml, to_config_toml};
use crate::weights_file::{WeightsFile, in_words, projector_config};

/// The file that holds a run's settings.
const CONFIG: &str = "config.toml";

/// What an earlier process left of a run.
#[derive(Debug)]
pub(crate) struct Earlier {
    folder: PathBuf,
    text: String,
}

impl Earlier {
    /// What lies in a run's directory; nothing if no run was begun there.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(CONFIG);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("`{}` cannot be read", path.display()))?;
        Ok(Some(Self { folder: folder.to_owned(), text }))
    }

    /// The file of its settings.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// Its settings.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        Ok(from_config_toml(&self.text, &self.config())?)
    }

    fn has_checkpoint(&self) -> bool {
        self.folder.join("checkpoints/latest").exists()
    }
}

/// A run that can begin or go on; nothing is written yet.
#[derive(Debug)]
pub(crate) struct CheckedRun {
    settings: Settings,
    preset: String,
    source: Arc<dyn Source>,
    /// What the source had to say when it was opened.
    remarks: Vec<String>,
    pipeline: Arc<ViewPipeline>,
    probe: Probe,
    initial: Option<Tensors>,
    device: DeviceChoice,
    environment: String,
}

impl CheckedRun {
    /// Opens the images and settles what only they and the machine can tell.
    ///
    /// # Errors
    /// If they cannot be used, do not fit the settings, the objective or the machine's memory, or an
    /// earlier run had other settings.
    pub(crate) fn new(
        resolution: Resolution,
        earlier: Option<&Earlier>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let Resolution { mut settings, preset, .. } = resolution;
        let source = images::open(&settings.data.source, &images::options(&settings))?;
        let source = images::cached(&settings, source)?;
        let remarks = source.remarks();
        for remark in &remarks {
            output::message(remark);
        }
        images::settle(&mut settings, &*source)?;
        let device: DeviceChoice = settings.train.device.parse()?;
        // What this machine chooses is what the run is, wherever it is resumed.
        let precision = Precision::of(&settings.train.precision, &device.open());
        precision.name().clone_into(&mut settings.train.precision);
        if let Some(earlier) = earlier {
            refuse_changes(&earlier.settings()?, &settings)?;
        }
        let pipeline = images::pipeline(&settings)?;
        let probe = probe(&settings, &source)?;
        let machine = doctor::examine();
        refuse_beyond_memory(&settings, &machine)?;
        loader(&settings, &source, &pipeline)?;
        objective(&settings, &*source, registry, &device.open())?;
        let has_begun = earlier.is_some_and(Earlier::has_checkpoint);
        let initial = if has_begun { None } else { initial(&settings)? };
        let environment = environment(&device, &machine);
        Ok(Self {
            settings,
            preset,
            source,
            remarks,
            pipeline,
            probe,
            initial,
            device,
            environment,
        })
    }

    /// Its settings, nothing left open.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The preset that filled the gaps.
    pub(crate) fn preset(&self) -> &str {
        &self.preset
    }

    /// Its directory, locked; one that is new gets the settings.
    ///
    /// # Errors
    /// If the directory cannot be used.
    pub(crate) fn open(
        &self,
        path: &Path,
        mode: OpenMode,
        registry: &Registry,
    ) -> anyhow::Result<RunDirectory> {
        let directory = RunDirectory::open(path, mode)?;
        if directory.state() == RunState::Fresh {
            let header = format!("{}\npreset: {}", self.environment, self.preset);
            directory.write_config(&to_config_toml(&self.settings, &header, registry))?;
        }
        Ok(directory)
    }

    /// Trains until the run is finished or interrupted.
    ///
    /// # Errors
    /// If training fails.
    pub(crate) fn train(
        self,
        directory: &RunDirectory,
        registry: &Registry,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Outcome> {
        let run = Run {
            settings: &self.settings,
            source: Arc::clone(&self.source),
            pipeline: Arc::clone(&self.pipeline),
            probe: self.probe,
            registry,
            collective: &SingleRank,
            initial: self.initial.as_ref(),
            device: self.device.open(),
            directory,
            version: env!("CARGO_PKG_VERSION"),
            environment: self.environment,
        };
        let mut progress = Progress::new();
        let result = train(&run, &mut progress, &|| interrupt.requested());
        progress.clear();
        let outcome = result?;
        for remark in self.source.remarks().iter().filter(|r| !self.remarks.contains(r)) {
            output::message(remark);
        }
        Ok(outcome)
    }
}

/// The weights that the run begins with, if a file of them is named.
fn initial(settings: &Settings) -> anyhow::Result<Option<Tensors>> {
    if settings.encoder.init.is_empty() {
        return Ok(None);
    }
    let path = Path::new(&settings.encoder.init);
    let file = WeightsFile::open(path, None)?;
    let wanted = settings.encoder.config(settings.data.channels);
    let zero_init_residual = wanted.zero_init_residual;
    let found = EncoderConfig { zero_init_residual, ..file.facts.encoder };
    if found != wanted {
        bail!(Advised::new(
            format!(
                "`{}` holds {}, the run has {}",
                path.display(),
                in_words(&found),
                in_words(&wanted)
            ),
            format!(
                "`--encoder {} --width {} --set encoder.stem={} --set data.channels={}` takes the encoder of \
                 the file",
                found.name.as_str(),
                found.width,
                if found.stem == Stem::Small { "small" } else { "standard" },
                found.channels
            )
        ));
    }
    let named = |part: &str, tensors: Tensors| {
        let part = part.to_owned();
        tensors.into_iter().map(move |(name, array)| (format!("{part}.{name}"), array))
    };
    let mut initial: Tensors = named("encoder", file.encoder).collect();
    if let Some(projector) = file.projector {
        if projector_config(&projector)? == settings.projector {
            initial.extend(named("projector", projector));
        } else {
            output::message("the projector of the weights has other widths and is left");
        }
    }
    Ok(Some(initial))
}

/// A resumed run has the settings it began with.
pub(crate) fn refuse_changes(earlier: &Settings, settings: &Settings) -> anyhow::Result<()> {
    let changes = changed_keys(earlier, settings);
    if changes.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = changes
        .iter()
        .map(|(key, then, now)| format!("\n  `{key}`: {then} then, {now} now"))
        .collect();
    bail!(
        Usage::new(format!("the run was begun with other settings:{}", list.concat()))
            .hint("leave these out to resume it, or start a new run with `--out`")
    )
}

/// The images that the encoder is measured by.
fn probe(settings: &Settings, source: &Arc<dyn Source>) -> anyhow::Result<Probe> {
    let probe = &settings.probe;
    let whole = images::whole(settings.data.decode.clone(), 0, settings.train.seed);
    let bank = match probe.train.as_str() {
        "" => Arc::clone(source),
        spec => images::open_labelled(spec, &whole)?,
    };
    let queries = match probe.test.as_str() {
        "" => None,
        spec => Some(images::open_labelled(spec, &whole)?),
    };
    if queries.is_some() && bank.classes().is_empty() {
        bail!(Advised::new(
            "`probe.test` needs labelled images to compare with, and the training images have none",
            "name labelled images with `--probe-train`"
        ));
    }
    Ok(Probe::new(bank, queries, probe, settings.train.seed))
}

/// Program, device and machine in a line.
fn environment(device: &DeviceChoice, report: &Report) -> String {
    format!(
        "barlow {} ({}) on {device}, {}, {} threads",
        report.version, report.engine, report.processor.model, report.processor.threads
    )
}

/// Refuses what cannot fit: weights of the projector with gradient and momentum, and the views of a
/// batch with one buffered; networks need more than this, so nothing that fits is refused.
fn refuse_beyond_memory(settings: &Settings, machine: &Report) -> anyhow::Result<()> {
    let Some(memory) = &machine.memory else { return Ok(()) };
    let widths = settings.projector.widths.as_slice();
    let input = settings.encoder.config(settings.data.channels).representation_dim();
    let inputs = std::iter::once(&input).chain(widths);
    let weights: u128 = inputs.zip(widths).map(|(&i, &o)| i as u128 * o as u128).sum();
    let side = settings.views.image_size as u128;
    let view = settings.train.batch_size as u128 * settings.data.channels as u128 * side * side;
    let needed = 4 * (3 * weights + 4 * view);
    let gib = |bytes: u128| bytes as f64 / f64::from(1 << 30);
    if needed > u128::from(memory.total_bytes) {
        bail!(
            Usage::new(format!(
                "these settings need at least {:.1} GiB of memory, and the machine has {:.1}",
                gib(needed),
                gib(u128::from(memory.total_bytes))
            ))
            .hint("lower `train.batch_size`, `views.image_size` or `projector.widths`")
        );
    }
    Ok(())
}
