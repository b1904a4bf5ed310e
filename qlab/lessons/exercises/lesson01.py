"""Exercises of lesson 01."""

from __future__ import annotations

import numpy as np

from qlab.lessons.answers import Exercise


def _clipping(w: np.ndarray, s: float, top: int) -> float:
    return float((np.maximum(np.abs(w) - s * top, 0.0) ** 2).sum())


def _cases() -> list[dict]:
    return [
        {"w": np.array([0.2, -0.5]), "s": 1.0, "top": 1},
        {"w": np.array([2.0]), "s": 1.0, "top": 1},
        {"w": np.array([-2.0, 0.3]), "s": 0.5, "top": 3},
        {"w": np.array([4.0, -1.0, 0.0, -3.0]), "s": 0.5, "top": 3},
    ]


EXERCISES = {
    "01.1": Exercise(reference=1.5, hint="k = 2: round(1 · 3) = 3, and the printed factor is 1/2^(k-1)"),
    "01.2": Exercise(
        reference=lambda w, s: np.sign(w) * (np.abs(w) >= s / 2),
        inputs=lambda: [
            {"w": 0.4, "s": 1.0},
            {"w": -0.6, "s": 1.0},
            {"w": 3.0, "s": 0.5},
            {"w": 0.5, "s": 1.0},
            {"w": -0.5, "s": 1.0},
            {"w": -0.1, "s": 0.1},
        ],
        hint="a weight keeps its sign where ±s is nearer to it than 0; a tie goes away from zero",
    ),
    "01.3": Exercise(
        reference=_clipping,
        inputs=_cases,
        hint="only weights beyond the outer level s·top are clipped, and they all move to it",
    ),
}

PREDICTIONS = {"01.a": 1, "01.b": 1}
