"""The official loss by the d x d matrix, forward and backward, for given embeddings.

    python objective.py --batch 256 --dim 8192

`peak_growth_bytes` is what it takes beyond the embeddings. bf16 is autocast, as the official
program runs it on a graphics card.
"""

import argparse

import torch

import measure
from measure import Work
from model import BarlowTwinsLoss


def objective(options: argparse.Namespace, mode: str) -> Work:
    """Loss and gradients for two [batch, dim] embeddings."""
    loss_of = BarlowTwinsLoss(options.dim)
    embeddings = [torch.randn(options.batch, options.dim, requires_grad=True) for _ in range(2)]

    def repeat() -> None:
        for embedding in embeddings:
            embedding.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=measure.is_bf16(mode)):
            loss = loss_of(*embeddings)
        loss.backward()

    return Work(f"objective-n{options.batch}-d{options.dim}", options.batch, repeat)


def main() -> None:
    parser = measure.arguments("The official Barlow Twins loss.", modes=("f32", "bf16"))
    measure.add_repetitions(parser)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--dim", type=int, default=8192)

    def run(options: argparse.Namespace, mode: str) -> None:
        measure.measure(options, mode, lambda: objective(options, mode))

    measure.each_mode(parser, run)


if __name__ == "__main__":
    main()
