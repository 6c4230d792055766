//! One linear SVM a class, for sets whose images may show several classes: the protocol of VOC07.
//!
//! Features have length 1. A class's cost is the one with the best mean average precision over folds of
//! the training set.

mod dual;

use barlow_random::Key;
use rayon::prelude::*;

use self::dual::{Problem, Solution};
use crate::average_precision::{PrecisionRule, average_precision};
use crate::error::EvalError;
use crate::features::Features;
use crate::linear::LinearClassifier;
use crate::metrics::check_table;

/// The purpose of the key that orders coordinates.
const ORDER: u64 = u64::from_be_bytes(*b"svmorder");

/// The protocol's constants.
#[derive(Debug, Clone, PartialEq)]
pub struct SvmConfig {
    /// What a violated margin costs, each above 0, to choose from.
    pub costs: Vec<f64>,
    /// Parts that each are judged by an SVM of the others, at least 2; not needed with one cost.
    pub folds: usize,
    /// How much more a margin costs of an image that shows the class.
    pub positive_weight: f64,
    /// Passes over the images after which the descent ends in any case, at least 1.
    pub most_passes: usize,
    /// Differences of projected gradients at which it ends, above 0.
    pub tolerance: f64,
    /// Draws the order of coordinates.
    pub seed: u64,
}

impl Default for SvmConfig {
    /// VISSL's: three folds, positive images weigh 2, at most 2000 passes, tolerance 1e-4.
    fn default() -> Self {
        Self {
            costs: vec![0.01, 0.1, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 50.0, 100.0, 1000.0],
            folds: 3,
            positive_weight: 2.0,
            most_passes: 2000,
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

/// Trained SVMs, and how their costs were found.
#[derive(Debug, Clone, PartialEq)]
pub struct SvmOutcome {
    /// Scores of [normalised](Features::normalised) features.
    pub classifier: LinearClassifier,
    /// The cost of each class.
    pub costs: Vec<f64>,
    /// For each class the mean average precision over the folds of every cost, 0..1; empty where there
    /// was one cost only.
    pub fold_precisions: Vec<Vec<f64>>,
}

/// Trains an SVM for each class: `‖w‖² / 2 + Σ Cᵢ max(0, 1 - yᵢ w·xᵢ)²`, `x` of length 1 with a further
/// value of 1 for the bias, which is penalised as the weights are.
///
/// Of equally good costs the earlier is taken. Folds are those of scikit-learn's `StratifiedKFold`
/// without shuffling.
///
/// # Shapes
/// - `labels`: `[n, classes]`, above 0 present, below 0 absent, 0 left out
///
/// # Numerics
/// f64. The same for every number of threads.
///
/// # Errors
/// If features are malformed or not finite, there is not one label for each image and class, a class has
/// fewer positive or negative images than there are folds, or a setting is out of range.
///
/// # Source
/// VISSL's benchmark of linear SVMs on VOC07 (Goyal et al., 2019), which runs scikit-learn's
/// `LinearSVC(dual=True, class_weight={1: 2, -1: 1})`, that is liblinear.
pub fn train_svm(
    features: &Features,
    labels: &[i8],
    classes: usize,
    config: &SvmConfig,
) -> Result<SvmOutcome, EvalError> {
    config.check()?;
    features.check()?;
    EvalError::unless(classes > 0, "number of classes", 0.0, "at least 1")?;
    check_table(labels.len(), features.len(), classes)?;
    let least = if config.costs.len() > 1 { config.folds } else { 1 };
    for class in 0..classes {
        let own = labels.iter().skip(class).step_by(classes);
        let positive = own.clone().filter(|label| **label > 0).count();
        let negative = own.filter(|label| **label < 0).count();
        if positive < least || negative < least {
            return Err(EvalError::FewImages { class, positive, negative, least });
        }
    }
    let features = features.normalised();
    let of_class = |class: usize| {
        let label = |i: usize| labels[i * classes + class];
        let images: Vec<usize> = (0..features.len()).filter(|&i| label(i) != 0).collect();
        let signs: Vec<i8> = images.iter().map(|&i| label(i).signum()).collect();
        (images, signs)
    };
    let mut fold_precisions = vec![vec![]; classes];
    if config.costs.len() > 1 {
        let tasks = classes * config.folds;
        let precisions: Vec<Vec<f64>> = (0..tasks)
            .into_par_iter()
            .map(|task| {
                let (class, fold) = (task / config.folds, task % config.folds);
                let (images, signs) = of_class(class);
                config.judge(&features, &images, &signs, class, fold)
            })
            .collect::<Result<_, _>>()?;
        for (class, folds) in precisions.chunks_exact(config.folds).enumerate() {
            let mean = |cost: usize| {
                folds.iter().map(|fold| fold[cost]).sum::<f64>() / config.folds as f64
            };
            fold_precisions[class] = (0..config.costs.len()).map(mean).collect();
        }
    }
    let best = |precisions: &Vec<f64>| {
        let first_best = |best, at| if precisions[at] > precisions[best] { at } else { best };
        config.costs[(0..precisions.len()).fold(0, first_best)]
    };
    let costs: Vec<f64> = fold_precisions.iter().map(best).collect();
    let solutions: Vec<Vec<f64>> = (0..classes)
        .into_par_iter()
        .map(|class| {
            let (images, signs) = of_class(class);
            let problem = problem(&features, images.iter().copied().zip(signs));
            let mut solution = Solution::zero(images.len(), features.dim);
            config.descend(&mut solution, &problem, costs[class], class, config.folds);
            solution.weights
        })
        .collect();
    let (weights, bias): (Vec<&[f64]>, Vec<&[f64]>) =
        solutions.iter().map(|solution| solution.split_at(features.dim)).unzip();
    let single = |values: Vec<&[f64]>| values.concat().into_iter().map(|v| v as f32).collect();
    let (weights, bias) = (single(weights), single(bias));
    let classifier = LinearClassifier { classes, dim: features.dim, weights, bias };
    Ok(SvmOutcome { classifier, costs, fold_precisions })
}

impl SvmConfig {
    /// Whether every number is in its range.
    ///
    /// # Errors
    /// With the first that is not.
    pub fn check(&self) -> Result<(), EvalError> {
        let (positive, whole) = ("above 0 and finite", "at least 1");
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        EvalError::unless(!self.costs.is_empty(), "number of costs", 0.0, whole)?;
        for &cost in &self.costs {
            EvalError::unless(is_positive(cost), "cost", cost, positive)?;
        }
        EvalError::unless(self.folds >= 2, "folds", self.folds as f64, "at least 2")?;
        let weight = self.positive_weight;
        EvalError::unless(is_positive(weight), "weight of positive images", weight, positive)?;
        EvalError::unless(self.most_passes > 0, "passes", 0.0, whole)?;
        EvalError::unless(is_positive(self.tolerance), "tolerance", self.tolerance, positive)
    }

    fn descend(
        &self,
        solution: &mut Solution,
        problem: &Problem,
        cost: f64,
        class: usize,
        fold: usize,
    ) {
        let (epoch, position) = (class as u64, fold as u64);
        let mut stream = Key { seed: self.seed, purpose: ORDER, epoch, position }.stream();
        let cost = |sign: f64| if sign > 0.0 { self.positive_weight * cost } else { cost };
        solution.descend(problem, cost, self.tolerance, self.most_passes, &mut stream);
    }

    /// The average precision of every cost on one fold, by SVMs of the others. Each cost begins where
    /// the one before ended.
    fn judge(
        &self,
        features: &Features,
        images: &[usize],
        signs: &[i8],
        class: usize,
        fold: usize,
    ) -> Result<Vec<f64>, EvalError> {
        let folds = folds(signs, self.folds);
        let judged: Vec<usize> = (0..images.len()).filter(|&at| folds[at] == fold).collect();
        let kept = (0..images.len()).filter(|&at| folds[at] != fold);
        let problem = problem(features, kept.map(|at| (images[at], signs[at])));
        let labels: Vec<i8> = judged.iter().map(|&at| signs[at]).collect();
        let mut solution = Solution::zero(problem.rows.len(), features.dim);
        let precision = |&cost: &f64| {
            self.descend(&mut solution, &problem, cost, class, fold);
            let score = |&at: &usize| solution.score(features.row(images[at])) as f32;
            let scores: Vec<f32> = judged.iter().map(score).collect();
            let found = average_precision(&scores, &labels, PrecisionRule::EveryThreshold)?;
            Ok(found.unwrap_or(0.0))
        };
        self.costs.iter().map(precision).collect()
    }
}

fn problem(features: &Features, images: impl Iterator<Item = (usize, i8)>) -> Problem<'_> {
    let (rows, signs) = images.map(|(image, sign)| (features.row(image), f64::from(sign))).unzip();
    Problem { rows, signs }
}

/// The fold of each image, as `StratifiedKFold` without shuffling has it: the images, sorted by class
/// (in order of appearance), are dealt out to learn how many of a class each fold gets; of each class
/// the first images in the set's order then go to the first fold.
fn folds(signs: &[i8], folds: usize) -> Vec<usize> {
    let Some(&first) = signs.first() else { return vec![] };
    let firsts = signs.iter().filter(|sign| **sign == first).count();
    let mut allotted: [Vec<usize>; 2] = [vec![], vec![]];
    for fold in 0..folds {
        let dealt = (fold..signs.len()).step_by(folds);
        let of_first = dealt.clone().filter(|&at| at < firsts).count();
        let of_second = dealt.len() - of_first;
        allotted[0].extend(std::iter::repeat_n(fold, of_first));
        allotted[1].extend(std::iter::repeat_n(fold, of_second));
    }
    let mut next = [0, 0];
    let of = |sign: &i8| {
        let class = usize::from(*sign != first);
        next[class] += 1;
        allotted[class][next[class] - 1]
    };
    signs.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
