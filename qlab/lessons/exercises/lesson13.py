"""Exercises of lesson 13."""

from __future__ import annotations

import math

from qlab.lessons.answers import Exercise


def different_nets(hidden: int) -> int:
    """Nets 2 - hidden - 1 of ±1 weights that differ by more than the order of their hidden units."""
    return math.comb(8 + hidden - 1, hidden)


EXERCISES = {
    "13.1": Exercise(
        reference=different_nets,
        inputs=lambda: [{"hidden": h} for h in (1, 2, 3, 4, 12)],
        hint="a hidden unit has 2^3 states; count the multisets of `hidden` states, e.g. 36 for two units",
    ),
}

PREDICTIONS = {"13.a": 2, "13.b": 2, "13.c": 1}
