"""Cross-entropy with labels, and the supervised objective."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fill import fill
from fixture import Fixture
from objectives_case import fixture, views
from objectives_contrastive import CASES, online


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean of -log softmax(logits)[label] over the rows with a label, which is not -1."""
    labelled = labels >= 0
    logs = torch.log_softmax(logits[labelled], 1)
    return -logs.gather(1, labels[labelled].unsqueeze(1)).mean()


def case(name: str, n: int, d: int, classes: int, kind: str = "plain", count: int = 2,
         unlabelled: int = 0) -> Fixture:
    """CE(r W^T + b, label), mean over labelled images, then over views; representations r."""
    key = f"supervised/{name}"
    inputs = views(key, n, d, count=count, kind=kind, scale=2.0)
    inputs["parameter.classifier.weight"] = fill(f"{key}/weight", (classes, d), -1.0, 1.0)
    inputs["parameter.classifier.bias"] = fill(f"{key}/bias", (1, classes), -1.0, 1.0)
    labels = np.floor(fill(f"{key}/labels", (n,), 0.0, classes)).astype(int).tolist()
    labels[:unlabelled] = [-1] * unlabelled
    targets = torch.tensor(labels)

    def logits(given: dict[str, Tensor]) -> list[Tensor]:
        return [r @ given["parameter.classifier.weight"].T + given["parameter.classifier.bias"]
                for r in online(given)]

    def loss(given: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        values = [cross_entropy(of_view, targets) for of_view in logits(given)]
        mean = sum(values) / len(values)
        return mean, {"cross_entropy": mean}

    given = {input_: torch.tensor(a, dtype=torch.float64) for input_, a in inputs.items()}
    seen = targets >= 0
    right = [(of_view.argmax(1) == targets)[seen].double().mean() for of_view in logits(given)]
    accuracy = sum(right) / len(right)
    return fixture("supervised", name, (n, d), inputs, loss, kind=kind,
                   parameters={"labels": labels, "classes": classes},
                   more={"measure.accuracy": accuracy.numpy().reshape(1)})


def fixtures() -> Iterator[Fixture]:
    """The supervised objective."""
    for name, n, d, kind in CASES:
        yield case(name, n, d, 4, kind)
    yield case("two_classes", 8, 5, 2)
    yield case("three_views", 8, 5, 5, count=3)
    yield case("unlabelled", 12, 5, 4, unlabelled=5)
