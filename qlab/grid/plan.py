"""What a grid of runs consists of: which settings vary, which of them need a stack of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qlab.messages import unknown
from qlab.methods import method
from qlab.optim import settings as optim

Values = dict[str, list]
OWN = {
    "lr": "did you mean step_size=?",
    "lr_scale": "did you mean step_size=?",
    "seed": "did you mean seeds=?",
    "runs": "did you mean seeds=?",
    "t": "runs begin with their first step",
    "quantized": "did you mean rule='full'?",
}
"""Settings of `QuantOptimizer` that a grid has under another name, or decides itself."""


@dataclass(frozen=True)
class Stack:
    """One stack: its structural choices, the numbers that vary in it, and where its results go.

    fixed: settings of one value; numbers: {name: values}, whose product are the configurations, the last name fastest.
    at: {dimension: index} of the structural choices; dimensions named neither here nor in `numbers` do not exist for
    this method, so that its results are repeated along them.
    """

    fixed: Mapping[str, Any]
    numbers: Mapping[str, list[float]]
    at: Mapping[str, int]

    def __len__(self) -> int:
        return int(np.prod([len(values) for values in self.numbers.values()], dtype=int))

    def columns(self) -> dict[str, Tensor]:
        """{name: its value in each configuration, float64 (configurations,)}."""
        rows = torch.tensor([*itertools.product(*self.numbers.values())], dtype=torch.float64).reshape(len(self), -1)
        return dict(zip(self.numbers, rows.unbind(-1), strict=True))


def varied(value: object) -> bool:
    """Whether a setting was given as several values."""
    return isinstance(value, list | tuple | range | np.ndarray) or (isinstance(value, Tensor) and value.dim() > 0)


def listed(name: str, value: object) -> list:
    """The values as a list of plain Python numbers or strings; ValueError for none, for repeats, for tables."""
    if isinstance(value, np.ndarray | Tensor):
        if value.ndim != 1:
            raise ValueError(f"{name} has shape {tuple(value.shape)}; allowed: a number, or a list of them")
        value = value.tolist()
    out = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not out or len({*out}) != len(out):
        raise ValueError(f"{name}={out}; allowed: one or more different values")
    return out


def seeds_of(seeds: int | Sequence[int] | Tensor) -> Tensor:
    """(S,) int64: 0 ... S-1 for a number S."""
    if isinstance(seeds, Integral):
        if seeds < 1:
            raise ValueError(f"seeds={seeds}; allowed: how many (at least 1), or a list of seeds")
        return torch.arange(int(seeds))
    values = listed("seeds", seeds)
    if not all(isinstance(value, Integral) for value in values):
        raise TypeError(f"seeds={values}; allowed: how many, or a list of integers")
    return torch.tensor(values, dtype=torch.int64)


def plan(given: Mapping[str, Any], loop: Mapping[str, Any]) -> tuple[Values, list[Stack]]:
    """({dimension: values}, the stacks). given: settings of the optimizer, `rule` and `base` among them, one value or
    several; loop: the names that belong to the training loop, mapped to whether they are numbers.

    ValueError for a setting that none of the methods has, with the nearest that one of them has.
    """
    dims = {name: listed(name, value) for name, value in given.items() if varied(value)}
    rules, bases = listed("rule", given["rule"]), listed("base", given["base"])
    known = {(rule, base): optim.known({"rule": rule, "base": base}) for rule in rules for base in bases}
    everything = {**dict.fromkeys(loop), **{name: None for own in known.values() for name in own if name not in OWN}}
    for name in given:
        if name in OWN:
            raise ValueError(f"{name}= is not a setting of a grid; {OWN[name]}")
        if name not in everything:
            raise ValueError(unknown("setting of this grid", name, everything))

    def numbers_of(rule: str, base: str) -> set[str]:
        return {*(name for name, number in loop.items() if number), *optim.numbers({"rule": rule, "base": base})}

    def stacks() -> Iterator[Stack]:
        for (rule, base), own in known.items():
            mine = {name: value for name, value in given.items() if name in own or name in loop}
            mine |= {"rule": rule, "base": base}
            numbers = {name: dims[name] for name in dims if name in mine and name in numbers_of(rule, base)}
            structural = [
                name for name in dims if name in mine and name not in numbers and name not in ("rule", "base")
            ]
            for choice in itertools.product(*(dims[name] for name in structural)):
                fixed = {name: value for name, value in mine.items() if name not in numbers}
                fixed |= dict(zip(structural, choice, strict=True))
                yield Stack(fixed, numbers, {name: dims[name].index(fixed[name]) for name in dims if name in fixed})

    return dims, [*stacks()]


def slugs(rules: object) -> str | list[str]:
    """The method's slug, or several; rules are registered by their slug."""
    return [method(rule).slug for rule in rules] if isinstance(rules, list | tuple) else method(rules).slug  # type: ignore[arg-type]
