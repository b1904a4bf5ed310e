"""D13c: the poster's four panels, on its task and on a hard one, with the exact optimum drawn in (S0 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import exact_tasks as tasks
from qlab.schema.lessons import Lesson13

RUNS = 10
RECORDS = 20
ENDS = (0.8, 2.4)  # of the axis of quantized losses, in units of the optimum


@dataclass(frozen=True)
class Panels:
    """step (R,); per method the means over the runs: loss, gradient_norm, quantized_loss, last (R,): distance to w* in
    task I, rank in task II; gap, hits: mean gap at the end and how many of the runs end at the optimum."""

    kind: str
    step: np.ndarray
    curves: dict[str, dict[str, np.ndarray]]
    optimum: float
    count: int
    gap: dict[str, float]
    hits: dict[str, int]
    lost: dict[str, int]
    about: str


class FourPanels(Demo):
    """Ten instances; every method from the same starts on the same batches."""

    slug: ClassVar[str] = "D13c"
    title: ClassVar[str] = "Low training loss, low quantized loss: the same thing?"
    parameters = Lesson13
    controls = ("PROBLEM", "METHODS", "STEP_SIZE", "DECAY")
    more = ("EPS_HAT", "FREE_PHASE", "BATCH", "STEPS")
    presets: ClassVar[dict] = {
        "as the poster has it: all arrive": {"PROBLEM": "planted"},
        "a hard instance: rounding fails": {"PROBLEM": "hard"},
        "a fixed step oscillates": {"PROBLEM": "hard", "DECAY": "constant", "METHODS": "full,bc,ste,askew"},
        "no free phase, no sign changes": {"PROBLEM": "planted", "FREE_PHASE": 0.0},
        "task II: float loss misleads": {"PROBLEM": "moons"},
    }
    height: ClassVar[int] = 520
    gaps: ClassVar[tuple[str, ...]] = ("loss", "gradient_norm", "quantized_loss", "last")

    def compute(self, P: Lesson13) -> Panels:
        seeds = range(P.SEED, P.SEED + RUNS)
        how: dict[str, Any] = {"step_size": P.STEP_SIZE, "steps": P.STEPS, "batch": P.BATCH, "decay": P.DECAY}
        how |= {"eps_hat": P.EPS_HAT, "free_phase": P.FREE_PHASE, "every": P.STEPS // RECORDS, "hidden": P.HIDDEN}
        chosen = [m for m in tasks.POSTER if m in P.several("METHODS")]
        runs = tasks.run(P.PROBLEM, chosen, seeds, **how)
        last = "rank" if P.PROBLEM == "moons" else "distance"
        curves, gap, hits, lost = {}, {}, {}, {}
        for method, ran in runs.items():
            mean = {name: _mean(ran[name].values) for name in ("loss", "gradient_norm", "quantized_loss", last)}
            curves[method] = {("last" if name == last else name): values for name, values in mean.items()}
            end = ran.isel(step=-1)
            gap[method], hits[method] = float(end["gap"].mean()), int((end["rank"] == 1).sum())
            lost[method] = int(end["loss"].isnull().sum())
            gap[method] = gap[method] if np.isfinite(gap[method]) else 1e9
        optima = tasks.task(P.PROBLEM, tuple(seeds), hidden=P.HIDDEN)[1]
        step = next(iter(runs.values()))["step"].values.astype(float)
        about = f"{P.STEPS} steps at η = {look.value(P.STEP_SIZE)} ({P.DECAY}), batches of {P.BATCH}"
        if P.FREE_PHASE != 0.5 or P.EPS_HAT != 0.3:
            about += f", ε̂ = {look.value(P.EPS_HAT)}, free phase {look.percent(P.FREE_PHASE)}"
        best = float(np.mean([o.optimum for o in optima]))
        return Panels(P.PROBLEM, step, curves, best, optima[0].count, gap, hits, lost, about)

    def figure(self, data: Panels) -> Figure:
        traces: list[dict] = []
        for number, name in enumerate(("loss", "gradient_norm", "quantized_loss", "last"), 1):
            place = {} if number == 1 else {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            for method in tasks.POSTER:
                shown = method in data.curves
                y = data.curves[method][name] if shown else np.full(1, np.nan)
                x = data.step if shown else data.step[:1]
                legend = {"showlegend": number == 1 and shown, "name": look.style(method).short}
                traces.append(look.method_line(method, x, y) | legend | place)
        ends = data.step[[0, -1]]
        third = {"xaxis": "x3", "yaxis": "y3"}
        traces.append(look.line(ends, np.full(2, data.optimum), color="#000000", dash="dash", width=1.4) | third)
        words = f"exact optimum {look.fmt(data.optimum, 3)}"
        traces.append(look.label(ends[1], data.optimum * 0.97, words, where="bottom left") | third)
        says = "document: BC, STE oscillate, end higher"
        traces.append(look.label(ends[1], data.optimum * ENDS[1] * 0.97, says, where="bottom left") | third)
        below = [look.axis("training step" if i > 1 else "", (0.0, ends[1]), domain=d) for i, d in enumerate(SIDES)]
        moons = data.kind == "moons"
        y1 = _log("training loss F(w)", (0.15, 40) if moons else (0.3, 5), domain=UPPER)
        y2 = _log("batch gradient |∇F|", (0.001, 5), domain=UPPER, anchor="x2")
        y3 = look.axis(
            "quantized loss F(Q(w))", [data.optimum * e for e in ENDS], lines=True, domain=LOWER, anchor="x3"
        )
        last = (f"rank among {data.count}", (0.7, data.count * 1.4)) if moons else ("distance |w − w*|", (0.5, 30))
        y4 = _log(*last, domain=LOWER, anchor="x4")
        more = {f"xaxis{i + 1}": below[i] | {"anchor": f"y{i + 1}"} for i in (1, 2, 3)}
        return {"data": traces, "layout": look.layout(below[0], y1, yaxis2=y2, yaxis3=y3, yaxis4=y4, **more)}

    def keys(self, data: Panels) -> list[Key]:
        shown = [m for m in ("bc", "full", "askew", "sgda", "ste", "askew-modified") if m in data.gap][:3]
        return [Key(_gap(data, m), f"{look.style(m).short} above optimum", look.style(m).color) for m in shown]

    def alt(self, data: Panels) -> str:
        ends = "; ".join(f"{self._name(m)} **{_gap(data, m)}**, optimal in {data.hits[m]}" for m in data.gap)
        return f"T{tasks.KINDS[data.kind][1:]}: {data.about}. Above the exact optimum, of {RUNS} instances: {ends}."

    @staticmethod
    def _name(method: str) -> str:
        return "full precision, rounded," if method == "full" else look.style(method).name


SIDES = ([0.0, 0.45], [0.56, 1.0], [0.0, 0.45], [0.56, 1.0])
UPPER, LOWER = [0.57, 1.0], [0.0, 0.45]


def _log(title: str, ends: tuple[float, float], **more: Any) -> dict[str, Any]:
    """A logarithmic axis with ticks at 1, 2, 5, 10, ..., or, over more than two decades, at powers of ten."""
    steps = (1, 2, 5) if ends[1] / ends[0] < 100 else (1,)
    ticks = [m * 10.0**k for k in range(-4, 5) for m in steps if ends[0] <= m * 10.0**k <= ends[1]]
    words = [look.value(t) for t in ticks]
    return look.axis(title, np.log10(ends).tolist(), lines=True, type="log", tickvals=ticks, ticktext=words, **more)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the runs (steps, in whatever order the axes come: seed first), over those that have not diverged."""
    with np.errstate(invalid="ignore"):
        alive = np.isfinite(values)
        count = alive.sum(0)
        return np.where(count > 0, np.where(alive, values, 0).sum(0) / np.maximum(count, 1), np.nan)


def _gap(data: Panels, method: str) -> str:
    if data.lost[method] == RUNS:
        return "all diverged"
    words = look.percent(data.gap[method], 1)
    return words if not data.lost[method] else f"{words} ({data.lost[method]} diverged)"
