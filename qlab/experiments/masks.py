"""Derivatives of activations, declared on weights: which weights never move? (S0 II, read on weights)

    w_Q = Q(w),    w+ = w - step_size d(w) g(w_Q)

    "identity" d = 1    "hardtanh" d = 1{|w| <= 1}    "relu" d = 1{w > 0}    "clipped-relu" d = 1{0 < w <= 1}

The first two are the STEs of `ste`. The others belong to activations: on a weight they are 0 wherever w <= 0, so such a
weight never moves again, whatever the data say. The digits network, plain SGD, all seeds of a mask as one stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from qlab import data
from qlab.data.loader import Loader, normalise
from qlab.devices import device as find_device
from qlab.messages import unknown
from qlab.models import MLP
from qlab.quantizers import activation_derivative, coarse, weight_derivative
from qlab.quantizers.grids import Grid

MASKS = ("identity", "hardtanh", "relu", "clipped-relu")
HIDDEN, BATCH = 32, 32


def derivative(w: Tensor, mask: str) -> Tensor:
    """d(w) of a mask, bool, of w's shape; ValueError for an unknown mask."""
    if mask not in MASKS:
        raise ValueError(unknown("mask", mask, MASKS))
    if mask in ("identity", "hardtanh"):
        return weight_derivative(w, mask)
    return activation_derivative(w, mask)


@dataclass(frozen=True)
class Trained:
    """A stack after training; every tensor (runs,), float64, shares in 0 ... 1.

    unmoved: share of weights that are bitwise where they started; negative: share that started at w <= 0;
    frozen: share whose declared derivative is 0 now; accuracy: of the quantized network on the test images;
    train_loss: of the quantized network on the training images, in nats.
    """

    mask: str
    unmoved: Tensor
    negative: Tensor
    frozen: Tensor
    accuracy: Tensor
    train_loss: Tensor


def train(
    mask: str, seeds: Sequence[int], *, steps: int, step_size: float = 0.1, bits: int = 1, device: str = "auto"
) -> Trained:
    """Train one run per seed of an MLP 64 - 32 - 10, every weight quantized, biases not.

    Images are normalised by one mean, so that no pixel is 0 throughout: no weight stands still for want of an input.
    """
    place, seed, grid = find_device(device), torch.tensor(list(seeds)), Grid(bits)
    digits = data.load("digits").to(place)
    model = MLP((64, HIDDEN, 10), runs=len(seed), seed=seed).to(place)
    weights = {name: p for name, p in model.named_parameters() if name.endswith("weight")}
    start = {name: w.detach().clone() for name, w in weights.items()}
    descent = torch.optim.SGD(model.parameters(), lr=step_size)
    loader = Loader(digits, BATCH, seed=seed, drop_last=True)

    def quantize(w: Tensor) -> Tensor:
        latent = w.detach()
        return coarse(grid.nearest(latent, grid.scale_of(latent, keep=1)), (w, derivative(latent, mask)))

    def logits_of(x: Tensor) -> Tensor:
        return functional_call(model, {name: quantize(w) for name, w in weights.items()}, (x,))

    def losses(x: Tensor, y: Tensor) -> Tensor:
        y = y.expand(len(seed), -1)
        return F.cross_entropy(logits_of(x).flatten(0, 1), y.flatten(), reduction="none").view(len(seed), -1).mean(1)

    for t in range(steps):
        batch, labels = loader.batch(t)
        descent.zero_grad()
        losses(batch.flatten(2), labels).sum().backward()
        descent.step()
    with torch.no_grad():
        x, y = {}, {}
        for name in ("train", "test"):
            images, y[name] = digits.part(name)
            x[name] = normalise(images, digits.mean, digits.std, torch.float32).flatten(1)
        hits = logits_of(x["test"]).argmax(-1) == y["test"]
        loss = losses(x["train"], y["train"])
    now = {name: w.detach() for name, w in weights.items()}
    return Trained(
        mask,
        unmoved=_share({name: now[name] == start[name] for name in now}),
        negative=_share({name: w <= 0 for name, w in start.items()}),
        frozen=_share({name: ~derivative(w, mask) for name, w in now.items()}),
        accuracy=hits.double().mean(1).cpu(),
        train_loss=loss.double().cpu(),
    )


def _share(found: dict[str, Tensor]) -> Tensor:
    """The share of True over all weights of each run."""
    return torch.cat([f.flatten(1) for f in found.values()], 1).double().mean(1).cpu()
