"""The floors experiment: its runs are the library's steps, limits are met, bounds hold, slopes are 1 and 2."""

import numpy as np
import pytest
import torch

import qlab
from qlab import uniforms
from qlab.experiments import floors as experiment
from qlab.theory import floors as theory

SPACING = (0.4, 0.2, 0.1, 0.05)
SEEDS = range(40)


@pytest.fixture(scope="module")
def runs():
    return {m: experiment.simulate(m, SPACING, seeds=SEEDS, iterations=8000) for m in experiment.METHODS}


@pytest.mark.parametrize("method", ["sr", "bc", "full"])
def test_a_run_is_the_step_of_the_library(method):
    spacing, seeds, d, T, bend = 0.2, [3, 8], 4, 7, 1.5
    run = experiment.simulate(method, [spacing], seeds=seeds, d=d, iterations=T, bend=bend)
    for k, seed in enumerate(seeds):
        c = experiment.minimizers([seed], d)[0]
        w, total, state = torch.zeros(d, dtype=torch.float64), 0, {}
        for t in range(T):
            total = total + w
            seen = qlab.quantizers.q_d(w, spacing) if method == "bc" else w
            g = experiment.slope(seen - c, bend) + uniforms.normal(seed, t, 0, (d,), dtype=torch.float64)
            w = qlab.step(method, w, g, lr=1 / (t + 1), family="lattice", spacing=spacing, seed=seed, t=t, state=state)
        expected = experiment.loss((total / T - c).numpy(), bend)
        assert run.average[0, k] == pytest.approx(float(expected), rel=1e-12)


def test_slope_is_the_derivative_and_the_minimum_is_0():
    for bend in (0.0, 2.0):
        L, L2 = experiment.smoothness(bend)
        x = np.linspace(-4, 4, 8001)
        f = np.array([experiment.loss(v[None], bend) for v in x])
        first = np.gradient(f, x)
        np.testing.assert_allclose(first[1:-1], experiment.slope(x, bend)[1:-1], atol=1e-5)
        second = np.gradient(experiment.slope(x, bend), x)[1:-1]
        third = np.gradient(second, x[1:-1])[1:-1]
        assert second.min() >= experiment.MU - 1e-6
        assert second.max() <= L + 1e-6
        assert np.abs(third).max() == pytest.approx(L2, rel=1e-3, abs=1e-6)
        assert experiment.loss(np.zeros(3), bend) == 0
        assert float(experiment.slope(np.zeros(1), bend)[0]) == pytest.approx(0, abs=1e-15)


def test_the_runs_end_at_their_exact_limits(runs):
    """Means over 40 seeds within 4 standard errors and what 8000 iterations leave. BC with Q_d comes from below: a
    weight whose minimizer is near a level drifts to the midpoint only in the logarithm of the time."""
    exact = experiment.limits(SPACING, seeds=SEEDS, d=10, noise=1.0)
    left = runs["full"].average.mean()
    for found, limit in (
        (runs["sr"].average, exact.sr_average),
        (runs["sr"].deployed, exact.sr_deployed),
        (runs["bc-unbiased"].deployed, exact.bc_deployed),
    ):
        spread = (found - limit).std(1, ddof=1) / np.sqrt(len(SEEDS))
        assert (np.abs((found - limit).mean(1)) < 4 * spread + 2 * left).all()
    ratio = runs["bc"].deployed.mean(1) / exact.bc_deployed.mean(1)
    assert ((ratio > 0.8) & (ratio < 1.05)).all()


def test_slopes_srs_floor_goes_with_the_spacing_and_bcs_deployed_floor_with_its_square(runs):
    assert experiment.power(SPACING, runs["sr"].average).mean() == pytest.approx(1, abs=0.15)
    assert experiment.power(SPACING, runs["bc"].deployed).mean() == pytest.approx(2, abs=0.2)
    assert (runs["bc"].average_deployed < runs["sr"].average / 10).all()


def test_a_curved_loss_has_its_limit_and_the_corrected_bounds_hold():
    seeds, bend = range(4), 2.0
    L, L2 = experiment.smoothness(bend)
    wide = (0.8, 0.4)
    run = experiment.simulate("bc-unbiased", wide, seeds=seeds, iterations=8000, bend=bend)
    exact = experiment.limits(wide, seeds=seeds, d=10, noise=1.0, bend=bend)
    np.testing.assert_allclose(run.average[0], exact.bc_average[0], rtol=0.5)
    assert np.isnan(exact.sr_average).all()
    for k, s in enumerate(wide):
        settings = {"mu": experiment.MU, "G": run.G[k]}
        bound = theory.transient(8000, **settings) + theory.bc_floor(10, s, D=run.D[k], L2=L2)
        assert (run.average[k] <= bound).all()
        assert (run.deployed[k] <= bound + theory.deployed_floor(10, s, L=L)).all()


def test_theorem_1_holds(runs):
    for k, s in enumerate(SPACING):
        G = runs["sr"].G[k]
        bound = theory.transient(8000, mu=1.0, G=G) + theory.sr_floor(10, s, G=G)
        assert (runs["sr"].average[k] <= bound).all()


def test_power_and_messages():
    s = np.array(SPACING)
    np.testing.assert_allclose(experiment.power(SPACING, np.stack([s**2, 3 * s], 1)), [2, 1])
    with pytest.raises(ValueError, match="unknown method 'bcc'"):
        experiment.simulate("bcc", SPACING, seeds=[0])
