"""Three steps of training a tiny classifier with labels, in double precision: fine-tuning, and a
linear classifier on the frozen encoder.

As the official evaluate.py: cross-entropy, torch.optim.SGD with momentum and weight decay, one rate
for the encoder and one for the classifier, a frozen encoder in evaluation mode.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

import model
from fill import fill
from fixture import Fixture
from resnet import ResNet, fill_model, filled

STEPS = 3
VIEW = (8, 3, 16, 16)
CLASSES = 5
RULE = {"momentum": 0.9, "weight_decay": 1e-2}
RATES = {"encoder": 0.05, "classifier": 0.3}


class Classifier(nn.Module):
    """Encoder and linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet("resnet18", width=2, channels=VIEW[1], small_stem=True)
        self.fc = nn.Linear(self.encoder.representation_dim, CLASSES)


def train(dtype: torch.dtype, frozen: bool) -> dict[str, np.ndarray]:
    """Runs all steps; losses, and weights and running statistics at the end."""
    network = Classifier()
    fill_model(network)
    # The encoder's fill passes over a classifier.
    network.fc.load_state_dict({
        name: torch.from_numpy(filled(f"fc.{name}", tuple(value.shape)))
        for name, value in network.fc.named_parameters()
    })
    network.to(dtype).train()
    if frozen:
        network.encoder.eval().requires_grad_(False)
    groups = [{"params": network.fc.parameters(), "lr": RATES["classifier"]}]
    if not frozen:
        groups.append({"params": network.encoder.parameters(), "lr": RATES["encoder"]})
    optimizer = torch.optim.SGD(groups, lr=0.0, **RULE)
    found = {}
    for step in range(STEPS):
        view = torch.from_numpy(fill(f"view/step{step}", VIEW, -2.0, 2.0)).to(dtype)
        labels = torch.tensor([(step + 2 * i) % CLASSES for i in range(VIEW[0])])
        loss = nn.functional.cross_entropy(network.fc(network.encoder(view)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found[f"step{step}/loss"] = loss.detach().double().numpy().reshape(1)
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    return found | model.single(state)


def fixtures() -> Iterator[Fixture]:
    """One file for each way."""
    for name, frozen in (("finetune", False), ("frozen", True)):
        expected, found = train(torch.float64, frozen), [train(torch.float32, frozen)]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        found.append(train(torch.float32, frozen))
        torch.set_num_threads(threads)
        yield Fixture(
            path=f"supervised/{name}.safetensors",
            script="supervised.py",
            parameters={"width": 2, "classes": CLASSES, "rates": RATES, **RULE},
            tolerance=model.tolerance(expected, found),
            arrays=expected,
        )
