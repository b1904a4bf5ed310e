"""The residual networks for CIFAR of He et al. 2016 (section 4.2): depth 6n + 2, post-activation blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from qlab.messages import unknown
from qlab.models.init import initialize

SHORTCUTS = ("A", "B")
"""A: every second pixel, new channels are zero (no parameters). B: 1x1 convolution with stride, then BN."""


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias whose memory is filled by `initialize` alone, so no global random state is touched."""
    return skip_init(nn.Conv2d, inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


class ZeroPad(nn.Module):
    """Shortcut A: x[:, :, ::2, ::2] with zeros as its new channels."""

    def __init__(self, stride: int, new_channels: int):
        super().__init__()
        self.stride, self.new_channels = stride, new_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


class Block(nn.Module):
    """y = act( BN(conv(act(BN(conv(x))))) + shortcut(x) )."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str, act: Callable[[], nn.Module]):
        super().__init__()
        self.conv1, self.bn1, self.act1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs), act()
        self.conv2, self.bn2, self.act2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs), act()
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride > 1:
            if shortcut == "A":
                self.shortcut = ZeroPad(stride, outputs - inputs)
            else:
                self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act1(self.bn1(self.conv1(x)))
        return self.act2(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """conv 3x3, three stages of n blocks with `width`, 2 width, 4 width channels, global mean, linear: logits.

    Args:
        depth: 6n + 2: 20, 32, 44, 56, 110 in the paper (8 and 14 are the smallest).
        width: channels of the first stage: 16 in the paper; 80 is the 5 times wide network of S3's code.
        shortcut: "A" (zeros, the paper's choice for CIFAR: ResNet-20 has 269,722 parameters) or "B" (1x1 convolutions
            with BN: 272,474 parameters).
        act: makes every activation: `nn.ReLU`, or a quantized one such as `lambda: QuantReLU(4)`.
        seed: Kaiming initialization from the counter-based numbers.

    Input (n, channels, h, w), output (n, classes). Raises ValueError for another depth or shortcut and for width < 1.
    """

    def __init__(
        self,
        depth: int = 20,
        *,
        width: int = 16,
        classes: int = 10,
        channels: int = 3,
        shortcut: str = "A",
        act: Callable[[], nn.Module] = nn.ReLU,
        seed: int = 0,
    ):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth={depth}; allowed: 6n + 2 with n >= 1, i.e. 8, 14, 20, 32, 44, 56, 110, ...")
        if width < 1:
            raise ValueError(f"width={width}; allowed: channels of the first stage, >= 1 (16 in the paper)")
        if shortcut not in SHORTCUTS:
            raise ValueError(unknown("shortcut", shortcut, SHORTCUTS))
        self.conv, self.bn, self.act = conv(channels, width, 3), nn.BatchNorm2d(width), act()
        blocks: list[nn.Module] = []
        inputs = width
        for stage in range(3):
            for i in range((depth - 2) // 6):
                outputs, stride = width * 2**stage, 2 if stage and i == 0 else 1
                blocks.append(Block(inputs, outputs, stride, shortcut, act))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.linear = skip_init(nn.Linear, inputs, classes)
        initialize(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.bn(self.conv(x)))
        return self.linear(self.blocks(x).mean((2, 3)))
