"""Exercises of lesson 08."""

from __future__ import annotations

import math

from qlab.lessons.answers import Exercise


def kkt_multiplier(eps_hat: float, target: float) -> float:
    """The multiplier at the inner end of the right island, levels ±1, F = ½(w - target)², target left of it."""
    w = math.sqrt(1 - math.sqrt(eps_hat))
    return (w - target) / (4 * w * (1 - w**2))


EXERCISES = {
    "08.1": Exercise(
        reference=kkt_multiplier,
        inputs=lambda: [
            {"eps_hat": eps_hat, "target": target}
            for eps_hat, target in ((0.1, 0.3), (0.01, 0.3), (0.5, 0.0), (0.25, -0.6))
        ],
        hint="ψ(w) = 0 gives w; there λ = F'/ψ', with ψ' = -4w(w² - 1)",
    ),
}

PREDICTIONS = {"08.a": 1, "08.b": 2}
