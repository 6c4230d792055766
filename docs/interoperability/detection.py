"""Starts torchvision's detection models from an encoder of barlow: a resnet50 of 3 channels and width 64.

    python docs/interoperability/detection.py FOLDER/resnet50.safetensors

Loads the encoder into the backbones of Mask R-CNN and Faster R-CNN, every tensor matched, with batch
norms that learn and with frozen ones, then trains Mask R-CNN for 50 steps on random images and boxes.
Versions and output: docs/interoperability.md.
"""

import sys

import torch
import torchvision
from torch import nn
from torchvision.models.detection import (
    FasterRCNN, MaskRCNN, fasterrcnn_resnet50_fpn, maskrcnn_resnet50_fpn,
)
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from encoder import read

STEPS = 50
IMAGE_SIZE = 128
CLASSES = 3  # the background is one
# Small images and few proposals, so that two processor cores take minutes.
SMALL = {"min_size": IMAGE_SIZE, "max_size": IMAGE_SIZE, "rpn_pre_nms_top_n_train": 200,
         "rpn_post_nms_top_n_train": 64, "box_batch_size_per_image": 32}


def load_backbone(detector: nn.Module, path: str) -> int:
    """Loads an encoder into `detector.backbone.body`, `strict=True`; the number of tensors."""
    _, tensors = read(path)
    body = detector.backbone.body
    body.load_state_dict(tensors, strict=True)
    for name, tensor in tensors.items():
        assert torch.equal(body.state_dict()[name], tensor), name
    return len(tensors)


def frozen_backbone() -> nn.Module:
    """ResNet-50 with feature pyramid and frozen batch norms, stages 2 to 4 trained.

    Frozen norms have `weight`, `bias`, `running_mean` and `running_var` as batch norms do.
    """
    return resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3
    )


def random_sample() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A noisy image with a bright rectangle, its box, class and mask."""
    image = 0.2 * torch.rand(3, IMAGE_SIZE, IMAGE_SIZE)
    label = int(torch.randint(1, CLASSES, ()))
    left, top = (int(value) for value in torch.randint(0, IMAGE_SIZE // 2, (2,)))
    width, height = (int(value) for value in torch.randint(32, IMAGE_SIZE // 2, (2,)))
    mask = torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    mask[:, top:top + height, left:left + width] = 1
    image[label] += 0.8 * mask[0]
    box = torch.tensor([[left, top, left + width, top + height]], dtype=torch.float32)
    return image, {"boxes": box, "labels": torch.tensor([label]), "masks": mask}


def train(detector: nn.Module) -> list[float]:
    """The loss of each step of SGD on batches of two."""
    detector.train()
    parameters = [p for p in detector.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    losses = []
    for _ in range(STEPS):
        images, targets = zip(*(random_sample() for _ in range(2)))
        loss = sum(detector(list(images), list(targets)).values())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def main() -> int:
    """1 if training did not lower the loss."""
    path = sys.argv[1]
    torch.set_num_threads(2)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}")
    none = {"weights": None, "weights_backbone": None, "num_classes": CLASSES}
    frozen = MaskRCNN(frozen_backbone(), CLASSES, **SMALL)
    for name, detector in [
        ("maskrcnn_resnet50_fpn", maskrcnn_resnet50_fpn(**none)),
        ("fasterrcnn_resnet50_fpn", fasterrcnn_resnet50_fpn(**none)),
        ("FasterRCNN, FrozenBatchNorm2d", FasterRCNN(frozen_backbone(), CLASSES)),
        ("MaskRCNN, FrozenBatchNorm2d", frozen),
    ]:
        print(f"{name}: {load_backbone(detector, path)} tensors, none missing, none left over")
    losses = train(frozen)
    print(f"MaskRCNN, FrozenBatchNorm2d: loss {losses[0]:.3f} at step 1, "
          f"{losses[-1]:.3f} at step {STEPS}")
    return 0 if losses[-1] < losses[0] else 1


if __name__ == "__main__":
    sys.exit(main())
