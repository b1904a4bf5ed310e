"""Exercises of lesson 02."""

from __future__ import annotations

import math

from qlab.lessons.answers import Exercise


def three_valued(x: float, s: float, bits: int) -> float:
    """S2's coarse derivative of the quantized ReLU with respect to its resolution s."""
    top = 2**bits - 1
    return 0.0 if x <= 0 else 2.0 ** (bits - 1) if x <= top * s else float(top)


def looking_back(x: float, s: float, bits: int) -> float:
    """(σ(x) - σ(x - s)) / s: the slope of the staircase over one level."""

    def stair(t: float) -> int:
        return min(max(math.ceil(t / s), 0), 2**bits - 1)

    return float(stair(x) - stair(x - s))


def _cases() -> list[dict[str, float]]:
    points = ((0.3, 0.5, 2), (-0.2, 0.5, 2), (2.0, 0.5, 2), (1.5, 0.5, 2), (0.0, 0.5, 2), (0.5, 0.5, 2), (0.9, 0.25, 3))
    return [{"x": x, "s": s, "bits": b} for x, s, b in (*points, (3.75, 0.25, 4), (3.76, 0.25, 4), (0.1, 0.5, 1))]


EXERCISES = {
    "02.1": Exercise(
        reference=three_valued,
        inputs=_cases,
        hint="three cases, x <= 0, on the ramp, above it; the ramp ends at x = (2^b - 1) s, which still belongs to it",
    ),
    "02.2": Exercise(
        reference=looking_back,
        inputs=_cases,
        hint="σ(t) = s clip(ceil(t/s), 0, 2^b - 1); x = k s belongs to level k",
    ),
}

PREDICTIONS = {"02.a": 1, "02.b": 2}
