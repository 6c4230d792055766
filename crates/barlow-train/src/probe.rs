//! What the representation is worth along the way: k-NN accuracy and effective ranks.

use std::sync::Arc;

use barlow_data::loader::BadImage;
use barlow_data::source::{Source, Subset};
use barlow_data::views::ViewPipeline;
use barlow_eval::{EvalError, Features, KnnConfig, align_labels, effective_rank, knn};
use barlow_nn::{Network, Pass};
use barlow_random::{Key, Permutation};
use burn::module::Module;
use burn::tensor::Device;

use crate::represent::{RepresentConfig, RepresentError, represent, rows};
use crate::settings::ProbeSettings;

/// Images whose representations and embeddings are counted for effective rank: an eigenproblem of
/// this size takes a second or two.
const RANK_IMAGES: usize = 1024;

/// One image in so many is held out as a query where there is no test source.
const HELD_OUT: u64 = 10;

/// The purpose of the key that holds queries out.
const HOLD_OUT: u64 = u64::from_be_bytes(*b"hold-out");

/// The images a run is measured by.
#[derive(Debug)]
pub struct Probe {
    bank: Arc<dyn Source>,
    queries: Option<Arc<dyn Source>>,
    has_labels: bool,
    knn: KnnConfig,
    seed: u64,
}

/// What they say of a network.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// k-NN accuracy, 0..1; `None` without labels in the bank.
    pub knn: Option<f64>,
    /// Effective rank of the representation.
    pub representation_rank: f64,
    /// Effective rank of the embedding.
    pub embedding_rank: f64,
    /// Images that could not be decoded and were left out.
    pub bad_images: Vec<BadImage>,
}

impl Probe {
    /// A probe on a bank of images and, if given, queries of their own. Without labels it measures
    /// ranks only.
    pub fn new(
        bank: Arc<dyn Source>,
        queries: Option<Arc<dyn Source>>,
        settings: &ProbeSettings,
        seed: u64,
    ) -> Self {
        let has_labels = bank.classes().len() > 1;
        let most = if has_labels { settings.max_images } else { RANK_IMAGES };
        let limit = |source: Arc<dyn Source>| -> Arc<dyn Source> {
            if most > 0 && source.len() > most {
                Arc::new(Subset::sample(source, most, seed))
            } else {
                source
            }
        };
        Self {
            bank: limit(bank),
            queries: queries.filter(|_| has_labels).map(limit),
            has_labels,
            knn: KnnConfig { k: settings.k, temperature: settings.temperature },
            seed,
        }
    }

    /// What the probe is, for the user.
    pub fn describe(&self) -> String {
        let KnnConfig { k, temperature } = self.knn;
        let bank = self.bank.len();
        if !self.has_labels {
            return format!("no labels, so no k-NN; effective rank of {bank} images");
        }
        match &self.queries {
            Some(queries) => format!(
                "k-NN (k {k}, temperature {temperature}) of {} images against {bank}",
                queries.len()
            ),
            None => format!(
                "k-NN (k {k}, temperature {temperature}); no test images were given, so a seeded \
                 tenth of {bank} is held out of the bank as queries"
            ),
        }
    }

    /// Measures a network in evaluation mode; without `with_knn` its ranks only, which needs few
    /// images.
    ///
    /// # Errors
    /// If the images cannot be loaded.
    pub fn measure(
        &self,
        network: &Network,
        pipeline: &Arc<ViewPipeline>,
        device: &Device,
        config: RepresentConfig,
        with_knn: bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Measurement, RepresentError> {
        let network = network.valid();
        let with_knn = with_knn && self.has_labels;
        let bank: Arc<dyn Source> = if with_knn {
            Arc::clone(&self.bank)
        } else {
            Arc::new(Subset::spread(Arc::clone(&self.bank), RANK_IMAGES))
        };
        let queries = self.queries.as_ref().filter(|_| with_knn);
        let total = bank.len() + queries.map_or(0, |queries| queries.len());
        let mut bad_images = Vec::new();
        let mut features = |source: &Arc<dyn Source>, before: usize| {
            let mut progress = |done| {
                progress(before + done, total);
                true
            };
            let (source, pipeline) = (Arc::clone(source), Arc::clone(pipeline));
            represent(&network.encoder, source, pipeline, device, config, &mut progress).map(
                |(features, bad)| {
                    bad_images.extend(bad);
                    features
                },
            )
        };
        let before = bank.len();
        let bank = features(&bank, 0)?;
        let accuracy = if with_knn {
            let outcome = if let Some(queries) = queries {
                let own = queries.classes();
                let mut queries = features(queries, before)?;
                align_labels(&mut queries, own, self.bank.classes());
                knn(&bank, &queries, self.knn)
            } else {
                let (bank, queries) = self.hold_out(&bank);
                knn(&bank, &queries, self.knn)
            };
            match outcome {
                Ok(outcome) => Some(outcome.accuracy),
                Err(EvalError::NoLabels) => None,
                Err(error) => return Err(error.into()),
            }
        } else {
            None
        };
        let sample = bank.spread(RANK_IMAGES);
        let embedding = network
            .projector
            .forward(rows(&sample, 0..sample.len(), device), &Pass::evaluation(config.precision))?;
        let embedding_dim = embedding.dims()[1];
        let embedding: Vec<f32> = embedding.into_data().iter::<f32>().collect();
        Ok(Measurement {
            knn: accuracy,
            representation_rank: effective_rank(&sample.values, sample.dim),
            embedding_rank: effective_rank(&embedding, embedding_dim),
            bad_images,
        })
    }

    /// A seeded tenth of the bank as queries, and the rest.
    fn hold_out(&self, bank: &Features) -> (Features, Features) {
        let len = self.bank.len() as u64;
        let key = Key { seed: self.seed, purpose: HOLD_OUT, ..Key::default() };
        let order = Permutation::new(key, len.max(1));
        let is_query = |index: usize| order.at(bank.ids[index]).is_multiple_of(HELD_OUT);
        (bank.filter(|index| !is_query(index)), bank.filter(is_query))
    }
}
