"""D6b: which of its three cases is a weight in, and how far from the islands does it stay? (S0 5, "our work")"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

from qlab import exact
from qlab.demos import look
from qlab.demos.base import Demo, Figure, Key
from qlab.experiments import barrier as experiment
from qlab.problems import Problem, problem
from qlab.schema.lessons.lesson07 import Lesson07

RUNS, POINTS = 10, 100
GREEN = look.STYLES["askew-modified"].color
BANDS = (("descent", look.tint(look.INK, 0.08)), ("descent mends ψ", look.tint(GREEN, 0.3)), ("pushed", GREEN))
TOP = 3.0  # of the axis of distances, in units of eps


@dataclass(frozen=True)
class Watching:
    """One state: shares (3, POINTS), distance (POINTS,) averaged over the runs, and what the runs end with."""

    P: Lesson07
    at: np.ndarray
    shares: np.ndarray
    distance: np.ndarray
    late: np.ndarray
    farthest: float
    gap: float
    changed: float


class Cases(Demo):
    """Modified ASkewSGD, unclipped, geometric annealing; ten weights, ten runs, each with data of its own."""

    slug: ClassVar[str] = "D6b"
    title: ClassVar[str] = "Descent, descent that mends, or push?"
    parameters = Lesson07
    controls = ("TASK_FREE_PHASE", "TASK_EPS_HAT", "TASK_STEP_SIZE", "PROBLEM")
    more = ("TASK_STEPS",)
    presets: ClassVar[dict] = {
        "a loss with kinks": {},
        "a smooth loss": {"PROBLEM": "logistic-planted"},
        "constrained from the first step": {"TASK_FREE_PHASE": 0.0},
        "narrow islands": {"TASK_EPS_HAT": 0.01},
    }

    def compute(self, P: Lesson07) -> Watching:
        task, best = _task(P.PROBLEM, P.SEED)
        run = experiment.watch(
            task,
            "askew-modified",
            range(P.SEED, P.SEED + RUNS),
            step_size=P.TASK_STEP_SIZE,
            eps_hat=P.TASK_EPS_HAT,
            free_phase=P.TASK_FREE_PHASE,
            anneal="geometric",
            steps=P.TASK_STEPS,
        )
        pick = torch.linspace(0, P.TASK_STEPS - 1, POINTS).round().long()
        late = slice(3 * P.TASK_STEPS // 4, None)
        signs = torch.where(run.w < 0, -1.0, 1.0).double()
        start = task.start(torch.arange(P.SEED, P.SEED + RUNS))
        return Watching(
            P,
            (pick / (P.TASK_STEPS - 1)).numpy(),
            run.cases[pick].T.numpy(),
            run.distance[pick].mean(-1).numpy(),
            run.cases[late].mean(0).numpy(),
            float(run.distance[late].max()),
            float((task.loss(signs) / best - 1).mean()),
            float(((start < 0) != (run.w < 0)).double().mean()),
        )

    def figure(self, data: Watching) -> Figure:
        x = np.concatenate([data.at, data.at[::-1]])
        edges = np.concatenate([np.zeros((1, POINTS)), data.shares.cumsum(0)])
        traces: list[dict[str, Any]] = [
            look.line(x, np.concatenate([upper, lower[::-1]]), color=color, width=0, name=name, hoverinfo="skip")
            | {"fill": "toself", "fillcolor": color}
            for (name, color), lower, upper in zip(BANDS, edges, edges[1:], strict=False)
        ]
        below: dict[str, Any] = {"yaxis": "y2"}
        free = data.P.TASK_FREE_PHASE or np.nan
        traces += [
            look.verticals([free], 0.0, 1.0),
            look.method_line("askew-modified", data.at, data.distance / data.P.TASK_EPS_HAT, showlegend=False) | below,
            look.line(np.array([0.0, 1.0]), np.ones(2), dash="dot") | below,
            look.label(0.995, 1.0, "document: within ε", where="top left") | below,
            look.verticals([free], 0.0, TOP) | below,
            look.label(free + 0.01, 0.92 * TOP, "the constraint starts", where="middle right") | below,
        ]
        y = look.axis("share of the weights", (0, 1), lines=True, tickformat=".0%", dtick=0.5, domain=[0.5, 1])
        y2 = look.axis("farthest, in ε", (0, TOP), lines=True, dtick=1, domain=[0, 0.42])
        bottom = look.axis("share of the run", (0, 1), anchor="y2", tickformat=".0%")
        return {"data": traces, "layout": look.layout(bottom, y, yaxis2=y2)}

    def keys(self, data: Watching) -> list[Key]:
        return [
            Key(look.percent(float(data.late[2])), "pushed, last quarter", GREEN),
            Key(look.percent(data.gap), "gap to the optimum", GREEN),
            Key(look.percent(data.changed), "signs changed", look.MUTED),
        ]

    def alt(self, data: Watching) -> str:
        P, late = data.P, [look.percent(float(x)) for x in data.late]
        name = {"hinge": "hinge", "logistic-planted": "logistic"}[P.PROBLEM]
        free = f"a free phase of {look.percent(P.TASK_FREE_PHASE)}" if P.TASK_FREE_PHASE else "no free phase"
        above = look.percent(data.gap, 1)
        near = "within" if data.farthest <= P.TASK_EPS_HAT else "beyond"
        return (
            f"On the {name} loss with {free}, η = {look.value(P.TASK_STEP_SIZE)} and {P.TASK_STEPS} steps, in the last "
            f"quarter **{late[0]}** of the weights descend, **{late[1]}** mend the constraint by descending and "
            f"**{late[2]}** are pushed; the farthest is **{look.fmt(data.farthest)}** from an island, {near} "
            f"ε = {look.value(P.TASK_EPS_HAT)}, and the runs end **{above}** above the exact optimum."
        )


@lru_cache(maxsize=4)
def _task(slug: str, seed: int) -> tuple[Problem, torch.Tensor]:
    """The problem with an instance for each run, and the exact optimum of each."""
    task = problem(slug, n=600, seed=torch.arange(seed, seed + RUNS))
    return task, torch.stack([found.losses[0] for found in exact.each(task, k=1)])
