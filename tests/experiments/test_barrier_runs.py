"""The barrier experiments: the path is the library's step, the watched runs too, distances and saddles are right."""

import math

import numpy as np
import pytest
import torch

import qlab
from qlab import uniforms
from qlab.constraints import eps_of, psi
from qlab.experiments import barrier as experiment
from qlab.experiments import saddle
from qlab.experiments.barrier import LEVELS, MINIMIZER, PUSHED
from qlab.problems import problem

ONE = {"bits": 1, "scale": "one"}
STATES = [
    {"start": -0.6, "step_size": 0.1, "eps_hat": 0.1},
    {"start": 0.01, "step_size": 0.1, "eps_hat": 0.1, "push_max": math.inf},
    {"start": 0.0, "step_size": 0.3, "eps_hat": 0.5, "push_max": 2.0},
    {"start": 0.0, "step_size": 0.3, "eps_hat": 0.5, "push_max": math.inf},
    {"start": -0.9, "step_size": 0.1, "eps_hat": 0.02, "free_phase": 0.4, "anneal": "geometric", "noise": 1.0},
    {"start": 1.4, "step_size": 1.2, "eps_hat": 0.9, "anneal": "linear", "noise": 4.0, "push": 3.0},
]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_path_is_the_step_of_the_library(state):
    steps = 60
    run = experiment.path(**state, steps=steps, seed=5)
    own = {name: value for name, value in state.items() if name not in ("start", "step_size", "noise")}
    w = torch.tensor([state["start"]], dtype=torch.float64)
    for t in range(steps):
        assert run.w[t] == pytest.approx(float(w), abs=1e-9)
        g = w - MINIMIZER + state.get("noise", 0.0) * uniforms.normal(5, t, 0, (1,), dtype=torch.float64)
        w = qlab.step("askew", w, g, lr=state["step_size"], t=t, steps=steps, **ONE, **own)
    assert run.w[-1] == pytest.approx(float(w), abs=1e-9)


def test_the_edges_are_where_psi_is_zero():
    for eps_hat in (0.01, 0.1, 0.9):
        ends = torch.tensor(experiment.edges(eps_hat), dtype=torch.float64)
        torch.testing.assert_close(psi(ends, LEVELS, eps_hat), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert eps_of(0.3, 2.0) == pytest.approx(0.3)


@pytest.mark.parametrize("eps_hat", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_path_crosses_only_by_a_step_longer_than_the_barrier(eps_hat, noise):
    inner, crossed = experiment.edges(eps_hat)[0], 0
    for seed in range(10):
        for step_size in (0.05, 0.3, 1.0):
            run = experiment.path(-0.9, step_size=step_size, eps_hat=eps_hat, noise=noise, seed=seed)
            own = run.longest
            crossed += run.crossed
            assert not run.crossed or own > inner
            jumps = np.flatnonzero((run.w[1:] >= 0) != (run.w[:-1] >= 0))
            assert (np.abs(np.diff(run.w))[jumps] > inner).all()
            assert (run.case[jumps] != PUSHED).all()
    assert crossed > 0 or (noise == 0.0 and eps_hat == 0.1)


def test_the_watched_runs_are_the_steps_of_the_library_and_their_shares_sum_to_one():
    seeds = torch.arange(3)
    task = problem("hinge", n=60, seed=seeds)
    setting = {"eps_hat": 0.2, "free_phase": 0.3, "anneal": "geometric"}
    run = experiment.watch(task, "askew-modified", [0, 1, 2], step_size=0.3, steps=20, batch=16, **setting)
    w = task.start(seeds, dtype=torch.float64)
    for t in range(20):
        u = uniforms.uniform(seeds, t, 0, (16,), stream="order", dtype=torch.float64)
        g = task.gradient(w, (u * 60).long())
        w = qlab.step("askew-modified", w, g, lr=0.3, t=t, steps=20, **ONE, **setting)
    torch.testing.assert_close(run.w, w, rtol=0, atol=1e-12)
    torch.testing.assert_close(run.cases.sum(-1), torch.ones(20, dtype=torch.float64))
    assert (run.cases[:6, 0] == 1).all()
    assert (run.cases[6:, PUSHED] > 0).any()
    assert run.distance.shape == (20, 3)
    assert (run.distance[:6] == 0).all()


def test_distance_and_stationarity():
    w = torch.tensor([[-2.0, -1.0, -0.5, 0.0, 0.9, 1.5]], dtype=torch.float64)
    inner, outer = experiment.edges(0.1)
    expected = torch.tensor([[2 - outer, 0, inner - 0.5, inner, 0, 1.5 - outer]], dtype=torch.float64)
    torch.testing.assert_close(experiment.distance(w, 0.1), expected)
    at = torch.tensor([[inner, -inner, 1.0]], dtype=torch.float64)
    kkt = torch.tensor([[0.7, -2.0, 0.0]], dtype=torch.float64)  # descent points off each island, or nowhere
    assert experiment.stationarity(at, kkt, 0.1) == 0
    assert experiment.stationarity(at, -kkt, 0.1) > 0.1
    assert experiment.stationarity(at, kkt + 0.05, 0.1) == pytest.approx(0.05)


# the verdicts of the lesson, seed by seed
SEEDS = torch.arange(10)
COMMON = {"seeds": SEEDS, "steps": 300, "batch": 200, "step_size": 0.5, "eps_hat": 0.1}
COMMON["measure"] = ("gap", "sign_changes")


def test_verdicts_on_task_one():
    task = problem("logistic-planted", n=2000, seed=SEEDS)
    held, free = (qlab.grid(task, "askew", free_phase=f, **COMMON) for f in (0.0, 0.5))
    assert (held.sign_changes == 0).all()
    assert (free.gap <= 0.02).all()
    assert float(held.gap.mean()) > 0.5
    assert float(free.sign_changes.mean()) > 0.3
    annealed = qlab.grid(task, "askew", anneal="geometric", **COMMON)
    assert float(annealed.gap.mean()) > 0.5


def test_saddles():
    run = {place: saddle.escape(place, "askew", range(10)) for place in saddle.PLACES}
    sgd = saddle.escape("inside", "full", range(10))
    assert sgd.left.all()
    assert torch.equal(run["inside"].left_at, sgd.left_at)
    inner, outer = experiment.edges(0.1)
    assert ((sgd.w[:, 1] - 1).abs() > 0.9).all()  # near a minimizer of F
    ends = run["inside"].w[:, 1]
    assert ((ends < outer + 0.05) & (ends > inner - 0.05)).all()  # which the island does not hold
    assert (run["edge"].w[:, 1] > inner).all()  # the only way that is not forbidden
    quiet = {place: saddle.escape(place, "askew", [0], noise=0.0) for place in saddle.PLACES}
    assert [bool(quiet[place].left) for place in saddle.PLACES] == [False, False, True]  # a midpoint pushes
    with pytest.raises(ValueError, match="did you mean 'inside'"):
        saddle.escape("insid", "askew", [0])
