"""Errors of S1 (errata E1-E4, E14, E15, E23): the printed form violates the property, the library's has it."""

import math

import numpy as np
import pytest
import torch

from qlab import uniforms
from qlab.problems import wells
from qlab.quantizers import q_d, q_s
from qlab.quantizers.rounding import upward
from qlab.theory import chain, chain_limit, floors

X = chain.levels(0.5, -6, 11)
EYE = torch.eye(len(X), dtype=torch.float64)


def T(step_size):
    return chain.transition(X, wells.gradient, step_size=step_size, noise=3.0)


def gradients():
    """z (n,), and the density of the gradient at each level as weights (K, n)."""
    z = torch.linspace(-50, 50, 200_001, dtype=torch.float64)
    p = torch.exp(-(((z - wells.gradient(X)[:, None]) / 3) ** 2) / 2)
    return z, p / p.sum(1, keepdim=True)


def test_E01_the_sign_of_the_rates():
    """Printed: up = int_0^inf p z/spacing, down = int_-inf^0 p z/spacing, p the density of the gradient."""
    z, p = gradients()
    up, down = ((p * part).sum(1) / 0.5 for part in (z.clamp(min=0), z.clamp(max=0)))
    assert (down < 0).all(), "the printed left integral is negative: no rate"
    printed = chain_limit.limit_law(chain_limit.rate_matrix(up, -down))  # even with |z|
    small = 1e-7
    slope, true = (T(small) - EYE) / small, chain.stationary(T(0.01))
    U = chain_limit.rate_matrix(*chain_limit.rates(X, wells.gradient, noise=3.0))
    assert float((slope - chain_limit.generator(U)).abs().max()) < 1e-5
    assert float((slope - chain_limit.generator(chain_limit.rate_matrix(up, -down))).abs().max()) > 1
    assert 2 * float(chain.total_variation(printed, true)) == pytest.approx(2, abs=1e-2), "disjoint"
    assert float(chain.total_variation(chain_limit.limit_law(U), true)) < 1e-8


def test_E01_the_ratio_of_right_and_left():
    """Printed: int_0^inf p x / (int_-inf^0 p x + int_0^inf p x) is no probability; with |x| of the step it is."""
    z, p = gradients()
    right, left = ((p * part).sum(1) for part in ((-z).clamp(min=0), (-z).clamp(max=0)))
    printed = right / (left + right)
    assert ((printed < 0) | (printed > 1)).all()
    rows = T(1e-5)
    moved = rows.triu(1).sum(1) / (rows.triu(1) + rows.tril(-1)).sum(1)
    ours = chain_limit.right_given_moved(*chain_limit.rates(X, wells.gradient, noise=3.0))
    torch.testing.assert_close(ours[1:-1], moved[1:-1], rtol=0, atol=1e-6)
    torch.testing.assert_close((right / (right - left))[1:-1], moved[1:-1], rtol=0, atol=1e-6)


def test_E02_rows_are_sources():
    """Printed: I - a0 diag(1'U) + a0 U."""
    U = chain_limit.rate_matrix(*chain_limit.rates(X, wells.gradient, noise=3.0))
    columns = U.sum(0)
    printed = EYE - torch.diag(columns) / columns.max() + U / columns.max()
    assert float((printed.sum(1) - 1).abs().max()) > 0.1, "its rows do not sum to 1"
    ours = chain_limit.limit_chain(U)
    torch.testing.assert_close(ours.sum(1), torch.ones(len(X), dtype=torch.float64))
    pi = chain.stationary(T(1e-3))
    assert float((pi @ ours - pi).abs().max()) < 1e-8
    assert float((pi @ printed - pi).abs().max()) > 1e-3


def test_E03_the_floor_of_theorem_4_must_not_depend_on_the_unit():
    """F(u) = Phi(c u): weights, spacing and D shrink by c, L2 grows by c^3; the true floor stays where it is."""

    def slope(w):  # Phi'(w), Phi = w^2/2 + log cosh(w + s) - w tanh s, minimum at 0; L2 = 4 / (3 sqrt 3)
        return w + torch.tanh(w + 0.66) - math.tanh(0.66)

    def loss(w):
        return w * w / 2 + math.log(math.cosh(w + 0.66)) - w * math.tanh(0.66) - math.log(math.cosh(0.66))

    spacing, D, L2, true = 1.0, 2.0, 4 / (3 * math.sqrt(3)), []
    for c in (1.0, 1e-3):
        x = chain.levels(spacing / c, -4 / c, 4 / c) + 0.5 / c
        low, p = floors.dither(x, c * slope(c * x))
        true.append(loss(float(c * (low + p * spacing / c))))
        printed = [(D / c) * (L2 * c**3) * root / 2 for root in (math.sqrt(spacing / c), spacing / c)]
        ours = floors.bc_floor(1, spacing / c, D=D / c, L2=L2 * c**3)
        assert true[-1] <= ours
    assert true[0] == pytest.approx(true[1])
    assert all(value < true[-1] for value in printed), "both readings of the printed bound are violated"
    assert ours == pytest.approx(floors.bc_floor(1, spacing, D=D, L2=L2))


def _bc(rounding, slope, steps=20_000, noise=1.0):
    """Averages of w and w_Q over the second half of a run with steps 1 / (t + 1), spacing 1, 64 runs at once."""
    w, sums = torch.zeros(64, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    t = torch.arange(steps)
    z = uniforms.normal(1, t, 0, (64,), dtype=torch.float64) * noise
    u = uniforms.uniform(1, t, 0, (64,), dtype=torch.float64)
    for k in range(steps):
        q = w.round() if rounding == "d" else w.floor() + (u[k] < w - w.floor())
        if k >= steps // 2:
            sums += torch.stack([w.mean(), q.mean()])
        w = w - (slope(q) + z[k]) / (k + 1)
    return (sums / (steps - steps // 2)).tolist()


def test_E04_which_rounding_and_which_average():
    """Quadratic with minimizer 0.3: with Q_d the mean of w is near the midpoint 0.5, only the mean of w_Q is 0.3."""
    latent, deployed = _bc("d", lambda q: q - 0.3)
    assert latent == pytest.approx(0.5, abs=0.02)
    assert deployed == pytest.approx(0.3, abs=0.01)
    assert _bc("s", lambda q: q - 0.3) == pytest.approx([0.3, 0.3], abs=0.01)


def test_E04_on_a_curved_loss_the_limit_is_another_point():
    """f' = w + 2 (tanh(w + 1) - tanh(1/2)) has its root at -0.36; BC sees its interpolation, `floors.dither`."""

    def slope(w):
        return w + 2 * (torch.tanh(w + 1) - math.tanh(0.5))

    x = chain.levels(1.0, -4, 4)
    low, p = floors.dither(x, slope(x))
    fine = torch.linspace(-2, 2, 400_001, dtype=torch.float64)
    minimizer = float(fine[slope(fine).abs().argmin()])
    predicted = float(low + p)
    assert abs(predicted - minimizer) > 0.05
    assert _bc("s", slope)[0] == pytest.approx(predicted, abs=0.015)
    assert _bc("d", slope)[1] == pytest.approx(predicted, abs=0.015)


def test_E14_a_grid_point_must_not_move():
    """Printed: up where p <= frac. With u uniform in [0, 1), u = 0 does occur (2^-24 of all draws)."""
    w = torch.arange(-3, 4, dtype=torch.float64) * 0.5
    zero = torch.zeros_like(w)
    printed = 0.5 * ((w / 0.5).floor() + (zero <= w / 0.5 - (w / 0.5).floor()))
    assert torch.equal(printed, w + 0.5), "every grid point moves"
    assert torch.equal(q_s(w, 0.5, zero), w)
    assert not upward(w, w, w + 0.5, zero).any()


def test_E15_the_brackets_are_a_floor_and_ties_go_away_from_zero():
    """Printed: sign(w) spacing [|w|/spacing + 1/2]; read as "nearest integer" it moves by a level."""
    w = torch.tensor([-1.25, -0.75, -0.3, 0.2, 0.25, 0.3, 0.75, 1.25], dtype=torch.float64)
    y = w.abs() / 0.5 + 0.5
    nearest_integer, floor = (w.sign() * 0.5 * f(y) for f in (torch.round, torch.floor))
    assert not torch.equal(nearest_integer, floor)
    assert ((nearest_integer - w).abs() > 0.25 + 1e-12).any(), "further away than half a spacing"
    torch.testing.assert_close(q_d(w, 0.5), floor, rtol=0, atol=0)
    ties = torch.tensor([0.25, 1.25, -0.25], dtype=torch.float64)
    assert q_d(ties, 0.5).tolist() == [0.5, 1.5, -0.5]
    assert (0.5 * (ties / 0.5).round()).tolist() == [0.0, 1.0, 0.0]  # torch.round: half to even


def test_E23_G_bounds_the_second_moment():
    """With G the standard deviation (the printed "bounded variance") SR without noise would need F(average) -> 0."""
    d, spacing, steps = 5, 1.0, 4000
    c = np.array([0.5, 0.3, -0.4, 0.1, 0.25])
    u = uniforms.uniform(2, torch.arange(steps), 0, (20, d), dtype=torch.float64).numpy()
    w, total, G2 = np.zeros((20, d)), np.zeros((20, d)), 0.0
    for t in range(steps):
        total += w
        g = w - c  # noise 0: the variance of the gradient is 0
        G2 = max(G2, float((g**2).sum(1).mean()))
        v = w - g / (t + 1)
        w = np.floor(v) + (u[t] < v - np.floor(v))
    reached = float((((total / steps - c) ** 2).sum(1) / 2).mean())
    assert reached > floors.transient(steps, mu=1.0, G=0.0) + floors.sr_floor(d, spacing, G=0.0) == 0.0
    assert reached <= floors.transient(steps, mu=1.0, G=math.sqrt(G2)) + floors.sr_floor(d, spacing, G=math.sqrt(G2))


def test_E23_the_tail_condition_is_needed_on_both_sides():
    """P(g > v) <= C / v^2 alone (as printed) allows P(g < -v) = 1 / (2 v): then the way up has no finite rate."""
    z = torch.logspace(0, 12, 200_001, dtype=torch.float64)
    density = 1 / (2 * z**2)  # of -g on z >= 1
    rates = [float(torch.trapezoid(density * (a * z).clamp(max=1), z)) / a for a in (1e-2, 1e-4, 1e-6)]
    steps = np.diff(rates)
    np.testing.assert_allclose(steps, math.log(100) / 2, rtol=1e-3)  # grows like log(1/a), without end
