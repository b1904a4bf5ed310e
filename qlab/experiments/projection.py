"""Projecting weights onto s · {codes}: tensors with a scale each, and what one Lloyd step gives away (S2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from qlab import uniforms
from qlab.experiments.scales import ScaleError, Split
from qlab.messages import unknown
from qlab.quantizers import Grid

DISTRIBUTIONS = ("gaussian", "laplace")


def drawn(distribution: str, n: int, seed: int = 0) -> np.ndarray:
    """n weights (float64) with mean 0 and variance 1: "gaussian", or "laplace", whose tails are heavier."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(unknown("distribution", distribution, DISTRIBUTIONS))
    if distribution == "gaussian":
        return uniforms.normal(seed, 0, 0, (n,), stream="data", dtype=torch.float64).numpy()
    u = uniforms.uniform(seed, 0, 0, (n,), stream="data", dtype=torch.float64).numpy() + 2.0**-25  # middle of its cell
    return -np.sign(u - 0.5) * np.log1p(-np.abs(2 * u - 1)) / np.sqrt(2)


class Group:
    """Several tensors (channels, layers, runs), each with its own scale: factor x (its best scale s*).

    Errors are those of all tensors together, relative to their squared norm. The lattice has no best scale: there s* is
    that of the symmetric grid with the same bits.
    """

    def __init__(self, parts: Sequence[ScaleError], best: Sequence[float] | None = None) -> None:
        """best: the scales that factor 1 stands for; default: the optima of the parts."""
        self.parts = list(parts)
        self.best = np.array([part.optimum for part in self.parts] if best is None else best)
        norm = np.array([part.norm for part in self.parts])
        self.share = norm / norm.sum()

    @classmethod
    def of(cls, tensors: Sequence[np.ndarray], grid: Grid) -> Group:
        """The group of these tensors on one grid."""
        parts = [ScaleError(w, grid) for w in tensors]
        return cls(
            parts, [ScaleError(w, Grid(grid.bits)).optimum for w in tensors] if grid.family == "lattice" else None
        )

    def split(self, factor: np.ndarray | float) -> Split:
        """Rounding and clipping error where every scale is factor x its best: factor (k,) or a number."""
        return self.at(np.atleast_1d(factor) * self.best[:, None])

    def at(self, scales: np.ndarray) -> Split:
        """Rounding and clipping error at scales (tensors, k)."""
        splits = [part.split(s) for part, s in zip(self.parts, scales, strict=True)]
        return Split(self.share @ [s.rounding for s in splits], self.share @ [s.clipping for s in splits])

    def factor(self, scales: np.ndarray) -> np.ndarray:
        """Scales (tensors, k) in units of the best ones, (k,): the geometric mean over the tensors."""
        with np.errstate(divide="ignore"):
            return np.exp(np.log(scales / self.best[:, None]).mean(0))

    def lloyd(self, steps: int) -> np.ndarray:
        """Lloyd's scales s0, s1, ..., s_steps of every tensor, (tensors, steps + 1)."""
        return np.stack([part.lloyd(steps) for part in self.parts])

    def maximum(self) -> np.ndarray:
        """The scales of the kind "max", (tensors, 1)."""
        return np.array([[part.maximum] for part in self.parts])


@dataclass(frozen=True)
class Steps:
    """Relative errors per seed (seeds,): after one Lloyd step, after `many`, and at the best scale."""

    one: np.ndarray
    many: np.ndarray
    best: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        """How much larger the error after one step is than after many: 0.5 is half as much again."""
        return self.one / self.many - 1


def lloyd_steps(
    bits: int, n: int, *, distribution: str = "gaussian", seeds: Sequence[int] = range(10), many: int = 100
) -> Steps:
    """One Lloyd step against `many` and against the exact optimum, on n drawn weights for every seed."""
    rows = []
    for seed in seeds:
        error = ScaleError(drawn(distribution, n, seed), Grid(bits))
        path = error.lloyd(many)
        rows.append(error.total(np.array([path[1], path[-1], error.optimum])))
    return Steps(*np.array(rows).T)


def fractional_start(bits: int, n: int, seed: int = 0) -> tuple[float, float]:
    """S2's first scale s0 = 2 max|w| / (2^b - 1) with integer codes and with its codes k / 2^(b-1): both errors."""
    error = ScaleError(drawn("gaussian", n, seed), Grid(bits))
    integer, fractional = error.total(error.start * np.array([1.0, 0.5 ** (bits - 1)]))
    return float(integer), float(fractional)
