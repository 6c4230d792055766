"""A whole pretraining on Fashion-MNIST with the recipe of `presets/fashion-mnist.toml`.

    python fashion_mnist.py --mode bf16-channels-last

Views by torchvision and Pillow in one loader process. `seconds` are the training passes of each
epoch, loading included and evaluation not; after the last one 10,000 test images are classified by
their 20 nearest of 60,000 training images. An epoch takes a minute or two on two cores.
"""

import argparse
import gzip
import math
import os
import pathlib
import random
import time

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import InterpolationMode

import measure
from model import BarlowTwinsLoss, SmallStemResNet18, projector

MEAN, STD = 0.286, 0.353
WIDTH, SIDE, DIM = 16, 28, 512
RATE, RATE_BIASES, FINAL_FRACTION = 0.2, 0.0048, 0.001
MOMENTUM, DECAY, TRUST_COEFFICIENT = 0.9, 1e-6, 0.001
NEIGHBOURS, TEMPERATURE = 20, 0.07
FOLDERS = ("/usr/share/datasets/fashion-mnist", "/usr/local/share/datasets/fashion-mnist",
           "/usr/share/fashion-mnist")


def read(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 28, 28] and labels [n] of `train` or `t10k`, from $BARLOW_DATA or the Debian
    package dataset-fashion-mnist."""
    own = os.environ.get("BARLOW_DATA")
    for folder in map(pathlib.Path, ((own, f"{own}/fashion-mnist") if own else ()) + FOLDERS):
        images = folder / f"{part}-images-idx3-ubyte.gz"
        if images.is_file():
            labels = folder / f"{part}-labels-idx1-ubyte.gz"
            pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16)
            classes = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
            return pixels.reshape(-1, SIDE, SIDE), classes
    raise SystemExit("no Fashion-MNIST: apt-get install dataset-fashion-mnist, or set BARLOW_DATA")


class Blur:
    """Gaussian blur of a random standard deviation, by Pillow."""

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 1.0)))


def view(blur: float, solarize: float) -> transforms.Compose:
    """One view of a grey image: the preset's ranges over the official ones."""
    return transforms.Compose([
        transforms.RandomResizedCrop(SIDE, scale=(0.2, 1.0), interpolation=InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4)], p=0.8),
        transforms.RandomApply([Blur()], p=blur),
        transforms.RandomApply([ImageOps.solarize], p=solarize),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ])


class Pairs(Dataset):
    """Two views of each image."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.view_a, self.view_b = view(0.5, 0.0), view(0.1, 0.2)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = Image.fromarray(self.images[index])
        return self.view_a(image), self.view_b(image)


class Lars:
    """Layer-wise adaptive rates in the official order; tensors of one dimension have neither decay
    nor trust ratio."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.buffers = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One update at `share` of the highest rates."""
        for p, buffer in zip(self.parameters, self.buffers, strict=True):
            update, rate = p.grad, RATE_BIASES * share
            if p.ndim > 1:
                rate = RATE * share
                update = update.add(p, alpha=DECAY)
                norms = p.norm(), update.norm()
                if norms[0] > 0 and norms[1] > 0:
                    update = update.mul(TRUST_COEFFICIENT * norms[0] / norms[1])
            buffer.mul_(MOMENTUM).add_(update)
            p.sub_(buffer, alpha=rate)


def rate_share(step: int, warm_up: int, total: int) -> float:
    """The rate as a share of the highest: linear warm-up from 0, then half a cosine."""
    if step < warm_up:
        return step / warm_up
    cosine = 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up)))
    return cosine + FINAL_FRACTION * (1 - cosine)


def accuracy(encoder: nn.Module, layout: torch.memory_format) -> float:
    """Share of the test images that weighted votes of their neighbours classify right, in f32."""
    encoder.eval()
    (bank, bank_labels), (queries, query_labels) = (
        represent(encoder, *read(part), layout) for part in ("train", "t10k")
    )
    right = 0
    for rows, labels in zip(queries.split(500), query_labels.split(500), strict=True):
        similarity, nearest = (rows @ bank.T).topk(NEIGHBOURS)
        votes = torch.zeros(len(rows), 10)
        votes.scatter_add_(1, bank_labels[nearest], (similarity / TEMPERATURE).exp())
        right += (votes.argmax(1) == labels).sum().item()
    return right / len(queries)


@torch.no_grad()
def represent(
    encoder: nn.Module, images: np.ndarray, labels: np.ndarray, layout: torch.memory_format
) -> tuple[torch.Tensor, torch.Tensor]:
    """Representations [n, f] of length 1, and labels [n]."""
    pixels = (torch.from_numpy(images.copy()).unsqueeze(1).float() / 255 - MEAN) / STD
    rows = [encoder(part.contiguous(memory_format=layout)) for part in pixels.split(500)]
    return nn.functional.normalize(torch.cat(rows)), torch.from_numpy(labels.astype(np.int64))


def pretrain(options: argparse.Namespace, mode: str) -> None:
    """Trains, classifies, prints the line."""
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    layout = measure.layout(mode)
    encoder = SmallStemResNet18(WIDTH, 1)
    model = nn.Sequential(encoder, projector(8 * WIDTH)).to(memory_format=layout)
    loss_of = BarlowTwinsLoss(DIM)
    optimizer = Lars(list(model.parameters()))
    images = read("train")[0][: options.images or None]
    loader = DataLoader(
        Pairs(images), batch_size=options.batch, shuffle=True, drop_last=True, num_workers=1,
        persistent_workers=True,
    )
    before = measure.resident_bytes("VmRSS")
    warm_up, total = len(loader), options.epochs * len(loader)
    step, seconds, losses = 0, [], []
    for _ in range(options.epochs):
        start = time.perf_counter()
        losses = []
        for views in loader:
            model.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=measure.is_bf16(mode)):
                embeddings = [model(v.contiguous(memory_format=layout)) for v in views]
            loss = loss_of(*(embedding.float() for embedding in embeddings))
            loss.backward()
            optimizer.step(rate_share(step, warm_up, total))
            losses.append(loss.item())
            step += 1
        seconds.append(time.perf_counter() - start)
    found = None if options.no_knn else accuracy(encoder, layout)
    measure.report(
        f"fashion-mnist-w{WIDTH}-n{options.batch}-e{options.epochs}", mode, seconds,
        len(loader) * options.batch, before, seconds_training=sum(seconds), seed=options.seed,
        final_loss=sum(losses) / len(losses), knn_accuracy=found,
    )


def main() -> None:
    parser = measure.arguments("A whole pretraining on Fashion-MNIST.")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--images", type=int, default=0, help="the first so many; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-knn", action="store_true", help="train only")
    measure.each_mode(parser, pretrain)


if __name__ == "__main__":
    main()
