//! Batch norm in groups, and batches in another order: rows come back where they were.

use barlow_objectives::{Layer, Needs, Target, Views};
use burn::tensor::Tensor;

use crate::tiny::{context, networks, values, view};

/// `MoCo`'s: view 0 for the network, view 1 in another order for its copy.
fn needs(batch_norm_groups: usize) -> Needs {
    let target = Target { views: Views::Only(1), is_shuffled: true };
    Needs { online: Views::Only(0), target: Some(target), batch_norm_groups, ..Needs::default() }
}

/// What network and copy, which begin equal, make of one view: representations, row by row.
fn outputs(view: Tensor<4>, groups: usize, step: u64) -> [Vec<Vec<f64>>; 2] {
    let networks = networks(Layer::Representation, &needs(groups));
    let forward = networks.forward(vec![view.clone(), view], &context(step)).expect("one rank");
    let [first, second] = &forward.outputs[..] else { panic!("two views") };
    assert!(first.target.is_none() && second.online.is_none(), "only what is asked for");
    [first.online(), second.target()].map(|rows| {
        let width = rows.dims()[1];
        values(&rows).chunks(width).map(<[f64]>::to_vec).collect()
    })
}

/// Whether all numbers are equal but for the order in which sums were taken.
fn are_close(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let mut pairs = a.iter().flatten().zip(b.iter().flatten());
    a.len() == b.len() && pairs.all(|(a, b)| (a - b).abs() < 1e-3 * b.abs().max(1.0))
}

fn part(view: &Tensor<4>, images: &[usize]) -> Tensor<4> {
    let one = |&image: &usize| view.clone().narrow(0, image, 1);
    Tensor::cat(images.iter().map(one).collect(), 0)
}

#[test]
fn a_shuffled_batch_comes_back_in_its_order() {
    let [online, target] = outputs(view("order", 8), 1, 3);
    assert!(are_close(&online, &target), "{online:?} {target:?}");
    assert!(!are_close(&online[..1], &online[1..2]), "images differ");
}

#[test]
fn a_group_has_statistics_of_its_own() {
    let view = view("groups", 6);
    let [found, _] = outputs(view.clone(), 2, 0);
    let halves =
        [[0, 1, 2], [3, 4, 5]].map(|images| outputs(part(&view, &images), 1, 0)[0].clone());
    assert!(are_close(&found, &halves.concat()));
    let [whole, _] = outputs(view, 1, 0);
    assert!(!are_close(&found, &whole), "the whole batch has other statistics");
}

#[test]
fn a_shuffled_batch_is_cut_into_groups_in_its_other_order() {
    let view = view("shuffled groups", 4);
    let pairings = [[[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0, 3], [1, 2]]];
    let expected = pairings.map(|pairs| {
        let mut rows = vec![vec![]; 4];
        for pair in pairs {
            let [found, _] = outputs(part(&view, &pair), 1, 0);
            for (image, row) in pair.into_iter().zip(found) {
                rows[image] = row;
            }
        }
        rows
    });
    let mut seen = [0; 3];
    for step in 0..12 {
        let [online, target] = outputs(view.clone(), 2, step);
        assert!(are_close(&online, &expected[0]), "the network keeps the order");
        let matches: Vec<usize> = (0..3).filter(|&at| are_close(&target, &expected[at])).collect();
        assert_eq!(matches.len(), 1, "step {step}: {matches:?}");
        seen[matches[0]] += 1;
        assert_eq!(outputs(view.clone(), 2, step)[1], target, "the same step, the same order");
    }
    assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
}
