"""D4c: two weights under stochastic rounding: which moves are left when the step shrinks? The plane's chain (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import plane as experiment
from qlab.schema.lessons import Lesson04

VIEW = (-2.4, 2.9)
FULL = 0.25  # the probability whose square fills its cell
LEVELS = (0.25, 1.0, 2.25)  # the loss on the curves drawn


@dataclass(frozen=True)
class Planar:
    """The law and its limit on the levels x shown (first, second weight); two-weight moves over the step size."""

    step_size: float
    noise: float
    valley: int
    x: np.ndarray
    law: np.ndarray
    limit: np.ndarray
    both: float
    wait: float
    loss: float
    apart: float
    steps: np.ndarray
    curve: np.ndarray


class TwoWeights(Demo):
    """Exact: stationary law of both weights (left), share of the moves that change both at once (right)."""

    slug: ClassVar[str] = "D4c"
    title: ClassVar[str] = "Two weights: does stochastic rounding move both at once?"
    parameters = Lesson04
    controls = ("STEP_SIZE", "NOISE", "VALLEY")
    presets: ClassVar[dict] = {
        "a large step moves both": {"STEP_SIZE": 0.1, "NOISE": 3.0, "VALLEY": 9},
        "a small step keeps to the axes": {"STEP_SIZE": 0.001, "NOISE": 3.0, "VALLEY": 9},
        "less noise follows the valley": {"STEP_SIZE": 0.01, "NOISE": 1.0, "VALLEY": 9},
    }
    height: ClassVar[int] = 400

    def compute(self, P: Lesson04) -> Planar:
        found = experiment.solve(step_size=P.STEP_SIZE, noise=P.NOISE, valley=P.VALLEY)
        inside = (experiment.X - sum(VIEW) / 2).abs() < (VIEW[1] - VIEW[0]) / 2
        law, limit = (part[inside][:, inside].numpy() for part in (found.law, found.limit))
        steps, curve = experiment.both_over_steps(noise=P.NOISE, valley=P.VALLEY)
        numbers = (found.both, found.wait, found.loss, found.apart)
        x = experiment.X[inside].numpy()
        return Planar(P.STEP_SIZE, P.NOISE, P.VALLEY, x, law, limit, *numbers, steps, curve)

    def figure(self, data: Planar) -> Figure:
        color = look.COLORS["sr"]
        filled = {"fill": "toself", "fillcolor": look.tint(color, 0.75)}
        right = {"xaxis": "x2", "yaxis": "y2"}
        centre = {"symbol": "cross-thin", "size": 11, "line": {"width": 2, "color": "#000000"}}
        dot = {"size": 11, "color": color, "symbol": look.style("sr").marker}
        quiet = {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "skip"}
        traces = [
            look.line(*_ellipses(data.valley), color="#8A8F98", dash="dot", name="loss F(w)", hoverinfo="skip"),
            look.line(*_squares(data.x, data.law), color=color, width=0.5, name="stationary law (area)", **filled)
            | {"hoverinfo": "skip"},
            look.line(*_squares(data.x, data.limit), color=look.INK, width=1.2, name="document: its limit as η → 0")
            | {"hoverinfo": "skip"},
            quiet | {"x": experiment.CENTRE[:1].numpy(), "y": experiment.CENTRE[1:].numpy(), "marker": centre},
            look.line(data.steps, data.curve, color=color, dash="dash", width=2, **right),
            quiet | {"x": np.array([data.step_size]), "y": np.array([data.both]), "marker": dot, **right},
        ]
        ticks: dict[str, Any] = {"tickmode": "linear", "tick0": 0, "dtick": 1}
        x = look.axis("first weight", VIEW, domain=[0, 0.49], **ticks)
        y = look.axis("second weight", VIEW, **ticks)
        tens = [10.0**k for k in range(-5, 1)]
        x2 = look.axis("step size η", (-4.1, -0.9), domain=[0.64, 1], anchor="y2", type="log", tickvals=tens)
        x2["ticktext"] = [look.value(v) for v in tens]
        y2 = look.axis("moves that change both", (-5, 0.1), lines=True, anchor="x2", type="log", tickvals=tens)
        y2["ticktext"] = [f"{look.value(100 * v)} %" for v in tens]
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2, yaxis2=y2)}

    def keys(self, data: Planar) -> list[Key]:
        color = look.COLORS["sr"]
        return [
            Key(look.percent(data.both, 2), "of the moves change both", color),
            Key(look.fmt(data.wait, 3), "steps between two moves", color),
            Key(look.fmt(data.loss), "mean loss", color),
        ]

    def alt(self, data: Planar) -> str:
        valley = "without a valley" if data.valley == 1 else f"across a valley {data.valley} times steeper than long"
        return (
            f"At η = **{look.value(data.step_size)}** and noise {look.value(data.noise)}, {valley}, "
            f"**{look.percent(data.both, 2)}** of the moves of stochastic rounding change both weights at once, and it "
            f"rests **{look.fmt(data.wait, 3)}** steps between two; the mean loss is **{look.fmt(data.loss, 3)}**, and "
            f"the stationary law is **{look.fmt(data.apart)}** from its limit for small steps (total variation)."
        )


def _squares(x: np.ndarray, law: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outlines of a square per point, its area the probability; one trace, squares apart by NaN."""
    half = (x[1] - x[0]) / 2 * np.sqrt(law / FULL).clip(max=1)
    turn = np.array([-1, 1, 1, -1, -1, np.nan]), np.array([-1, -1, 1, 1, -1, np.nan])
    at = np.meshgrid(x, x, indexing="ij")
    xs, ys = ((centre[..., None] + half[..., None] * corner).ravel() for centre, corner in zip(at, turn, strict=True))
    return xs, ys


def _ellipses(valley: float) -> tuple[np.ndarray, np.ndarray]:
    """The curves F = LEVELS in one trace."""
    angle = np.append(np.linspace(0, 2 * np.pi, 61), np.nan)
    along, across = np.cos(angle), np.sin(angle) / np.sqrt(valley)
    size = np.sqrt(2 * np.array(LEVELS))[:, None] / np.sqrt(2)
    c = experiment.CENTRE.numpy()
    return (c[0] + size * (along + across)).ravel(), (c[1] + size * (along - across)).ravel()
