"""D13b: in how much of the space of settings does a method end within 5 % of the exact optimum? (the poster's title)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import area
from qlab.experiments.exact_tasks import CONSTRAINED, KINDS, POSTER
from qlab.schema.lessons import Lesson13

RUNS = 5
SCALE = [[0.0, "#F3F5F7"], [0.2, "#DCE6EE"], [0.4, "#B2CCDF"], [0.6, "#74A7CB"], [0.8, "#2F7DB0"], [1.0, "#00406B"]]
ETA, NOISE = (np.log10([0.022, 41.0]).tolist(), np.log10([0.0077, 3.9]).tolist())  # half a cell beyond the ends


@dataclass(frozen=True)
class Areas:
    """hits: per method how many of the runs end within 5 %, (other, step sizes); share: mean share of the map."""

    kind: str
    axis: str
    step_size: np.ndarray
    other: np.ndarray
    hits: dict[str, np.ndarray]
    share: dict[str, float]
    about: str
    constraint: str


class Area(Demo):
    """12 x 12 settings x 5 instances for each of the poster's six methods, full batch, trained while one waits."""

    slug: ClassVar[str] = "D13b"
    title: ClassVar[str] = "How much of the map is within 5 % of the optimum?"
    parameters = Lesson13
    controls = ("PROBLEM", "AXIS", "FREE_PHASE", "DECAY")
    more = ("EPS_HAT", "STEPS")
    presets: ClassVar[dict] = {
        "noise: who bears it": {"PROBLEM": "hard", "AXIS": "noise"},
        "ε̂ hardly matters, the free phase does": {"PROBLEM": "planted", "AXIS": "eps_hat"},
        "no free phase": {"PROBLEM": "planted", "AXIS": "eps_hat", "FREE_PHASE": 0.0},
        "a fixed step": {"PROBLEM": "hard", "DECAY": "constant"},
        "two moons": {"PROBLEM": "moons"},
    }
    height: ClassVar[int] = 500

    def compute(self, P: Lesson13) -> Areas:
        seeds = range(P.SEED, P.SEED + RUNS)
        steps = area.STEPS * P.STEPS // 300
        maps = {
            m: area.area_map(
                P.PROBLEM, m, seeds, axis=P.AXIS, steps=steps, decay=P.DECAY, eps_hat=P.EPS_HAT, free_phase=P.FREE_PHASE
            )
            for m in POSTER
        }
        first = maps["full"]
        hits = {m: found.within.sum(0).astype(float) for m, found in maps.items()}
        share = {m: float(found.area.mean()) for m, found in maps.items()}
        about = f"{KINDS[P.PROBLEM]}, {steps} steps (a third of {P.STEPS}), {P.DECAY}, "
        about += f"free phase {look.percent(P.FREE_PHASE)}"
        about += f", ε̂ = {look.value(P.EPS_HAT)}" if P.AXIS == "noise" else f", noise {look.value(area.STILL)}"
        constraint = f"free {look.percent(P.FREE_PHASE)}" + (
            f" · ε̂ {look.value(P.EPS_HAT)}" if P.AXIS == "noise" else ""
        )
        return Areas(P.PROBLEM, P.AXIS, first.step_size, first.other, hits, share, about, constraint)

    def figure(self, data: Areas) -> Figure:
        traces, axes = [], {}
        for number, method in enumerate(POSTER, 1):
            row, column = divmod(number - 1, 3)
            name = "" if number == 1 else str(number)
            x0, y0 = 0.345 * column, (0.56, 0.0)[row]
            title = "step size η" if row else ("document: BC, STE worse", data.constraint, "")[column]
            side = look.axis(title, ETA, domain=[x0, x0 + 0.28], anchor=f"y{name}", type="log", tickvals=[0.1, 1, 10])
            axes[f"xaxis{name}"] = side
            axes[f"yaxis{name}"] = self._other(data, column == 0) | {
                "domain": [y0, y0 + 0.38],
                "anchor": f"x{name}",
            }
            traces.append(
                {
                    "type": "heatmap",
                    "x": data.step_size,
                    "y": data.other,
                    "z": data.hits[method],
                    "zmin": 0,
                    "zmax": RUNS,
                    "colorscale": SCALE,
                    "showscale": number == 3,
                    "xgap": 1,
                    "ygap": 1,
                    "xaxis": f"x{name}",
                    "yaxis": f"y{name}",
                    "colorbar": {
                        "title": {"text": "runs", "font": {"size": 11, "color": look.MUTED}},
                        "thickness": 10,
                        "len": 0.42,
                        "y": 0.75,
                        "x": 1.0,
                        "tickfont": {"size": 11, "color": look.MUTED},
                        "dtick": 1,
                        "outlinewidth": 0,
                    },
                    "hovertemplate": "η = %{x}: %{z} of 5 within 5 %<extra>" + look.style(method).name + "</extra>",
                }
            )
        for number, method in enumerate(POSTER, 1):
            name = "" if number == 1 else str(number)
            words = f"{look.style(method).short} {look.percent(data.share[method])}"
            y = self._top(data)
            traces.append(
                look.label(0.028, y, words, color=look.INK, where="top right")
                | {
                    "xaxis": f"x{name}",
                    "yaxis": f"y{name}",
                    "textfont": {"size": 12, "color": look.style(method).color},
                }
            )
        return {"data": traces, "layout": look.layout(axes["xaxis"], axes["yaxis"], **_rest(axes))}

    @staticmethod
    def _top(data: Areas) -> float:
        """Just inside the upper edge: words above it name the panel."""
        return 3.8 if data.axis == "noise" else 0.99

    @staticmethod
    def _other(data: Areas, first: bool) -> dict:
        if data.axis == "noise":
            title = "gradient noise" if first else ""
            return look.axis(title, NOISE, type="log", tickvals=[0.01, 0.1, 1], showticklabels=first)
        return look.axis("islands ε̂" if first else "", (0.009, 0.991), tickvals=[0.1, 0.5, 0.9], showticklabels=first)

    def keys(self, data: Areas) -> list[Key]:
        shown = ("bc", "full", "askew")
        return [
            Key(look.percent(data.share[m]), f"{look.style(m).short} within 5 %", look.style(m).color) for m in shown
        ]

    def alt(self, data: Areas) -> str:
        order = sorted(data.share, key=lambda m: -data.share[m])
        said = ", ".join(f"{look.style(m).name} **{look.percent(data.share[m])}**" for m in order)
        flat = [look.style(m).short for m in POSTER if m not in CONSTRAINED]
        rows = f" ({', '.join(flat)} have no ε̂: rows alike)" if data.axis == "eps_hat" else ""
        return f"{data.about[0].upper()}{data.about[1:]}. Share of the map within 5 % of the optimum: {said}{rows}."


def _rest(axes: dict) -> dict:
    return {name: axis for name, axis in axes.items() if name not in ("xaxis", "yaxis")}
