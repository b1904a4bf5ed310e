"""D10: is the coarse gradient, which is not the gradient, a descent direction? (S2, "Analysis")"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import two_layer as experiment
from qlab.experiments import two_layer_plane as plane
from qlab.schema.lessons import Lesson10
from qlab.theory import surrogates, two_layer_samples
from qlab.theory.two_layer import TwoLayer, angle, dot, norm

ORANGE = look.COLORS["ste"]
NAMES = {"identity": "identity", "relu": "ReLU", "clipped-relu": "clipped ReLU"}
ETA, STEPS = 0.3, 200  # of the descents drawn
FINE, ROUGH = torch.arange(0.5, 180.0).double(), torch.arange(1.5, 180.0, 3.0).double()  # off the kinks at 0 and 180
COSINE, LOSS = (-1.05, 1.05), (-0.03, 0.83)  # vertical axes
ARROW = 0.62
PLANE = ((-1.63, 1.63), (-0.5, 1.64))


@dataclass(frozen=True)
class Gradients:
    """One state: w at `theta` degrees on the unit circle, w* at 0.

    true, coarse (2,): dF/dw, and E g or its estimate from N inputs; apart: degrees between them, None if one is 0.
    inner, formula: their inner product, and what S2's theorem says it is (for isotropic inputs).
    Over the angles FINE: cosine of the two, document: of isotropic inputs, loss: F, v fixed; over ROUGH, if there is a
    sample: estimates of the cosine, and sample_loss: F_N. runs: F over the steps, true and coarse.
    """

    theta: float
    surrogate: str
    condition: float
    samples: int
    second: str
    ellipse: np.ndarray
    true: np.ndarray
    coarse: np.ndarray
    apart: float | None
    inner: float
    formula: float
    cosine: np.ndarray
    document: np.ndarray
    estimates: np.ndarray | None
    loss: np.ndarray
    sample_loss: np.ndarray | None
    at: tuple[float, float]
    runs: tuple[np.ndarray, np.ndarray]


class Coarse(Demo):
    """Everything but the samples is a closed form."""

    slug: ClassVar[str] = "D10"
    title: ClassVar[str] = "A gradient that is not the gradient: does it go downhill?"
    parameters = Lesson10
    controls = ("THETA", "SURROGATE", "CONDITION", "SAMPLES")
    more = ("SECOND",)
    presets: ClassVar[dict] = {
        "the theorem": {"THETA": 120.0, "SURROGATE": "relu", "CONDITION": 1.0, "SAMPLES": 0, "SECOND": "half"},
        "identity: twice the product": {"THETA": 120.0, "SURROGATE": "identity", "CONDITION": 1.0, "SECOND": "half"},
        "the counterexample": {"THETA": 20.0, "CONDITION": 10.0, "SAMPLES": 0, "SECOND": "half"},
        "what training sees": {"THETA": 120.0, "CONDITION": 1.0, "SAMPLES": 100},
        "at the minimum's angle": {"THETA": 0.0, "CONDITION": 1.0, "SAMPLES": 0},
    }
    height = 510

    def compute(self, P: Lesson10) -> Gradients:
        model, plain, s, N = experiment.teacher(P.CONDITION), experiment.teacher(), P.SURROGATE, P.SAMPLES
        w = experiment.at(P.THETA)
        a, b = second_layer(P.SECOND, model, float(model.angle(w)))
        v = a * model.v_star + b
        true, coarse, loss = model.gradient_w(v, w), model.coarse(v, w, s), model.loss(v, w)
        ring, rough = experiment.at(FINE), experiment.at(ROUGH)
        estimates = sample_loss = None
        if N:
            Z = two_layer_samples.draw(model, N, P.SEED)
            coarse = two_layer_samples.gradients(model, v, w, Z, s)[1]
            estimates = _cosine(two_layer_samples.gradients(model, v, rough, Z, s)[1], model.gradient_w(v, rough))
            sample_loss, loss = (
                two_layer_samples.loss(model, v, rough, Z).numpy(),
                two_layer_samples.loss(model, v, w, Z),
            )
        start: Any = tuple(w.tolist())
        true_run, coarse_run = (
            plane.descend(model, start, a=a, b=b, step_size=ETA, steps=STEPS, gradient=g).loss
            for g in (experiment.TRUE, s)
        )
        zero = float(norm(true)) < 1e-12 or float(norm(coarse)) < 1e-12
        return Gradients(
            P.THETA, s, P.CONDITION, N, P.SECOND, _ellipse(model),
            true=true.numpy(),
            coarse=coarse.numpy(),
            apart=None if zero else round(math.degrees(float(angle(true, coarse))), 9),
            inner=float(dot(true, coarse)),
            formula=float(_theorem(model, v, torch.tensor(P.THETA).double(), s)),
            cosine=_cosine(model.coarse(v, ring, s), model.gradient_w(v, ring)),
            document=_cosine(plain.coarse(v, ring, s), plain.gradient_w(v, ring)),
            estimates=estimates,
            loss=model.loss(v, ring).numpy(),
            sample_loss=sample_loss,
            at=(float(_cosine(coarse, true)), float(loss)),
            runs=(true_run, coarse_run),
        )  # fmt: skip

    def figure(self, data: Gradients) -> Figure:
        w = np.array([math.cos(math.radians(data.theta)), math.sin(math.radians(data.theta))])
        ring = np.array([np.cos(np.radians(FINE)), np.sin(np.radians(FINE))])
        panels: list[dict[str, Any]] = [{"xaxis": f"x{k}", "yaxis": f"y{k}"} for k in (2, 3, 4)]
        right, low, end = panels
        sample = {"mode": "markers", "marker": {"size": 4, "color": ORANGE, "symbol": "circle-open"}}
        dot_ = {"mode": "markers", "marker": {"size": 9, "color": look.INK}, "hoverinfo": "skip", "showlegend": False}
        half = ARROW * np.array([-data.true[1], data.true[0]]) / (np.linalg.norm(data.true) or np.inf)
        word = 0.55 * w + 0.1 * np.array([-w[1], w[0]])
        edge = np.array([w - half, w + half])
        steps, nothing = np.arange(STEPS + 1), np.full(len(ROUGH), np.nan)
        estimates = nothing if data.estimates is None else data.estimates
        sample_loss = nothing if data.sample_loss is None else data.sample_loss
        fine, rough = FINE.numpy(), ROUGH.numpy()
        traces = [
            look.line(*data.ellipse, color=look.BORDER, width=1, fill="toself", fillcolor=look.tint(look.MUTED, 0.08)),
            look.line(*ring, color=look.MUTED, width=1, dash="dot"),
            look.line(np.array([0, 1.0]), np.array([0, 0.0]), color=look.MUTED, width=1.5),
            look.label(0.5, -0.02, "w*", color=look.INK, where="bottom center"),
            look.line(np.array([0, w[0]]), np.array([0, w[1]]), color=look.INK, width=1.5),
            look.label(word[0], word[1], "w", color=look.INK, where="middle center"),
            look.line(*edge.T, color=look.MUTED, dash="dash", width=1),
            look.line(*_arrow(w, -data.true), color=look.INK, width=2.4, name="true gradient", hoverinfo="skip"),
            look.line(*_arrow(w, -data.coarse), color=ORANGE, width=2.8, name="coarse gradient", hoverinfo="skip"),
            look.line(fine, data.cosine, color=ORANGE, width=2.6, **right),
            look.line(fine, data.document, color=look.INK, dash="dot", width=1.4, name="document: isotropic", **right),
            look.label(178, -0.97, "below 0: uphill", where="top left", **right),
            look.line(rough, estimates, name="from N inputs", hoverinfo="skip", **right) | sample,
            look.line(np.array([data.theta]), np.array([data.at[0]]), **right) | dot_,
            look.line(fine, data.loss, color=look.INK, width=2, **end),
            look.line(rough, sample_loss, **end) | sample,
            look.line(np.array([data.theta]), np.array([data.at[1]]), **end) | dot_,
            look.line(steps, data.runs[0], color=look.INK, width=2, **low),
            look.line(steps, data.runs[1], color=ORANGE, width=2.4, dash="dash", **low),
        ]  # fmt: skip
        side, across = [0.0, 0.42], [0.53, 1.0]
        wide, up, down = [0.42, 1.0], [0.58, 1.0], [0.0, 0.36]
        bare: dict[str, Any] = {"showticklabels": False, "ticks": "", "showline": False, "showgrid": False}
        degrees: dict[str, Any] = {"tickmode": "linear", "tick0": 0, "dtick": 30, "domain": across}
        layout = look.layout(
            look.axis("downhill directions at w", PLANE[0], domain=side, constrain="domain", **bare),
            look.axis("", PLANE[1], domain=wide, scaleanchor="x", constrain="domain", **bare),
            xaxis2=look.axis("angle of w, degrees", (0, 180), anchor="y2", **degrees),
            yaxis2=look.axis("cosine of the two", COSINE, lines=True, zeroline=True, domain=up, anchor="x2", dtick=0.5)
            | {"zerolinecolor": look.MUTED},
            xaxis3=look.axis(f"step (η = {ETA})", (0, STEPS), domain=side, anchor="y3", dtick=50),
            yaxis3=look.axis("loss F", LOSS, lines=True, domain=[0.0, 0.27], anchor="x3", dtick=0.2),
            xaxis4=look.axis("angle of w, degrees", (0, 180), anchor="y4", **degrees),
            yaxis4=look.axis("loss at this v", LOSS, lines=True, domain=down, anchor="x4", dtick=0.2),
        )
        return {"data": traces, "layout": layout}

    def keys(self, data: Gradients) -> list[Key]:
        apart = "–" if data.apart is None else f"{look.fmt(data.apart)}°"
        return [
            Key(apart, "apart", look.INK),
            Key(look.fmt(data.inner), "inner product", ORANGE),
            Key(look.fmt(data.formula), "document", look.MUTED),
        ]

    def alt(self, data: Gradients) -> str:
        inputs = "" if data.condition == 1 else f", with inputs of condition **{look.fmt(data.condition)}**,"
        v = {"half": "v = v*/2", "best": "the best v", "opposite": "v = −v*/2"}[data.second]
        coarse = f"the {NAMES[data.surrogate]}'s coarse gradient"
        if data.samples:
            coarse += f" estimated from **{data.samples}** inputs (whose own loss is flat: gradient **0**)"
        start = f"At ϑ = **{look.value(data.theta)}°**{inputs} and {v}, {coarse}"
        if data.apart is None:
            none = "a true gradient does not exist at this kink of F"
            if 0 < data.theta < 180:
                none = "the true gradient has length **0**, as v is orthogonal to v*"
            return f"{start} has length **{_length(data.coarse)}**; {none}."
        turned = f"{start} points **{look.fmt(data.apart)}°** away from the true gradient"
        said, formula = f"the inner product is **{look.fmt(data.inner, 3)}**", f"**{look.fmt(data.formula, 3)}**"
        if data.inner < 0:
            return f"{turned}: its downhill is uphill for the loss, {said}; S2's formula would give {formula}."
        return f"{turned} and still goes downhill: {said}, S2's formula gives {formula}."


def second_layer(kind: str, model: TwoLayer, theta: float) -> tuple[float, float]:
    """(a, b) of v = a v* + b 1: half of v*, minus half of it, or the best v where F sees the angle theta (radians)."""
    if kind != "best":
        return (0.5 if kind == "half" else -0.5), 0.0
    kappa, m = 1 - 2 * theta / math.pi, model.v_star.shape[-1]
    return kappa, float(model.v_star.sum()) * (1 - kappa) / (m + 1)


def _theorem(model: TwoLayer, v: Tensor, degrees: Tensor, surrogate: str) -> Tensor:
    """S2's inner product at |w| = 1, for isotropic inputs."""
    theta = torch.deg2rad(degrees)
    return surrogates.correlation(v, experiment.at(degrees), model.v_star, theta, surrogate).clamp(min=0)


def _cosine(a: Tensor, b: Tensor) -> np.ndarray:
    """cos of the angle between a and b (..., 2); 0 where one of them is 0."""
    length = (norm(a) * norm(b)).squeeze(-1)
    return torch.where(length > 0, dot(a, b) / length, 0.0).numpy()


def _arrow(w: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An arrow of fixed length from w, drawn in one stroke; a point where there is no direction."""
    size = float(np.linalg.norm(direction))
    unit = direction / size if size > 1e-12 else np.zeros(2)
    tip, back, side = w + ARROW * unit, w + (ARROW - 0.13) * unit, 0.07 * np.array([-unit[1], unit[0]])
    x, y = np.array([w, tip, back + side, tip, back - side]).T
    return x, y


def _ellipse(model: TwoLayer) -> np.ndarray:
    """(2, 73): a contour of the inputs' density."""
    contour = model.spread(experiment.at(torch.arange(0.0, 365.0, 5.0)))
    return 0.5 * (contour / norm(contour).max()).numpy().T


def _length(g: np.ndarray) -> str:
    size = float(np.linalg.norm(g))
    return "0" if size < 1e-12 else look.fmt(size)
