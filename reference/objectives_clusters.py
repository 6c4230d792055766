"""Objectives with a label for every image, taken between epochs: DeepCluster v2 and SeLa."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fill import fill
from fixture import Fixture
from objectives_case import by_hand, fixture, normalise, unit_rows, views
from objectives_contrastive import CASES, online
from objectives_labels import cross_entropy

Loss = tuple[Tensor, dict[str, Tensor]]


def deepcluster(given: dict[str, Tensor], ids: list[int], heads: int, temperature: float) -> Loss:
    """facebookresearch/swav, main_deepclusterv2.py: CE(u C_h^T / T, label_h[image]).

    The mean over the views and images that have a label in head h, then over heads.
    """
    losses = []
    for h in range(heads):
        labels = given["state.labels"][ids, h].long()
        of_views = torch.cat([normalise(z) @ given[f"state.centroids.{h}"].T / temperature
                              for z in online(given)])
        losses.append(cross_entropy(of_views, labels.repeat(len(online(given)))))
    loss = sum(losses) / heads
    return loss, {"cluster_cross_entropy": loss}


def labelled(key: str, images: int, heads: int, clusters: int) -> np.ndarray:
    """Labels of all images, float32 [images, heads]."""
    return np.floor(fill(f"{key}/labels", (images, heads), 0.0, clusters)).astype(np.float32)


def some_ids(key: str, n: int, images: int) -> list[int]:
    """n different positions below `images`, in no order."""
    return np.argsort(fill(f"{key}/ids", (images,), 0.0, 1.0), kind="stable")[:n].tolist()


def deepcluster_case(name: str, n: int, d: int, heads: int, clusters: int, kind: str = "plain",
                     count: int = 2, temperature: float = 0.1, unseen: int = 0) -> Fixture:
    """`unseen` images of the batch have no label in any head, and the next one none in head 0."""
    key, images = f"deepcluster/{name}", 2 * n + 3
    inputs = views(key, n, d, count=count, kind=kind)
    ids = some_ids(key, n, images)
    inputs["state.labels"] = labelled(key, images, heads, clusters)
    if unseen:
        inputs["state.labels"][ids[:unseen]] = -1.0
        inputs["state.labels"][ids[unseen], 0] = -1.0
    for h in range(heads):
        inputs[f"state.centroids.{h}"] = unit_rows(f"{key}/centroids.{h}", clusters, d)
    constants = {"prototypes": clusters}
    constants |= {"heads": heads} if heads != 3 else {}
    constants |= {"temperature": temperature} if temperature != 0.1 else {}
    return fixture("deepcluster", name, (n, d), inputs,
                   lambda given: deepcluster(given, ids, heads, temperature), kind=kind,
                   constants=constants, parameters={"ids": ids, "images": images})


def k_means_fixture(name: str, points: int, d: int, clusters: int, empty: bool) -> Fixture:
    """Ten rounds of spherical k-means and a last assignment, main_deepclusterv2.py.

    Assign by largest dot product, centroid = mean of the members at length 1; a cluster without
    members keeps its centroid. With `empty`, the last centroid starts opposite to all points.
    """
    key = f"deepcluster/{name}"
    centres = unit_rows(f"{key}/centres", clusters, d)[np.arange(points) % clusters]
    rows = centres + fill(f"{key}/points", (points, d), -0.6, 0.6)
    if empty:
        rows[:, 0] = 1.5 + np.abs(rows[:, 0])
    rows = rows.astype(np.float64)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    first = rows[np.argsort(fill(f"{key}/first", (points,), 0.0, 1.0))[:clusters]].copy()
    if empty:
        first[-1] = 0.0
        first[-1, 0] = -1.0
    wide, centroids = rows.astype(np.float64), first.astype(np.float64)
    members = np.zeros(clusters)
    for round_ in range(11):
        similarity = wide @ centroids.T
        best = np.sort(similarity, axis=1)
        assert (best[:, -1] - best[:, -2]).min() > 1e-4, f"{name}: a near-tie in round {round_}"
        labels = similarity.argmax(1)
        if round_ == 10:
            break
        for k in range(clusters):
            if (labels == k).any():
                mean = wide[labels == k].mean(0)
                centroids[k] = mean / np.linalg.norm(mean)
        members = np.bincount(labels, minlength=clusters)
    assert (members == 0).sum() == int(empty), f"{name}: {members} members"
    return by_hand("deepcluster", name, {"clusters": clusters, "d": d, "iterations": 10,
                                         "n": points},
                   {"points": rows, "first": first, "centroids": centroids,
                    "labels": labels.astype(np.float64)})


def deepcluster_fixtures() -> Iterator[Fixture]:
    """Steps with given labels and centroids, then k-means by itself."""
    for name, n, d, kind in CASES:
        yield deepcluster_case(name, n, d, 3, 6, kind)
    yield deepcluster_case("one_head", 8, 5, 1, 9)
    yield deepcluster_case("temperature", 8, 5, 2, 6, temperature=0.4)
    yield deepcluster_case("four_views", 8, 5, 2, 6, count=4)
    yield deepcluster_case("unlabelled", 12, 5, 3, 6, unseen=3)
    yield k_means_fixture("k_means", 90, 4, 5, empty=False)
    yield k_means_fixture("k_means_wide", 70, 16, 8, empty=False)
    yield k_means_fixture("k_means_empty_cluster", 60, 5, 4, empty=True)


def sela(given: dict[str, Tensor], ids: list[int], heads: int) -> Loss:
    """yukimasano/self-label, main.py: CE(r W_h^T + b_h, label_h), mean over heads and views."""
    losses = []
    for h in range(heads):
        labels = given["state.labels"][ids, h].long()
        weight, bias = given[f"parameter.head.{h}.weight"], given[f"parameter.head.{h}.bias"]
        losses += [cross_entropy(r @ weight.T + bias, labels) for r in online(given)]
    loss = sum(losses) / len(losses)
    return loss, {"cluster_cross_entropy": loss}


def sela_case(name: str, n: int, d: int, heads: int, clusters: int, kind: str = "plain",
              count: int = 2) -> Fixture:
    """Every image has a label in every head."""
    key, images = f"sela/{name}", 2 * n + 3
    inputs = views(key, n, d, count=count, kind=kind, scale=2.0)
    ids = some_ids(key, n, images)
    inputs["state.labels"] = labelled(key, images, heads, clusters)
    for h in range(heads):
        inputs[f"parameter.head.{h}.weight"] = fill(f"{key}/{h}.weight", (clusters, d), -1.0, 1.0)
        inputs[f"parameter.head.{h}.bias"] = fill(f"{key}/{h}.bias", (1, clusters), -1.0, 1.0)
    return fixture("sela", name, (n, d), inputs, lambda given: sela(given, ids, heads), kind=kind,
                   constants={"heads": heads, "clusters": clusters},
                   parameters={"ids": ids, "images": images})


def balanced(logits: np.ndarray, power: float, every: int = 10) -> tuple[np.ndarray, int]:
    """Log of r_k P_ik c_i, [N, K], and the rounds taken; self-label, sinkhornknopp.py.

    P = softmax(logits)^power; r = (1/K) / (P^T c), c = (1/N) / (P r) from c = 1/N, until
    sum |c / c_new - 1| < 0.1, looked at in rounds 0, 10, 20...
    """
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(power * (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))))
    images, clusters = p.shape
    c, rounds, error = np.full(images, 1.0 / images), 0, np.inf
    while error >= 0.1:
        r = (1.0 / clusters) / (p.T @ c)
        new = (1.0 / images) / (p @ r)
        if rounds % every == 0:
            error = np.abs(c / new - 1.0).sum()
        c, rounds = new, rounds + 1
    return np.log(r) + np.log(p) + np.log(c)[:, None], rounds


def sela_labels_fixture(name: str, images: int, clusters: int, power: float) -> Fixture:
    """Labels of a whole set: images in equal groups, and biases that draw them to late clusters.

    The two best clusters of an image are 5 % apart or more, so that labels do not hang on the round
    in which the sums are looked at.
    """
    logits = fill(f"sela/{name}/noise", (images, clusters), -0.5, 0.5)
    logits += np.linspace(0.0, 3.0, clusters, dtype=np.float32)
    logits[np.arange(images), np.arange(images) % clusters] += np.float32(1.2)
    mass, rounds = balanced(logits.astype(np.float64), power)
    best = np.sort(mass, axis=1)
    assert (best[:, -1] - best[:, -2]).min() > 0.05, f"{name}: a near-tie"
    labels = mass.argmax(1)
    assert (labels == balanced(logits.astype(np.float64), power, 1)[0].argmax(1)).all()
    assert (labels != logits.argmax(1)).sum() > 3, f"{name}: balancing changes nothing"
    plan = np.exp(mass)
    return by_hand("sela", name, {"clusters": clusters, "exponent": power, "n": len(logits),
                                  "rounds": rounds},
                   {"logits": logits, "labels": labels.astype(np.float64),
                    "image_masses": plan.sum(1), "cluster_masses": plan.sum(0)},
                   # What ten rounds more change.
                   {"cluster_masses": {"atol": 1e-3 / clusters, "rtol": 0.0}})


def sela_fixtures() -> Iterator[Fixture]:
    """Steps with given labels, then the labelling by itself."""
    for name, n, d, kind in CASES:
        yield sela_case(name, n, d, 2, 6, kind)
    yield sela_case("one_head", 8, 5, 1, 9)
    yield sela_case("three_views", 8, 5, 3, 4, count=3)
    yield sela_labels_fixture("labels", 120, 6, 10.0)
    yield sela_labels_fixture("labels_sharp", 90, 8, 25.0)


def fixtures() -> Iterator[Fixture]:
    """Every objective here."""
    yield from deepcluster_fixtures()
    yield from sela_fixtures()
