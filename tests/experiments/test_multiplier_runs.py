"""Descent ascent on one weight: the library's rule step by step, its KKT points, its stability; the verdicts."""

import itertools

import numpy as np
import pytest
import torch

import qlab
from qlab import uniforms
from qlab.constraints import cones, psi, slope
from qlab.experiments import multipliers as experiment

LEVELS = torch.tensor([-1.0, 1.0], dtype=torch.float64)
STEADY = {"step_size": 0.05, "dual_step": 0.1, "eps_hat": 0.1}


@pytest.mark.parametrize("update", experiment.UPDATES)
@pytest.mark.parametrize(("start", "noise"), [(0.05, 0.0), (-1.4, 0.0), (1.3, 0.5)])
def test_a_run_is_the_rule_sgda_draw_by_draw(update, start, noise):
    path = experiment.run(start=start, noise=noise, seed=3, iterations=60, update=update, **STEADY)
    w, state = torch.tensor([start], dtype=torch.float64), {"lam": torch.zeros(1, dtype=torch.float64)}
    for t in range(60):
        z = uniforms.normal(3, t, 0, (1,), dtype=torch.float64)
        g = w - experiment.TARGET + noise * z
        h = {"bits": 1, "family": "symmetric", "scale": "one", "eps_hat": 0.1, "dual_step": 0.1, "update": update}
        w = qlab.step("sgda", w, g, lr=0.05, state=state, **h)
        assert path.w[t + 1] == pytest.approx(float(w), abs=1e-12)
        assert path.lam[t + 1] == pytest.approx(float(state["lam"]), abs=1e-12)


def test_psi_and_slope_are_the_librarys():
    for w in np.linspace(-2, 2, 81):
        u = torch.tensor([w], dtype=torch.float64)
        assert experiment.psi(w, 0.3) == pytest.approx(float(psi(u, LEVELS, 0.3)), abs=1e-14)
        assert experiment.slope(w) == pytest.approx(float(slope(u, LEVELS)), abs=1e-14)


@pytest.mark.parametrize("eps", [0.01, 0.1, 0.5, 0.9])
def test_the_kkt_points_are_stationary_and_their_multipliers_right(eps):
    for point in experiment.kkt_points(eps):
        w = torch.tensor([point.w], dtype=torch.float64)
        value, d = psi(w, LEVELS, eps), slope(w, LEVELS)
        found = cones.kkt_residual(w - experiment.TARGET, value, d)
        assert found.stationarity < 1e-12
        assert found.violation < 1e-12
        assert point.lam == pytest.approx(float(found.multipliers))


@pytest.mark.parametrize("update", experiment.UPDATES)
def test_a_kkt_point_attracts_exactly_where_the_spectral_radius_is_below_one(update):
    tried = set()
    for eps, eta, dual in itertools.product((0.1, 0.5), (0.02, 0.3, 0.9), (0.02, 0.3, 1.5, 3.0)):
        for point in experiment.kkt_points(eps):
            r = experiment.radius(point, eta, dual, update)
            if abs(r - 1) < 0.003:
                continue  # too slow to tell
            assert experiment.attracts(point, eps, eta, dual, update) == (r < 1)
            tried.add(r < 1)
    assert tried == {True, False}


@pytest.mark.parametrize("eps", [0.1, 0.3, 0.5])
def test_the_ceiling_of_the_dual_step_holds_for_every_small_step(eps):
    for point in experiment.kkt_points(eps):
        ceiling = experiment.largest_dual_step(point)
        for eta in (1e-3, 1e-2, 0.05):
            assert experiment.radius(point, eta, 0.99 * ceiling) < 1 < experiment.radius(point, eta, 1.01 * ceiling)
            assert experiment.radius(point, eta, 1.01 * ceiling, "alternating") < 1


@pytest.mark.parametrize("update", experiment.UPDATES)
def test_the_sweep_is_the_runs_one_by_one(update):
    eta, dual = (axis.ravel() for axis in np.meshgrid(np.geomspace(0.02, 0.7, 5), np.geomspace(0.01, 4, 6)))
    for eps, start in ((0.1, -0.8), (0.5, 0.6)):
        found = experiment.sweep(eta, dual, eps_hat=eps, start=start, iterations=400, update=update)
        for a, b, k in zip(eta, dual, found, strict=True):
            path = experiment.run(step_size=a, dual_step=b, eps_hat=eps, start=start, iterations=400, update=update)
            assert experiment.OUTCOMES[k] == experiment.outcome(path), (a, b, eps)


def test_what_a_path_says_of_itself():
    path = experiment.run(start=0.05, **STEADY)
    assert path.peak == path.lam.max()
    right = experiment.kkt_points(0.1)[1]
    assert path.away == pytest.approx(abs(path.end.w - right.w) + abs(path.end.lam - right.lam))
    k = path.feasible_after
    assert experiment.psi(path.w[k], 0.1) >= 0 > experiment.psi(path.w[k - 1], 0.1)
    lost = experiment.run(start=0.05, step_size=0.2, dual_step=2.0, eps_hat=0.1)
    assert lost.lost == len(lost.w) - 1
    assert experiment.outcome(lost) == "diverged"
    assert lost.reached() is None
    with pytest.raises(ValueError, match="did you mean 'alternating'"):
        experiment.run(start=0.0, update="alternate", **STEADY)


# the verdicts of the lesson
def test_verdict_the_final_multiplier_depends_on_the_kkt_point_alone():
    for start, eta, dual in itertools.product((0.05, 0.6, -0.9, -1.4), (0.02, 0.05, 0.1), (0.05, 0.1, 0.5)):
        path = experiment.run(start=start, step_size=eta, dual_step=dual, eps_hat=0.1, iterations=3000)
        assert path.reached(1e-3) is not None
    assert experiment.run(start=0.05, **STEADY).end.lam == pytest.approx(0.504, abs=5e-4)
    assert experiment.run(start=-0.9, **STEADY).end.lam == pytest.approx(1.077, abs=5e-4)


def test_verdict_the_side_of_the_start_does_not_decide_alone():
    slow = experiment.run(start=-0.9, **{**STEADY, "dual_step": 0.01})
    assert experiment.outcome(slow) == "right"
    for start in (-0.9, -1.4):  # what counts is the ratio of the two steps, once both are small
        for ratio, side in ((0.2, "right"), (4.0, "left")):
            path = experiment.run(start=start, step_size=0.02, dual_step=0.02 * ratio, eps_hat=0.1, iterations=8000)
            assert experiment.outcome(path) == side
