"""The three-well experiment: the simulation is the library's step, the exact law is its law, the verdicts hold."""

import math

import numpy as np
import pytest
import torch

import qlab
from qlab import uniforms
from qlab.experiments import wells as experiment
from qlab.problems import wells
from qlab.quantizers.grids import Grid

TOY = {"noise": 3.0, "start": 4.0, "spacing": 0.5, "iterations": 2000}


@pytest.mark.parametrize("spacing", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("schedule", experiment.SCHEDULES)
@pytest.mark.parametrize("method", experiment.SIMULATED)
def test_the_simulation_is_the_step_of_the_library_on_the_same_draws(method, schedule, spacing):
    runs, iterations, seed = 50, 60, 3
    setting = {"step_size": 0.1, "noise": 3.0, "start": 0.75, "spacing": spacing, "iterations": iterations}
    run = experiment.simulate(method, schedule=schedule, runs=runs, seed=seed, **setting)
    grid = Grid(family="lattice")
    delta = torch.tensor(spacing, dtype=torch.float64)
    w = torch.full((runs,), 0.75, dtype=torch.float64)
    if method != "bc":
        w = grid.nearest(w, delta)
    steps = [eta for eta, count in experiment.stages(0.1, iterations, schedule) for _ in range(count)]
    for t, eta in enumerate(steps):
        seen = grid.nearest(w, delta)
        assert torch.equal(run.levels[run.at[t]], seen)
        z = uniforms.normal(seed, t, 0, (runs,), dtype=torch.float64)
        g = wells.stochastic_gradient(seen, 3.0, z)
        w = qlab.step(method, w, g, lr=eta, family="lattice", spacing=spacing, seed=seed, t=t)
    np.testing.assert_allclose(run.w, w, rtol=0, atol=1e-12)


def test_a_tie_at_the_start_goes_away_from_zero():
    for start, level in ((0.25, 0.5), (-0.25, -0.5)):
        run = experiment.simulate("bc", step_size=0.01, noise=1.0, start=start, spacing=0.5, iterations=1, runs=2)
        assert run.levels[run.at[0]].tolist() == [level, level]


@pytest.mark.parametrize(("method", "step_size"), [("sr", 0.1), ("sr", 0.01), ("r", 0.1)])
@pytest.mark.parametrize("schedule", experiment.SCHEDULES)
def test_the_exact_law_is_the_law_of_the_simulation(method, step_size, schedule):
    """n independent samples on K levels are sqrt(K / n) / 2 away on average; iterations of one run are not independent,
    so n counts runs only, and twice that is allowed."""
    runs = 20_000
    setting = {**TOY, "iterations": 40, "start": 2.5, "step_size": step_size, "schedule": schedule}
    run = experiment.simulate(method, runs=runs, seed=1, **setting)
    exact = experiment.exact(method, **setting)
    visited = int((exact.share > 1e-6).sum())
    assert experiment.distance(run.law, exact) < math.sqrt(visited / runs)


@pytest.mark.parametrize("noise", [0.5, 3.0, 6.0])
@pytest.mark.parametrize("spacing", [0.25, 0.5, 1.0])
def test_the_levels_kept_hold_all_but_1e_12_of_the_mass(noise, spacing):
    for step_size in (0.001, 0.1):
        law = experiment.stationary(step_size=step_size, noise=noise, spacing=spacing)
        assert float(law.share[[0, -1]].sum()) < 1e-12
        wide = experiment.exact("sr", step_size=step_size, noise=noise, spacing=spacing, start=7.0, iterations=64)
        assert float(wide.share[[0, -1]].sum()) < 1e-12
    limit = experiment.small_step(noise=noise, spacing=spacing)
    assert float(limit.share[[0, -1]].sum()) < 1e-12


def test_stages_cover_the_run_and_fall_to_a_tenth():
    for iterations in (37, 2000):
        plan = experiment.stages(0.1, iterations, "decreasing")
        assert sum(count for _, count in plan) == iterations
        steps = [eta for eta, _ in plan]
        assert steps == sorted(steps, reverse=True)
        assert steps[0] == 0.1
        assert steps[-1] == pytest.approx(0.01)
    assert experiment.stages(0.1, 5, "fixed") == [(0.1, 5)]
    with pytest.raises(ValueError, match="did you mean 'decreasing'"):
        experiment.stages(0.1, 5, "decreasin")


def test_the_numbers_of_a_law():
    x = torch.tensor([4.0, 4.5, 5.0, 5.5], dtype=torch.float64)
    law = experiment.Law(x, torch.tensor([0.0, 0.5, 0.5, 0.0], dtype=torch.float64))
    assert law.near == 1.0
    assert law.entropy == pytest.approx(math.log(2))
    assert law.loss == pytest.approx(0.19 + 0.25**2)
    assert [law.in_well(j) for j in range(3)] == [0.0, 0.0, 1.0]
    shifted = experiment.Law(x + 0.5, law.share)
    assert experiment.distance(law, law) == 0.0
    assert experiment.distance(law, shifted) == 0.5


def test_a_run_depends_on_its_seed_alone():
    a, b, c = (experiment.simulate("bc", step_size=0.02, runs=8, seed=s, **TOY) for s in (0, 0, 1))
    assert np.array_equal(a.at, b.at)
    assert not np.array_equal(a.at, c.at)


# the verdicts of the lesson, seed by seed
@pytest.mark.parametrize("step_size", [0.01, 0.003, 0.001])
def test_verdict_1_from_4_binaryconnect_is_next_to_the_minimizer(step_size):
    for seed in range(10):
        assert experiment.simulate("bc", step_size=step_size, seed=seed, **TOY).law.near >= 0.95


def test_verdict_2_sr_does_not_concentrate_and_its_law_does_not_depend_on_small_steps():
    one, ten = (experiment.stationary(step_size=a, noise=3.0, spacing=0.5) for a in (0.001, 0.01))
    assert experiment.distance(one, ten) < 0.02
    assert one.near < 0.7


def test_verdict_3_from_0_binaryconnect_stays_in_the_wrong_well_and_sr_leaves_it():
    setting = {**TOY, "start": 0.0, "step_size": 0.01}
    for seed in range(10):
        assert experiment.simulate("bc", seed=seed, **setting).law.in_well(0) >= 0.95
    assert experiment.exact("sr", **setting).in_well(0) < 0.1


def test_exploration_first_then_concentration():
    """From 0 a fixed small step is stuck, a fixed large one does not concentrate; a falling one beats both."""
    setting = {**TOY, "start": 0.0, "iterations": 8000}
    small, large, falling = (
        experiment.simulate("bc", step_size=a, schedule=s, **setting).law.loss
        for a, s in ((0.01, "fixed"), (0.1, "fixed"), (0.1, "decreasing"))
    )
    assert falling < large < small


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="unknown method 'bcc'"):
        experiment.simulate("bcc", step_size=0.01, **TOY)


def test_without_noise_ties_go_away_from_zero_too():
    """w = 0.625, then -0.125, half a spacing below 0, then 0.125, ...: each a tie."""
    run = experiment.simulate("bc", step_size=0.5, noise=0.0, start=0.625, spacing=0.25, iterations=4, runs=1)
    assert run.levels[run.at].ravel().tolist() == [0.75, -0.25, 0.25, -0.25]
