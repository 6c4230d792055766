"""One training step without the optimizer: both views forward, loss, backward.

    python step.py --width 64 --side 32 --channels 3 --batch 32
    python step.py --model resnet50 --side 224 --batch 16

The first is a ResNet-18 with small stem and projector 512-512-512. The second is one view of
torchvision's ResNet-50, forward and backward of the sum of its output times a fixed random gradient;
its `pairs_per_second` are views. bf16 is autocast; embeddings are standardised, and the loss
computed, in f32.
"""

import argparse

import torch
from torch import nn

import measure
from measure import Work
from model import BarlowTwinsLoss, SmallStemResNet18, projector, resnet50_encoder


def pair_step(options: argparse.Namespace, mode: str) -> Work:
    """Both views of `batch` images through encoder, projector and loss, and back."""
    layout = measure.layout(mode)
    encoder = SmallStemResNet18(options.width, options.channels)
    model = nn.Sequential(encoder, projector(8 * options.width)).to(memory_format=layout)
    loss_of = BarlowTwinsLoss(512)
    shape = (options.batch, options.channels, options.side, options.side)
    views = [torch.randn(shape).contiguous(memory_format=layout) for _ in range(2)]

    def repeat() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=measure.is_bf16(mode)):
            embeddings = [model(view) for view in views]
        loss_of(*(embedding.float() for embedding in embeddings)).backward()

    name = f"step-resnet18-w{options.width}-{options.side}px-c{options.channels}-n{options.batch}"
    return Work(name, options.batch, repeat)


def encoder_pass(options: argparse.Namespace, mode: str) -> Work:
    """One view of `batch` images through ResNet-50, and back."""
    layout = measure.layout(mode)
    encoder = resnet50_encoder().to(memory_format=layout)
    view = torch.randn(options.batch, 3, options.side, options.side).contiguous(memory_format=layout)
    gradient = torch.randn(options.batch, 2048)

    def repeat() -> None:
        encoder.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=measure.is_bf16(mode)):
            representation = encoder(view)
        (representation.float() * gradient).sum().backward()

    return Work(f"pass-resnet50-{options.side}px-n{options.batch}", options.batch, repeat)


def main() -> None:
    parser = measure.arguments("One training step without the optimizer.")
    measure.add_repetitions(parser)
    parser.add_argument("--model", choices=("resnet18", "resnet50"), default="resnet18")
    parser.add_argument("--width", type=int, default=64, help="base width of the ResNet-18")
    parser.add_argument("--side", type=int, default=32, help="pixels")
    parser.add_argument("--channels", type=int, default=3, help="of the ResNet-18's input")
    parser.add_argument("--batch", type=int, default=32)

    def run(options: argparse.Namespace, mode: str) -> None:
        make = encoder_pass if options.model == "resnet50" else pair_step
        measure.measure(options, mode, lambda: make(options, mode))

    measure.each_mode(parser, run)


if __name__ == "__main__":
    main()
