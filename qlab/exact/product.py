"""The product form: the logistic loss of every sum of two parts, without a matrix product over the samples.

The weights are split into two sides; settings p, q of them add to the margin of sample i: s_i = A_pi + B_qi. Then

    sum_i log(1 + e^s_i) = sum_i s_i/2 + log prod_i (e^(s_i/2) + e^(-s_i/2)),   e^(±s_i/2) = e^(±A_pi/2) e^(±B_qi/2)

The first sum splits over the sides. The product over a group of three samples is a product of two matrices with inner
dimension 2^3 (one column per choice of signs), whose entries are products of tabled exponentials. So a tile of
configurations costs one thin matrix product and one multiplication per three samples, and one logarithm per block of
samples: a block is as long as the floating-point range allows, the factors being centred by e^(-reach_i/4).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qlab.exact.cost import Progress, refuse, told
from qlab.exact.result import Collector

GROUP = 3
COLUMNS, ROWS = 1024, 64  # a tile of 256 kB stays in cache
TABLES = 2**27  # bytes of tabled exponentials kept; tables beyond that are computed again for each row of tiles
SLICE = 2**22  # margins computed at once
TRIED = 2**24  # margins of the tile that a call is timed on
SMALL = 10**8  # margins that no machine needs long for: nothing is timed
RATE = 5e9  # margins a second, roughly: where this already says "a thousand times too many", nothing is timed either


@dataclass(frozen=True)
class Side:
    """One side of the weights: `count` settings.

    margins   index (r,), samples (a slice) -> (r, samples) float64: their part of each sample's margin s_i
    reach     (n,): the largest |margin| of any setting
    copies    index (r,) -> int64 (r,): how many settings of the network each stands for; None: one
    """

    count: int
    margins: Callable[[Tensor, slice], Tensor]
    reach: Tensor
    copies: Callable[[Tensor], Tensor] | None = None


def search(rows: Side, columns: Side, *, pool: int, limit: float, progress: Progress, what: str) -> Collector:
    """Mean over samples of log(1 + e^s) for all pairs; configuration number p * columns.count + q.

    Raises TooLarge if the time, measured on a few tiles, exceeds `limit` seconds; ValueError if margins exceed what the
    exponentials of float64 can hold.
    """
    total, n = rows.count * columns.count, len(rows.reach)
    weighted = rows.copies is not None or columns.copies is not None
    reach = rows.reach + columns.reach
    rough = min(total * n, 10**300) / RATE
    refuse(what, rough if rough > 1000 * limit else 0.0, 0, limit)
    plan = _Plan.of(reach)
    needed = Collector.elements(total, weighted) + plan.bytes(rows.count, columns.count)
    refuse(what, _estimate(rows, columns, plan) if total * n > SMALL else 0.0, needed, limit)
    highest = float(torch.nn.functional.softplus(reach).mean())
    found = Collector(total, min(pool, total), highest, weighted)
    tiles = _Tiles(rows, columns, plan)
    right = _copies(columns, torch.arange(columns.count))
    with told(progress, total, what) as advance:
        for first in range(0, rows.count, tiles.height):
            index = torch.arange(first, min(first + tiles.height, rows.count))
            copies = (_copies(rows, index)[:, None] * right).flatten() if weighted else None
            found.add(tiles.losses(index).div_(n).flatten(), first * columns.count, copies)
            advance(int(index[-1] + 1) * columns.count)
    return found


def _copies(side: Side, index: Tensor) -> Tensor:
    return torch.ones_like(index) if side.copies is None else side.copies(index)


def _estimate(rows: Side, columns: Side, plan: _Plan) -> float:
    """Seconds, from the second of two runs of one tile on some of the samples."""
    n, index = len(plan.reach), torch.arange(_height(rows.count, columns.count))
    few = min(n, max(GROUP, TRIED // (columns.count * len(index))))
    tiles = _Tiles(rows, columns, _Plan.of(plan.reach[:few]))
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        tiles.losses(index)
        seconds = time.perf_counter() - start
    return seconds * (n / few) * (min(rows.count, 10**300) / len(index))


@dataclass(frozen=True)
class _Plan:
    """How the samples are grouped: reach (n,); dtype; blocks: (first, end) of groups that share one logarithm."""

    reach: Tensor
    dtype: torch.dtype
    blocks: list[tuple[int, int]]

    @staticmethod
    def of(reach: Tensor) -> _Plan:
        padded = torch.nn.functional.pad(reach, (0, -len(reach) % GROUP)).view(-1, GROUP).sum(1)
        largest = float(padded.max()) * 5 / 8  # the exponent of a table's entry: 1/2 of its margin, 1/8 to centre it
        dtype = torch.float32 if largest <= 80 else torch.float64
        room = 80.0 if dtype == torch.float32 else 700.0
        if largest > room:
            raise ValueError(
                f"the margins reach {float(reach.max()):.3g}; allowed: about {room * 8 / 15:.0f}; scale the features"
            )
        blocks, first, used = [], 0, 0.0
        for group, size in enumerate((padded / 4 + GROUP * math.log(2)).tolist()):
            if used + size > room and group > first:
                blocks.append((first, group))
                first, used = group, 0.0
            used += size
        return _Plan(reach, dtype, [*blocks, (first, len(padded))])

    def bytes(self, rows: int, columns: int) -> int:
        """Tables of one row and one column of tiles, and what computing them needs."""
        entry = 2**GROUP * self.dtype.itemsize
        height = _height(rows, columns)
        groups = max(part[-1][1] - part[0][0] for part in self.parts(height + columns))
        margins = max(min(SLICE, len(self.reach) * max(height, columns)), GROUP * max(height, columns))
        return groups * entry * (2 * height + columns) + 80 * margins + 3 * height * columns * self.dtype.itemsize

    def parts(self, settings: int) -> list[list[tuple[int, int]]]:
        """Consecutive blocks whose tables for so many settings fit into TABLES bytes (or one block)."""
        most = TABLES // (settings * 2**GROUP * self.dtype.itemsize)
        parts: list[list[tuple[int, int]]] = [[]]
        for block in self.blocks:
            if parts[-1] and block[1] - parts[-1][0][0] > most:
                parts.append([])
            parts[-1].append(block)
        return parts


def _height(rows: int, columns: int) -> int:
    return min(rows, max(1, ROWS * COLUMNS // columns))


class _Tiles:
    """Losses of some settings of one side against all settings of the other."""

    def __init__(self, rows: Side, columns: Side, plan: _Plan):
        self.rows, self.columns, self.plan = rows, columns, plan
        self.height = _height(rows.count, columns.count)
        self.every = torch.arange(columns.count)
        self.parts = plan.parts(self.height + columns.count)
        self.kept = self._table(columns, self.every, self.parts[0]) if len(self.parts) == 1 else None
        self.halves = self._halves(columns, self.every)
        self.constant = float(plan.reach.sum() / 4) - (-len(plan.reach) % GROUP) * math.log(2)

    def losses(self, index: Tensor) -> Tensor:
        """Sum over the samples of log(1 + e^s): (len(index), columns.count)."""
        halves = self._halves(self.rows, index) + self.constant
        total = (halves[:, None] + self.halves).to(self.plan.dtype)
        product, factor = torch.empty_like(total), torch.empty_like(total)
        for part in self.parts:
            left = self._table(self.rows, index, part).mT.contiguous()
            right = self._table(self.columns, self.every, part) if self.kept is None else self.kept
            offset = part[0][0]
            for first, end in part:
                torch.mm(left[first - offset], right[first - offset], out=product)
                for group in range(first + 1 - offset, end - offset):
                    torch.mm(left[group], right[group], out=factor)
                    product.mul_(factor)
                total.add_(product.log_())
        return total

    def _halves(self, side: Side, index: Tensor) -> Tensor:
        """sum_i of half the margins, float64 (len(index),)."""
        return sum(
            (side.margins(index, samples).sum(1) / 2 for samples in _slices(0, len(self.plan.reach), len(index))),
            torch.zeros(len(index), dtype=torch.float64),
        )

    def _table(self, side: Side, index: Tensor, part: list[tuple[int, int]]) -> Tensor:
        """(groups, 2^GROUP, settings): the products of e^(±margin/2 - reach/8) over each group's samples."""
        start, stop = part[0][0], part[-1][1]
        table = torch.empty(stop - start, 2**GROUP, len(index), dtype=self.plan.dtype)
        for samples in _slices(start * GROUP, min(stop * GROUP, len(self.plan.reach)), len(index)):
            a = side.margins(index, samples).T / 2
            centre = self.plan.reach[samples, None] / 8
            pair = torch.stack([(a - centre).exp_(), (-a - centre).exp_()], 1).to(self.plan.dtype)
            pair = torch.cat([pair, pair.new_ones(-len(pair) % GROUP, *pair.shape[1:])]).unflatten(0, (-1, GROUP))
            product = pair[:, 0]
            for j in range(1, GROUP):
                product = (product[:, :, None] * pair[:, j, None]).flatten(1, 2)
            first = samples.start // GROUP - start
            table[first : first + len(product)] = product
        return table


def _slices(first: int, end: int, settings: int) -> list[slice]:
    """Slices of whole groups of samples, of at most SLICE margins each (or one group)."""
    length = max(1, SLICE // settings // GROUP) * GROUP
    return [slice(i, min(i + length, end)) for i in range(first, end, length)]
