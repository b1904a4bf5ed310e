"""Exercises of lesson 04."""

from __future__ import annotations

import numpy as np

from qlab.lessons.answers import Exercise


def waiting_time(P_eta: np.ndarray) -> np.ndarray:
    """The mean number of steps that a chain with transition matrix P_eta (rows = sources) waits on each level."""
    return 1 / (1 - np.diag(P_eta))


def law(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The stationary law of a chain that moves to neighbours only: up[k] and down[k] are the rates out of level k."""
    p = np.concatenate([[1.0], np.cumprod(up[:-1] / down[1:])])
    return p / p.sum()


def _chain(stay: list[float]) -> np.ndarray:
    """A chain on a ring that stays with these probabilities and else goes one level up."""
    T = np.diag(stay)
    for k, p in enumerate(stay):
        T[k, (k + 1) % len(stay)] += 1 - p
    return T


EXERCISES = {
    "04.1": Exercise(
        reference=waiting_time,
        inputs=lambda: [{"P_eta": _chain(stay)} for stay in ([0.5, 0.5], [0.9, 0.99, 0.999], [0.0, 0.25, 0.8, 0.6])],
        hint="the first of many tosses that leaves: a geometric law with success probability 1 - P_eta[k, k]",
    ),
    "04.2": Exercise(
        reference=law,
        inputs=lambda: [
            {"up": np.array(up), "down": np.array(down)}
            for up, down in (
                ([1.0, 0.0], [0.0, 1.0]),
                ([2.0, 1.0, 0.0], [0.0, 1.0, 4.0]),
                ([3.0, 1.5, 0.5, 0.2], [0.1, 0.5, 1.5, 3.0]),
            )
        ],
        hint="as much goes from level k up to k + 1 as comes down: p[k] up[k] = p[k + 1] down[k + 1]; then sum to 1",
    ),
}

PREDICTIONS = {"04.a": 1, "04.b": 1, "04.c": 0}
