"""How many multiplications binary weights save, in training and in use, layer by layer (S0 2.I: "save 2/3").

A linear or convolution layer with N multiplications per sample and forward pass has in a training step

    forward    y = W x            N     none with weights ±1 or ternary: sums and differences, and one by the scale
    backward   dx = W'dy          N     likewise none; not needed at all by the first layer
    weights    dW = dy x'         N     as before: neither factor is a weight
    update     w - step dW        one per weight and step, shared by the samples of the batch

So 2/3 is saved of the three matrix products of an inner layer, 1/2 of the two of the first. Sums are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qlab.optim.groups import quantizable


@dataclass(frozen=True)
class Layer:
    """One layer, per sample: `products` multiplications in a pass, `outputs` numbers out, `weights` numbers kept."""

    name: str
    products: int
    outputs: int
    weights: int
    first: bool


@dataclass(frozen=True)
class Count:
    """Multiplications per sample: in full precision, and with the chosen layers binary."""

    full: float
    binary: float

    @property
    def saved(self) -> float:
        """The share that binary weights save."""
        return 1 - self.binary / self.full


def layers(model: nn.Module, x: Tensor) -> list[Layer]:
    """The linear and convolution layers of one network (ValueError for a stack), in the order in which they run on x, a
    batch of any size."""
    if getattr(model, "runs", 0):
        raise ValueError(f"a stack of {model.runs} runs; allowed: one network (runs=0), whose layers are the same")
    found: list[tuple[str, int, int, int]] = []
    handles, names = [], {name.removesuffix(".weight"): name for name in quantizable(model)}

    def watch(name: str):
        def note(module, inputs, output) -> None:
            per_output = module.weight[0].numel()
            outputs = output[0].numel()
            found.append((name, outputs * per_output, outputs, module.weight.numel()))

        return note

    for name, module in model.named_modules():
        if name in names:
            handles.append(module.register_forward_hook(watch(names[name])))
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return [Layer(*seen, first=i == 0) for i, seen in enumerate(found)]


def in_training(plan: Iterable[Layer], binary: Iterable[str], batch: int, scale: bool = True) -> Count:
    """Multiplications of a training step per sample; `binary`: names of the layers with binary weights.

    scale: whether their weights are s times ±1: one multiplication for each y forward and each dy backward.
    """
    binary, was, now = set(binary), 0.0, 0.0
    for layer in plan:
        passes = 1 if layer.first else 2  # forward, and back to the input where there is one to train
        common = layer.products + layer.weights / batch
        was += passes * layer.products + common
        if layer.name in binary:
            now += common + passes * layer.outputs * scale
        else:
            now += passes * layer.products + common
    return Count(was, now)


def in_use(plan: Iterable[Layer], binary: Iterable[str], scale: bool = True) -> Count:
    """Multiplications of a forward pass per sample."""
    plan, binary = list(plan), set(binary)
    now = sum(layer.outputs * scale if layer.name in binary else layer.products for layer in plan)
    return Count(sum(layer.products for layer in plan), now)
