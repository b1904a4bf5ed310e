"""The two sides of the product form: half of the weights of a linear model, half of the hidden units of a net."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qlab.exact.product import Side


def digits(index: Tensor, base: int, length: int) -> Tensor:
    """index (r,) in base `base`, the first digit counting most: int64 (r, length)."""
    powers = torch.tensor([min(base**i, 2**62) for i in range(length - 1, -1, -1)], dtype=torch.int64)
    return index[:, None] // powers % base


def linear_side(z: Tensor, levels: Tensor) -> Side:
    """All settings of the weights of z (n, d): margins z·w."""
    base, d = len(levels), z.shape[1]

    def margins(index: Tensor, samples: slice) -> Tensor:
        return levels[digits(index, base, d)] @ z[samples].T

    return Side(base**d, margins, z.abs().sum(1) * levels.abs().max())


@dataclass(frozen=True)
class Multisets:
    """All multisets of `size` elements of 0 ... kinds - 1: the settings of `size` exchangeable hidden units.

    Multisets correspond to sets: c_1 <= c_2 <= ... to c_1 < c_2 + 1 < ..., numbered by the combinatorial number system,
    number = C(c_1, 1) + C(c_2 + 1, 2) + ...
    """

    kinds: int
    size: int

    @property
    def count(self) -> int:
        return math.comb(self.kinds + self.size - 1, self.size)

    def members(self, index: Tensor) -> Tensor:
        """Number (r,) -> its elements, ascending, int64 (r, size)."""
        rest, out = index.clone(), torch.empty(len(index), self.size, dtype=torch.int64)
        for j in range(self.size, 0, -1):
            table = torch.tensor([math.comb(c, j) for c in range(self.kinds + self.size)])
            c = torch.searchsorted(table, rest, right=True) - 1
            rest -= table[c]
            out[:, j - 1] = c - (j - 1)
        return out

    def orders(self, members: Tensor) -> Tensor:
        """How many sequences have these elements: size! / prod (multiplicity)!; (r, size) -> int64 (r,)."""
        factorial = torch.tensor([math.factorial(i) for i in range(self.size + 1)])
        times = (members[:, :, None] == torch.arange(self.kinds)).sum(1)
        return factorial[self.size] // factorial[times].prod(1)


def units_side(part: Tensor, size: int, offset: Tensor | None = None) -> Side:
    """Settings of `size` hidden units: part (U, n) is what a unit adds to the margins in each of its U states.

    offset: (K, n), what the K settings of the output bias add; this side carries it if given.
    Setting number = multiset number * K + number of the bias.
    """
    multisets, reach = Multisets(len(part), size), part.abs().amax(0) * size
    extra = part.new_zeros(1, part.shape[1]) if offset is None else offset
    K = len(extra)

    def margins(index: Tensor, samples: slice) -> Tensor:
        members = multisets.members(index // K)
        total = extra[index % K, samples].clone()
        for j in range(size):
            total += part[members[:, j], samples]
        return total

    def copies(index: Tensor) -> Tensor:
        return multisets.orders(multisets.members(index // K))

    return Side(multisets.count * K, margins, reach + extra.abs().amax(0), copies)


def states(levels: Tensor, inputs: int, bias: bool) -> tuple[Tensor, Tensor, Tensor]:
    """All states of a hidden unit: incoming weights (U, inputs), bias (U,), outgoing weight (U,)."""
    base, length = len(levels), inputs + bias + 1
    value = levels[digits(torch.arange(base**length), base, length)]
    return value[:, :inputs], value[:, inputs] if bias else value.new_zeros(len(value)), value[:, -1]


def responses(x: Tensor, levels: Tensor, activation: Callable[[Tensor], Tensor], bias: bool) -> Tensor:
    """(U, n): outgoing weight times activation(incoming weights · x + bias), for each state of a unit."""
    incoming, b, outgoing = states(levels, x.shape[1], bias)
    return outgoing[:, None] * activation(incoming @ x.T + b[:, None])
