"""Exercises of lesson 00."""

from __future__ import annotations

from qlab.lessons.answers import Exercise

EXERCISES = {
    "00.1": Exercise(
        reference=lambda w: 1.0 if w >= 0 else -1.0,
        inputs=lambda: [{"w": 0.2}, {"w": -0.7}, {"w": 0.0}],
        hint="the grid is {-1, +1}; a weight in the middle goes to +1",
    )
}

PREDICTIONS = {"00.a": 2}
