"""D4b: where do the averaged and the deployed weights end, as the levels come closer? Floors and their bounds (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import floors as experiment
from qlab.schema.lessons import Lesson04

SPACING = (0.8, 0.4, 0.2, 0.1, 0.05)
SEEDS = 6
BEND = {"quadratic": 0.0, "curved": 2.0}
LOW, HIGH = 4e-6, 100.0
LATENT = {"nearest": "bc", "stochastic": "bc-unbiased"}


@dataclass(frozen=True)
class Compared:
    """Losses above the minimum over SPACING, means over the seeds; exact: the limits for T -> infinity, where known."""

    quadratic: bool
    weights: int
    noise: float
    iterations: int
    rounding: str
    sr: np.ndarray
    bc_latent: np.ndarray
    bc_average: np.ndarray
    bc_deployed: np.ndarray
    sr_bound: np.ndarray
    bc_bound: np.ndarray
    exact_sr: np.ndarray
    exact_bc: np.ndarray
    sr_power: float
    bc_power: float


class AccuracyFloors(Demo):
    """F(average of SR), F(averages of BC) and the mean loss of BC's deployed weights against the spacing, both log."""

    slug: ClassVar[str] = "D4b"
    title: ClassVar[str] = "Finer levels: how far down do the floors come?"
    parameters = Lesson04
    controls = ("LOSS", "FLOOR_NOISE", "ITERATIONS", "WEIGHTS")
    more = ("ROUNDING",)
    presets: ClassVar[dict] = {
        "a quadratic": {"LOSS": "quadratic", "ITERATIONS": 8000},
        "a curved loss": {"LOSS": "curved", "ITERATIONS": 8000},
        "too early to see the floors": {"LOSS": "quadratic", "ITERATIONS": 500},
        "the latent average needs random rounding": {"LOSS": "quadratic", "ROUNDING": "stochastic"},
    }
    gaps: ClassVar[tuple[str, ...]] = ()

    def compute(self, P: Lesson04) -> Compared:
        bend, seeds = BEND[P.LOSS], range(P.SEED, P.SEED + SEEDS)
        common: dict[str, Any] = {"seeds": seeds, "d": P.WEIGHTS, "noise": P.FLOOR_NOISE, "bend": bend}
        sr = experiment.simulate("sr", SPACING, iterations=P.ITERATIONS, **common)
        bc = experiment.simulate(LATENT[P.ROUNDING], SPACING, iterations=P.ITERATIONS, **common)
        exact = experiment.limits(SPACING, **common)
        average = sr.average.mean(1)
        return Compared(
            not bend,
            P.WEIGHTS,
            P.FLOOR_NOISE,
            P.ITERATIONS,
            P.ROUNDING,
            average,
            bc.average.mean(1),
            bc.average_deployed.mean(1),
            bc.deployed.mean(1),
            experiment.sr_bound(SPACING, sr, d=P.WEIGHTS, iterations=P.ITERATIONS),
            experiment.bc_bound(SPACING, bc, d=P.WEIGHTS, iterations=P.ITERATIONS, bend=bend),
            exact.sr_average.mean(1) if not bend else np.zeros(0),
            exact.bc_deployed.mean(1),
            float(experiment.power(SPACING, average[:, None])[0]),
            float(experiment.power(SPACING, bc.deployed.mean(1)[:, None])[0]),
        )

    def figure(self, data: Compared) -> Figure:
        s = np.array(SPACING)
        empty = np.full_like(s, np.nan)
        exact_sr = data.exact_sr if data.quadratic else empty
        tick = {"symbol": "line-ew", "size": 18, "line": {"width": 2, "color": look.INK}}
        blue = look.COLORS["bc"]
        traces = [
            look.method_line("sr", s, data.sr, markers=True, name="SR, average"),
            look.method_line("bc", s, data.bc_deployed, markers=True, name="BC, deployed"),
            look.line(s, data.bc_latent, color=blue, dash="dot", width=2, name="BC, average of w"),
            look.line(s, data.bc_average, color=blue, dash="longdash", width=2, name="BC, average of w_Q"),
            look.line(
                s, data.sr_bound, color=look.tint(look.COLORS["sr"], 0.55), width=1.5, name="document: Theorem 1"
            ),
            look.line(s, data.bc_bound, color=look.tint(blue, 0.5), width=1.5, name="bound, BC deployed"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "exact, T → ∞",
                "x": np.concatenate([s, s]),
                "y": np.concatenate([exact_sr, data.exact_bc]),
                "marker": tick,
                "hoverinfo": "skip",
            },
        ]
        ticks: dict[str, Any] = {
            "tickmode": "array",
            "tickvals": list(SPACING),
            "ticktext": [look.value(v) for v in SPACING],
        }
        x = look.axis("level spacing Δ", (np.log10(0.042), np.log10(0.95)), type="log", **ticks)
        y = look.axis(
            "loss above the minimum",
            (np.log10(LOW), np.log10(HIGH)),
            lines=True,
            type="log",
            tickvals=[10.0**k for k in range(-5, 4)],
            ticktext=["0.00001", *(look.value(10.0**k) for k in range(-4, 4))],
        )
        return {"data": traces, "layout": look.layout(x, y, margin={"l": 66, "r": 18, "t": 66, "b": 46})}

    def keys(self, data: Compared) -> list[Key]:
        return [
            Key(f"Δ^{look.fmt(data.sr_power)}", "SR's average goes like", look.COLORS["sr"]),
            Key(f"Δ^{look.fmt(data.bc_power)}", "BC's deployed loss", look.COLORS["bc"]),
        ]

    def alt(self, data: Compared) -> str:
        k = SPACING.index(0.1)
        rounded = {"nearest": "rounded to nearest", "stochastic": "rounded at random"}[data.rounding]
        return (
            f"After {data.iterations} iterations at Δ = 0.1 the average of stochastic rounding is "
            f"**{look.fmt(data.sr[k])}** above the minimum, BinaryConnect's **{look.fmt(data.bc_average[k])}** (of the "
            f"deployed weights) or **{look.fmt(data.bc_latent[k])}** (of the latent ones, {rounded}); its deployed "
            f"weights themselves lose **{look.fmt(data.bc_deployed[k])}**; over all Δ the first goes like "
            f"Δ^**{look.fmt(data.sr_power)}**, the last like Δ^**{look.fmt(data.bc_power)}**."
        )
