"""Networks by name, as the trainer and the lessons ask for them."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn

from qlab.messages import unknown
from qlab.models.mlp import MLP
from qlab.models.resnet import ResNet

MODELS = ("mlp", "mlp-bn", *(f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110)))
"""mlp: two hidden layers of `width` units; mlp-bn: the same with batch normalization; resnetD: the CIFAR networks."""

DEFAULT_WIDTH = {"mlp": 64, "resnet": 16}


def build(
    name: str,
    *,
    shape: tuple[int, ...],
    classes: int,
    width: int | None = None,
    seed: int | Tensor = 0,
    runs: int = 0,
    shortcut: str = "A",
    act: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Module:
    """The network `name` for inputs of `shape` ((d,) or (channels, height, width)) and `classes` outputs.

    Args:
        width: hidden units of an MLP, or channels of a ResNet's first stage; None: 64 or 16.
        runs: a stack of runs (MLPs only). Other arguments: see `MLP` and `ResNet`.

    Raises ValueError for an unknown name, a stack of ResNets, or a ResNet on inputs that are no images.
    """
    if name not in MODELS:
        raise ValueError(unknown("model", name, MODELS))
    if name.startswith("mlp"):
        hidden = DEFAULT_WIDTH["mlp"] if width is None else width
        sizes = (math.prod(shape), hidden, hidden, classes)
        return MLP(sizes, runs, batch_norm=name == "mlp-bn", seed=seed, act=act)
    if runs:
        raise ValueError(
            f"runs={runs} with model={name!r}: only mlp and mlp-bn carry a run axis; train ResNets one by one"
        )
    if len(shape) != 3:
        raise ValueError(
            f"model={name!r} needs images (channels, height, width); this data set has inputs {tuple(shape)}"
        )
    width = DEFAULT_WIDTH["resnet"] if width is None else width
    depth = int(name.removeprefix("resnet"))
    return ResNet(depth, width=width, classes=classes, channels=shape[0], shortcut=shortcut, act=act, seed=int(seed))
