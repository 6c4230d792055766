//! The model card: what a file of weights is, where it comes from, how it is used, what it scored.

use std::fmt;
use std::path::Path;

use barlow_train::settings::Settings;
use barlow_weights::onnx::ExportOptions;
use barlow_weights::tensor_file::Tensors;
use barlow_weights::{EncoderFacts, Stem};
use serde_json::Value;

use crate::arguments::ExportFormat;
use crate::settings::from_config_toml;
use crate::weights_file::in_words;

/// What the folder of the run says.
#[derive(Debug)]
pub(crate) struct RunFacts {
    settings: Settings,
    /// The lines above the settings: program, device, processor, preset.
    environment: Vec<String>,
    /// The last record of kind `epoch`.
    last_epoch: Option<Value>,
    /// Lines of `bad_images.jsonl`.
    bad_images: usize,
}

impl RunFacts {
    /// The facts of the run in whose folder the weights lie, if they do.
    pub(crate) fn beside(weights: &Path) -> Option<Self> {
        let folder = weights.parent()?;
        let path = folder.join("config.toml");
        let text = std::fs::read_to_string(&path).ok()?;
        let settings = from_config_toml(&text, &path).ok()?;
        let comments = text.lines().take_while(|line| line.starts_with('#'));
        let environment = comments.map(|line| line.trim_start_matches(['#', ' ']).to_owned());
        let lines = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let metrics = lines("metrics.jsonl");
        let mut records = metrics.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        Some(Self {
            environment: environment.collect(),
            last_epoch: records.find(|record: &Value| record["kind"] == "epoch"),
            bad_images: lines("bad_images.jsonl").lines().count(),
            settings,
        })
    }
}

/// A model card, written as Markdown by `Display`.
pub(crate) struct ModelCard<'a> {
    pub(crate) facts: &'a EncoderFacts,
    pub(crate) run: Option<RunFacts>,
    /// Results as `--json` printed them.
    pub(crate) scores: Vec<Value>,
    pub(crate) format: ExportFormat,
    pub(crate) options: ExportOptions,
    /// Name of the file that the card is of.
    pub(crate) file: String,
    pub(crate) projector: Option<&'a Tensors>,
}

impl fmt::Display for ModelCard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}\n", self.file)?;
        self.what_it_is(f)?;
        self.use_of_it(f)?;
        self.data_and_recipe(f)?;
        self.scores(f)?;
        self.versions(f)
    }
}

impl ModelCard<'_> {
    fn what_it_is(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let facts = self.facts;
        let config = &facts.encoder;
        writeln!(f, "An image encoder: {}.", in_words(config))?;
        writeln!(f, "Trained by: {}, {} epochs.\n", facts.objective, facts.epoch)?;
        writeln!(f, "| | |\n|---|---|")?;
        let side = facts.image_size;
        writeln!(f, "| input | `[n, {}, {side}, {side}]`, f32 |", config.channels)?;
        writeln!(f, "| output | representation `[n, {}]` |", config.representation_dim())?;
        if self.projector.is_some() {
            writeln!(f, "| projector | written with it |")?;
        }
        let (resize, side) = (facts.resize, facts.image_size);
        writeln!(
            f,
            "| images | shorter side to {resize} px (bilinear), centre crop of {side} px |"
        )?;
        writeln!(f, "| values | 0..1, minus {:?}, divided by {:?} |", facts.mean, facts.std)?;
        if !facts.files.is_null() {
            writeln!(f, "| files become values by | `{}` |", facts.files)?;
        }
        writeln!(f)
    }

    fn use_of_it(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "## Use\n")?;
        let file = &self.file;
        match self.format {
            ExportFormat::Onnx => {
                let input = if self.options.normalises { "0..1" } else { "normalised as above" };
                writeln!(
                    f,
                    "Values of the input: {input}.\n\n```python\nimport onnxruntime\nsession = \
                     onnxruntime.InferenceSession(\"{file}\")\n[representation] = \
                     session.run([\"representation\"], {{\"image\": images}})\n```\n"
                )
            }
            ExportFormat::Safetensors | ExportFormat::Torch => {
                let load = match self.format {
                    ExportFormat::Torch => format!("torch.load(\"{file}\", weights_only=True)"),
                    _ => format!("safetensors.torch.load_file(\"{file}\")"),
                };
                self.in_torchvision(f, &load)
            }
        }
    }

    /// How the file is loaded into torchvision's class, whose width is 64.
    fn in_torchvision(&self, f: &mut fmt::Formatter, load: &str) -> fmt::Result {
        let config = &self.facts.encoder;
        if config.width != 64 {
            return writeln!(
                f,
                "The tensors have torchvision's names, but torchvision has no encoder of width {}: \
                 use `barlow embed`, or export as ONNX.\n",
                config.width
            );
        }
        let (name, channels) = (config.name.as_str(), config.channels);
        let stem = match config.stem {
            Stem::Small => format!(
                "encoder.conv1 = torch.nn.Conv2d({channels}, 64, 3, 1, 1, bias=False)\n\
                 encoder.maxpool = torch.nn.Identity()\n"
            ),
            Stem::Standard if channels != 3 => {
                format!("encoder.conv1 = torch.nn.Conv2d({channels}, 64, 7, 2, 3, bias=False)\n")
            }
            Stem::Standard => String::new(),
        };
        let only = if self.projector.is_some() {
            "weights = {k: v for k, v in weights.items() if not k.startswith(\"projector.\")}\n"
        } else {
            ""
        };
        writeln!(
            f,
            "```python\nimport torch, torchvision, safetensors.torch\nencoder = \
             torchvision.models.{name}()\nencoder.fc = torch.nn.Identity()\n{stem}weights = \
             {load}\n{only}\
             encoder.load_state_dict(weights)\n```\n"
        )
    }

    fn data_and_recipe(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "## Data and recipe\n")?;
        let Some(RunFacts { settings, bad_images, .. }) = &self.run else {
            return writeln!(f, "Not known: the weights do not lie in the folder of a run.\n");
        };
        let Settings { data, objective, optimizer, schedule, train, projector, views, .. } =
            settings;
        writeln!(f, "| | |\n|---|---|")?;
        writeln!(f, "| images | `{}` |", data.source)?;
        if data.max_images > 0 || data.fraction < 1.0 {
            let most = if data.max_images > 0 { data.max_images.to_string() } else { "all".into() };
            writeln!(f, "| of these | {} of each class, the first {most} |", data.fraction)?;
        }
        writeln!(f, "| images skipped | {bad_images} |")?;
        let constants = objective.constants.iter().map(|(name, value)| format!(", {name} {value}"));
        let constants: String = constants.collect();
        writeln!(f, "| objective | {}{constants} |", objective.name)?;
        writeln!(f, "| projector | {} |", projector.widths)?;
        writeln!(
            f,
            "| optimizer | {:?}, base rates {} and {} per 256 images, weight decay {} |",
            optimizer.name,
            optimizer.base_learning_rate,
            optimizer.base_learning_rate_biases,
            optimizer.weight_decay
        )?;
        writeln!(
            f,
            "| schedule | {} epochs, {} of warm-up, batches of {} |",
            schedule.epochs, schedule.warmup_epochs, train.batch_size
        )?;
        writeln!(f, "| views | two of {} px |", views.image_size)?;
        writeln!(f, "| seed, precision | {}, {} |\n", train.seed, train.precision)?;
        writeln!(f, "Everything else is in the run's config.toml, which repeats the run.\n")
    }

    fn scores(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "## Scores\n")?;
        let measured = self.run.as_ref().and_then(|run| {
            let record = run.last_epoch.as_ref()?;
            Some((record["knn"].as_f64()?, record["epoch"].as_u64()?, &run.settings.probe))
        });
        if let Some((accuracy, epoch, probe)) = measured {
            let or = |spec: &str, other: &str| {
                if spec.is_empty() { other.to_owned() } else { format!("`{spec}`") }
            };
            writeln!(
                f,
                "- k-NN along the way, after epoch {epoch}: {:.2} % (k {}, temperature {}, cosine; \
                 bank {}, queries {})",
                100.0 * accuracy,
                probe.k,
                probe.temperature,
                or(&probe.train, "the training images"),
                or(&probe.test, "a seeded tenth held out of the bank")
            )?;
        }
        for score in &self.scores {
            match score["results"].as_array() {
                Some(results) if score["accuracy"].is_null() => {
                    results.iter().try_for_each(|r| writeln!(f, "- {}", in_one_line(r)))?;
                }
                _ => writeln!(f, "- {}", in_one_line(score))?,
            }
        }
        if measured.is_none() && self.scores.is_empty() {
            writeln!(
                f,
                "None was given: measure with `barlow knn` or `barlow probe`, and export with `--score`."
            )?;
        }
        writeln!(f)
    }

    fn versions(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "## Versions\n")?;
        writeln!(f, "- weights written by barlow {}", self.facts.version)?;
        writeln!(f, "- this file written by barlow {}", env!("CARGO_PKG_VERSION"))?;
        for line in self.run.iter().flat_map(|run| &run.environment) {
            writeln!(f, "- {line}")?;
        }
        Ok(())
    }
}

/// A result with its protocol: numbers and words of the document's first level, then its protocol.
fn in_one_line(score: &Value) -> String {
    fn walk(value: &Value, prefix: &str, parts: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        for (key, value) in object {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix} {key}") };
            match value {
                Value::Object(_) => walk(value, &name, parts),
                Value::Array(_) | Value::Null => {}
                Value::String(text) => parts.push(format!("{name} {text}")),
                other => parts.push(format!("{name} {other}")),
            }
        }
    }
    let mut parts = Vec::new();
    walk(score, "", &mut parts);
    parts.join(", ")
}
