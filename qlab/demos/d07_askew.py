"""D6: can a weight cross to the better level? One weight under ASkewSGD, its islands over time (S0 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from qlab.constraints import psi, slope
from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import barrier as experiment
from qlab.experiments.barrier import AGREES, DESCENT, LEVELS, MINIMIZER, PUSHED, Path
from qlab.schema.lessons.lesson07 import Lesson07

STEPS = 200
VIEW = (-2.15, 2.15)
GREEN = look.STYLES["askew"].color
DRAWN = {
    DESCENT: ("descent", {"color": look.INK, "width": 2}),
    AGREES: ("descent mends ψ", {"color": GREEN, "width": 3, "dash": "dot"}),
    PUSHED: ("pushed", {"color": GREEN, "width": 4}),
}


@dataclass(frozen=True)
class Crossing:
    """One state: the path of the weight, the islands of each step, psi at the end of the run (`clipped`: where the clip
    bounds the push), and the losses."""

    P: Lesson07
    path: Path
    inner: np.ndarray
    outer: np.ndarray
    u: np.ndarray
    psi: np.ndarray
    clipped: np.ndarray
    deployed: float
    loss: float
    better: float


class Askew(Demo):
    """F = (w - .3)²/2 with levels ±1. The path equals `qlab.step` (a test compares)."""

    slug: ClassVar[str] = "D6"
    title: ClassVar[str] = "Can a weight cross to the better level?"
    parameters = Lesson07
    controls = ("FREE_PHASE", "START", "EPS_HAT", "STEP_SIZE")
    more = ("ANNEAL", "CLIP", "PUSH", "NOISE")
    presets: ClassVar[dict] = {
        "the barrier holds": {},
        "a free phase": {"FREE_PHASE": 0.5},
        "noise is not enough": {"NOISE": 1.5},
        "a step longer than the barrier": {"EPS_HAT": 0.95, "STEP_SIZE": 0.6},
        "no clip, next to the midpoint": {"START": 0.01, "CLIP": "off"},
        "feasible is not quantized": {"EPS_HAT": 0.9, "START": 0.9},
    }

    def compute(self, P: Lesson07) -> Crossing:
        largest = math.inf if P.CLIP == "off" else float(P.CLIP)
        path = experiment.path(
            P.START,
            step_size=P.STEP_SIZE,
            eps_hat=P.EPS_HAT,
            free_phase=P.FREE_PHASE,
            anneal=P.ANNEAL,
            push=P.PUSH,
            push_max=largest,
            noise=P.NOISE,
            steps=STEPS,
            seed=P.SEED,
        )
        ends = np.array([experiment.edges(e) for e in path.eps_hat])
        u = np.linspace(*VIEW, 173)
        value, turn = psi(torch.from_numpy(u), LEVELS, P.EPS_HAT).numpy(), slope(torch.from_numpy(u), LEVELS).numpy()
        clipped = (value < 0) & (-P.PUSH * value / largest > np.abs(turn))
        deployed = 1.0 if path.w[-1] >= 0 else -1.0
        better = float(min(experiment.loss(LEVELS)))
        return Crossing(P, path, ends[:, 0], ends[:, 1], u, value, clipped, deployed, experiment.loss(deployed), better)

    def figure(self, data: Crossing) -> Figure:
        traces: list[dict[str, Any]] = [self._island(data, side) for side in (1, -1)]
        traces += [
            look.line(np.array([0, STEPS]), np.full(2, level), dash="dash", width=1.2) for level in LEVELS.tolist()
        ]
        traces += [
            look.line(np.array([0, STEPS]), np.full(2, MINIMIZER), color="#8A8F98", dash="dot"),
            look.label(STEPS * 0.995, MINIMIZER, f"minimizer {MINIMIZER}", where="top left"),
            look.label(STEPS * 0.995, 0.0, "barrier, ψ < 0", where="middle left"),
        ]
        for case, (name, pen) in DRAWN.items():
            hover = f"step %{{x}}: w = %{{y:.3f}}<extra>{name}</extra>"
            traces.append(look.line(*_pieces(data.path, case), name=name, hovertemplate=hover) | {"line": pen})
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([0, STEPS]),
                "y": data.path.w[[0, -1]],
                "marker": {"symbol": ["circle-open", "circle"], "size": 8, "color": look.INK},
                "showlegend": False,
                "hoverinfo": "skip",
                "cliponaxis": False,
            }
        )
        right: dict[str, Any] = {"xaxis": "x2"}
        traces += [
            look.line(np.zeros(2), np.array(VIEW), color="#B9C0C8", width=1) | right,
            look.line(data.psi, data.u) | right | {"line": {"color": GREEN, "width": 2, "simplify": False}},
            look.line(np.where(data.clipped, data.psi, np.nan), data.u, name="clip acts")
            | right
            | {"line": {"color": look.INK, "width": 5, "simplify": False}},
            look.document_mark(1.0, -0.3, 0.0, "document", textposition="top left") | right,
        ]
        x = look.axis("step", (-3, STEPS), domain=[0, 0.72], tickvals=[0, 50, 100, 150, 200])
        x2 = look.axis("ψ(w) at the end", (-1.1, 1.1), domain=[0.78, 1], tickvals=[-1, 0, 1])
        y = look.axis("weight w", VIEW, lines=True, tickvals=[-2, -1, 0, 1, 2], zeroline=False)
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2)}

    @staticmethod
    def _island(data: Crossing, side: int) -> dict[str, Any]:
        k = np.arange(1, STEPS + 1)
        shown = {"name": "feasible, ψ ≥ 0"} if side == 1 else {}
        out, back = data.outer.clip(max=VIEW[1]), data.inner[::-1]
        x, y = np.concatenate([k, k[::-1]]), side * np.concatenate([out, back])
        pen = {"fill": "toself", "fillcolor": look.tint(GREEN), "showlegend": side == 1}
        return look.line(x, y, color=look.tint(GREEN), width=0) | pen | shown

    def keys(self, data: Crossing) -> list[Key]:
        return [
            Key(look.fmt(data.path.longest), "longest own step", GREEN),
            Key(look.fmt(float(data.inner[-1])), "barrier b", look.MUTED),
            Key(look.fmt(data.loss, 3), f"F(w_Q), best {look.fmt(data.better, 3)}", GREEN),
        ]

    def alt(self, data: Crossing) -> str:
        P, path = data.P, data.path
        free = f"a free phase of **{look.percent(P.FREE_PHASE)}**" if P.FREE_PHASE else "no free phase"
        said = [f"η = **{look.value(P.STEP_SIZE)}**", f"ε̂ = **{look.value(P.EPS_HAT)}**", free]
        said += [f"{P.ANNEAL} annealing"] if P.ANNEAL != "constant" else []
        said += [f"noise {look.value(P.NOISE)}"] if P.NOISE else []
        clip = "no clip" if P.CLIP == "off" else f"clip {P.CLIP}"
        used = look.percent(float((path.case == PUSHED).mean()))
        push = f"push κ = {look.value(P.PUSH)}, {clip}, in {used} of the steps"
        return f"From {look.value(P.START)} with {', '.join(said)}, {self._fate(data)} ({push})."

    @staticmethod
    def _fate(data: Crossing) -> str:
        path = data.path
        end, loss = f"**{look.fmt(path.w[-1])}**", f"F(w_Q) = **{look.fmt(data.loss, 3)}**"
        crossings = int(((path.w[1:] >= 0) != (path.w[:-1] >= 0)).sum())
        threw = f", thrown as far as **{look.fmt(np.abs(path.w).max())}** by the push" if _thrown(path) else ""
        if data.loss > data.better:
            loss += f", the better level has {look.fmt(data.better, 3)}"
        elif float(psi(torch.tensor([path.w[-1]]).double(), LEVELS, data.P.EPS_HAT)) >= 0 and abs(path.w[-1]) < 0.7:
            loss += f": feasible, ψ ≥ 0, and not quantized, F(w) = **{_small(experiment.loss(path.w[-1]))}**"
        if crossings > 1:
            return f"the weight crosses **{crossings}** times{threw} and ends at {end}; {loss}"
        if crossings:
            when = 1 + int(np.argmax((path.w[1:] >= 0) != (path.w[0] >= 0)))
            return f"the weight crosses in step **{when}**{threw} and ends at {end}; {loss}"
        own, barrier = look.fmt(path.longest), look.fmt(float(data.inner[-1]))
        return (
            f"the weight keeps its sign{threw} and ends at {end}, its longest own step **{own}** against a barrier of "
            f"**{barrier}**; {loss}"
        )


def _pieces(path: Path, case: int) -> tuple[np.ndarray, np.ndarray]:
    """The steps of one case as a line: (k, w) of both ends of each, then a gap unless the next step is of the case."""
    k, at = np.arange(STEPS), path.case == case
    goes_on = np.append(at[1:], False) & at
    ends = (np.where(here, w, np.nan) for here, w in ((at, path.w[:-1]), (at, path.w[1:]), (goes_on, path.w[1:])))
    return np.column_stack([k, k + 1, k + 1]).ravel(), np.column_stack(list(ends)).ravel()


def _small(x: float) -> str:
    return look.fmt(x) if x >= 1e-6 else "0"


def _thrown(path: Path) -> bool:
    """Whether it was a push that took the weight farthest, out of the view."""
    far = int(np.abs(path.w).argmax())
    return bool(far and path.case[far - 1] == PUSHED and abs(path.w[far]) > VIEW[1])
