"""ASkewSGD under Assumption 4: the residual is zero exactly on Z, the steps are the assumption's, verdicts hold."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.constraints import cones, eps_of, intervals, psi, slope
from qlab.experiments import rates

LEVELS = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
EPS = float(eps_of(0.5, 1.0))


def test_the_residual_is_zero_exactly_on_the_stationary_points():
    """Interior points with g = 0, edges with g leading out: zero, as is the KKT residual; elsewhere above it."""
    ends = intervals(LEVELS, EPS)
    left, right = ends[:, 0], ends[:, 1]
    zero = torch.zeros_like(left)
    for w, g in ((left, zero + 0.7), (right, zero - 0.7), ((left + right) / 2, zero)):
        assert float(rates.residual(w, g, LEVELS, EPS)) < 1e-12
        kkt = cones.kkt_residual(g, psi(w, LEVELS, EPS), slope(w, LEVELS), tol=1e-9)
        assert kkt.stationarity < 1e-12
        assert kkt.violation < 1e-9
    for w, g in ((left, zero - 0.01), (right, zero + 0.01), ((left + right) / 2, zero + 0.01), (right + 0.01, zero)):
        assert (rates.residual(w.unsqueeze(-1), g.unsqueeze(-1), LEVELS, EPS) > 1e-3).all()


def test_the_residual_is_continuous_and_at_most_the_gradient_inside():
    w, g = (uniforms.normal(1, i, 0, (500, 3), dtype=torch.float64) for i in (0, 1))
    left, right = rates.island(w, LEVELS, EPS)
    w = left + (right - left) * uniforms.uniform(1, 2, 0, (500, 3), dtype=torch.float64)
    here = rates.residual(w, g, LEVELS, EPS)
    assert (here <= g.norm(dim=-1) + 1e-12).all()
    moved = rates.residual(w, g + 1e-6, LEVELS, EPS)
    assert (moved - here).abs().max() < 2e-6


@pytest.mark.parametrize("delta", [0.6, 0.8, 1.0])
def test_the_steps_are_those_of_assumption_4(delta):
    """Non-increasing; the sum grows without bound (by at least log 2 per doubling), that of squares does not."""
    steps = torch.tensor([rates.step_size(k, 2.0, delta) for k in range(1, 4097)], dtype=torch.float64)
    assert (steps.diff() <= 0).all()
    for n in (64, 512, 2048):
        assert float(steps[n : 2 * n].sum()) >= 2.0 * math.log(2) * 0.99
    squares = [float(steps[n : 2 * n].square().sum()) for n in (64, 512, 2048)]
    assert squares[0] > 1.15 * squares[1] > 1.15**2 * squares[2]


def test_slope_and_mean_of_a_known_decay():
    steps = torch.arange(1, 101)
    decay = 3.0 * steps.double().pow(-0.7).unsqueeze(1).expand(-1, 2)
    found = rates.Rates(steps, decay, decay, decay)
    torch.testing.assert_close(found.slope(), torch.full((2,), -0.7, dtype=torch.float64))
    torch.testing.assert_close(found.between(0.5, 1.0), decay[50:].mean(0))


def test_a_stacked_run_is_the_run_alone():
    both, alone = (rates.run(0.6, seeds, steps=60, n=80) for seeds in ([2, 9], [9]))
    torch.testing.assert_close(both.residual[:, 1], alone.residual[:, 0], rtol=0, atol=1e-10)
    torch.testing.assert_close(both.loss[:, 1], alone.loss[:, 0], rtol=0, atol=1e-10)


def test_with_falling_steps_the_distance_to_stationarity_falls_and_with_a_constant_one_it_stays():
    falling, constant = (rates.run(delta, range(6), steps=1200) for delta in (0.6, 0.0))
    assert float(falling.between(0.05, 0.15).mean()) > 1.3 * float(falling.between(0.8, 1.0).mean())
    assert float(constant.between(0.8, 1.0).mean()) > 3 * float(falling.between(0.8, 1.0).mean())
    assert float(falling.outside[-1].max()) < 0.05
