"""ResNet-18 and ResNet-50 trunks of any width, with torchvision's parameter names."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from gclbench.networks.layers import Convolution

Depth = Literal["resnet18", "resnet50"]
Stem = Literal["standard", "small"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet-18)."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Convolution(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = Convolution(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width * self.expansion, stride)

    def forward(self, maps: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(maps)), inplace=True)
        out = self.bn2(self.conv2(out))
        return F.relu(out + _apply(self.downsample, maps), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride) and 1x1 convolutions and a shortcut (ResNet-50)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Convolution(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = Convolution(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = Convolution(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.downsample = _shortcut(inputs, width * self.expansion, stride)

    def forward(self, maps: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(maps)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        return F.relu(out + _apply(self.downsample, maps), inplace=True)


BLOCKS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """A trunk without classifier whose last stage keeps its resolution (stride 1).

    Shapes    (B, 3, H, W) -> (B, channels, H / s, W / s). `stem` "standard" is 7x7 stride 2 and a
              3x3 max pool (s = 16); "small" is 3x3 stride 2 without pool (s = 8).
    """

    def __init__(self, depth: Depth, width: int, stem: Stem) -> None:
        super().__init__()
        block, counts = BLOCKS[depth]
        kernel = 7 if stem == "standard" else 3
        self.conv1 = Convolution(3, width, kernel, stride=2, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pooled_stem = stem == "standard"
        inputs = width
        for index, (count, stride) in enumerate(zip(counts, (1, 2, 2, 1), strict=True)):
            blocks = []
            for number in range(count):
                blocks.append(block(inputs, width << index, stride if number == 0 else 1))
                inputs = (width << index) * block.expansion
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.channels = inputs

    def trunk(self, images: Tensor) -> Tensor:
        maps = F.relu(self.bn1(self.conv1(images)), inplace=True)
        if self.pooled_stem:
            maps = F.max_pool2d(maps, 3, stride=2, padding=1)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            maps = self.get_submodule(name)(maps)
        return maps


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(
        Convolution(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )


def _apply(shortcut: nn.Sequential | None, maps: Tensor) -> Tensor:
    return maps if shortcut is None else shortcut(maps)
