"""D9: how strongly should a step be drawn back to the quantized weight? One weight, four starts (S2, BGD)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import blending
from qlab.experiments.blending import BEST, BORDERS, LEVELS, OSCILLATES, STARTS
from qlab.schema.lessons import Lesson09

ITERATIONS, SHOWN = 800, 150
BLENDS = np.logspace(-5, 0, 101)  # of the phase bars; a column of its own for 0
ZERO = -5.7  # where 0 stands on the logarithmic axis
SMOOTHNESS = 1.0  # L of the loss
VIEW = (-1.25, 1.25)
NAMES = ("−1", "−⅓", "⅓", "1")


@dataclass(frozen=True)
class Blended:
    """One state. latent, level (SHOWN + 1, 4): of the four starts; ends (4,): in the last quarter of all iterations,
    loss, flips (4,): in their second half; phases (4, 1 + blends): where each start ends for blend 0 and `BLENDS`."""

    step_size: float
    rho: float
    start: int
    latent: np.ndarray
    level: np.ndarray
    ends: np.ndarray
    loss: np.ndarray
    flips: np.ndarray
    phases: np.ndarray

    @property
    def at(self) -> int:
        """The level whose leash is drawn: where the chosen start rests, the best one where it does not rest."""
        return int(self.ends[self.start]) if self.ends[self.start] != OSCILLATES else BEST

    @property
    def pull(self) -> float:
        """step |f'| at that level."""
        return self.step_size * abs(float(blending.slope(LEVELS[self.at])))


@lru_cache(maxsize=64)
def _phases(step_size: float) -> np.ndarray:
    blends = np.concatenate([[0.0], BLENDS])
    return blending.simulate(blends, step_size, np.array(STARTS)[:, None], ITERATIONS).ends


class Blending(Demo):
    """f(w) = (w - 0.1)²/2, L = 1, levels {−1, −⅓, ⅓, 1}. A level is left if and only if its leash, η|f'|/ρ, reaches
    beyond the border of its cell; with η/ρ < 1/L no step raises f."""

    slug: ClassVar[str] = "D9"
    title: ClassVar[str] = "How long should the leash to the grid be?"
    parameters = Lesson09
    controls = ("RHO", "STEP_SIZE", "START", "METHOD")
    presets: ClassVar[dict] = {
        "guaranteed descent, stuck": {"RHO": 0.2, "STEP_SIZE": 0.1, "START": -0.9, "METHOD": "bcgd"},
        "all four starts find the best level": {"RHO": 0.1, "STEP_SIZE": 0.1, "START": -0.9, "METHOD": "bcgd"},
        "too long a leash oscillates": {"RHO": 0.05, "STEP_SIZE": 0.1, "START": 0.2, "METHOD": "bcgd"},
        "the same blend, a smaller step": {"RHO": 0.1, "STEP_SIZE": 0.05, "START": -0.9, "METHOD": "bcgd"},
        "the document's blend": {"RHO": 1e-5, "STEP_SIZE": 0.01, "START": 0.9, "METHOD": "bcgd"},
        "blend 0: BinaryConnect": {"STEP_SIZE": 0.1, "START": 0.2, "METHOD": "bc"},
        "blend 1: projected gradient": {"RHO": 1.0, "STEP_SIZE": 0.1, "START": 0.9, "METHOD": "bcgd"},
    }

    def compute(self, P: Lesson09) -> Blended:
        rho = P.RHO if P.METHOD == "bcgd" else 0.0
        run = blending.simulate(rho, P.STEP_SIZE, np.array(STARTS), ITERATIONS)
        return Blended(
            P.STEP_SIZE,
            rho,
            STARTS.index(P.START),
            run.latent[: SHOWN + 1],
            run.level[: SHOWN + 1],
            run.ends,
            run.loss,
            run.flips,
            _phases(P.STEP_SIZE),
        )

    # ------------------------------------------------------------------------------------------------------ figure

    def figure(self, data: Blended) -> Figure:
        x = look.axis("step t", (0, SHOWN * 1.16), domain=[0, 0.55], tickvals=[0, 50, 100, 150])
        y = look.axis("weight w", VIEW, tickvals=list(LEVELS), ticktext=list(NAMES), lines=True)
        x2 = look.axis(
            "blend ρ",
            (ZERO - 0.3, 0.1),
            domain=[0.66, 1],
            anchor="y2",
            tickvals=[ZERO, -4, -3, -2, -1, 0],
            ticktext=["0", "10⁻⁴", "10⁻³", "0.01", "0.1", "1"],
        )
        rows = [look.value(start) for start in STARTS]
        y2 = look.axis("start w⁰", (-0.6, 4.1), anchor="x2", tickvals=[3, 2, 1, 0], ticktext=rows)
        layout = look.layout(x, y, xaxis2=x2, yaxis2=y2)
        return {"data": [*self._runs(data), *self._leash(data), *self._bars(data)], "layout": layout}

    def _runs(self, data: Blended) -> list[dict[str, Any]]:
        t = np.arange(SHOWN + 1.0)
        gap = np.full((1, len(STARTS)), np.nan)
        others = [i for i in range(len(STARTS)) if i != data.start]
        faint = np.concatenate([data.latent, gap])[:, others].T.ravel()
        slug = "bcgd" if data.rho else "bc"
        traces = [
            look.line(np.tile([0.0, SHOWN, np.nan], 3), np.repeat(BORDERS, 3), dash="dot", width=1, color="#B9C0C8"),
            look.line(np.tile(np.append(t, np.nan), 3), faint, color="#B9C0C8", width=1, name="the other starts"),
        ]
        traces += [
            look.method_line(s, t, data.latent[:, data.start], name="latent w", visible=s == slug, hoverinfo="skip")
            for s in ("bc", "bcgd")
        ]
        deployed = LEVELS[data.level[:, data.start]]
        step = {"color": look.INK, "width": 1.2, "shape": "hv"}
        return [*traces, look.line(t, deployed, name="deployed Q(w)", hoverinfo="skip") | {"line": step}]

    def _leash(self, data: Blended) -> list[dict[str, Any]]:
        """From the level as far as its latent weight may go, cut at the edge of the picture; the border as a bar."""
        level = LEVELS[data.at]
        sign = -np.sign(blending.slope(level))
        length = data.pull / data.rho if data.rho else np.inf
        end = float(np.clip(level + sign * length, *VIEW))
        border = level + sign / 3
        x = SHOWN * 1.05
        color = look.COLORS["bcgd"]
        words = "η|f′|/ρ = " + (look.fmt(length) if data.rho else "∞")
        return [
            look.line(np.array([x, x]), np.array([level, end]), color=color, width=6, name="leash"),
            look.line(np.array([x - 4, x + 4]), np.array([border, border]), color=look.INK, width=2),
            look.label(x + 9, VIEW[1] - 0.08, words, where="middle left", color=look.INK),
        ]

    def _bars(self, data: Blended) -> list[dict[str, Any]]:
        where = {"xaxis": "x2", "yaxis": "y2"}
        at = np.log10(data.rho) if data.rho else ZERO
        edge = np.log10(data.step_size * SMOOTHNESS)
        kinds = [
            ("ends on the best level", data.phases == BEST, {"color": look.COLORS["bcgd"], "width": 15}),
            (
                "stuck on another",
                (data.phases != BEST) & (data.phases != OSCILLATES),
                {"color": look.MUTED, "width": 8},
            ),
            ("oscillates", data.phases == OSCILLATES, {"color": look.COLORS["bc"], "width": 3}),
        ]
        traces = [
            look.line(*_segments(mask), name=name, hoverinfo="skip") | {"line": pen} | where
            for name, mask, pen in kinds
        ]
        row = len(STARTS) - 1 - data.start
        traces += [
            look.line(np.array([edge, edge]), np.array([-0.5, 3.95]), dash="dash", color="#000000", width=1.4) | where,
            look.label(edge, 3.75, "descent guaranteed →", where="middle left", color=look.INK) | where,
            look.line(np.array([at, at]), np.array([-0.5, 3.4]), color=look.INK, width=1) | where,
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([at]),
                "y": np.array([float(row)]),
                "marker": {"symbol": "circle", "size": 11, "color": look.CARD, "line": {"width": 2, "color": look.INK}},
                "showlegend": False,
                "hoverinfo": "skip",
                "cliponaxis": False,
            }
            | where,
            look.document_mark(-5.0, -0.6, -0.35, "document") | where,
        ]
        return traces

    # ------------------------------------------------------------------------------------------------------- words

    def keys(self, data: Blended) -> list[Key]:
        effective = look.fmt(data.step_size / data.rho) if data.rho else "∞"
        return [
            Key(f"{int((data.ends == BEST).sum())} of 4", "starts end on the best level", look.COLORS["bcgd"]),
            Key(effective, "η/ρ, descent below 1", look.INK),
            Key(look.fmt(data.loss[data.start]), f"mean loss from {look.value(STARTS[data.start])}", look.INK),
        ]

    def alt(self, data: Blended) -> str:
        end, mean = data.ends[data.start], look.fmt(data.loss[data.start], 3)
        at = (
            f"From **{look.value(STARTS[data.start])}** at η = {look.value(data.step_size)}, ρ = {look.value(data.rho)}"
        )
        if end == OSCILLATES:
            what = f"the weight flips in **{look.percent(data.flips[data.start])}** of the steps, mean loss **{mean}**"
        elif end == BEST:
            what = f"the weight rests on the best level, {NAMES[end]}, loss **{mean}**"
        else:
            least = look.fmt(float(blending.loss(LEVELS[BEST])), 3)
            what = f"the weight is stuck on {NAMES[end]}, loss **{mean}**, against {least} on the best level"
        count = int((data.ends == BEST).sum())
        said = {0: "none of the four starts ends", 1: "one of the four starts ends", 4: "all four starts end"}
        reached = said.get(count, f"{count} of the four starts end") + " on the best level"
        return f"{at} {what}: {self._why(data)}; {reached}; {self._promise(data)}."

    def _why(self, data: Blended) -> str:
        if not data.rho:
            return "without a leash no level holds it"
        length = look.fmt(data.pull / data.rho)
        if data.ends[data.start] == OSCILLATES:
            return f"even on ⅓ its leash, **{length}**, is longer than the 0.33 to the border"
        return f"its leash there, **{length}**, is no longer than the 0.33 to the border"

    def _promise(self, data: Blended) -> str:
        if not data.rho:
            return "descent is not guaranteed at any η"
        ratio = data.step_size / data.rho
        if ratio * SMOOTHNESS < 1:
            return f"no step raises the loss, as η/ρ = **{look.fmt(ratio)}** is below 1/L = 1"
        return f"descent is not guaranteed, as η/ρ = **{look.fmt(ratio)}** is not below 1/L = 1"


def _segments(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of horizontal bars, a row for each start, over the blends where the mask is true; gaps as NaN."""
    half = (np.log10(BLENDS[1]) - np.log10(BLENDS[0])) / 2
    xs, ys = [np.nan], [np.nan]
    for i, row in enumerate(mask):
        height = float(len(STARTS) - 1 - i)
        if row[0]:
            xs += [ZERO - 0.15, ZERO + 0.15, np.nan]
            ys += [height, height, np.nan]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row[1:].astype(int), [0]])))
        for first, past in edges.reshape(-1, 2):
            xs += [np.log10(BLENDS[first]) - half, np.log10(BLENDS[past - 1]) + half, np.nan]
            ys += [height, height, np.nan]
    return np.array(xs), np.array(ys)
