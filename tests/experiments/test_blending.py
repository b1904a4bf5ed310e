"""Blending on one weight, on quadratics and on digits: the simulations are the library's step, the verdicts hold."""

import numpy as np
import pytest
import torch
from torch import nn

import qlab
from qlab.experiments import blending
from qlab.quantizers.grids import Grid
from qlab.theory import descent


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.2, 1.0])
def test_one_weight_is_the_step_of_the_library(rho):
    run = blending.simulate(rho, 0.1, np.array(blending.STARTS), 60)
    w, grid = torch.tensor(blending.STARTS, dtype=torch.float64), Grid(2, "dorefa", "one")
    for t in range(60):
        np.testing.assert_allclose(run.latent[t], w, rtol=0, atol=1e-12)
        seen = grid.nearest(w, torch.ones(1, dtype=torch.float64))
        np.testing.assert_allclose(blending.LEVELS[run.level[t]], seen, rtol=0, atol=1e-15)
        g = torch.tensor(blending.slope(seen.numpy()))
        w = qlab.step("bcgd", w, g, lr=0.1, rho=rho, bits=2, family="dorefa", scale=1.0)


def test_ties_go_where_the_library_sends_them():
    ties = blending.BORDERS.copy()
    seen = Grid(2, "dorefa", "one").nearest(torch.tensor(ties), torch.ones(1, dtype=torch.float64))
    got = blending.LEVELS[blending.simulate(0.5, 0.1, ties, 1).level[0]]
    np.testing.assert_allclose(got, seen, atol=1e-15)


def test_ends_flips_and_loss_of_a_trace():
    level = np.array([[0, 1], [1, 1], [2, 1], [1, 1], [1, 1], [2, 1], [1, 1], [2, 1]])
    run = blending.Trace(level * 0.0, level)
    assert run.ends.tolist() == [blending.OSCILLATES, 1]
    assert run.flips.tolist() == [1.0, 0.0]
    assert run.loss[1] == pytest.approx((-1 / 3 - 0.1) ** 2 / 2)


def test_the_findings_on_one_weight():
    """Step 0.1: blend 0.2 is stuck at -1/3 from below, 0.1 finds the best level from everywhere, 0.05 oscillates."""
    run = blending.simulate(np.array([[0.2], [0.1], [0.05], [0.0]]), 0.1, np.array(blending.STARTS), 500)
    assert run.ends.tolist() == [[2, 2, 1, 1], [2] * 4, [-1] * 4, [-1] * 4]
    half = blending.simulate(0.1, 0.05, np.array(blending.STARTS), 500)
    assert half.ends.tolist() == [2, 2, 1, 1], "a smaller step is not safer"


def test_without_a_leash_the_mean_of_the_deployed_weight_is_the_minimizer():
    """BC: w_f stays bounded, so the gradients, and with them w_Q - 0.1, average to 0 at rate 1/T."""
    run = blending.simulate(0.0, 0.1, np.array(blending.STARTS), 4000)
    mean = blending.LEVELS[run.level].mean(0)
    assert np.abs(mean - blending.CENTRE).max() < 2 * 1.25 / (0.1 * 4000)


@pytest.mark.parametrize("rho", [0.0, 0.02, 0.2])
def test_a_stacked_quadratic_is_the_optimizer_alone(rho):
    seeds, steps = [3, 8], 40
    stack = blending.descend(seeds, rho=rho, step_size=0.1, iterations=steps, d=5)
    a, b, start = blending.quadratics(seeds, 5)
    points = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 5)
    for i in range(2):
        p = nn.Parameter(start[i].clone())
        opt = qlab.QuantOptimizer([("w", p)], "bcgd", lr=0.1, rho=rho, scale="one")
        losses = []
        for _ in range(steps):
            opt.zero_grad()
            x = opt.weights()["w"] - b[i]
            f = x @ a[i] @ x / 2
            f.backward()
            losses.append(f.item())
            opt.step()
        x = points - b[i]
        f = np.array(losses) - float(((x @ a[i]) * x).sum(1).min() / 2)
        assert float(stack.gap[i]) == pytest.approx(f[steps // 2 :].mean())
        assert float(stack.best[i]) == pytest.approx(f.min())
        assert float(stack.rises[i]) == (np.diff(f) > 1e-12).sum()


def test_the_quadratics_have_largest_eigenvalue_one():
    a, b, start = blending.quadratics(range(3))
    torch.testing.assert_close(torch.linalg.eigvalsh(a)[:, -1], torch.ones(3, dtype=torch.float64))
    assert (b.abs() <= 1).all()
    assert not torch.equal(b, start)


def test_verdicts_on_quadratics():
    """Guaranteed: no rise and far from the optimum; a leash 8 times longer: rises, flips, and much nearer than both."""
    seeds, step = range(10), 0.1
    guaranteed, long, bc = (blending.descend(seeds, rho=rho, step_size=step) for rho in (1.25 * step, step / 8, 0.0))
    assert descent.descent_constant(1.25 * step, step, 1.0) > 0 > descent.descent_constant(step / 8, step, 1.0)
    assert guaranteed.rises.sum() == 0
    assert (bc.rises > 0).all()
    assert float(long.gap.mean()) < 0.5 * float(guaranteed.gap.mean())
    assert float(long.gap.mean()) < 0.5 * float(bc.gap.mean())
    assert float(long.flips.mean()) > 100 * float(guaranteed.flips.mean())
    assert bool((bc.best <= bc.gap).all())


def test_digits_blend_0_is_binaryconnect_and_the_leash_of_projected_descent_learns_nothing():
    run = blending.train([0.0, 1e-5, 0.1], range(2), steps=60)
    again = blending.train([0.1, 0.0], [1], steps=60)
    assert run.accuracy.shape == (3, 2)
    torch.testing.assert_close(again.accuracy[:, 0], run.accuracy[[2, 0], 1], rtol=0, atol=0.02)
    assert (run.accuracy[0] > 0.5).all()
    assert (run.accuracy[2] < run.accuracy[0]).all()
    assert (run.flips[2] < 0.1 * run.flips[0]).all()


def test_the_curvature_is_that_of_the_loss():
    """Far above the 1e-3 up to which S2's blend and step guarantee descent."""
    found = blending.curvature(range(2), iterations=8)
    longer = blending.curvature(range(2), iterations=16)
    assert (found <= longer * 1.02).all()
    assert (found > 1000 * descent.largest_smoothness(1e-5, 1e-2)).all()
