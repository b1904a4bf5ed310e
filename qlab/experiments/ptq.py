"""Why not just round afterwards? Networks trained in full precision on digits, rounded to b bits after it (S0 1).

A stack of networks, one per seed, is trained once. Rounding replaces the weight matrices by Q(w), one scale per layer
and network; biases stay. The error of the weights splits into rounding (inside the outer levels) and clipping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from qlab import data
from qlab.experiments.projection import Group
from qlab.experiments.scales import ScaleError
from qlab.messages import unknown
from qlab.models import MLP
from qlab.optim import QuantOptimizer
from qlab.quantizers import Grid

SIZES = (64, 48, 48, 10)
LAYERS = ("all", "first", "middle", "last")
KINDS = ("least-squares", "max")
BITS = tuple(range(1, 9))
BATCH, STEP_SIZE, MOMENTUM = 64, 0.05, 0.9


@dataclass(frozen=True)
class Score:
    """Test accuracy and test loss of each network, (runs,), float64."""

    accuracy: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True, eq=False)
class Networks:
    """`runs` trained networks of SIZES: every parameter has a leading axis of runs; `full`: their score as trained."""

    model: MLP
    parameters: Mapping[str, Tensor]
    images: Tensor
    labels: Tensor

    @property
    def runs(self) -> int:
        return len(next(iter(self.parameters.values())))

    @cached_property
    def full(self) -> Score:
        return self.score(self.parameters)

    def matrices(self, layers: str = "all") -> dict[str, Tensor]:
        """The weight matrices (runs, out, in) of the layers that are rounded."""
        if layers not in LAYERS:
            raise ValueError(unknown("layers", layers, LAYERS))
        names = [name for name in self.parameters if name.endswith("weight")]
        chosen = names if layers == "all" else names[LAYERS.index(layers) - 1 :][:1]
        return {name: self.parameters[name] for name in chosen}

    @torch.no_grad()
    def score(self, parameters: Mapping[str, Tensor]) -> Score:
        """The score with these parameters in place of the trained ones."""
        logits = torch.func.functional_call(self.model, dict(parameters), self.images).double()
        labels = self.labels.expand(len(logits), -1)
        accuracy = (logits.argmax(-1) == labels).double().mean(-1)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels).mean(-1)
        return Score(accuracy.cpu().numpy(), loss.cpu().numpy())


@lru_cache(maxsize=4)
def train(seed: int = 0, runs: int = 10, steps: int = 200, device: str = "cpu") -> Networks:
    """Networks of seeds seed ... seed + runs - 1, each after `steps` steps of momentum SGD on the embedded digits."""
    digits = data.load("digits", device=device)
    seeds = torch.arange(seed, seed + runs)
    model = MLP(SIZES, runs=runs, seed=seeds).to(digits.device)
    optimizer = QuantOptimizer(
        model.named_parameters(), rule="full", runs=runs, lr=STEP_SIZE, momentum=MOMENTUM, seed=seeds
    )
    loader = data.Loader(digits, BATCH, seed=seeds)
    for step in range(steps):
        images, labels = loader.batch(step)
        optimizer.zero_grad()
        loss = runs * F.cross_entropy(model(images).flatten(0, 1), labels.flatten())  # each network: its own mean
        loss.backward()
        optimizer.step()
    images, labels = data.Loader(digits, len(digits.rows("test")), split="test", shuffle=False).batch(0)
    return Networks(model, {name: p.detach() for name, p in model.named_parameters()}, images, labels)


def rounded(networks: Networks, bits: int, kind: str = "least-squares", layers: str = "all") -> Score:
    """The score after rounding: Q(w) with the scale of this kind (Lloyd to convergence where b >= 3 needs it)."""
    if kind not in KINDS:
        raise ValueError(unknown("scale kind", kind, KINDS))
    grid = Grid(bits, scale=kind)
    deployed = {name: grid.nearest(w, grid.converged_scale(w, keep=1)) for name, w in networks.matrices(layers).items()}
    return networks.score({**networks.parameters, **deployed})


@lru_cache(maxsize=64)
def by_bits(networks: Networks, kind: str, layers: str = "all") -> np.ndarray:
    """Test accuracies after rounding to 1 ... 8 bits, (8, runs)."""
    return np.stack([rounded(networks, bits, kind, layers).accuracy for bits in BITS])


@lru_cache(maxsize=128)
def _parts(networks: Networks, bits: int, layer: str) -> tuple[ScaleError, ...]:
    (stack,) = networks.matrices(layer).values()
    return tuple(ScaleError(w, Grid(bits)) for w in stack.double().cpu().numpy())


def weight_error(networks: Networks, bits: int, layers: str = "all") -> Group:
    """The error of the rounded weights, layers and networks together, as a function of their clipping scale."""
    chosen = LAYERS[1:] if layers == "all" else (layers,)
    return Group([part for layer in chosen for part in _parts(networks, bits, layer)])


def same_order(before: np.ndarray, after: np.ndarray) -> float:
    """The share of pairs that two lists of losses rank the same way."""
    i, j = np.triu_indices(len(before), 1)
    return float((np.sign(before[i] - before[j]) == np.sign(after[i] - after[j])).mean())
