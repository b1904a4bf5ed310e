"""Networks with quantized activations on digits: what the declared derivative lets them learn (S2, Coarse Gradients).

    "none"                       the staircase's own derivative, 0 almost everywhere: what autograd makes of ceil
    "ae" | "3-valued" | "2-valued"   in x the clipped ReLU's, in the resolution s_x the one named
    "relu" | "identity"          1{x > 0} or 1 in x, 3-valued in s_x

Weights are not quantized; the resolutions learn with a hundredth of the step size (S2). One stack of seeds per choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qlab import data
from qlab.data.loader import Loader, normalise
from qlab.devices import device as find_device
from qlab.messages import unknown
from qlab.models import MLP
from qlab.quantizers import DERIVATIVES, QuantReLU
from qlab.theory.staircase import stairs

CHOICES = ("none", *DERIVATIVES, "relu", "identity")
SIZES, BATCH = (64, 32, 32, 10), 32
SLOWER = 0.01  # S2: step size of the resolutions over that of the weights


class Staircase(nn.Module):
    """The quantized ReLU with nothing declared; its resolution is fixed at 1/(2^b - 1)."""

    def __init__(self, bits: int):
        super().__init__()
        self.levels = 2**bits - 1

    def forward(self, x: Tensor) -> Tensor:
        return stairs(x, 1 / self.levels, self.levels)


@dataclass(frozen=True)
class Measured:
    """A stack at one moment; tensors (runs,), float64. train_loss: mean since the last measurement, in nats (NaN at the
    start); accuracy: on the test images, 0 ... 1; moved: share of the weights below the last staircase that have moved.
    """

    step: int
    train_loss: Tensor
    accuracy: Tensor
    moved: Tensor


class Stack:
    """Runs of one choice: an MLP 64 - 32 - 32 - 10, plain SGD, batches of 32; run i is the run of seeds[i] alone."""

    def __init__(
        self, choice: str, seeds: Sequence[int], *, bits: int = 2, step_size: float = 0.1, device: str = "auto"
    ):
        if choice not in CHOICES:
            raise ValueError(unknown("choice", choice, CHOICES))
        place, seed = find_device(device), torch.tensor(list(seeds))
        self.choice, self.runs, self.done = choice, len(seed), 0

        def act() -> nn.Module:
            if choice == "none":
                return Staircase(bits)
            own = torch.full((len(seed), 1, 1), 1 / (2**bits - 1))
            surrogate = choice if choice in ("relu", "identity") else "clipped-relu"
            return QuantReLU(bits, own, choice if choice in DERIVATIVES else "3-valued", surrogate)

        self.model = MLP(SIZES, runs=len(seed), seed=seed, act=act).to(place)
        named = dict(self.model.named_parameters())
        slow = [p for name, p in named.items() if name.endswith("resolution")]
        fast = [p for name, p in named.items() if not name.endswith("resolution")]
        self.descent = torch.optim.SGD(fast, lr=step_size)
        if slow:
            self.descent.add_param_group({"params": slow, "lr": SLOWER * step_size})
        weights = [p for name, p in named.items() if name.endswith("weight")]
        self.below, self.start = weights[:-1], [w.detach().clone() for w in weights[:-1]]
        digits = data.load("digits").to(place)
        self.loader = Loader(digits, BATCH, seed=seed, drop_last=True)
        images, self.labels = digits.part("test")
        self.test = normalise(images, digits.mean, digits.std, torch.float32).flatten(1)
        self._loss, self._since = torch.zeros(len(seed), dtype=torch.float64, device=place), 0

    @property
    def step_size(self) -> float:
        return self.descent.param_groups[0]["lr"]

    @step_size.setter
    def step_size(self, value: float) -> None:
        for group, factor in zip(self.descent.param_groups, (1.0, SLOWER), strict=False):
            group["lr"] = factor * value

    def step(self) -> None:
        x, y = self.loader.batch(self.done)
        logits = self.model(x.flatten(2))
        losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(self.runs, -1).mean(1)
        self.descent.zero_grad()
        losses.sum().backward()
        self.descent.step()
        self._loss, self._since, self.done = self._loss + losses.detach(), self._since + 1, self.done + 1

    @torch.no_grad()
    def measure(self) -> Measured:
        loss = self._loss / self._since if self._since else torch.full_like(self._loss, torch.nan)
        self._loss, self._since = torch.zeros_like(self._loss), 0
        right = (self.model(self.test).argmax(-1) == self.labels).double().mean(1)
        moved = [(now != then).flatten(1) for now, then in zip(self.below, self.start, strict=True)]
        share = torch.cat(moved, 1).double().mean(1)
        return Measured(self.done, loss.cpu(), right.cpu(), share.cpu())


def train(choice: str, seeds: Sequence[int], *, steps: int, **settings) -> Measured:
    """A stack after `steps` steps; `settings` of `Stack`."""
    stack = Stack(choice, seeds, **settings)
    for _ in range(steps):
        stack.step()
    return stack.measure()
