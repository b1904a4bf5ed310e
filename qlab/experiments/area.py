"""In how much of the space step size x epsilon x noise does a method end within 5 % of the exact optimum?

The poster compares methods at one setting each; which one wins there says little about how easily it is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.experiments.exact_tasks import CONSTRAINED, WITHIN, settings, task
from qlab.grid import grid
from qlab.messages import unknown

AXES = ("noise", "eps_hat")
STEP_SIZES, NOISES, EPS_HATS = (0.03, 30.0), (0.01, 3.0), (0.05, 0.95)
SAMPLES = {"planted": 600, "hard": 600, "moons": 100}
STEPS = 100
STILL = 0.1  # the noise of a map over eps_hat


def log_spaced(ends: tuple[float, float], count: int) -> list[float]:
    return [float(f"{v:.4g}") for v in np.geomspace(*ends, count)]


@dataclass(frozen=True)
class Map:
    """within (seeds, other, step sizes): whether the run ended within 5 % of its optimum (a diverged one did not)."""

    method: str
    axis: str
    step_size: np.ndarray
    other: np.ndarray
    within: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """Share of the map within 5 %, for each seed; both axes count as drawn."""
        return self.within.mean((1, 2))


def area_map(
    kind: str,
    method: str,
    seeds: Sequence[int],
    *,
    axis: str = "noise",
    cells: int = 12,
    steps: int = STEPS,
    decay: str = "cosine",
    eps_hat: float = 0.3,
    free_phase: float = 0.5,
) -> Map:
    """`cells` x `cells` settings x seeds, full batch: step size against gradient noise, or against eps_hat.

    A method without an epsilon has rows alike along that axis.
    """
    if axis not in AXES:
        raise ValueError(unknown("axis", axis, AXES))
    own, optima = task(kind, tuple(seeds), SAMPLES[kind])
    eta = log_spaced(STEP_SIZES, cells)
    noise = log_spaced(NOISES, cells)
    eps = [float(f"{v:.4g}") for v in np.linspace(*EPS_HATS, cells)]
    varied = axis == "noise" or method in CONSTRAINED
    how: dict[str, Any] = {"noise": noise if axis == "noise" else STILL}
    how |= settings(method, eps if axis == "eps_hat" else eps_hat, free_phase)
    gap = grid(
        own, method, step_size=eta, seeds=list(seeds), steps=steps, decay=decay, measure=("gap",), optimum=optima, **how
    )["gap"]
    order = ("seed", axis, "step_size") if varied else ("seed", "step_size")
    values = gap.transpose(*order).values <= WITHIN
    if not varied:
        values = np.repeat(values[:, None], cells, axis=1)
    return Map(method, axis, np.array(eta), np.array(noise if axis == "noise" else eps), values)


def volume(
    kind: str, method: str, seeds: Sequence[int], *, cells: tuple[int, int, int] = (12, 4, 4), steps: int = STEPS
) -> np.ndarray:
    """Share of the whole box (step size x eps_hat x noise) within 5 %, for each seed: (seeds,).

    Without an epsilon its axis changes nothing, and is left out.
    """
    own, optima = task(kind, tuple(seeds), SAMPLES[kind])
    eta, noise = log_spaced(STEP_SIZES, cells[0]), log_spaced(NOISES, cells[2])
    eps = [float(v) for v in np.linspace(*EPS_HATS, cells[1])]
    gap = grid(
        own,
        method,
        step_size=eta,
        noise=noise,
        seeds=list(seeds),
        steps=steps,
        decay="cosine",
        measure=("gap",),
        optimum=optima,
        **settings(method, eps),
    )["gap"]
    return (gap.transpose("seed", ...).values <= WITHIN).reshape(len(seeds), -1).mean(1)
