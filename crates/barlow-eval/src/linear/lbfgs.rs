//! L-BFGS: the minimum of a smooth function by its gradients.
//!
//! The two-loop recursion over the last ten steps, with a line search by bisection for the weak Wolfe
//! conditions (Lewis and Overton, 2013), which no convex function defeats.

/// Pairs of steps and gradient changes that are remembered; 10 is the usual choice.
const MEMORY: usize = 10;

/// Sufficient decrease and curvature, as Nocedal and Wright (2006) give them.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// Bisections and doublings in one search; beyond them the function is flat up to rounding.
const MOST_TRIALS: usize = 25;

/// A change of the value by less than this share is rounding: sums over images are f64, what is
/// summed is f32.
const FLAT: f64 = 1e-9;

/// Where the search ended.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    /// The best place found.
    pub(crate) place: Vec<f64>,
    /// The value there.
    pub(crate) value: f64,
    /// Steps taken.
    pub(crate) steps: usize,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

/// Minimises `evaluate`, which returns value and gradient, from `start` on; ends where no component of
/// the gradient exceeds `tolerance`, nothing is gained any more, or after `most_steps`.
pub(crate) fn minimise(
    start: Vec<f64>,
    most_steps: usize,
    tolerance: f64,
    mut evaluate: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Minimum {
    let (mut value, mut gradient) = evaluate(&start);
    let mut place = start;
    let mut pairs: Vec<Pair> = Vec::with_capacity(MEMORY);
    for step in 0..most_steps {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            return Minimum { place, value, steps: step };
        }
        let direction = direction(&gradient, &pairs);
        // Without memory nothing is known of the scale; a step of length 1 at most is safe.
        let first =
            if pairs.is_empty() { (1.0 / dot(&gradient, &gradient).sqrt()).min(1.0) } else { 1.0 };
        let found = search(&place, value, &gradient, &direction, first, &mut evaluate);
        let Some((next, next_value, next_gradient)) = found else {
            return Minimum { place, value, steps: step };
        };
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let (moved, change): (Vec<f64>, Vec<f64>) =
            (difference(&next, &place), difference(&next_gradient, &gradient));
        let product = dot(&moved, &change);
        if product > 0.0 {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push(Pair { step: moved, change, product });
        }
        let gain = value - next_value;
        (place, value, gradient) = (next, next_value, next_gradient);
        if gain <= FLAT * value.abs() {
            return Minimum { place, value, steps: step + 1 };
        }
    }
    Minimum { place, value, steps: most_steps }
}

/// Minus the approximate inverse Hessian times the gradient.
fn direction(gradient: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let factor = dot(&pair.step, &direction) / pair.product;
        add(&mut direction, -factor, &pair.change);
        factors.push(factor);
    }
    if let Some(last) = pairs.last() {
        let scale = last.product / dot(&last.change, &last.change);
        for value in &mut direction {
            *value *= scale;
        }
    }
    for (pair, factor) in pairs.iter().zip(factors.into_iter().rev()) {
        let back = dot(&pair.change, &direction) / pair.product;
        add(&mut direction, factor - back, &pair.step);
    }
    direction
}

/// Place, value and gradient after a step that meets both conditions; else after the longest tried
/// that decreases enough, if any does.
fn search(
    place: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    first: f64,
    evaluate: &mut impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Option<(Vec<f64>, f64, Vec<f64>)> {
    let slope = dot(gradient, direction);
    if slope >= 0.0 || slope.is_nan() {
        return None;
    }
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, first);
    let mut best = None;
    for _ in 0..MOST_TRIALS {
        let mut next = place.to_vec();
        add(&mut next, length, direction);
        let (next_value, next_gradient) = evaluate(&next);
        // A value that is no number fails as a value too high does.
        if next_value <= value + DECREASE * length * slope {
            let is_flat = dot(&next_gradient, direction) >= CURVATURE * slope;
            best = Some((next, next_value, next_gradient));
            if is_flat {
                return best;
            }
            low = length;
        } else {
            high = length;
        }
        length = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * low };
    }
    best
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_form_is_solved() {
        // Σ i (xᵢ - i)² / 2, condition number 40.
        let minimum = minimise(vec![0.0; 40], 200, 1e-10, |x| {
            let terms = x.iter().zip(1..).map(|(x, i)| (f64::from(i), x - f64::from(i)));
            let value = terms.clone().map(|(i, d)| i * d * d / 2.0).sum();
            (value, terms.map(|(i, d)| i * d).collect())
        });
        assert!(minimum.place.iter().zip(1..).all(|(x, i)| (x - f64::from(i)).abs() < 1e-6));
        assert!(minimum.value < 1e-10 && minimum.steps < 80, "{} steps", minimum.steps);
    }

    #[test]
    fn the_valley_of_rosenbrock_ends_at_one() {
        let minimum = minimise(vec![-1.2, 1.0], 200, 1e-9, |x| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
        });
        assert!(minimum.place.iter().all(|x| (x - 1.0).abs() < 1e-6), "{minimum:?}");
    }

    #[test]
    fn what_is_no_number_ends_the_search_where_it_began() {
        let minimum = minimise(vec![1.0], 10, 1e-9, |_| (f64::NAN, vec![f64::NAN]));
        assert_eq!((minimum.place, minimum.steps), (vec![1.0], 0));
        // A cliff beyond 0.5 is not stepped over.
        let minimum = minimise(vec![0.0], 50, 1e-9, |x| {
            if x[0] > 0.5 {
                (f64::NAN, vec![f64::NAN])
            } else {
                ((x[0] - 0.4).powi(2), vec![2.0 * (x[0] - 0.4)])
            }
        });
        assert!((minimum.place[0] - 0.4).abs() < 1e-6);
    }
}
