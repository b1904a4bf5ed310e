"""D3: where do the deployed weights spend their time on the three-well toy problem, as the step size shrinks? (S1)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import wells as experiment
from qlab.experiments.wells import Law
from qlab.problems import wells
from qlab.schema.lessons import Lesson03

RUNS = 100
VIEW = (-1.75, 7.75)  # what the figure shows of the weight axis
LOSS_UNIT = 0.06  # height of one unit of loss on the axis of shares
GAP = 0.2  # between the bars of two levels
SEEN = 5e-4  # smaller shares are not drawn
AGREE = 0.02  # total variation below which two laws are called the same


@dataclass(frozen=True)
class Exploring:
    """One state: each chosen method's law over the levels, SR's stationary law at the last step size and its limit."""

    step_size: float
    start: float
    spacing: float
    decreasing: bool
    iterations: int
    laws: dict[str, Law]
    settled: Law
    limit: Law


class Exploration(Demo):
    """BC is simulated (100 runs); SR and R live on the grid, so their bars are the exact law of the same iterations."""

    slug: ClassVar[str] = "D3"
    title: ClassVar[str] = "Shrinking the step size: who concentrates?"
    parameters = Lesson03
    controls = ("STEP_SIZE", "START", "NOISE", "METHODS")
    more = ("SPACING", "SCHEDULE", "ITERATIONS")
    presets: ClassVar[dict] = {
        "BC concentrates, SR does not": {"STEP_SIZE": 0.01, "START": 4.0, "METHODS": "bc,sr"},
        "a large step explores": {"STEP_SIZE": 0.1, "START": 0.0, "METHODS": "bc,sr"},
        "a small step is stuck": {"STEP_SIZE": 0.01, "START": 0.0, "METHODS": "bc,sr"},
        "first large, then small": {
            "STEP_SIZE": 0.1,
            "START": 0.0,
            "METHODS": "bc,sr",
            "SCHEDULE": "decreasing",
            "ITERATIONS": 8000,
        },
        "rounding to nearest freezes": {"STEP_SIZE": 0.01, "START": 4.0, "METHODS": "sr,r"},
        "less noise makes SR greedy": {"STEP_SIZE": 0.01, "START": 4.0, "NOISE": 1.0, "METHODS": "bc,sr"},
    }

    def compute(self, P: Lesson03) -> Exploring:
        chosen = P.several("METHODS")
        state: dict[str, Any] = {
            "step_size": P.STEP_SIZE,
            "noise": P.NOISE,
            "start": P.START,
            "spacing": P.SPACING,
            "iterations": P.ITERATIONS,
            "schedule": P.SCHEDULE,
        }
        laws = {}
        if "bc" in chosen:
            laws["bc"] = experiment.simulate("bc", runs=RUNS, seed=P.SEED, **state).law
        for method in experiment.EXACT:
            if method in chosen:
                laws[method] = experiment.exact(method, **state)
        last = experiment.stages(P.STEP_SIZE, P.ITERATIONS, P.SCHEDULE)[-1][0]
        settled = experiment.stationary(step_size=last, noise=P.NOISE, spacing=P.SPACING)
        limit = experiment.small_step(noise=P.NOISE, spacing=P.SPACING)
        falls = P.SCHEDULE == "decreasing"
        return Exploring(P.STEP_SIZE, P.START, P.SPACING, falls, P.ITERATIONS, laws, settled, limit)

    def figure(self, data: Exploring) -> Figure:
        shown = np.arange(np.ceil(VIEW[0] / data.spacing), np.floor(VIEW[1] / data.spacing) + 1) * data.spacing
        traces = [self._bars(method, shown, data) for method in ("bc", "sr", "r")]
        w = np.linspace(*VIEW, 191)
        loss = wells.loss(torch.from_numpy(w)).numpy() * LOSS_UNIT
        top = 1.05  # where the words stand
        traces += [
            look.line(w, loss, color="#8A8F98", dash="dot", name="loss F(w)", hoverinfo="skip"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "document: SR as η → 0",
                "x": shown + self._offset(data),
                "y": _heights(shown, data.limit) if "sr" in data.laws else np.full_like(shown, np.nan),
                "marker": {"symbol": "line-ew", "size": 16, "line": {"width": 2, "color": look.INK}},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": np.array([data.start]),
                "y": np.array([top]),
                "text": ["start "],
                "textposition": "middle left",
                "textfont": {"size": 11, "color": look.INK},
                "marker": {"symbol": "triangle-down", "size": 10, "color": look.INK},
                "showlegend": False,
                "cliponaxis": False,
                "hoverinfo": "skip",
            },
            look.optimum(wells.MINIMIZER, 0.0, top, f"minimizer {look.value(wells.MINIMIZER)}"),
        ]
        x = look.axis("weight w", VIEW, tickmode="linear", tick0=0, dtick=1)
        y = look.axis("share of iterations", (0.0, 1.12), lines=True, tickformat=".0%", dtick=0.2)
        return {"data": traces, "layout": look.layout(x, y, barmode="group", bargap=GAP)}

    @staticmethod
    def _offset(data: Exploring) -> float:
        """How far SR's bar stands from its level."""
        drawn = [method for method in ("bc", "sr", "r") if method in data.laws]
        place = drawn.index("sr") - (len(drawn) - 1) / 2 if "sr" in drawn else 0.0
        return place * (1 - GAP) * data.spacing / len(drawn)

    def _bars(self, method: str, shown: np.ndarray, data: Exploring) -> dict:
        chosen = method in data.laws
        height = _heights(shown, data.laws[method]) if chosen else np.full_like(shown, np.nan)
        exact = "exact" if method in experiment.EXACT else f"{RUNS} runs"
        return look.method_bars(
            method, shown, height, visible=chosen, hovertemplate=f"w = %{{x}}: %{{y:.1%}}<extra>{exact}</extra>"
        )

    def keys(self, data: Exploring) -> list[Key]:
        keys = [
            Key(look.fmt(law.loss), f"{look.style(method).short} mean loss", look.style(method).color)
            for method, law in data.laws.items()
        ]
        return [*keys[:2], Key(look.fmt(wells.MINIMUM), "minimum", look.INK)]

    def alt(self, data: Exploring) -> str:
        at = f"η = **{look.value(data.step_size)}**" + (" falling to a tenth" if data.decreasing else "")
        said = {"bc": self._bc, "sr": self._sr, "r": self._r}
        clauses = "; ".join(said[method](data) for method in data.laws)
        return f"In {data.iterations} iterations from {look.value(data.start)} at {at}, {clauses}."

    def _bc(self, data: Exploring) -> str:
        law = data.laws["bc"]
        home, loss = _well(data.start), f"mean loss **{look.fmt(law.loss, 3)}**"
        if _stuck(data):
            centre = look.value(wells.CENTRES[home])
            return f"BinaryConnect stays {_share(law.in_well(home))} in the wrong well, at {centre}, {loss}"
        return f"BinaryConnect spends {_share(law.near)} on {_nearest(law)}, {loss}"

    def _sr(self, data: Exploring) -> str:
        law, away = data.laws["sr"], lambda law: look.percent(1 - law.near, 1)
        named = "bc" in data.laws and not _stuck(data)  # BC's clause has named the levels
        elsewhere = "elsewhere" if named else f"off {_nearest(law)}"
        says = f"stochastic rounding spends **{away(law)}** {elsewhere}"
        if experiment.distance(law, data.limit) < AGREE:
            return f"{says}, and would, given time, at any smaller step"
        if experiment.distance(law, data.settled) >= AGREE:
            return f"{says}, still on its way from the start to its stationary law, **{away(data.settled)}**"
        return f"{says}, which smaller steps would bring to **{away(data.limit)}** and no further"

    def _r(self, data: Exploring) -> str:
        law = data.laws["r"]
        top = int(law.share.argmax())
        if law.share[top] > 0.999:
            return f"deterministic rounding is frozen at **{look.value(float(law.levels[top]))}**"
        return f"deterministic rounding has a mean loss of **{look.fmt(law.loss, 3)}**"


def _well(start: float) -> int:
    return int(wells.well(torch.tensor(start)))


def _stuck(data: Exploring) -> bool:
    """Whether BC stays in the well it starts in, and that is not the minimizer's."""
    law, home = data.laws["bc"], _well(data.start)
    return law.near < 0.95 and home != len(wells.CENTRES) - 1 and law.in_well(home) >= 0.9


def _share(share: float) -> str:
    return "**all** of its time" if share == 1 else f"**{look.percent(share, 1)}** of its time"


def _nearest(law: Law) -> str:
    number = {2: "two", 3: "three"}[int(wells.next_to_minimizer(law.levels).sum())]
    return f"the {number} levels next to the minimizer"


def _heights(shown: np.ndarray, law: Law) -> np.ndarray:
    """The shares on the levels that the figure shows; nothing where there is nothing to see."""
    index = np.rint((shown - float(law.levels[0])) / float(law.levels[1] - law.levels[0])).astype(int)
    inside = (index >= 0) & (index < len(law.levels))
    share = np.where(inside, law.share.numpy()[index.clip(0, len(law.levels) - 1)], 0.0)
    return np.where(share >= SEEN, share, np.nan)
