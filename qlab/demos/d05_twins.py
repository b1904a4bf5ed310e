"""D8b: two functions with the same slopes at ±1. Which method can tell them apart? (Bai et al. 2019)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import proxquant as experiment
from qlab.schema.lessons import Lesson05

VIEW = (-1.55, 1.55)
SIDES = {1: "f(w) = |w + ½| − ½", -1: "f(w) = |w − ½| − ½"}
METHODS = {"bc": "BinaryConnect", "proxquant": "ProxQuant"}
AXES: dict[int, dict[str, Any]] = {1: {}, -1: {"xaxis": "x2", "yaxis": "y2"}}
RUN = np.array([0.0, 1.0])


@dataclass(frozen=True)
class Race:
    """share (n,): the share of the run that is done; paths[sign][method] (n,): the latent weight."""

    start: float
    step_size: float
    steps: int
    reg: float
    schedule: str
    share: np.ndarray
    paths: dict[int, dict[str, np.ndarray]]

    def right(self, method: str) -> list[int]:
        """The twins on which the method ends with the better level deployed."""
        return [sign for sign, one in self.paths.items() if bool(experiment.right(one[method][:, None], sign)[0])]


class Twins(Demo):
    """Each path is exact: no noise."""

    slug: ClassVar[str] = "D8b"
    title: ClassVar[str] = "Two functions, the same slopes at ±1: who can tell them apart?"
    parameters = Lesson05
    controls = ("START", "REG", "SCHEDULE", "STEP_SIZE")
    more = ("STEPS",)
    presets: ClassVar[dict] = {
        "ProxQuant tells them apart": {"START": 0.75, "REG": 2.0, "SCHEDULE": "linear", "STEP_SIZE": 0.02},
        "from the other side": {"START": -0.75, "REG": 2.0, "SCHEDULE": "linear", "STEP_SIZE": 0.02},
        "hard from the first step": {"START": 0.75, "REG": 2.0, "SCHEDULE": "constant", "STEP_SIZE": 0.02},
        "no pull: it stays between the levels": {"START": 0.75, "REG": 0.0, "STEP_SIZE": 0.02},
        "BinaryConnect guesses the other": {"START": 0.85, "REG": 2.0, "SCHEDULE": "linear", "STEP_SIZE": 0.02},
    }
    height = 400

    def compute(self, P: Lesson05) -> Race:
        setting: dict[str, Any] = {"step_size": P.STEP_SIZE, "steps": P.STEPS, "reg": P.REG, "schedule": P.SCHEDULE}
        paths = {
            sign: {m: experiment.paths(m, np.array([P.START]), sign, **setting)[:, 0] for m in METHODS}
            for sign in SIDES
        }
        keep = np.arange(0, P.STEPS + 1, max(1, P.STEPS // 400))
        thin = {sign: {m: path[keep] for m, path in one.items()} for sign, one in paths.items()}
        return Race(P.START, P.STEP_SIZE, P.STEPS, P.REG, P.SCHEDULE, keep / P.STEPS, thin)

    def figure(self, data: Race) -> Figure:
        traces = []
        w = np.linspace(*VIEW, 125)
        for sign, name in SIDES.items():
            axes = AXES[sign]
            best, first = experiment.BEST[sign], sign == 1
            traces += [
                look.line(RUN, np.array([-best, -best]), dash="dash", width=1.2, **axes),
                look.line(RUN, np.array([best, best]), color="#000000", dash="dash", width=1.6, **axes),
                _level(best, f"document: f({look.value(best)}) = 0", **axes),
                _level(-best, f"f({look.value(-best)}) = 1", **axes),
                look.line(1.11 + experiment.twin(w, sign) / 9, w, color="#8A8F98", dash="dot", width=1.8, **axes),
                look.label(1.09, best / 2, "f", color=look.MUTED, where="middle right", **axes),
            ]
            for method in METHODS:
                pen: dict[str, Any] = {
                    "hovertemplate": "%{y:.3g}<extra>" + METHODS[method] + "</extra>",
                    "showlegend": first,
                }
                traces.append(look.method_line(method, data.share, data.paths[sign][method], **pen, **axes))
            end = data.paths[sign]["bc"][-1]
            traces.append(
                look.label(1.0, end + 0.04, "BinaryConnect", color=look.COLORS["bc"], where="top left", **axes)
            )
            traces.append(look.label(0.02, VIEW[1] - 0.02, name, color=look.INK, where="bottom right", **axes))
        x: dict[str, Any] = {"tickformat": ".0%", "tickmode": "array", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
        y: dict[str, Any] = {"lines": True, "tickmode": "linear", "tick0": 0, "dtick": 1}
        left = look.axis("share of the run", (0, 1.3), domain=[0.0, 0.46], **x)
        right = look.axis("share of the run", (0, 1.3), domain=[0.54, 1.0], anchor="y2", **x)
        tall = look.axis("latent weight w", VIEW, **y)
        return {
            "data": traces,
            "layout": look.layout(left, tall, xaxis2=right, yaxis2=look.axis("", VIEW, anchor="x2", **y)),
        }

    def keys(self, data: Race) -> list[Key]:
        return [Key(f"{len(data.right(m))} of 2", f"{look.style(m).short} right", look.style(m).color) for m in METHODS]

    def alt(self, data: Race) -> str:
        bc = _at(data.paths[1]["bc"][-1])
        same = (
            f"In {data.steps} steps of η = {look.value(data.step_size)} from {look.value(data.start)}, BinaryConnect "
            f"takes the same path on both functions, to **{bc}**, and so deploys the better level on "
            f"**{len(data.right('bc'))}** of the two"
        )
        ends = [float(data.paths[sign]["proxquant"][-1]) for sign in SIDES]
        at = " and ".join(f"**{_at(end)}**" for end in ends)
        rises = "a weight of R that rises to" if data.schedule == "linear" else "a constant weight of R,"
        pull = f"{rises} **{look.value(data.reg)}**" if data.reg else "a weight of R of **0**"
        away = max(abs(abs(end) - 1) for end in ends)
        still = f", still **{_at(away)}** off a level" if away > 1e-9 else ""
        found = len(data.right("proxquant"))
        return f"{same}; ProxQuant, with {pull}, ends at {at}: right on **{found}** of the two{still}."


def _level(level: float, text: str, **axes: Any) -> dict[str, Any]:
    """The words at a level, on its outer side, where no path goes."""
    return look.label(1.0, 1.05 * level, text, where="top left" if level > 0 else "bottom left", **axes)


def _at(w: float) -> str:
    return look.value(round(float(w), 3) + 0.0)
