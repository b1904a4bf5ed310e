"""Exercises of lesson 09."""

from __future__ import annotations

from qlab.lessons.answers import Exercise


def leash(slope: float, step_size: float, rho: float) -> float:
    """How far from its level a latent weight ends while the level, with this slope, stays deployed."""
    return step_size * abs(slope) / rho


def window(best_slope: float, other_slope: float, gap: float, step_size: float) -> tuple[float, float]:
    """The blends, from ... to, with which the best level holds its weight and another level does not."""
    return step_size * abs(best_slope) / (gap / 2), step_size * abs(other_slope) / (gap / 2)


EXERCISES = {
    "09.1": Exercise(
        reference=leash,
        inputs=lambda: [
            {"slope": g, "step_size": a, "rho": r}
            for g, a, r in ((0.4, 0.1, 0.2), (-0.4, 0.1, 0.2), (1.1, 0.01, 1.0), (0, 0.1, 0.5))
        ],
        hint="at rest w_f = (1 - rho) w_f + rho w - step_size * slope; a length is not negative",
    ),
    "09.2": Exercise(
        reference=window,
        inputs=lambda: [
            {"best_slope": b, "other_slope": o, "gap": d, "step_size": a}
            for b, o, d, a in ((0.2, -0.4, 1.0, 0.1), (0.2333, -0.4333, 2 / 3, 0.1), (-0.05, 0.3, 0.5, 0.02))
        ],
        hint="a level holds its weight while the leash is at most half the gap; solve for rho, once for each level",
    ),
}

PREDICTIONS = {"09.a": 1, "09.b": 1}
