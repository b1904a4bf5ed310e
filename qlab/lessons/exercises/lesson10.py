"""Exercises of lesson 10."""

from __future__ import annotations

import math

import numpy as np

from qlab.lessons.answers import Exercise


def identity_coarse(v: np.ndarray, w: np.ndarray, v_star: np.ndarray, w_star: np.ndarray) -> np.ndarray:
    """E g of the identity: (|v|² ŵ - v'v* w*) / √2π, for |w*| = 1."""
    return (v @ v * w / np.linalg.norm(w) - v @ v_star * w_star) / math.sqrt(2 * math.pi)


def turn(step_size: float, pull: float) -> float:
    """By how many degrees one normalized step of the true gradient turns w, |w| = 1, v'v* = pull."""
    return math.degrees(math.atan(step_size * pull / (2 * math.pi)))


def _states() -> list[dict[str, np.ndarray]]:
    e, f = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    a, b = np.array([1.0, -0.5, 0.5]), np.array([0.2, 0.4, -1.0])
    return [
        {"v": a, "w": f, "v_star": 0 * a, "w_star": e},
        {"v": a, "w": f, "v_star": a, "w_star": e},
        {"v": a, "w": e, "v_star": a, "w_star": e},
        {"v": b, "w": 3 * f, "v_star": a, "w_star": e},
        {"v": b, "w": e - f, "v_star": a, "w_star": -f},
    ]


EXERCISES = {
    "10.1": Exercise(
        reference=identity_coarse,
        inputs=_states,
        hint="E z 1{z·w > 0} = w/(|w| √2π); rows of Z are independent of each other and E z = 0, so a unit meets only "
        "itself",
    ),
    "10.2": Exercise(
        reference=turn,
        inputs=lambda: [{"step_size": s, "pull": p} for s, p in ((0.1, 1.5), (0.3, 1.5), (0.03, 0.5), (1.0, 6.0))],
        hint="the true gradient is across w and has length v'v*/(2π): draw w, the step, and the angle between them",
    ),
}

PREDICTIONS = {"10.a": 2, "10.b": 1}
