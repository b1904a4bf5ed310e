"""The same descent for two inputs, fifty times faster: plain numbers instead of tensors, for demos that are dragged.

If v starts as a combination of v* and 1 it stays one, v = a v* + b 1, so (a, b, w) in R^4 is the whole state, and
every product that F and E g need is a polynomial in a, b and V = |v*|², S = 1'v*, m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qlab.experiments.two_layer import GRADIENTS, TRUE
from qlab.messages import unknown
from qlab.theory.surrogates import ROOT
from qlab.theory.two_layer import TwoLayer


@dataclass(frozen=True)
class PlanePath:
    """angle (steps + 1,) in degrees, as F sees it, loss (steps + 1,), w (steps + 1, 2), a and b (steps + 1,)."""

    angle: np.ndarray
    loss: np.ndarray
    w: np.ndarray
    a: np.ndarray
    b: np.ndarray


def descend(
    model: TwoLayer,
    w: tuple[float, float],
    *,
    a: float = 0.5,
    b: float = 0.0,
    step_size: float,
    steps: int,
    gradient: str = "relu",
    clip: float = 1.0,
) -> PlanePath:
    """`qlab.experiments.two_layer.descend` with normalization, from v = a v* + b 1 and w in the plane.

    model: one teacher with two inputs. ValueError for an unknown gradient.
    """
    if gradient not in GRADIENTS:
        raise ValueError(unknown("gradient", gradient, GRADIENTS))
    m, V, S = model.v_star.shape[-1], float(model.v_star.square().sum()), float(model.v_star.sum())
    (p, q), (_, s) = ([1.0, 0.0], [0.0, 1.0]) if model.root is None else model.root.tolist()
    X, Y = _unit(*model.spread(model.w_star).tolist())
    x, y = w
    out = np.empty((steps + 1, 6))
    for t in range(steps + 1):
        ux, uy, r = _unit_and_length(p * x + q * y, q * x + s * y)
        cos, cross = ux * X + uy * Y, ux * Y - uy * X
        sin, theta = abs(cross), math.atan2(abs(cross), cos)
        kappa = 1 - 2 * theta / math.pi
        vv, pull, ones = a * a * V + 2 * a * b * S + b * b * m, a * V + b * S, a * S + b * m
        loss = (vv + ones * ones - 2 * (kappa * pull + ones * S) + V + S * S) / 8
        out[t] = math.degrees(theta), loss, x, y, a, b
        along, aside = _gradient(gradient, vv, pull, ones, S, cos, sin, r, clip)
        side = math.copysign(1.0, cross) if sin > 1e-15 else 0.0
        gx, gy = along * ux - aside * side * uy, along * uy + aside * side * ux
        x, y = x - step_size * (p * gx + q * gy), y - step_size * (q * gx + s * gy)
        x, y = _unit(x, y)
        a, b = a - step_size * (a - kappa) / 4, b - step_size * (b + ones - S) / 4
    return PlanePath(out[:, 0], out[:, 1], out[:, 2:4], out[:, 4], out[:, 5])


def _gradient(gradient, vv, pull, ones, S, cos, sin, r, clip) -> tuple[float, float]:
    """The gradient at S w along w and across it, towards w*."""
    if gradient == TRUE:
        return 0.0, -pull / (2 * math.pi * r)
    if gradient == "identity":
        return (vv - pull * cos) / ROOT, -pull * sin / ROOT
    others = (ones * ones - vv - ones * S + pull) / 2  # weight of A
    if gradient == "relu":
        return (vv + others - pull * (1 + cos) / 2) / ROOT, -pull * sin / 2 / ROOT
    a = clip / r
    half = _law(a / sin) - 0.5 if sin > 0 else 0.5
    edge = 0.5 - math.exp(-a * a / 2) * (_law(a * cos / sin) if sin > 0 else float(cos > 0))
    along = -math.expm1(-a * a / 2) * (vv + others) - pull * (cos * half + edge)
    return along / ROOT, -pull * sin * half / ROOT


def _law(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _unit(x: float, y: float) -> tuple[float, float]:
    r = math.hypot(x, y)
    return x / r, y / r


def _unit_and_length(x: float, y: float) -> tuple[float, float, float]:
    r = math.hypot(x, y)
    return x / r, y / r, r
