"""Sufficient descent of BGD: on random quadratics, for three level sets; the constant is tight; BC has none."""

import pytest
import torch

import qlab
from qlab import uniforms
from qlab.quantizers.grids import Grid
from qlab.theory import descent

D = 8
GRIDS = {
    "binary": {"bits": 1},
    "ternary": {"bits": 2},
    "fixed": {"family": "dorefa", "bits": 2, "scale": 1.0},
}


def quadratic(seed, smoothness=2.0):
    """(value, gradient, start) of f(w) = (w - b)'A(w - b)/2 with eigenvalues from 0.1 to `smoothness`."""
    basis = torch.linalg.qr(uniforms.normal(seed, 0, 0, (D, D), dtype=torch.float64)).Q
    a = basis @ torch.diag(torch.linspace(0.1, smoothness, D, dtype=torch.float64)) @ basis.T
    b, start = uniforms.normal(seed, 1, 0, (2, D), dtype=torch.float64)
    return lambda w: float((w - b) @ a @ (w - b)) / 2, lambda w: a @ (w - b), 2 * start


def project(w, bits=1, family="symmetric", scale="least-squares"):
    grid = Grid(bits, family, scale if isinstance(scale, str) else "one")
    return grid.nearest(w, grid.scale_of(w))


def steps(seed, grid, rho, step_size, iterations):
    """(w_f, w, w_f+, w+, g) of every step."""
    _, gradient, w_f = quadratic(seed)
    for _ in range(iterations):
        w = project(w_f, **grid)
        g = gradient(w)
        w_f_next = qlab.step("bcgd", w_f, g, lr=step_size, rho=rho, **grid)
        yield w_f, w, w_f_next, project(w_f_next, **grid), g
        w_f = w_f_next


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("rho", [0.05, 0.5, 1.0])
def test_below_rho_over_l_every_step_descends_by_the_constant(grid, rho):
    step_size = 0.9 * descent.largest_step(rho, 2.0)
    c = descent.descent_constant(rho, step_size, 2.0)
    assert c > 0
    moved = 0
    for seed in range(8):
        value = quadratic(seed)[0]
        for w_f, w, w_f_next, w_next, g in steps(seed, GRIDS[grid], rho, step_size, 40):
            rise = value(w_next) - value(w)
            chain = descent.inequalities(w_f, w, w_f_next, w_next, g, rise, rho, step_size, 2.0)
            for left, right in chain.values():
                assert left <= right + 1e-12
            assert chain["(4) descent"][1] <= 0
            moved += not torch.equal(w, w_next)
    assert moved >= 8


@pytest.mark.parametrize("grid", GRIDS)
def test_the_inequalities_hold_at_any_step_but_promise_nothing_beyond_rho_over_l(grid):
    """They hold for c < 0 too, where f rises again and again."""
    rho, step_size, rises = 0.05, 1.0, 0
    for seed in range(8):
        value = quadratic(seed)[0]
        for w_f, w, w_f_next, w_next, g in steps(seed, GRIDS[grid], rho, step_size, 40):
            rise = value(w_next) - value(w)
            for left, right in descent.inequalities(w_f, w, w_f_next, w_next, g, rise, rho, step_size, 2.0).values():
                assert left <= right + 1e-12
            rises += rise > 0
    assert rises > 0


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("step_size", [0.3, 0.01])
def test_binaryconnect_has_no_descent_at_any_step(grid, step_size):
    """rho = 0: f rises in some step, however small the step: a latent weight crosses its border in the end."""
    value = quadratic(0)[0]
    assert any(value(w_next) > value(w) for _, w, _, w_next, _ in steps(0, GRIDS[grid], 0.0, step_size, 5000))
    assert descent.descent_constant(0.0, step_size, 2.0) < 0


def test_a_projection_that_is_not_exact_may_let_f_rise_below_rho_over_l():
    """3 bits, one Lloyd step for the scale: (1) or (2) fails in some step, and so does descent."""
    rho, rises = 0.5, 0
    step_size = 0.9 * descent.largest_step(rho, 2.0)
    for seed in range(8):
        value = quadratic(seed)[0]
        for w_f, w, w_f_next, w_next, g in steps(seed, {"bits": 3}, rho, step_size, 40):
            rise = value(w_next) - value(w)
            chain = descent.inequalities(w_f, w, w_f_next, w_next, g, rise, rho, step_size, 2.0)
            if rise > 1e-9:
                rises += 1
                assert any(left > right for left, right in list(chain.values())[:2])
    assert rises > 0


@pytest.mark.parametrize(("rho", "step_size"), [(0.2, 0.05), (0.2, 0.1), (0.2, 0.7), (1.0, 0.5)])
def test_the_constant_is_the_best_possible(rho, step_size):
    """w_f and w_f+ next to the middle of two levels: f(w+) - f(w) = -c |d|² up to how near they are."""
    smoothness, near = 2.0, 1e-9
    w_f = torch.tensor([-near], dtype=torch.float64)  # the cell of -1, |d| = 2
    g = torch.tensor([-(rho * 1.0 + 2 * near) / step_size], dtype=torch.float64)
    w_f_next = qlab.step("bcgd", w_f, g, lr=step_size, rho=rho, scale=1.0)
    assert project(w_f, scale=1.0) == -1
    assert project(w_f_next, scale=1.0) == 1
    rise = float(g) * 2 + smoothness / 2 * 4  # f(-1 + d) - f(-1) of the quadratic with this gradient at -1
    assert rise == pytest.approx(-descent.descent_constant(rho, step_size, smoothness) * 4, abs=1e-6)
    assert (rise > 1e-6) == (step_size > descent.largest_step(rho, smoothness))


def test_the_documents_setting_is_covered_only_for_l_below_a_thousandth():
    limit = descent.largest_smoothness(1e-5, 1e-2)
    assert limit == pytest.approx(1e-3)
    assert descent.descent_constant(1e-5, 1e-2, 0.99 * limit) > 0 > descent.descent_constant(1e-5, 1e-2, 1.01 * limit)
    assert descent.largest_step(1e-5, limit) == pytest.approx(1e-2)


LEVELS = torch.tensor([-1.0, -1 / 3, 1 / 3, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("optimum", [0.1, -0.4, 1.6])
@pytest.mark.parametrize("effective", [0.25, 0.5, 0.9, 1.2, 2.0])
def test_a_level_rests_exactly_up_to_its_grip(optimum, effective):
    """From anywhere in a cell: no flip in 400 steps below the grip, a flip above it; the leash is where w_f ends."""
    rho, grid = 0.1, Grid(2, "dorefa", "one")
    level = LEVELS.repeat_interleave(3)
    g = level - optimum
    rests = descent.grip(LEVELS, LEVELS - optimum).repeat_interleave(3) >= effective
    w = level + torch.tensor([-0.3, 0.0, 0.3], dtype=torch.float64).repeat(4)
    stayed = torch.ones_like(rests)
    for _ in range(400):
        w = qlab.step("bcgd", w, g, lr=effective * rho, rho=rho, family="dorefa", bits=2, scale=1.0)
        stayed &= grid.nearest(w, torch.ones(1, dtype=torch.float64)) == level
    assert torch.equal(stayed, rests)
    leash = descent.leash(g, effective * rho, rho)
    torch.testing.assert_close((w - level).abs()[rests], leash[rests], rtol=0, atol=1e-9)


def test_the_leash_and_the_effective_step_at_the_ends():
    assert descent.leash(0.0, 0.1, 0.0) == 0
    assert descent.leash(0.5, 0.1, 0.0) == torch.inf
    assert descent.leash(float("nan"), 0.1, 0.1).isnan()
    assert descent.effective_step(0.1, 1.0) == pytest.approx(0.1)
    assert descent.grip(LEVELS, torch.zeros(4, dtype=torch.float64)).isinf().all()
