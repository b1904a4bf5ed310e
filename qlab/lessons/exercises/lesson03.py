"""Exercises of lesson 03."""

from __future__ import annotations

import numpy as np

from qlab.lessons.answers import Exercise


def move_probability(g: float, step_size: float, spacing: float) -> float:
    """The probability that SR leaves its level in one step with gradient g."""
    return min(step_size * abs(g) / spacing, 1.0)


def right_given_moved(g: np.ndarray) -> float:
    """The probability that SR's next move goes right, from gradients g drawn at its level (small steps)."""
    return float(np.maximum(-g, 0).mean() / np.abs(g).mean())


EXERCISES = {
    "03.1": Exercise(
        reference=move_probability,
        inputs=lambda: [
            {"g": g, "step_size": a, "spacing": d}
            for g, a, d in ((1.5, 0.1, 0.5), (-1.5, 0.1, 0.5), (0.0, 0.1, 0.5), (3.0, 0.01, 0.25), (-20.0, 0.1, 0.5))
        ],
        hint="a third of the way to the next level is rounded up once in three times; a probability is at most 1",
    ),
    "03.2": Exercise(
        reference=right_given_moved,
        inputs=lambda: [{"g": np.array(g)} for g in ([-1.0], [1.0], [-3.0, 1.0], [-1.5, 2.0, 4.0, -0.5])],
        hint="a step goes against the gradient, and a move is as likely as its gradient is large",
    ),
}

PREDICTIONS = {"03.a": 1, "03.b": 1}
