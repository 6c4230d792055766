"""What the built-in synthetic images measure: k-NN accuracy of things that must fail, and of things that must work.

    cargo run --release -p barlow-data --example synthetic_dump -- 16000 0 /tmp/synthetic
    python reference/synthetic_baselines.py /tmp/synthetic all

Images 0..3000 (or 0..$BANK) are the k-NN bank, the next 1000 the test images, the rest is for training. k-NN is
that of the product: k 20, cosine, votes weighted by exp(similarity / 0.07). The Barlow Twins run
uses 32-pixel views after the official recipe and LARS as the official code has it (its trust ratio
is applied to weights only). Settings are `key=value` arguments after the stage:

    python reference/synthetic_baselines.py /tmp/synthetic barlow-twins batch=64 epochs=4 images=2048 rate=0.2 eta=0.02
"""

import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

BANK, TEST, CLASSES = int(os.environ.get("BANK", 3000)), 1000, 10
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def knn(bank, bank_labels, test, test_labels, k=20, temperature=0.07):
    similarity = F.normalize(test, dim=1) @ F.normalize(bank, dim=1).T
    values, ids = similarity.topk(k, dim=1)
    votes = torch.zeros(len(test), CLASSES)
    votes.scatter_add_(1, bank_labels[ids], (values / temperature).exp())
    return (votes.argmax(1) == test_labels).float().mean().item()


def histogram(images):
    """Joint 4 x 4 x 4 histogram of red, green, blue; square roots, so that cosine is Bhattacharyya's."""
    level = (images * 255).long() // 64
    code = (level[:, 0] * 16 + level[:, 1] * 4 + level[:, 2]).flatten(1)
    counts = torch.zeros(len(images), 64).scatter_add_(1, code, torch.ones_like(code, dtype=torch.float))
    return counts.sqrt()


def encoder(width=16, seed=0, zero_init=True):
    """torchvision's ResNet-18 with a 3x3 stride-1 stem, no max-pool, and its widths scaled by width / 64."""
    torch.manual_seed(seed)

    class Narrow(ResNet):
        def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
            if self.inplanes == 64 and planes == 64:
                self.inplanes = width
            return super()._make_layer(block, planes * width // 64, blocks, stride, dilate)

    net = Narrow(BasicBlock, [2, 2, 2, 2])
    net.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
    net.bn1 = nn.BatchNorm2d(width)
    net.maxpool = nn.Identity()
    net.fc = nn.Identity()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, BasicBlock) and zero_init:
            nn.init.zeros_(module.bn2.weight)
    return net.to(memory_format=torch.channels_last)


@torch.no_grad()
def represent(net, images):
    net.eval()
    return torch.cat([net((part - MEAN) / STD) for part in images.split(500)])


def luma(images):
    return (images * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)


def shift_hue(images, shift):
    """torchvision's adjust_hue, one shift (a fraction of the circle) per image."""
    r, g, b = images.unbind(1)
    high, low = images.amax(1), images.amin(1)
    span = high - low
    safe = torch.where(span == 0, torch.ones_like(span), span)
    rc, gc, bc = (high - r) / safe, (high - g) / safe, (high - b) / safe
    hue = torch.where(high == r, bc - gc, torch.where(high == g, 2 + rc - bc, 4 + gc - rc))
    hue = (hue / 6 + shift.view(-1, 1, 1)) % 1.0
    saturation = span / high.clamp_min(1e-8)
    sector = lambda n: (n + hue * 6) % 6
    channel = lambda n: high - high * saturation * torch.minimum(sector(n), 4 - sector(n)).clamp(0, 1)
    return torch.stack([channel(5), channel(3), channel(1)], 1)


def views(images, generator, blur, solarise, scale=(0.2, 1.0)):
    """One random view of each image, every decision drawn per image."""
    n, size = len(images), images.shape[-1]
    draw = lambda low, high: torch.rand(n, generator=generator) * (high - low) + low
    chance = lambda p: (torch.rand(n, generator=generator) < p).view(-1, 1, 1, 1)

    area, ratio = draw(*scale), draw(math.log(3 / 4), math.log(4 / 3)).exp()
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    flip = torch.where(chance(0.5).flatten(), -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = w * flip, h
    theta[:, 0, 2], theta[:, 1, 2] = (1 - w) * draw(-1, 1), (1 - h) * draw(-1, 1)
    grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
    out = F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    jittered = out
    for step in torch.randperm(4, generator=generator).tolist():
        factor = draw(0.6, 1.4).view(-1, 1, 1, 1)
        if step == 0:
            jittered = jittered * factor
        elif step == 1:
            jittered = jittered * factor + luma(jittered).mean((2, 3), keepdim=True) * (1 - factor)
        elif step == 2:
            factor = draw(0.8, 1.2).view(-1, 1, 1, 1)
            jittered = jittered * factor + luma(jittered) * (1 - factor)
        else:
            jittered = shift_hue(jittered, draw(-0.1, 0.1))
        jittered = jittered.clamp(0, 1)
    out = torch.where(chance(0.8), jittered, out)
    out = torch.where(chance(0.2), luma(out).expand_as(out), out)

    sigma = draw(0.1, 1.0).view(-1, 1)
    kernel = (-(torch.arange(-3, 4).float() ** 2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = F.pad(out, (3, 3, 3, 3), mode="reflect").reshape(1, n * 3, size + 6, size + 6)
    flat = F.conv2d(flat, kernel.view(-1, 1, 1, 7), groups=n * 3)
    flat = F.conv2d(flat, kernel.view(-1, 1, 7, 1), groups=n * 3)
    out = torch.where(chance(blur), flat.view(n, 3, size, size), out)
    return torch.where(chance(solarise) & (out >= 0.5), 1 - out, out)


class Lars:
    """The official code's LARS; `clip` limits the applied rate to the plain one (eta 0.02 in small-image recipes)."""

    def __init__(self, parameters, decay=1e-6, momentum=0.9, eta=0.001, clip=False):
        self.parameters = [(p, torch.zeros_like(p)) for p in parameters]
        self.decay, self.momentum, self.eta, self.clip = decay, momentum, eta, clip

    @torch.no_grad()
    def step(self, weights_rate, biases_rate):
        for p, buffer in self.parameters:
            update, rate = p.grad, biases_rate
            if p.ndim > 1:
                update = update + self.decay * p
                weight_norm, update_norm = p.norm(), update.norm()
                if weight_norm > 0 and update_norm > 0:
                    ratio = self.eta * weight_norm / update_norm
                    update = update * (min(ratio / weights_rate, 1.0) if self.clip else ratio)
                rate = weights_rate
            buffer.mul_(self.momentum).add_(update)
            p.sub_(rate * buffer)


def barlow_twins(train, measure, batch=128, epochs=4, images=2500, dim=512, lam=0.0051, rate=0.2,
                 bias_rate=0.0048, eta=0.001, clip=0, momentum=0.9, decay=1e-6, seed=0, width=16,
                 warm_up=0.1, zero_init=1, crop=0.2, optimizer="lars", log=1):
    net = encoder(width, seed, bool(zero_init))
    features = 8 * width
    projector = nn.Sequential(
        nn.Linear(features, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(),
        nn.Linear(dim, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(),
        nn.Linear(dim, dim, bias=False))
    parameters = [*net.parameters(), *projector.parameters()]
    if optimizer == "lars":
        lars = Lars(parameters, decay, momentum, eta, bool(clip))
    elif optimizer == "adam":
        adam = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    else:
        adam = torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay)
    generator = torch.Generator().manual_seed(seed + 1000)
    train = train[:images]
    per_epoch = len(train) // batch
    steps, step, began = per_epoch * epochs, 0, time.time()
    before = measure(net)
    if log:
        print(f"  untrained: k-NN {before:.3f}", flush=True)
    for epoch in range(epochs):
        order = torch.randperm(len(train), generator=generator)
        net.train()
        for ids in order[: per_epoch * batch].split(batch):
            a = views(train[ids], generator, 0.5, 0.0, (crop, 1.0))
            b = views(train[ids], generator, 0.1, 0.2, (crop, 1.0))
            z = []
            for view in (a, b):
                embedding = projector(net((view - MEAN) / STD))
                z.append((embedding - embedding.mean(0)) / (embedding.var(0, unbiased=False) + 1e-5).sqrt())
            c = z[0].T @ z[1] / batch
            on = (c.diagonal() - 1).square().sum()
            off = c.square().sum() - c.diagonal().square().sum()
            loss = on + lam * off
            for p in parameters:
                p.grad = None
            loss.backward()
            warm = max(1, round(warm_up * steps))
            if step < warm:
                factor = (step + 1) / warm
            else:
                factor = 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
                factor = factor + 0.001 * (1 - factor)
            if optimizer == "lars":
                scale = batch / 256 * factor
                lars.step(rate * scale, bias_rate * scale)
            else:
                adam.param_groups[0]["lr"] = rate * factor
                adam.step()
            step += 1
        if log:
            print(f"  epoch {epoch + 1}: loss {loss.item():7.2f} mean c_ii {c.diagonal().mean().item():.3f}"
                  f"  k-NN {measure(net):.3f}  {time.time() - began:5.1f} s", flush=True)
    return before, measure(net)


def supervised(images, labels, test, test_labels, epochs=8, width=16, seed=0):
    net = encoder(width, seed)
    head = nn.Linear(8 * width, CLASSES)
    parameters = [*net.parameters(), *head.parameters()]
    steps = epochs * (len(images) // 128)
    sgd = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(sgd, 0.1, total_steps=steps, pct_start=0.2)
    for _ in range(epochs):
        net.train()
        for ids in torch.randperm(len(images))[: len(images) // 128 * 128].split(128):
            flipped = torch.where(torch.rand(len(ids), 1, 1, 1) < 0.5, images[ids].flip(3), images[ids])
            loss = F.cross_entropy(head(net((flipped - MEAN) / STD)), labels[ids])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            schedule.step()
    answers = head(represent(net, test)).argmax(1)
    confusion = torch.zeros(CLASSES, CLASSES, dtype=torch.long)
    confusion.index_put_((test_labels, answers), torch.ones(len(test), dtype=torch.long), accumulate=True)
    return (answers == test_labels).float().mean().item(), confusion


def main():
    stem, stage = sys.argv[1:3]
    options = dict(item.split("=") for item in sys.argv[3:])
    threads = int(options.pop("threads", 2))
    torch.set_num_threads(threads)
    images = torch.from_numpy(np.load(f"{stem}-images.npy")).permute(0, 3, 1, 2).float().div(255)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(np.load(f"{stem}-labels.npy").astype(np.int64))
    bank, bank_labels = images[:BANK], labels[:BANK]
    test, test_labels = images[BANK : BANK + TEST], labels[BANK : BANK + TEST]
    rest, rest_labels = images[BANK + TEST :], labels[BANK + TEST :]
    score = lambda f: knn(f(bank), bank_labels, f(test), test_labels)
    measure = lambda net: score(lambda x: represent(net, x))
    print(f"torch {torch.__version__}, {len(images)} images, {threads} threads")

    if stage in ("fixed", "all"):
        print(f"raw pixels        {score(lambda x: x.flatten(1)):.3f}")
        print(f"centred pixels    {score(lambda x: x.flatten(1) - x.flatten(1).mean(1, keepdim=True)):.3f}")
        print(f"colour histogram  {score(histogram):.3f}")
        for zero_init in (True, False):
            scores = [measure(encoder(16, seed, zero_init)) for seed in range(3)]
            print(f"random encoder    {' '.join(f'{s:.3f}' for s in scores)}  zero-init {zero_init}")
    if stage in ("barlow-twins", "all"):
        seeds = [int(s) for s in options.pop("seeds", "0").split(",")]
        integers = ("batch", "epochs", "images", "dim", "clip", "width", "zero_init", "log")
        settings = {k: v if k == "optimizer" else int(v) if k in integers else float(v) for k, v in options.items()}
        for seed in seeds:
            before, after = barlow_twins(rest, measure, seed=seed, **settings)
            print(f"Barlow Twins      {before:.3f} -> {after:.3f} ({100 * (after - before):+.1f})  seed {seed} {settings}", flush=True)
    if stage in ("supervised", "all"):
        accuracy, confusion = supervised(rest, rest_labels, test, test_labels)
        print(f"supervised        {accuracy:.3f}\n{confusion.numpy()}")


if __name__ == "__main__":
    main()
