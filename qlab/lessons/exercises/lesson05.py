"""Exercises of lesson 05."""

from __future__ import annotations

import math

from qlab.lessons.answers import Exercise


def prox_l2(w: float, nu: float) -> float:
    """argmin_x 1/2 (x - w)² + nu 1/2 (x - q)², q the nearest of ±1 (0 counts to +1)."""
    q = 1.0 if w >= 0 else -1.0
    return (w + nu * q) / (1 + nu)


def steps_to_level(distance: float, step_size: float, reg: float) -> int:
    """How many steps without a gradient L1-ProxQuant needs to bring a weight from `distance` onto its level."""
    return math.ceil(distance / (step_size * reg))


EXERCISES = {
    "05.1": Exercise(
        reference=prox_l2,
        inputs=lambda: [
            {"w": w, "nu": nu} for w, nu in ((0.5, 1.0), (-0.5, 1.0), (0.25, 0.0), (1.5, 3.0), (-0.2, 0.3), (0.0, 1.0))
        ],
        hint="set the derivative (x - w) + nu (x - q) to zero; at w = 0 both levels are as near, the suite takes +1",
    ),
    "05.2": Exercise(
        reference=steps_to_level,
        inputs=lambda: [
            {"distance": d, "step_size": a, "reg": r}
            for d, a, r in ((0.5, 0.5, 0.25), (0.5, 0.25, 0.75), (0.75, 0.5, 1.0), (0.0, 0.5, 1.0), (1.0, 0.5, 4.0))
        ],
        hint="each step takes step_size · reg off the distance, the last one takes what is left",
    ),
}

PREDICTIONS = {"05.a": 0, "05.b": 1, "05.c": 1}
