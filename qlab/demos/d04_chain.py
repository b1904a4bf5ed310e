"""D4: what does a smaller step change about stochastic rounding? Its moves, its waiting, its stationary law (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import wells as experiment
from qlab.experiments.wells import Law
from qlab.problems import wells
from qlab.schema.lessons import Lesson04
from qlab.theory import chain, waiting

VIEW = (-2.25, 8.25)  # what the figure shows of the weight axis
SEEN = 5e-4  # smaller shares are not drawn
LOSS_UNIT = 0.05  # height of one unit of loss on the axis of shares
WORDS = 2.4  # half the width of the words above the arrows, on the weight axis
AGREE = 0.02  # total variation below which two laws are called the same


@dataclass(frozen=True)
class Chained:
    """One state: the moves from level x, the stationary law at this step size, and its limit for small steps."""

    step_size: float
    noise: float
    spacing: float
    x: float
    left: float
    stay: float
    right: float
    wait: float
    law: Law
    limit: Law

    @property
    def to_right(self) -> float:
        """The share of moves that go right."""
        return self.right / (self.left + self.right)

    @property
    def apart(self) -> float:
        return experiment.distance(self.law, self.limit)


class Chain(Demo):
    """All exact: the row of the transition matrix, the stationary law, and the limit of Theorem 5 (corrected)."""

    slug: ClassVar[str] = "D4"
    title: ClassVar[str] = "A smaller step: what changes about stochastic rounding?"
    parameters = Lesson04
    controls = ("STEP_SIZE", "NOISE", "STATE", "SPACING")
    presets: ClassVar[dict] = {
        "a small step only waits": {"STEP_SIZE": 0.001, "NOISE": 3.0, "STATE": 4.0},
        "a smaller one waits longer": {"STEP_SIZE": 0.0001, "NOISE": 3.0, "STATE": 4.0},
        "less noise makes it greedy": {"STEP_SIZE": 0.01, "NOISE": 1.0, "STATE": 4.0},
        "a large step jumps further": {"STEP_SIZE": 0.1, "NOISE": 6.0, "STATE": 4.0},
        "at the bottom both ways are alike": {"STEP_SIZE": 0.01, "NOISE": 3.0, "STATE": 2.5},
    }
    height: ClassVar[int] = 430

    def compute(self, P: Lesson04) -> Chained:
        state = {"noise": P.NOISE, "spacing": P.SPACING}
        levels = experiment.grid(P.STEP_SIZE, P.NOISE, P.SPACING, P.STATE)
        T = chain.transition(levels, wells.gradient, step_size=P.STEP_SIZE, noise=P.NOISE)
        i = int((levels - P.STATE).abs().argmin())
        left, stay, right = (float(part[i]) for part in waiting.moves(T))
        law, limit = Law(levels, chain.stationary(T)), experiment.small_step(**state)
        wait = float(waiting.waiting_time(T)[i])
        return Chained(P.STEP_SIZE, P.NOISE, P.SPACING, float(levels[i]), left, stay, right, wait, law, limit)

    def figure(self, data: Chained) -> Figure:
        shown = np.arange(np.ceil(VIEW[0] / data.spacing), np.floor(VIEW[1] / data.spacing) + 1) * data.spacing
        w = np.linspace(*VIEW, 191)
        loss = wells.loss(torch.from_numpy(w)).numpy() * LOSS_UNIT
        hover = "w = %{x}: %{y:.1%}<extra>exact</extra>"
        traces = [
            look.method_bars("sr", shown, shares(shown, data.law), name="stationary law", hovertemplate=hover),
            look.line(w, loss, color="#8A8F98", dash="dot", name="loss F(w)", hoverinfo="skip"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "document: its limit as η → 0",
                "x": shown,
                "y": shares(shown, data.limit),
                "marker": {"symbol": "line-ew", "size": 22, "line": {"width": 2, "color": look.INK}},
                "hoverinfo": "skip",
            },
            look.optimum(wells.MINIMIZER, 0.0, 0.96, f"minimizer {look.value(wells.MINIMIZER)}"),
            *self._arrows(shown, data),
        ]
        x = look.axis("weight w", VIEW, tickmode="linear", tick0=0, dtick=1)
        y = look.axis("share of iterations", (0.0, 1.05), lines=True, tickformat=".0%", dtick=0.25, domain=[0, 0.62])
        y2 = look.axis("", (-0.18, 1.62), domain=[0.68, 1], visible=False)
        return {"data": traces, "layout": look.layout(x, y, yaxis2=y2, bargap=0.35)}

    @staticmethod
    def _arrows(shown: np.ndarray, data: Chained) -> list[dict]:
        color, turn = look.COLORS["sr"], np.linspace(0, 1, 25)
        dot = {"type": "scatter", "mode": "markers", "yaxis": "y2", "showlegend": False, "hoverinfo": "skip"}
        traces = [
            dot | {"x": shown, "y": np.zeros_like(shown), "marker": {"size": 5, "color": "#B9C0C8"}},
            dot | {"x": np.array([data.x]), "y": np.zeros(1), "marker": {"size": 12, "color": color}},
        ]
        ends = []
        for side, share in ((-1, 1 - data.to_right), (1, data.to_right)):
            arc = 4 * turn * (1 - turn) * share
            end = data.x + side * data.spacing
            ends.append(end)
            traces.append(look.line(data.x + side * data.spacing * turn, arc, color=color, width=2, yaxis="y2"))
        head = {"symbol": "triangle-down", "size": 9, "color": color}
        traces.append(dot | {"x": np.array(ends), "y": np.full(2, 0.06), "marker": head})
        words = (
            f"from {look.value(data.x)}:  left {look.fmt(100 * data.left)} %  ·  "
            f"stays {look.percent(data.stay, 2)}  ·  right {look.fmt(100 * data.right)} %"
        )
        at = float(np.clip(data.x, VIEW[0] + WORDS, VIEW[1] - WORDS))
        traces.append(look.label(at, 1.3, words, color=look.INK, where="middle center", yaxis="y2"))
        return traces

    def keys(self, data: Chained) -> list[Key]:
        color = look.COLORS["sr"]
        return [
            Key(look.fmt(data.wait, 3), "steps waited on a level", color),
            Key(look.percent(data.to_right), "of the moves go right", color),
            Key(look.percent(data.law.near), "next to the minimizer", color),
        ]

    def alt(self, data: Chained) -> str:
        number = {2: "two", 3: "three"}[int(wells.next_to_minimizer(data.law.levels).sum())]
        near, limit = look.percent(data.law.near, 1), look.percent(data.limit.near, 1)
        tends = (
            "as at any smaller step"
            if data.apart < AGREE
            else f"which smaller steps would bring to **{limit}** and no further"
        )
        return (
            f"At η = **{look.value(data.step_size)}** and noise **{look.value(data.noise)}** stochastic rounding waits "
            f"**{look.fmt(data.wait, 3)}** steps on the level {look.value(data.x)}, then goes right in "
            f"**{look.percent(data.to_right, 1)}** of its moves; in the long run it spends **{near}** of its time on "
            f"the {number} levels next to the minimizer, {tends}."
        )


def shares(shown: np.ndarray, law: Law) -> np.ndarray:
    """The shares on the levels that the figure shows; nothing where there is nothing to see."""
    index = np.rint((shown - float(law.levels[0])) / float(law.levels[1] - law.levels[0])).astype(int)
    inside = (index >= 0) & (index < len(law.levels))
    share = np.where(inside, law.share.numpy()[index.clip(0, len(law.levels) - 1)], 0.0)
    return np.where(share >= SEEN, share, np.nan)
