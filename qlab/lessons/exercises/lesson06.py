"""Exercises of lesson 06."""

from __future__ import annotations

from qlab.lessons.answers import Exercise


def island_eps(h: float, gap: float) -> float:
    """The ε at which an island reaches h inwards, i.e. ψ = 0 at distance h from a level with the next one gap away."""
    return h**2 * (gap - h) ** 2


def kkt_residual(g: float, psi: float, slope: float) -> float:
    """min over λ >= 0 of |g - λ ψ'| at a feasible w, with λ = 0 where ψ > 0."""
    if psi > 0 or slope == 0:
        return abs(g)
    return abs(g - max(0.0, g / slope) * slope)


EXERCISES = {
    "06.1": Exercise(
        reference=island_eps,
        inputs=lambda: [{"h": h, "gap": gap} for h, gap in ((1.0, 2.0), (0.5, 1.0), (0.1, 2.0), (0.01, 2 / 3))],
        hint="at the island's end both factors of ψ are known: h to this level, gap - h to the next",
    ),
    "06.2": Exercise(
        reference=kkt_residual,
        inputs=lambda: [
            {"g": g, "psi": psi, "slope": slope}
            for g, psi, slope in (
                (0.5, 0.1, 1.0), (0.5, 0.0, 1.0), (-0.5, 0.0, 1.0), (-0.5, 0.0, -2.0), (0.3, 0.0, -2.0),
            )
        ],
        hint="inside, only a zero gradient is stationary; on the boundary λ may cancel g, if it has the sign for it",
    ),
}  # fmt: skip

PREDICTIONS = {"06.a": 2, "06.b": 2}
