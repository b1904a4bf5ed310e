"""D1: what does rounding to a grid cost, and does one Lloyd step find the grid's best scale? (S2)"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import ptq
from qlab.experiments.projection import Group, drawn
from qlab.quantizers import Grid
from qlab.schema.lessons import Lesson01

CHANNELS = 10  # rows that drawn weights are cut into
VIEW = 6.0  # the weight axis, in root mean squares
MOST = 301  # levels drawn at most
MOST_STEPS = 100
FACTORS = np.geomspace(0.1, 6.0, 121)  # s / s*
STEMS = 63  # more levels than these are dots without stems
FLOOR, CEILING = 2e-5, 2.0  # the error axis
LLOYD = "#8A7E00"  # S2's olive, dark enough for text
NAMES = {"gaussian": "Gaussian", "laplace": "Laplace", "trained": "trained"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the scale set by hand: the weights, their error curve, Lloyd's path."""

    n: int
    centres: np.ndarray
    heights: np.ndarray
    weights: np.ndarray
    group: Group
    unit: float
    curve: np.ndarray
    path: np.ndarray
    path_error: np.ndarray
    best_error: float | None


@dataclass(frozen=True)
class Projected:
    """One state. Scales in units of the best one, errors relative to |w|², levels in root mean squares of w."""

    grid: Grid
    distribution: str
    n: int
    per_channel: bool
    steps: int
    factor: float
    centres: np.ndarray
    heights: np.ndarray
    levels: np.ndarray
    occupied: np.ndarray
    curve: np.ndarray
    path: np.ndarray
    path_error: np.ndarray
    best_error: float | None
    rounding: float
    clipping: float
    used: int
    spacing: float

    @property
    def error(self) -> float:
        """The error at the scale set by hand."""
        return self.rounding + self.clipping

    @property
    def lattice(self) -> bool:
        return self.grid.family == "lattice"

    @property
    def lloyd_error(self) -> float:
        return float(self.path_error[-1])


class Projection(Demo):
    """The error curve, its optimum and Lloyd's path are exact, for every N."""

    slug: ClassVar[str] = "D1"
    title: ClassVar[str] = "Does one Lloyd step find the best scale?"
    parameters = Lesson01
    controls = ("BITS", "N", "LLOYD_STEPS", "SCALE")
    more = ("DISTRIBUTION", "FAMILY", "PER_CHANNEL")
    height = 400
    presets: ClassVar[dict] = {
        "a small tensor: one step comes near": {"N": 200, "BITS": 4, "SCALE": 1.0},
        "a large tensor: it does not": {"N": 200_000, "BITS": 4, "SCALE": 1.0},
        "eight bits: even 100 steps do not arrive": {"N": 200_000, "BITS": 8, "LLOYD_STEPS": 100, "SCALE": 1.0},
        "one bit: the mean of |w|": {"BITS": 1, "SCALE": 1.0},
        "too small: clipping is nearly all of the error": {"BITS": 4, "SCALE": 0.2},
        "no outer level: Δℤ": {"FAMILY": "lattice", "SCALE": 1.0},
    }

    def compute(self, P: Lesson01) -> Projected:
        grid = Grid(P.BITS, P.FAMILY)
        trained = (P.SEEDS, P.TRAIN_STEPS, P.DEVICE) if P.DISTRIBUTION == "trained" else ()
        made = _prepared(P.DISTRIBUTION, P.N, P.SEED, grid, P.PER_CHANNEL, trained)
        hand = made.group.split(P.SCALE)
        scale = P.SCALE * made.unit
        levels, occupied, used = _levels(grid, scale, made.weights)
        return Projected(
            grid=grid,
            distribution=P.DISTRIBUTION,
            n=made.n,
            per_channel=P.PER_CHANNEL,
            steps=P.LLOYD_STEPS,
            factor=P.SCALE,
            centres=made.centres,
            heights=made.heights,
            levels=levels,
            occupied=occupied,
            curve=made.curve,
            path=made.path[: P.LLOYD_STEPS + 1],
            path_error=made.path_error[: P.LLOYD_STEPS + 1],
            best_error=made.best_error,
            rounding=float(hand.rounding[0]),
            clipping=float(hand.clipping[0]),
            used=used,
            spacing=scale,
        )

    def figure(self, data: Projected) -> Figure:
        path = np.full((2, MOST_STEPS + 1), np.nan)
        path[:, : data.path.size] = data.path, data.path_error
        dots, stems = self._stems(data)
        on_right = {"xaxis": "x2", "yaxis": "y2"}
        mark, words = self._document(data)
        traces = [
            {
                "type": "bar",
                "name": "weights w",
                "x": data.centres,
                "y": data.heights,
                "width": float(data.centres[1] - data.centres[0]),
                "marker": {"color": "#C9CFD6", "line": {"width": 0}},
                "hoverinfo": "skip",
            },
            look.line(*stems, color=look.INK, width=1.4),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "levels at your scale",
                "x": dots[0],
                "y": dots[1],
                "marker": {"color": look.INK, "size": 5},
                "hovertemplate": "level %{x:.3g}<extra></extra>",
            },
            look.label(-VIEW, 1.1, _describe(data.grid), color=look.INK, textfont={"size": 12, "color": look.INK}),
            look.line(FACTORS, data.curve, color=look.MUTED, width=2, name="error of Q(w)", hoverinfo="skip")
            | on_right,
            look.line(path[0], path[1], color=LLOYD, width=1.5, name="Lloyd s⁰, s¹, …", hoverinfo="skip")
            | on_right
            | {"mode": "lines+markers", "marker": {"symbol": "pentagon", "size": 7, "color": LLOYD}},
            look.optimum(1.0, FLOOR, CEILING, "s* of the symmetric grid" if data.lattice else "best s*") | on_right,
            {
                "type": "scatter",
                "mode": "markers",
                "name": "your scale",
                "x": np.array([data.factor]),
                "y": np.array([data.error]),
                "marker": {"color": look.INK, "size": 11, "line": {"width": 1.5, "color": look.CARD}},
                "hovertemplate": "s/s* = %{x:.2f}: %{y:.3g}<extra></extra>",
                **on_right,
            },
            look.document_mark(mark, FLOOR, FLOOR * 1.4, words) | on_right | {"textposition": "top right"},
        ]
        x = look.axis("weight w (root mean square = 1)", (-VIEW, VIEW), domain=[0, 0.4], dtick=2)
        y = look.axis("share, tallest = 1", (0, 1.18), lines=True, tickvals=[0, 0.5, 1])
        tens = {"tickvals": [1e-4, 1e-3, 1e-2, 1e-1, 1], "ticktext": ["10⁻⁴", "10⁻³", "10⁻²", "0.1", "1"]}
        x2 = look.axis(
            "scale s, in units of the best s*", np.log10(FACTORS[[0, -1]]).tolist(), domain=[0.51, 1], anchor="y2"
        )
        x2 |= {"type": "log", "tickvals": [0.1, 0.2, 0.5, 1, 2, 5]}
        y2 = look.axis("|Q(w) − w|² / |w|²", np.log10([FLOOR, CEILING]).tolist(), lines=True, anchor="x2", **tens)
        y2 |= {"type": "log"}
        return {"data": traces, "layout": look.layout(x, y, xaxis2=x2, yaxis2=y2, bargap=0)}

    def _stems(self, data: Projected) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """The levels as dots and as stems, padded to one length; too many for stems, or even for dots, are left out."""
        count = data.levels.size
        dots = np.full((2, MOST), np.nan)
        if count <= MOST:
            dots[:, :count] = data.levels, data.occupied
        tops = dots[1] if count <= STEMS else np.full(MOST, np.nan)
        return dots, (np.repeat(dots[0], 3), np.column_stack([0 * tops, tops, np.full(MOST, np.nan)]).ravel())

    def _document(self, data: Projected) -> tuple[float, str]:
        """Where S2 puts the scale: one Lloyd step, or the exact solution where it has one. It has none for Δℤ."""
        if data.lattice:
            return math.nan, ""
        if not data.grid.iterative:
            return 1.0, "document: exact"
        made = data.path[1] if data.steps else math.nan
        return made, "document: one step" if data.steps else ""

    def keys(self, data: Projected) -> list[Key]:
        hand = Key(look.fmt(data.error), "error at your scale", look.INK)
        if data.best_error is None:
            return [hand, Key(str(data.used), "levels used", look.INK)]
        after = {0: "at Lloyd's start", 1: "after one Lloyd step"}.get(data.steps, f"after {data.steps} Lloyd steps")
        return [
            hand,
            Key(look.fmt(data.lloyd_error), after, LLOYD),
            Key(look.fmt(data.best_error), "best possible", look.INK),
        ]

    def alt(self, data: Projected) -> str:
        what = f"{data.n:,}".replace(",", " ")
        own = " with a scale per channel" if data.per_channel else ""
        where = f"**{what}** {NAMES[data.distribution]} weights on {_describe(data.grid)}{own}"
        yours = f"your scale **{look.value(data.factor)}** s*"
        if data.best_error is None:
            bits = math.ceil(math.log2(data.used))
            return (
                f"{where}: no weight is clipped, so no spacing is best; {yours}, "
                f"Δ = **{look.fmt(data.spacing, 3)}**, leaves a relative error of **{look.fmt(data.error, 3)}** "
                f"and reaches **{data.used}** levels, which take **{bits}** bits."
            )
        lloyd = {0: "Lloyd's start s⁰ leaves", 1: "one Lloyd step leaves"}.get(
            data.steps, f"{data.steps} Lloyd steps leave"
        )
        cause = "clipping" if data.clipping > data.rounding else "rounding"
        share = look.percent(max(data.clipping, data.rounding) / data.error if data.error else 0.0)
        return (
            f"{where}: the best scale leaves a relative error of **{look.fmt(data.best_error, 3)}**; {lloyd} "
            f"{_more(data.lloyd_error, data.best_error)}; {yours} leaves **{look.fmt(data.error, 3)}**, "
            f"**{share}** of it {cause}."
        )


def _describe(grid: Grid) -> str:
    return "Δℤ" if grid.family == "lattice" else grid.describe()


def _more(error: float, best: float) -> str:
    ratio = error / best if best else 1.0
    if ratio < 1.0005:
        return f"**{look.fmt(error, 3)}**, no more"
    return f"**{look.fmt(error, 3)}**, **{look.percent(ratio - 1, 1 if ratio < 1.1 else 0)}** more"


@lru_cache(maxsize=16)
def _tensors(distribution: str, n: int, seed: int, per_channel: bool, trained: tuple) -> tuple[np.ndarray, ...]:
    """The weights with mean square 1, one array per scale."""
    if distribution == "trained":
        runs, steps, device = trained
        (stack,) = ptq.train(seed, runs, steps, device).matrices("first").values()
        w = stack[0].double().cpu().numpy()
        rows = list(w)
    else:
        w = drawn(distribution, n, seed)
        rows = np.array_split(w, CHANNELS)
    unit = math.sqrt(np.mean(np.square(w)))
    return tuple(row / unit for row in rows) if per_channel else (w.ravel() / unit,)


@lru_cache(maxsize=16)
def _prepared(distribution: str, n: int, seed: int, grid: Grid, per_channel: bool, trained: tuple) -> Prepared:
    tensors = _tensors(distribution, n, seed, per_channel, trained)
    group = Group.of(tensors, grid)
    unit = float(np.exp(np.log(group.best).mean()))
    # Every channel in units of its own best scale, so that one set of levels serves all of them.
    weights = np.sort(np.concatenate([w * (unit / best) for w, best in zip(tensors, group.best, strict=True)]))
    counts, edges = np.histogram(weights, bins=60, range=(-VIEW, VIEW))
    endless = grid.family == "lattice"
    scales = None if endless else group.lloyd(MOST_STEPS)
    return Prepared(
        n=weights.size,
        centres=(edges[1:] + edges[:-1]) / 2,
        heights=counts / counts.max(),
        weights=weights,
        group=group,
        unit=unit,
        curve=np.maximum(group.split(FACTORS).total, FLOOR / 10),
        path=np.empty(0) if scales is None else group.factor(scales),
        path_error=np.empty(0) if scales is None else group.at(scales).total,
        best_error=None if endless else float(group.split(1.0).total[0]),
    )


def _levels(grid: Grid, scale: float, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The levels in view, how many weights each one gets relative to the fullest, and how many levels are used."""
    if grid.family == "lattice":
        low, high = (round(float(w) / scale) for w in weights[[0, -1]])
        codes = np.arange(low, high + 1, dtype=np.float64)
    else:
        codes = grid.levels().numpy()
    cuts = np.searchsorted(weights, scale * (codes[1:] + codes[:-1]) / 2)
    counts = np.diff(np.concatenate([[0], cuts, [weights.size]]))
    seen = np.abs(scale * codes) <= VIEW
    return scale * codes[seen], counts[seen] / counts.max(), int((counts > 0).sum())
