"""D8: when does a soft projection become a hard one? The prox of the distance to the levels, dragged. (S0 2.III)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.prox import prox_l1, prox_l2, regularizer
from qlab.quantizers import nearest
from qlab.quantizers.grids import Grid
from qlab.schema.lessons import Lesson05

VIEW, TOP = (-2.05, 2.05), 2.2  # what the figure shows of a weight, and of the objective
W = torch.linspace(-2, 2, 401, dtype=torch.float64)
GONE = 1e16  # a distance divided by more leaves no digit of it
GRIDS = {"binary": Grid(1), "ternary": Grid(2), "dorefa": Grid(2, "dorefa")}
NAMES = {"binary": "±1", "ternary": "−1, 0, 1", "dorefa": "±⅓, ±1"}
BLUE = look.COLORS["proxquant"]


@dataclass(frozen=True)
class Pulled:
    """One state: the map over W after `repeat` applications with parameter nu, and one weight's way through it.

    total: the parameter of a single prox that does the same, repeat nu (L1) or (1 + c nu)^repeat - 1 over c (L2).
    here: prox(w); hard: Q(w); landed: the share of W that is mapped onto a level.
    """

    nu: float
    repeat: int
    total: float
    norm: str
    w: float
    here: float
    hard: float
    landed: float
    levels: np.ndarray
    mapped: np.ndarray
    staircase: np.ndarray
    penalty: np.ndarray
    objective: np.ndarray
    lowest: float
    set: str

    @property
    def printed(self) -> bool:
        """Whether R is the W of the document."""
        return self.norm == "l1" and len(self.levels) == 2


def once(w: Tensor, levels: Tensor, nu: float, norm: str) -> Tensor:
    """One prox: "l1", "l2" (1/2 of the squared distance) or "l2-full"."""
    if norm == "l1":
        return prox_l1(w, levels, nu)
    return prox_l2(w, levels, nu, "half" if norm == "l2" else "full")


def total(nu: float, repeat: int, norm: str) -> float:
    """The parameter of the one prox that equals `repeat` of them: L1 pulls add up, L2 factors multiply."""
    if norm == "l1":
        return repeat * nu
    c = 1.0 if norm == "l2" else 2.0
    return float(np.expm1(repeat * np.log1p(c * nu)) / c) if repeat * np.log1p(c * nu) < 700 else 1e300


class ProxMap(Demo):
    """Left the map, right what it minimises for the weight chosen."""

    slug: ClassVar[str] = "D8"
    title: ClassVar[str] = "When does a soft projection become a hard one?"
    parameters = Lesson05
    controls = ("NU", "WEIGHT", "NORM", "REPEAT")
    more = ("LEVELS",)
    presets: ClassVar[dict] = {
        "identity": {"NU": 0.0, "REPEAT": 1},
        "soft": {"NU": 0.4, "REPEAT": 1, "NORM": "l1"},
        "hard: the nearest level": {"NU": 1.0, "REPEAT": 1, "NORM": "l1", "LEVELS": "binary"},
        "L2 never quite arrives": {"NU": 1.0, "REPEAT": 1, "NORM": "l2"},
        "one step in practice": {"NU": 0.0001, "REPEAT": 1, "NORM": "l1"},
        "ten thousand of them": {"NU": 0.0001, "REPEAT": 10000, "NORM": "l1"},
    }
    height = 430

    def compute(self, P: Lesson05) -> Pulled:
        levels = GRIDS[P.LEVELS].levels()
        nu = total(P.NU, P.REPEAT, P.NORM)
        w = torch.tensor([P.WEIGHT], dtype=torch.float64)
        mapped, here = (once(x, levels, nu, P.NORM) for x in (W, w))
        norm, convention = ("l1", "half") if P.NORM == "l1" else ("l2", "half" if P.NORM == "l2" else "full")
        penalty = regularizer(W, levels, norm, convention)
        shown = min(nu, 1e6)
        objective = (W - w) ** 2 / 2 + shown * penalty
        lowest = (here - w) ** 2 / 2 + shown * regularizer(here, levels, norm, convention)
        return Pulled(
            nu=P.NU,
            repeat=P.REPEAT,
            total=nu,
            norm=P.NORM,
            w=P.WEIGHT,
            here=float(here),
            hard=float(nearest(w, levels)),
            landed=_landed(nu, P.NORM, levels),
            levels=levels.numpy(),
            mapped=mapped.numpy(),
            staircase=nearest(W, levels).numpy(),
            penalty=penalty.numpy(),
            objective=objective.numpy(),
            lowest=float(lowest),
            set=NAMES[P.LEVELS],
        )

    def figure(self, data: Pulled) -> Figure:
        x = W.numpy()
        right: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
        big = {"symbol": "circle", "size": 11, "color": look.INK}
        dot = {"type": "scatter", "mode": "markers", "showlegend": False, "cliponaxis": False, "marker": big}
        here = np.array([data.here])
        size = np.minimum(data.objective, 1e3)
        traces = [
            look.line(x, x, dash="dot", name="identity, ν = 0", hoverinfo="skip"),
            _broken(x, data.staircase, color=look.MUTED, dash="dash", width=1.6, name="hard: Q(w)"),
            _broken(x, data.mapped, color=BLUE, width=3, name="soft: prox of ν R"),
            look.line(np.array([data.w, data.w]), np.array([data.w, data.here]), color=look.INK, width=1.4),
            dot | {"x": np.array([data.w]), "y": here, "hovertemplate": "w = %{x}, prox %{y:.3g}<extra></extra>"},
            look.verticals(data.levels, 0.0, TOP, **right),
            look.line(x, data.penalty, color=look.INK, dash="dash", width=1.6, name="R(x)", **right),
            look.line(x, size, color=BLUE, width=3, name="½ (x − w)² + ν R(x)", **right),
            look.line(np.array([data.w] * 2), np.array([0.0, 0.12]), color=look.INK, width=1.6, **right),
            look.label(data.w, 0.17, "w", color=look.INK, where="top center", **right),
            dot | right | {"x": here, "y": np.array([data.lowest]), "hovertemplate": "prox %{x:.3g}<extra></extra>"},
            look.label(-2.0, 1.02, "document" if data.printed else "", where="top right", **right),
        ]
        ticks: dict[str, Any] = {"tickmode": "linear", "tick0": 0, "dtick": 1}
        left_x = look.axis("weight w", VIEW, domain=[0.0, 0.455], **ticks)
        left_y = look.axis("prox of w", VIEW, lines=True, **ticks)
        right_x = look.axis("candidate x", VIEW, domain=[0.545, 1.0], anchor="y2", **ticks)
        right_y = look.axis("objective", (0.0, TOP), lines=True, anchor="x2", tickmode="linear", tick0=0, dtick=0.5)
        return {"data": traces, "layout": look.layout(left_x, left_y, xaxis2=right_x, yaxis2=right_y)}

    def keys(self, data: Pulled) -> list[Key]:
        return [
            Key(_place(data.here, data.hard), f"where {look.value(data.w)} goes", BLUE),
            Key(look.value(round(data.hard, 4)), "its nearest level", look.MUTED),
            Key(look.percent(data.landed), "of −2 … 2 on a level", look.INK),
        ]

    def alt(self, data: Pulled) -> str:
        times = "once" if data.repeat == 1 else f"**{data.repeat}** times"
        how = {"l1": "the L1 prox", "l2": "the prox of ½ L2²", "l2-full": "the prox of L2²"}[data.norm]
        said = f"With ν = **{look.value(data.nu)}**, applied {times}, {how} to {data.set}"
        if data.total == 0:
            return f"{said} leaves every weight where it is: {look.value(data.w)} stays **{look.value(data.here)}**."
        goes = f"sends {look.value(data.w)} to **{_place(data.here, data.hard)}**"
        if data.w == data.hard:
            goes = f"leaves {look.value(data.w)}, a level, where it is"
        where = "" if data.w == data.hard else f" (nearest level {look.value(round(data.hard, 4))})"
        if data.landed == 1:
            if data.norm == "l1":
                return f"{said} {goes}: every weight up to ±2 lands **on** its nearest level, the map **is** Q."
            return f"{said} {goes}: every weight up to ±2 is, to sixteen decimals, on its nearest level, as with Q."
        if data.norm == "l1":
            share = look.percent(data.landed)
            return (
                f"{said} {goes}{where}: it moves each weight by at most **{look.value(data.total)}**, "
                f"and **{share}** of −2 … 2 end exactly on a level."
            )
        factor = 1 + data.total * (2.0 if data.norm == "l2-full" else 1.0)
        return f"{said} {goes}{where}: it divides each distance by **{look.fmt(factor, 3)}**, so none becomes zero."


def _landed(nu: float, norm: str, levels: Tensor) -> float:
    """The share of -2 ... 2 that a prox with this parameter maps onto a level."""
    if norm != "l1":
        return float(nu > GONE)
    cells = torch.cat([W[:1], (levels[1:] + levels[:-1]) / 2, W[-1:]])  # where each level's reach ends
    return float(((levels - cells[:-1]).clamp(max=nu) + (cells[1:] - levels).clamp(max=nu)).sum() / 4)


def _place(x: float, level: float) -> str:
    """Where a weight ends; what only looks like the level says so."""
    text = look.value(round(x, 4))
    return f"nearly {text}" if x != level and text == look.value(round(level, 4)) else text


def _broken(x: np.ndarray, y: np.ndarray, **pen: Any) -> dict[str, Any]:
    """A line with gaps where y jumps from one level's reach to the next."""
    jump = np.abs(np.diff(y)) > 0.015
    return look.line(x, np.where(np.append(jump, False), np.nan, y), **pen)
