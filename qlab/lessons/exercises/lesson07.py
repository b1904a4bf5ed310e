"""Exercises of lesson 07."""

from __future__ import annotations

from qlab.lessons.answers import Exercise


def barrier(eps_hat: float) -> float:
    """b with psi(b) = 0 between the levels ±1: the longest step that cannot cross."""
    return (1 - eps_hat**0.5) ** 0.5


def narrowest(step_size: float, G: float) -> float:
    """The island width above which a step of length step_size G < 1 crosses the barrier."""
    return (1 - (step_size * G) ** 2) ** 2


EXERCISES = {
    "07.1": Exercise(
        reference=barrier,
        inputs=lambda: [{"eps_hat": e} for e in (0.25, 0.1, 0.81, 0.99, 0.01)],
        hint="between the levels psi(w) = eps_hat - (w - 1)² (w + 1)²; at the inner end of an island it is 0",
    ),
    "07.2": Exercise(
        reference=narrowest,
        inputs=lambda: [{"step_size": a, "G": g} for a, g in ((0.1, 5.0), (0.5, 1.2), (0.01, 1.0), (0.3, 0.1))],
        hint="solve b = step_size G for eps_hat",
    ),
}

PREDICTIONS = {"07.a": 1, "07.b": 1, "07.c": 1}
