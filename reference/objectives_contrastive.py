"""Objectives with negatives: SimCLR, InfoNCE, MoCo and DirectCLR.

All compare cosines: u = z / |z| for every row, T the temperature.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fixture import Fixture
from objectives_case import SHAPES, by_hand, fixture, normalise, unit_rows, views

Loss = tuple[Tensor, dict[str, Tensor]]
EDGES = [("two_images", 2, 4, "plain"), ("identical_views", 12, 6, "identical_views"),
         ("constant_column", 14, 6, "constant_column")]
CASES = [(name, n, d, "plain") for name, n, d in SHAPES] + EDGES


def online(given: dict[str, Tensor]) -> list[Tensor]:
    """The online outputs of all views in order."""
    return [given[f"view_{v}.online"] for v in range(len(given)) if f"view_{v}.online" in given]


def simclr(outputs: list[Tensor], temperature: float) -> Loss:
    """NT-Xent for M views, google-research/simclr objective.py and SwAV's appendix A.8.

    The anchor is view v of image i, a positive view w != v of image i, the negatives all views of
    the other images: -log(exp(s_pos / T) / (exp(s_pos / T) + sum_neg exp(s / T))), the mean over
    positives, then over anchors.
    """
    u = [normalise(z) for z in outputs]
    n, losses = u[0].shape[0], []
    for v, anchors in enumerate(u):
        similarities = [anchors @ other.T / temperature for other in u]
        for i in range(n):
            others = torch.arange(n) != i
            negatives = torch.cat([s[i][others] for s in similarities])
            positives = [s[i, i] for w, s in enumerate(similarities) if w != v]
            losses.append(sum(torch.logsumexp(torch.cat([p.reshape(1), negatives]), 0) - p
                              for p in positives) / len(positives))
    loss = torch.stack(losses).mean()
    return loss, {"contrastive": loss}


def infonce(outputs: list[Tensor], temperature: float) -> Loss:
    """As the Barlow Twins paper writes it, divided by n; view 0 is the anchor.

    mean_b(-u0_b.u1_b / T) + mean_b(log sum_{b' != b} exp(u0_b.u1_b' / T))
    """
    s = normalise(outputs[0]) @ normalise(outputs[1]).T / temperature
    similarity = -s.diagonal().mean()
    itself = torch.eye(s.shape[0], dtype=torch.bool)
    uniformity = torch.logsumexp(s.masked_fill(itself, -torch.inf), 1).mean()
    return similarity + uniformity, {"similarity": similarity, "uniformity": uniformity}


def directclr(outputs: list[Tensor], dimensions: int, temperature: float) -> Loss:
    """facebookresearch/directclr, directclr/main.py.

    v = the first `dimensions` of the representation, rows of length 1; logits v_0 v_1^T / T, the
    mean of the cross-entropies along both directions.
    """
    first, second = (normalise(z[:, :dimensions]) for z in outputs)
    logits = first @ second.T / temperature
    targets = torch.arange(logits.shape[0])
    loss = (torch.nn.functional.cross_entropy(logits, targets)
            + torch.nn.functional.cross_entropy(logits.T, targets)) / 2.0
    return loss, {"contrastive": loss}


def moco(given: dict[str, Tensor], temperature: float) -> Loss:
    """facebookresearch/moco, moco/builder.py: cross-entropy over [q.k, q.queue^T] / T, target 0."""
    q, k = normalise(given["view_0.online"]), normalise(given["view_1.target"])
    positive = (q * k).sum(1, keepdim=True)
    logits = torch.cat([positive, q @ given["state.queue"].T], 1) / temperature
    loss = (torch.logsumexp(logits, 1) - logits[:, 0]).mean()
    return loss, {"contrastive": loss}


def moco_case(name: str, n: int, d: int, length: int, pointer: int, constants: dict,
              kind: str = "plain") -> Fixture:
    """`length` is the queue's: the constant `queue`, rounded down to a multiple of n."""
    inputs = views(f"moco/{name}", n, d, parts=("online", "target"), kind=kind)
    del inputs["view_0.target"], inputs["view_1.online"]
    if kind == "identical_views":
        inputs["view_1.target"] = inputs["view_0.online"].copy()
    inputs["state.queue"] = unit_rows(f"moco/{name}/queue", length, d)
    inputs["state.pointer"] = np.full((1, 1), pointer, np.float32)
    after = inputs["state.queue"].astype(np.float64)
    after[pointer:pointer + n] = normalise(
        torch.tensor(inputs["view_1.target"], dtype=torch.float64)).numpy()
    temperature = constants.get("temperature", 0.2)
    return fixture("moco", name, (n, d), inputs, lambda given: moco(given, temperature), kind=kind,
                   constants={"batch_norm_groups": 1, **constants}, more={
                       "state_after.queue": after,
                       "state_after.pointer": np.full((1, 1), float((pointer + n) % length)),
                   })


def queue_fixture() -> Fixture:
    """MoCo's queue over ten steps: 4 keys a step, 14 places asked for, hence 12."""
    n, d, length = 4, 3, 12
    queue = unit_rows("queue/first", length, d)
    keys = np.stack([unit_rows(f"queue/keys/{step}", n, d) for step in range(10)])
    queues, pointers, pointer, now = [], [], 0, queue.astype(np.float64)
    for step in range(10):
        now[pointer:pointer + n] = keys[step]
        pointer = (pointer + n) % length
        queues.append(now.copy())
        pointers.append(float(pointer))
    return by_hand("queue", "ten_steps", {"constants": {"queue": 14}, "n": n, "d": d, "steps": 10},
                   {"first": queue, "keys": keys, "queues": np.stack(queues),
                    "pointers": np.array(pointers)})


def fixtures() -> Iterator[Fixture]:
    """Every objective here, and MoCo's queue by itself."""
    for name, n, d, kind in CASES:
        inputs = views(f"simclr/{name}", n, d, kind=kind)
        yield fixture("simclr", name, (n, d), inputs, lambda given: simclr(online(given), 0.2),
                      kind=kind)
        inputs = views(f"infonce/{name}", n, d, kind=kind)
        yield fixture("infonce", name, (n, d), inputs, lambda given: infonce(online(given), 0.1),
                      kind=kind)
        constants = {"dimensions": 3}
        if n == 2:  # At 0.1 the one negative is too far away to count.
            constants["temperature"] = 1.0
        temperature = constants.get("temperature", 0.1)
        inputs = views(f"directclr/{name}", n, d, kind=kind)
        yield fixture("directclr", name, (n, d), inputs,
                      lambda given: directclr(online(given), 3, temperature), kind=kind,
                      constants=constants)

    inputs = views("simclr/temperature", 16, 7)
    yield fixture("simclr", "temperature", (16, 7), inputs,
                  lambda given: simclr(online(given), 0.5), constants={"temperature": 0.5})
    for name, n, d, count in (("three_views", 9, 5, 3), ("four_views", 6, 7, 4)):
        yield fixture("simclr", name, (n, d), views(f"simclr/{name}", n, d, count=count),
                      lambda given: simclr(online(given), 0.2))
    yield fixture("infonce", "temperature", (16, 7), views("infonce/temperature", 16, 7),
                  lambda given: infonce(online(given), 0.5), constants={"temperature": 0.5})
    # 17.6 % of 24 is 4.2.
    yield fixture("directclr", "default_dimensions", (10, 24),
                  views("directclr/default_dimensions", 10, 24),
                  lambda given: directclr(online(given), 4, 0.1))
    yield fixture("directclr", "all_dimensions", (10, 7), views("directclr/all_dimensions", 10, 7),
                  lambda given: directclr(online(given), 7, 0.4),
                  constants={"dimensions": 7, "temperature": 0.4})

    yield moco_case("small", 8, 5, 16, 0, {"queue": 16})
    yield moco_case("medium", 16, 7, 48, 16, {"queue": 48})
    yield moco_case("odd", 33, 12, 66, 0, {"queue": 66})
    yield moco_case("rounded_down", 8, 5, 16, 8, {"queue": 20})
    yield moco_case("temperature", 8, 5, 24, 8, {"queue": 24, "temperature": 0.07})
    yield moco_case("two_images", 2, 4, 6, 2, {"queue": 6})
    yield moco_case("wraps", 6, 5, 18, 12, {"queue": 18})
    yield moco_case("identical_views", 12, 6, 24, 0, {"queue": 24}, "identical_views")
    yield moco_case("constant_column", 14, 6, 28, 0, {"queue": 28}, "constant_column")
    yield queue_fixture()
