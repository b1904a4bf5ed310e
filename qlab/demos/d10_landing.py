"""D10b: constant steps along the true and along the coarse gradient: which settles? (S2; ours)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.demos.d10_coarse import NAMES, second_layer
from qlab.experiments import two_layer as experiment
from qlab.experiments import two_layer_plane as plane
from qlab.experiments.two_layer_plane import PlanePath
from qlab.schema.lessons import Lesson10

ORANGE = look.COLORS["ste"]
TRAVEL = 60.0  # steps x step size
POINTS = 700
FLOOR = 1e-9  # zeros on the log axes
DEGREES, LOSS = (-5.5, 2.4), (-8.5, 0.4)  # powers of ten


@dataclass(frozen=True)
class Landing:
    """Both descents from the same start; chatter: the predicted mean final angle of the true gradient, degrees."""

    step_size: float
    start: float
    surrogate: str
    second: str
    true: PlanePath
    coarse: PlanePath
    chatter: float

    @property
    def steps(self) -> int:
        return len(self.true.angle) - 1


class Descents(Demo):
    """Isotropic inputs; w is normalized after every step, as S2's algorithm does."""

    slug: ClassVar[str] = "D10b"
    title: ClassVar[str] = "Constant steps: which gradient lands?"
    parameters = Lesson10
    controls = ("STEP_SIZE", "START", "SURROGATE", "SECOND")
    presets: ClassVar[dict] = {
        "the fake lands, the true chatters": {"STEP_SIZE": 0.1, "START": 60.0, "SECOND": "half"},
        "a large step": {"STEP_SIZE": 0.3, "START": 60.0, "SECOND": "half"},
        "a small step": {"STEP_SIZE": 0.03, "START": 60.0, "SECOND": "half"},
        "into the spurious minimum": {"STEP_SIZE": 0.1, "START": 170.0, "SECOND": "opposite"},
    }
    height = 440

    def compute(self, P: Lesson10) -> Landing:
        model = experiment.teacher()
        w: Any = tuple(experiment.at(P.START).tolist())
        a, b = second_layer(P.SECOND, model, np.radians(P.START))
        run: dict[str, Any] = {"a": a, "b": b, "step_size": P.STEP_SIZE, "steps": round(TRAVEL / P.STEP_SIZE)}
        true, coarse = (plane.descend(model, w, gradient=g, **run) for g in (experiment.TRUE, P.SURROGATE))
        v = float(true.a[-1]) * model.v_star + float(true.b[-1])
        chatter = abs(float(experiment.chatter(model, P.STEP_SIZE, v)))
        return Landing(P.STEP_SIZE, P.START, P.SURROGATE, P.SECOND, true, coarse, chatter)

    def figure(self, data: Landing) -> Figure:
        every = data.steps // POINTS + 1
        every += 1 - every % 2  # odd: the zigzag stays one
        index = np.arange(0, data.steps + 1, every)
        travel = index * data.step_size
        traces = []
        for column, (path, color, name) in enumerate(
            ((data.true, look.INK, "true gradient"), (data.coarse, ORANGE, "coarse gradient"))
        ):
            top, low = ({"xaxis": f"x{k}", "yaxis": f"y{k}"} for k in (column + 1, column + 3))
            if column == 0:
                top = {}
            traces += [
                look.line(travel, np.maximum(_off(path.angle[index]), FLOOR), color=color, width=1.6, name=name, **top),
                look.line(travel, np.maximum(path.loss[index], FLOOR), color=color, width=1.6, **low),
            ]
        at = np.array([0, TRAVEL])
        traces += [
            look.line(
                at,
                np.full(2, max(data.chatter, FLOOR)),
                color="#B9C0C8",
                width=2,
                dash="dash",
                name="predicted mean: η v'v*/4π",
            ),
            look.label(
                1, 10 ** (DEGREES[0] + 0.1), "document: coarse gradient → 0", where="top right", xaxis="x2", yaxis="y2"
            ),
        ]
        left, right, up, down = [0.0, 0.45], [0.56, 1.0], [0.5, 1.0], [0.0, 0.4]
        blank = {"showticklabels": False}
        x = look.axis("", (0, TRAVEL), domain=left, dtick=20, **blank)
        ticks = ["10<sup>−8</sup>", "10<sup>−6</sup>", "10<sup>−4</sup>", "0.01", "1", "100"]
        log: dict[str, Any] = {"type": "log", "lines": True, "tickmode": "array", "ticktext": ticks}
        log["tickvals"] = [1e-8, 1e-6, 1e-4, 1e-2, 1.0, 100.0]
        angle, loss = log | {"domain": up}, log | {"domain": down}
        layout = look.layout(
            x,
            look.axis("degrees from ±w*", DEGREES, **angle),
            xaxis2=look.axis("", (0, TRAVEL), domain=right, anchor="y2", dtick=20, **blank),
            yaxis2=look.axis("", DEGREES, anchor="x2", **angle),
            xaxis3=look.axis("steps × step size", (0, TRAVEL), domain=left, anchor="y3", dtick=20),
            yaxis3=look.axis("loss F", LOSS, anchor="x3", **loss),
            xaxis4=look.axis("steps × step size", (0, TRAVEL), domain=right, anchor="y4", dtick=20),
            yaxis4=look.axis("", LOSS, anchor="x4", **loss),
        )
        return {"data": traces, "layout": layout}

    def keys(self, data: Landing) -> list[Key]:
        true, coarse = _off(_mean(data.true)), _off(_mean(data.coarse))
        return [Key(_degrees(true), "true, mean at the end", look.INK), Key(_degrees(coarse), "coarse", ORANGE)]

    def alt(self, data: Landing) -> str:
        v = {"half": "v*/2", "best": "the best v", "opposite": "−v*/2"}[data.second]
        start = (
            f"From **{look.value(data.start)}°** and {v}, after **{data.steps}** steps of {look.value(data.step_size)}"
        )
        true, coarse = _mean(data.true), _mean(data.coarse)
        if data.chatter < FLOOR:
            still = f"w still stands at **{look.fmt(true, 3)}°**"
            return f"{start} {still}: v is orthogonal to v*, so no gradient turns it."
        fake, swings = f"the {NAMES[data.surrogate]}'s coarse gradient", "the true gradient swings to and fro around"
        if true > 150:
            said = f"{swings} the spurious minimum, on average **{look.fmt(180 - true)}°** away"
        elif true > 2 * data.chatter:
            said = f"the true gradient is still **{look.fmt(true)}°** from w*"
        else:
            mean, predicted = f"**{look.fmt(true)}°**", f"**{look.fmt(data.chatter)}°**"
            said = f"{swings} w*, on average {mean} away (predicted {predicted})"
        if coarse > 150:
            where = ("there too", "there too") if true > 150 else ("at the spurious minimum", "to the spurious minimum")
            ends = f"{fake} settles {where[0]}" if 180 - coarse < 0.1 else f"{fake} is on its way {where[1]}"
            return (
                f"{start} {said}; {ends}, **{_degrees(180 - coarse)}** off, loss **{look.fmt(data.coarse.loss[-1])}**."
            )
        closing = " and still closing in" if coarse > FLOOR else ""
        return f"{start} {said}; {fake} is **{_degrees(coarse)}** from w*{closing}."


def _mean(path: PlanePath) -> float:
    """Mean angle over the last two steps: one to and fro."""
    return float(path.angle[-2:].mean())


def _off(angle: Any) -> Any:
    """Degrees from the nearer one of w* and -w*."""
    return np.minimum(angle, 180 - angle)


def _degrees(angle: float) -> str:
    return "under 1e−9°" if angle < 1e-9 else f"{look.fmt(angle)}°"
