"""The same comparison trained on digits: full precision, BC, SR, R, STE and PGD on one network (S1, Experiments).

Each method is one stack: its runs (a seed each, perhaps a step size each) train at once, and run i is the run alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from qlab import data, metrics
from qlab.data.loader import Loader, normalise
from qlab.devices import device as find_device
from qlab.models import MLP
from qlab.optim import QuantOptimizer, groups

METHODS = ("full", "bc", "sr", "r", "ste", "pgd")
HIDDEN, BATCH = 32, 32


@dataclass(frozen=True)
class Measured:
    """A stack at one moment; every tensor (runs,), float64, shares in 0 ... 1, losses in nats.

    train_loss: of the batches, and flips, the share of quantized weights whose level changes in a step: means over the
    steps since the last measurement. latent_*: of the weights kept; quantized_*: of the weights deployed, on the test
    part. changed: the share of quantized weights that differ from the start.
    """

    step: int
    train_loss: Tensor
    latent_accuracy: Tensor
    quantized_accuracy: Tensor
    quantized_loss: Tensor
    flips: Tensor
    changed: Tensor


@lru_cache(maxsize=2)
def _dataset(device: torch.device):
    dataset = data.load("digits").to(device)
    images, labels = dataset.part("test")
    return dataset, normalise(images, dataset.mean, dataset.std, torch.float32), labels


class Stack:
    """Runs of one method on digits: an MLP 64 - 32 - 10, all weights quantized, biases not; plain SGD, batches of 32.

    seeds: one run each (init, batch order and rounding). step_size: a number, or one for each run; it may be changed
    at any time. R and SR start from their grid, whose scale is the least-squares one of the initial weights.
    """

    def __init__(
        self,
        method: str,
        seeds: Sequence[int],
        *,
        bits: int = 1,
        step_size: float | Tensor = 0.1,
        hidden: int = HIDDEN,
        batch: int = BATCH,
        device: str = "auto",
        dtype: torch.dtype = torch.float32,
    ):
        place = find_device(device)
        self.method, self.runs, self.done = method, len(seeds), 0
        self.dataset, self.test, self.labels = _dataset(place)
        seed = torch.tensor(list(seeds))
        self.model = MLP((64, hidden, 10), runs=self.runs, seed=seed).to(place, dtype)
        self.loader = Loader(self.dataset, batch, seed=seed, drop_last=True, dtype=dtype)
        chosen = groups(self.model, method, first_last=True, quiet=True, bits=bits)
        self.optimizer = QuantOptimizer(chosen, method, lr=step_size, seed=seed.to(place), runs=self.runs)
        self.start = self.before = self._codes()
        self._loss = self._flips = torch.zeros(self.runs, dtype=torch.float64, device=place)
        self._since = 0

    def _codes(self) -> Tensor:
        return torch.cat([codes.flatten(1) for codes, _ in self.optimizer.codes().values()], 1)

    @property
    def step_size(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @step_size.setter
    def step_size(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"].fill_(value)

    def step(self) -> None:
        """w+ from the gradient of each run's own mean cross entropy over its own batch."""
        x, y = self.loader.batch(self.done)
        logits = functional_call(self.model, self.optimizer.weights(), (x.flatten(2),))
        losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(self.runs, -1).mean(1)
        self.optimizer.zero_grad()
        losses.sum().backward()
        self.optimizer.step()
        codes = self._codes()
        self._loss = self._loss + losses.detach()
        self._flips = self._flips + metrics.flips(self.before, codes, runs=1)
        self.before, self.done, self._since = codes, self.done + 1, self._since + 1

    @torch.no_grad()
    def measure(self) -> Measured:
        """Test accuracy now, training loss and flips since the last measurement."""
        latent = dict(self.model.named_parameters())
        n = max(self._since, 1)
        found = Measured(
            self.done,
            self._loss / n,
            self._accuracy(latent)[0],
            *self._accuracy(self.optimizer.quantized()),
            self._flips / n,
            metrics.flips(self.start, self.before, runs=1),
        )
        self._loss, self._flips, self._since = torch.zeros_like(self._loss), torch.zeros_like(self._flips), 0
        return found

    def _accuracy(self, weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        x = self.test.flatten(1).to(next(iter(weights.values())).dtype)
        logits = functional_call(self.model, dict(weights), (x,))
        y = self.labels.expand(self.runs, -1)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(self.runs, -1).mean(1)
        return (logits.argmax(-1) == y).double().mean(1), loss.double()


def train(method: str, seeds: Sequence[int], *, steps: int, measurements: int = 10, **settings) -> list[Measured]:
    """A stack trained for `steps` steps, measured at the start and then `measurements` times; `settings` of `Stack`."""
    stack = Stack(method, seeds, **settings)
    history = [stack.measure()]
    for at in range(1, measurements + 1):
        while stack.done < round(steps * at / measurements):
            stack.step()
        history.append(stack.measure())
    return history
