"""D13: small nets learn two moons; where does each stand among all 2^d configurations? (S0 7, task II, brute force)"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from qlab import exact
from qlab.demos import look
from qlab.demos.base import Figure, Key, TrainingDemo
from qlab.experiments import exact_tasks as tasks
from qlab.grid import Block
from qlab.problems import Moons
from qlab.schema.lessons import Lesson13

SPAN, POINTS = 2.6, 81  # half-width of the plane drawn, grid lines across it
TRAIL = 12
SIZES = {"full": 20, "bc": 12, "ste": 12, "askew": 16, "askew-modified": 13, "sgda": 9}  # dots at one place all show
FIRST = 1  # the instance drawn, counted from SEED: on this one the methods end apart


@dataclass
class Run:
    """The blocks by method, each of one run, and where their deployed weights stood in the last frames."""

    P: Lesson13
    problem: Moons
    found: exact.Result
    blocks: dict[str, Block]
    trail: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    frame: int = 0


@dataclass(frozen=True)
class Standing:
    """border: zero set of the net, points (m, 2), per method and "exact"; trail: (ranks, losses), the last is now;
    float_loss: of the latent weights; away: weights to be flipped to reach the nearest optimum."""

    done: int
    steps: int
    points: np.ndarray
    label: np.ndarray
    border: dict[str, np.ndarray]
    curve: tuple[np.ndarray, np.ndarray]
    trail: dict[str, tuple[np.ndarray, np.ndarray]]
    float_loss: dict[str, float]
    away: dict[str, int]
    optimum: float
    count: int
    about: str


class Landscape(TrainingDemo):
    """Nets 2 - h - 1 with ±1 weights, same points, start and batches; every configuration is searched beforehand."""

    slug: ClassVar[str] = "D13"
    title: ClassVar[str] = "How good is the answer, among all there are?"
    parameters = Lesson13
    controls = ("METHODS", "STEP_SIZE", "HIDDEN", "DECAY")
    more = ("EPS_HAT", "FREE_PHASE", "BATCH", "STEPS")
    frames: ClassVar[int] = 50
    presets: ClassVar[dict] = {
        "a large step that shrinks": {"STEP_SIZE": 3.0, "DECAY": "cosine"},
        "a small step: lower float loss, worse rank": {"STEP_SIZE": 0.1, "METHODS": "full,bc"},
        "a fixed step keeps flipping": {"STEP_SIZE": 3.0, "DECAY": "constant", "METHODS": "bc,ste"},
        "no free phase: the start decides": {"FREE_PHASE": 0.0, "METHODS": "askew,askew-modified,sgda"},
    }
    height: ClassVar[int] = 420

    def begin(self, P: Lesson13) -> Run:
        seed = P.SEED + FIRST
        problem = Moons(P.HIDDEN, seed=seed)
        seeds, blocks = torch.tensor([seed]), {}
        how: dict[str, Any] = {"base": "sgd", "steps": P.STEPS, "lr": P.STEP_SIZE, "decay": P.DECAY}
        how |= {"batch": P.BATCH, "start": problem.start(seeds), **problem.quantizer}
        for method in tasks.POSTER:
            if method in P.several("METHODS"):
                own = tasks.settings(method, P.EPS_HAT, P.FREE_PHASE)
                blocks[method] = Block(problem, seeds, 1, rule=method, **how, **own)
        run = Run(P, problem, exact.exhaustive(problem), blocks)
        self._note(run)
        return run

    def advance(self, run: Run) -> None:
        run.frame += 1
        for block in run.blocks.values():
            for _ in range(max(1, round(run.P.STEPS / type(self).frames))):
                block.step()
        self._note(run)

    @staticmethod
    def _note(run: Run) -> None:
        for method, block in run.blocks.items():
            loss = float(run.problem.loss(block.deployed().double())[0])
            run.trail.setdefault(method, []).append((int(run.found.rank(loss)), loss))
            del run.trail[method][:-TRAIL]

    def snapshot(self, run: Run) -> Standing:
        P, problem, found = run.P, run.problem, run.found
        quantized = {m: block.deployed().double()[0] for m, block in run.blocks.items()}
        border = {m: _border(problem, w) for m, w in {**quantized, "exact": found.best}.items()}
        trail = {m: tuple(np.array(v, float) for v in zip(*seen, strict=True)) for m, seen in run.trail.items()}
        latent = {m: float(problem.loss(block.w.double())[0]) for m, block in run.blocks.items()}
        best = _optima(problem, found)
        away = {m: int((best != w).sum(1).min()) for m, w in quantized.items()}
        ranks, losses = (v.numpy().astype(float) for v in found.quantiles(200))
        done = next(iter(run.blocks.values())).t
        about = f"η = {look.value(P.STEP_SIZE)} ({P.DECAY}), batches of {P.BATCH}, ε̂ = {look.value(P.EPS_HAT)}, "
        about += f"free phase {look.percent(P.FREE_PHASE)}"
        points, label = problem.x.numpy(), problem.y.numpy()
        known = (found.optimum, found.count, about)
        return Standing(done, P.STEPS, points, label, border, (ranks, losses), trail, latent, away, *known)  # type: ignore[arg-type]

    def figure(self, data: Standing) -> Figure:
        traces: list[dict] = []
        for value, symbol, name in ((1.0, "circle", "class +1"), (-1.0, "circle-open", "class −1")):
            x, y = data.points[data.label == value, 0], data.points[data.label == value, 1]
            marker = {"symbol": symbol, "size": 5, "color": "#B9C0C8", "line": {"width": 1, "color": "#9AA3AD"}}
            traces.append(_dots(x, y, marker) | {"showlegend": False, "name": name})
        black = {"size": 2.2, "color": "#000000"}
        exactly = data.border["exact"]
        traces.append(_dots(exactly[:, 0], exactly[:, 1], black) | {"showlegend": False})
        for method in tasks.POSTER:
            xy = data.border.get(method, np.empty((0, 2)))
            xy = xy if len(xy) else np.full((1, 2), np.nan)
            dots = _dots(xy[:, 0], xy[:, 1], {"size": 3, "color": look.COLORS[method]})
            traces.append(dots | {"showlegend": False})
        right = {"xaxis": "x2", "yaxis": "y2"}
        ranks, losses = data.curve
        top = float(losses[-1]) * 1.06
        traces.append(look.line(ranks, losses, color="#8A8F98", width=1.8) | right)
        traces.append(look.line([0.7, data.count], [data.optimum] * 2, color="#000000", dash="dash", width=1.4) | right)
        words = f"exact optimum {look.fmt(data.optimum, 3)}"
        traces.append(look.label(data.count, data.optimum - 0.02 * top, words, where="bottom left") | right)
        says = "document: ASkew, SGDA near brute force"
        first, second = data.about.split(", ε̂")
        for y, words in ((0.97, says), (0.89, first), (0.82, f"ε̂{second}, {data.steps} steps")):
            traces.append(look.label(0.75, top * y, words, where="bottom right") | right)
        for method in tasks.POSTER:
            x, y = data.trail.get(method, (np.full(1, np.nan),) * 2)
            traces.append(look.line(x, y, color=look.COLORS[method], width=1, opacity=0.5) | right)
            style = look.style(method)
            marker = {
                "symbol": style.marker,
                "size": SIZES[method],
                "color": style.color,
                "line": {"width": 1, "color": "#FFFFFF"},
            }
            dot = _dots(x[-1:], y[-1:], marker) | {"name": style.short, "showlegend": method in data.trail}
            traces.append(dot | right)
        x1 = look.axis("x₁", (-SPAN, SPAN), domain=[0, 0.42], tickvals=[-2, 0, 2])
        y1 = look.axis("x₂", (-SPAN, SPAN), tickvals=[-2, 0, 2])
        reach = [np.log10(0.7), np.log10(data.count * 1.4)]
        x2 = look.axis(f"rank among all {data.count}", reach, type="log", dtick=1, domain=[0.53, 1.0], anchor="y2")
        y2 = look.axis("quantized loss F(Q(w))", (0, top), lines=True, anchor="x2")
        return {"data": traces, "layout": look.layout(x1, y1, xaxis2=x2, yaxis2=y2)}

    def keys(self, data: Standing) -> list[Key]:
        shown = [m for m in ("bc", "full", "askew", "sgda", "ste", "askew-modified") if m in data.trail][:3]
        return [Key(f"{data.trail[m][0][-1]:.0f}", f"{look.style(m).short} rank", look.COLORS[m]) for m in shown]

    def alt(self, data: Standing) -> str:
        said = []
        for method, (ranks, _) in data.trail.items():
            name = "full precision, rounded," if method == "full" else look.style(method).name
            loss = look.fmt(data.float_loss[method])
            said.append(f"{name} **{ranks[-1]:.0f}** ({data.away[method]} off, float loss {loss})")
        where = f"rank among {data.count} configurations, weights off the nearest optimum"
        return f"After {data.done} of {data.steps} steps, {data.about}: {where}: {'; '.join(said)}."


def _dots(x: Any, y: Any, marker: dict) -> dict[str, Any]:
    plain = {"hoverinfo": "skip", "cliponaxis": True}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker} | plain


def _border(problem: Moons, w: Tensor) -> np.ndarray:
    """Where the net's output changes sign along the lines of a grid, by linear interpolation: (m, 2)."""
    t = torch.linspace(-SPAN, SPAN, POINTS, dtype=torch.float64)
    plane = torch.stack(torch.meshgrid(t, t, indexing="ij"), -1).reshape(-1, 2)
    z = problem.logits(w, plane).reshape(POINTS, POINTS)
    found = []
    for axis, values in ((0, z), (1, z.T)):
        low, high = values[:-1], values[1:]
        i, j = ((low > 0) != (high > 0)).nonzero(as_tuple=True)
        share = low[i, j] / (low[i, j] - high[i, j])
        moving, fixed = t[i] + share * (t[1] - t[0]), t[j]
        found.append(torch.stack((moving, fixed) if axis == 0 else (fixed, moving), 1))
    return torch.cat(found).numpy()


def _optima(problem: Moons, found: exact.Result) -> Tensor:
    """All configurations with the least loss: the best ones in every order of their hidden units, (m, d)."""
    h = problem.sizes[1]
    best = found.weights[found.losses <= found.optimum + 1e-9]
    first, second = best[:, : 2 * h].unflatten(1, (h, 2)), best[:, 2 * h :]
    orders = [list(order) for order in itertools.permutations(range(h))]
    return torch.cat([torch.cat([first[:, order].flatten(1), second[:, order]], 1) for order in orders])
