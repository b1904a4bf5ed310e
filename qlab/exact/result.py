"""What a search found: the best configurations, and where any loss would stand among all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qlab.metrics import suboptimality_gap

KEPT = 2**24
"""Up to so many losses are kept one by one (64 MB); more are counted in BINS bins."""
BINS = 2**20


@dataclass(frozen=True)
class Result:
    """The k best configurations and the sorted losses of all.

    weights    (k, d), dtype of the data; losses (k,) float64, ascending, the exact loss re-evaluated in float64
    copies     (k,) int64: configurations with the same loss by symmetry (h! orders of h different hidden units)
    profile    (V,) float64, ascending: the losses of all configurations, or, of more than 2^24, middles of bins
    below      (V,) int64: how many configurations have a loss up to profile[v]; below[-1] = count
    error      how far the profile is from the exact losses (float32; half a bin)
    """

    weights: Tensor
    losses: Tensor
    copies: Tensor
    profile: Tensor
    below: Tensor
    count: int
    error: float

    @property
    def best(self) -> Tensor:
        """The optimum, (d,)."""
        return self.weights[0]

    @property
    def optimum(self) -> float:
        """Its loss."""
        return float(self.losses[0])

    def rank(self, loss: Tensor | float) -> Tensor:
        """1 + the number of configurations with a smaller loss, int64; 1 is the optimum. NaN ranks behind all.

        Losses closer than `error` count as equal.
        """
        loss = torch.as_tensor(loss, dtype=torch.float64)
        smaller = torch.cat([self.below.new_zeros(1), self.below])
        at = torch.searchsorted(self.profile, (loss - self.error).contiguous())
        return 1 + smaller[torch.where(loss.isnan(), len(self.profile), at)]

    def gap(self, loss: Tensor | float) -> Tensor:
        """(loss - optimum) / |optimum|, float64: .05 is 5 % above the optimum; loss itself where the optimum is 0."""
        return suboptimality_gap(torch.as_tensor(loss, dtype=torch.float64), self.optimum)

    def quantiles(self, points: int = 257) -> tuple[Tensor, Tensor]:
        """(ranks, losses): the sorted losses at `points` ranks from 1 to count, evenly spaced in log rank."""
        ranks = torch.logspace(0, np.log10(self.count), points, dtype=torch.float64).round().long().unique()
        return ranks, self.profile[torch.searchsorted(self.below, ranks.clamp(max=self.count))]


class Collector:
    """Takes losses tile by tile; keeps the best `pool` of them and the profile.

    copies: how many configurations each loss stands for, if not one. `highest`: where the last bin ends; a larger loss
    doubles it.
    """

    def __init__(self, total: int, pool: int, highest: float, weighted: bool = False):
        self.pool, self.highest = pool, max(highest, 1e-30)
        self.listed, self.filled = total <= KEPT, 0
        self.all = torch.empty(total if self.listed else 0, dtype=torch.float32)
        self.times = torch.empty(total if self.listed and weighted else 0, dtype=torch.int64)
        self.counts = torch.zeros(0 if self.listed else BINS, dtype=torch.int64)
        self.losses, self.index = torch.empty(0), torch.empty(0, dtype=torch.int64)
        self.threshold = float("inf")

    @staticmethod
    def elements(total: int, weighted: bool = False) -> int:
        """Bytes that this collector and the sorting at its end need."""
        return total * (4 + 8 + 8 + (24 if weighted else 0)) if total <= KEPT else BINS * 40

    def add(self, losses: Tensor, first: int, copies: Tensor | None = None) -> None:
        """Losses (B,) of the configurations first, first + 1, ..."""
        self._keep(losses, first)
        if self.listed:
            place = slice(self.filled, self.filled + len(losses))
            self.all[place] = losses
            if copies is not None:
                self.times[place] = copies
        else:
            self._widen(float(losses.amax()))
            bin = losses.mul(BINS / self.highest).clamp_(0, BINS - 1).long()
            self.counts.scatter_add_(0, bin, torch.ones_like(bin) if copies is None else copies)
        self.filled += len(losses)

    def _widen(self, largest: float) -> None:
        """Merges bins in pairs until the last one reaches the largest loss."""
        while self.highest < largest < float("inf"):
            self.counts = torch.cat([self.counts.view(-1, 2).sum(1), self.counts.new_zeros(BINS // 2)])
            self.highest *= 2

    def _keep(self, losses: Tensor, first: int) -> None:
        if float(losses.amin()) >= self.threshold:
            return
        better = (losses < self.threshold).nonzero().squeeze(1)
        self.losses = torch.cat([self.losses, losses[better].float()])
        self.index = torch.cat([self.index, better + first])
        order = self.losses.argsort(stable=True)[: self.pool]
        self.losses, self.index = self.losses[order], self.index[order]
        if len(order) == self.pool:
            self.threshold = float(self.losses[-1])

    def profile(self) -> tuple[Tensor, Tensor, float]:
        """(profile, below, half the width of a bin)."""
        if not self.listed:
            full = self.counts.nonzero().squeeze(1)
            return (full + 0.5).double() * (self.highest / BINS), self.counts[full].cumsum(0), self.highest / BINS / 2
        if len(self.times):
            order = self.all.argsort()
            return self.all[order].double(), self.times[order].cumsum(0), 0.0
        values = self.all.numpy()
        values.sort()  # numpy sorts 2^24 float32 in a fraction of torch's time
        return torch.from_numpy(values).double(), torch.arange(1, len(values) + 1), 0.0

    def result(self, weights: Tensor, copies: Tensor, exact: Callable[[Tensor], Tensor], k: int, count: int) -> Result:
        """weights (pool, d) of `index`: evaluated exactly, sorted, the first k kept."""
        losses = exact(weights).double()
        error = float((losses - self.losses.double()).abs().max())
        order = losses.argsort(stable=True)[:k]
        profile, below, half = self.profile()
        return Result(weights[order], losses[order], copies[order], profile, below, count, max(4 * error, 1e-6) + half)
