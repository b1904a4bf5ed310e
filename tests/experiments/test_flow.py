"""Constrained flow: linear on a convex set, to its minimizer; on islands, to the one where the run starts."""

import itertools

import pytest
import torch

from qlab import uniforms
from qlab.constraints import eps_of, intervals, psi
from qlab.experiments import flow

BINARY = torch.tensor([-1.0, 1.0], dtype=torch.float64)
SETTING = {"step_size": 0.1, "push": 1.0, "iterations": 400}


def normal(seed, *shape):
    return uniforms.normal(seed, 0, 9, shape, stream="data", dtype=torch.float64)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_convex_set_the_flow_ends_at_the_minimizer(seed):
    """Against an independent solver, and from two starts."""
    from scipy.optimize import minimize

    problem = flow.Convex.draw(seed, 4)
    ends = [flow.run(problem, start=normal(s, 4), **SETTING) for s in (seed, seed + 50)]
    torch.testing.assert_close(ends[0].w[-1], ends[1].w[-1], rtol=0, atol=1e-9)
    assert max(end.residual.stationarity for end in ends) < 1e-9
    found = minimize(
        lambda x: float((torch.tensor(x) - problem.a) @ problem.H @ (torch.tensor(x) - problem.a)) / 2,
        [0.0] * 4,
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: problem.psi(torch.tensor(x)).numpy()},
        options={"ftol": 1e-13},
    )
    torch.testing.assert_close(ends[0].w[-1], torch.tensor(found.x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_verdict_the_rate_is_linear(seed):
    first, second = flow.decades(flow.run(flow.Convex.draw(seed, 5), start=normal(seed, 5), **SETTING))
    assert first > 0
    assert abs(second / first - 1) < 0.25


def test_a_stronger_push_is_faster():
    problem = flow.Convex.draw(0, 5)
    slow, fast = (flow.run(problem, start=normal(0, 5), **{**SETTING, "push": push}) for push in (0.5, 3.0))
    assert fast.first_below(1e-6) < slow.first_below(1e-6) / 3


def test_distances_and_first_below():
    w = torch.tensor([[4.0], [2.0], [0.5], [1.0], [0.25], [0.0]])
    run = flow.Flow(w, None)
    assert run.first_below(0.9) == 4  # 0.5 is below, 1.0 above again
    assert run.first_below(9.0) == 0


@pytest.mark.parametrize("levels", [BINARY, torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)])
def test_on_islands_the_flow_ends_feasible_on_the_island_of_its_start(levels):
    start, target = normal(1, 400).clamp(-2, 2), normal(2, 400).clamp(-1.2, 1.2)
    end = flow.on_islands(levels, target, start, eps_hat=0.1, **SETTING)
    eps = eps_of(0.1, float(levels[1] - levels[0]))
    assert (psi(end, levels, eps) > -1e-9).all()
    middles = (levels[1:] + levels[:-1]) / 2
    clear = ((start[:, None] - middles).abs() > 0.06).all(1)
    assert torch.equal(torch.bucketize(end, middles)[clear], torch.bucketize(start, middles)[clear])


def test_best_on_islands_is_the_nearest_feasible_point():
    target = normal(3, 50)
    ends = intervals(BINARY, 0.1)
    best = flow.best_on_islands(ends, target)
    x = torch.linspace(-1.5, 1.5, 6001, dtype=torch.float64)
    x = x[psi(x, BINARY, 0.1) >= 0]
    assert ((best - target).abs() <= (x - target[:, None]).abs().min(1).values + 1e-12).all()
    assert (psi(best, BINARY, 0.1) >= -1e-12).all()


def test_annealing_brings_weights_to_their_levels_and_a_free_phase_to_the_better_one():
    start, target = normal(4, 200).clamp(-2, 2), normal(5, 200).clamp(-0.9, 0.9)
    for free, kind in itertools.product((0.0, 0.5), ("geometric",)):
        end = flow.on_islands(
            BINARY, target, start, eps_hat=1e-4, anneal=kind, free_phase=free, **{**SETTING, "iterations": 800}
        )
        assert float((end.abs() - 1).abs().max()) < 0.01
    sides = target.abs() > 0.1
    assert torch.equal(end.sign()[sides], target.sign()[sides])
