"""D0: where does the discreteness live? The methods of the documents on one weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.methods import METHODS, Hyper, Rule
from qlab.optim.bases import sgd
from qlab.optim.update import advance
from qlab.quantizers.grids import Grid
from qlab.schema.lessons import Lesson00
from qlab.schema.lessons.lesson00 import KINDS
from qlab.uniforms import uniform

MINIMIZER = 0.3  # of the loss F(w) = (w - 0.3)² / 2
STEPS = 60
HIGH = 1.7  # half the height of a panel; its title stands above the levels
NEAR = 1e-9  # a weight this close to a level is on it
PULLS = {"direction": "a constraint", "anchor": "anchor", "settle": "a penalty", "view": "view"}
"""What draws a weight that stays off the levels, by slot: ASkewSGD turns its direction, ProxQuant settles softly."""


@dataclass(frozen=True)
class Path:
    """One method: w (STEPS + 1,) the weight it keeps, seen what the network sees, deployed what would be shipped.

    where: the slot of the method's equation, or the penalty, constraint or multiplier, in which the discreteness lives.
    """

    w: np.ndarray
    seen: np.ndarray
    deployed: np.ndarray
    where: str

    @property
    def changes(self) -> int:
        """How often the deployed level changed."""
        return int((np.diff(self.deployed) != 0).sum())


@dataclass(frozen=True)
class Paths:
    """One state: the chosen methods' paths in the order of the registry, the levels, the level with the lowest loss."""

    step_size: float
    start: float
    levels: np.ndarray
    best: float
    paths: dict[str, Path]


def loss(w: float) -> float:
    return (w - MINIMIZER) ** 2 / 2


def follow(rule: Rule, *, start: float, step_size: float, bits: int, seed: int) -> tuple[np.ndarray, ...]:
    """(w, seen, deployed), each (STEPS + 1,): w+ of `qlab.step` on the levels from -1 to 1, from F'(seen).

    What `qlab.step` works out anew for each step (grid, hyper-parameters, uniforms) is worked out once here.
    """
    grid = Grid(bits, scale="one")
    numbers = {**rule.defaults, "lr": step_size, "weight_decay": 0.0, "steps": STEPS}
    options = {name: choices[0] for name, choices in rule.options.items()}
    scale = torch.tensor(1 / grid.top, dtype=torch.float64)
    hypers = [Hyper({**numbers, "t": t + 1}, options, grid, scale=scale, fixed=True) for t in range(STEPS + 1)]
    u = uniform(seed, torch.arange(STEPS + 1), 0, (1,), dtype=torch.float64)
    w = torch.tensor([start], dtype=torch.float64)
    w = hypers[0].Q(w) if rule.fixed_scale else w
    state, rows = rule.init(w, hypers[0]), []
    with torch.no_grad():
        for h, ut in zip(hypers, u, strict=True):
            seen = rule.view(w, state, h, ut)
            rows.append(torch.cat([w, seen, rule.deploy(w, state, h)]))
            w, state, _ = advance(rule, sgd, w, seen - MINIMIZER, state, {}, h, ut)
    return tuple(torch.stack(rows).numpy().T)


def where(rule: Rule, w: np.ndarray, seen: np.ndarray, levels: np.ndarray) -> str:
    """Where the discreteness lives: a slot, from what the path does, else what the method overrides to draw w to it."""
    if _on(w[1:], levels):
        return "settle"
    if _on(seen, levels):
        return "view"
    own = {slot for slot in ("init", *PULLS) if getattr(type(rule), slot) is not getattr(Rule, slot)}
    if {"init", "direction"} <= own:
        return "a multiplier"
    return next((place for slot, place in PULLS.items() if slot in own), "deploy")


def _on(w: np.ndarray, levels: np.ndarray) -> bool:
    return bool((np.abs(w[:, None] - levels).min(1) < NEAR).all())


class Discreteness(Demo):
    """A table of panels, one for each chosen method."""

    slug: ClassVar[str] = "D0"
    title: ClassVar[str] = "Where does the discreteness live?"
    parameters = Lesson00
    controls = ("METHODS", "STEP_SIZE", "START", "BITS")
    presets: ClassVar[dict] = {
        "only at the end: full precision": {"METHODS": "full"},
        "in what the network sees: BC, STE": {"METHODS": "bc,ste"},
        "in what is kept: R, SR, PGD": {"METHODS": "r,sr,pgd"},
        "in what draws: penalty, constraint, multiplier": {"METHODS": "proxquant,askew,sgda"},
        "a large step": {"STEP_SIZE": 1.0, "METHODS": "full,bc,sr,r"},
        "one of each kind": {"METHODS": "full,bc,sr,proxquant,askew,sgda", "BITS": 1},
        "one of each kind, 2 bits": {"METHODS": "full,bc,sr,proxquant,askew,sgda", "BITS": 2},
    }
    height = 440

    def compute(self, P: Lesson00) -> Paths:
        grid = Grid(P.BITS, scale="one")
        levels = (grid.levels() / grid.top).numpy()
        paths = {}
        for slug in (slug for slug in METHODS if slug in P.several("METHODS")):
            rule = METHODS[slug]
            w, seen, deployed = follow(rule, start=P.START, step_size=P.STEP_SIZE, bits=P.BITS, seed=P.SEED)
            paths[slug] = Path(w, seen, deployed, where(rule, w, seen, levels))
        best = float(levels[np.argmin([loss(q) for q in levels])])
        return Paths(P.STEP_SIZE, P.START, levels, best, paths)

    def figure(self, data: Paths) -> Figure:
        traces: list[dict] = []
        axes: dict[str, Any] = {}
        columns = {1: 1, 2: 2, 4: 2}.get(len(data.paths), 3 if len(data.paths) < 7 else 4)
        rows = math.ceil(len(data.paths) / columns)
        for number, slug in enumerate(dict.fromkeys([*KINDS, *data.paths])):
            k = str(number + 1) if number else ""
            place = {"xaxis": f"x{k}", "yaxis": f"y{k}"}
            path = data.paths.get(slug)
            traces += [trace | place | {"visible": path is not None} for trace in self._panel(slug, path, data)]
            x, y = look.axis("", (-1, STEPS + 9), dtick=20), look.axis("", (-1.45, HIGH), lines=True, dtick=1)
            x |= {"anchor": f"y{k}", "domain": [0, 0.001], "visible": path is not None}
            y |= {"anchor": f"x{k}", "domain": [0, 0.001], "visible": path is not None}
            if path is not None:
                at = list(data.paths).index(slug)
                column, row = at % columns, at // columns
                lowest = at + columns >= len(data.paths)
                x |= {"domain": [(column + 0.06) / columns, (column + 0.99) / columns], "showticklabels": lowest}
                y |= {"domain": [1 - (row + 0.9) / rows, 1 - (row + 0.02) / rows]}
                x["title"] |= {"text": "step" if lowest else ""}
                y["title"] |= {"text": "weight" if column == 0 else ""}
            axes |= {f"xaxis{k}": x, f"yaxis{k}": y}
        margin = {"l": 30, "r": 12, "t": 34, "b": 34}
        return {"data": traces, "layout": look.layout(axes.pop("xaxis"), axes.pop("yaxis"), **axes, margin=margin)}

    def _panel(self, slug: str, path: Path | None, data: Paths) -> list[dict]:
        style = look.STYLES.get(slug, look.Style(METHODS[slug].name, slug, look.MUTED))
        t, nothing = np.arange(STEPS + 1), np.full(STEPS + 1, np.nan)
        first = slug == next(iter(data.paths))  # the legend explains the marks once
        end = np.array([STEPS + 4.0])
        rows = np.repeat(data.levels, 3)
        rows[2::3] = np.nan
        across = np.tile([0.0, STEPS, np.nan], len(data.levels))
        pen = {"color": style.color, "dash": style.dash, "width": 2, "shape": "hv"}
        marker = {"symbol": "circle", "size": 3, "color": look.INK}
        flag = {"symbol": "diamond", "size": 11, "color": style.color, "line": {"width": 1, "color": look.INK}}
        shown: dict[str, Any] = {"showlegend": first}
        final = path.deployed[-1:] if path is not None else nothing[:1]
        title = f"<b>{style.name}</b>: in {path.where}" if path is not None else ""
        return [
            look.line(across, rows, dash="dash", width=1, name="level") | shown,
            look.line(t[[0, -1]], np.array([MINIMIZER] * 2), color="#000000", dash="dot", width=1, name="minimizer 0.3")
            | shown,
            look.line(t, path.w if path else nothing, name="kept weight") | {"line": pen} | shown,
            {"type": "scatter", "mode": "markers", "x": t, "y": path.seen if path else nothing, "marker": marker}
            | {"name": "what the network sees"} | shown,
            {"type": "scatter", "mode": "markers", "x": end, "y": final, "marker": flag, "name": "deployed"} | shown,
            {"type": "scatter", "mode": "markers", "x": end, "y": np.array([data.best]), "name": "best level"}
            | {"marker": {"symbol": "line-ew", "size": 22, "line": {"width": 2, "color": "#000000"}}} | shown,
            look.label(0, HIGH - 0.02, title, where="bottom right", color=look.INK),
        ]  # fmt: skip

    def keys(self, data: Paths) -> list[Key]:
        ends = [
            Key(
                look.value(round(float(path.deployed[-1]), 3)),
                f"{self._short(slug)} deploys",
                look.COLORS.get(slug, look.MUTED),
            )
            for slug, path in data.paths.items()
        ]
        return [*ends[:2], Key(look.value(round(data.best, 3)), "best level", look.INK)]

    def alt(self, data: Paths) -> str:
        ends = ", ".join(
            f"{self._short(slug)} **{look.value(round(float(path.deployed[-1]), 3))}** (**{path.changes}** changes)"
            for slug, path in data.paths.items()
        )
        slots: dict[str, list[str]] = {}
        for slug, path in data.paths.items():
            slots.setdefault(path.where, []).append(self._short(slug))
        lives = "; ".join(f"in {slot} for {', '.join(names)}" for slot, names in slots.items())
        return (
            f"The discreteness lives {lives}. After {STEPS} steps of η = {look.value(data.step_size)} from "
            f"{look.value(data.start)} on {len(data.levels)} levels, the weights deployed, and how often they changed "
            f"level, are {ends}; the best level is **{look.value(round(data.best, 3))}**."
        )

    @staticmethod
    def _short(slug: str) -> str:
        return look.STYLES[slug].short if slug in look.STYLES else slug
