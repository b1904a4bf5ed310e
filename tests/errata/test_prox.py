"""Errors of S0 about BinaryConnect and ProxQuant (errata E16-E18): the printed form, and what holds."""

import pytest
import torch

import qlab
from qlab.prox import descent_constant, regularizer
from qlab.quantizers import stochastic_binarize
from qlab.quantizers.grids import Grid

PM = Grid(1).levels()


def test_E16_stochastic_binarization_is_unbiased_only_inside():
    """Printed: E w_b = w. All u of a fine grid at once: the mean is clip(w, -1, 1), beyond 1 it is not w."""
    n = 1000
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    w = torch.linspace(-2, 2, 41, dtype=torch.float64)
    mean = stochastic_binarize(w.expand(n, -1), u.unsqueeze(-1).expand(n, 41)).mean(0)
    assert torch.allclose(mean, w.clamp(-1, 1), rtol=0, atol=1.5 / n)
    outside = w.abs() > 1.01
    assert ((mean - w).abs()[outside] > 0.05).all()


def quadratic(a, smoothness, nu):
    """F = L/2 |w - a|² + nu R and the gradient of its smooth part."""

    def F(w):
        return float((smoothness / 2 * (w - a) ** 2 + nu * regularizer(w, PM)).sum())

    return F, lambda w: smoothness * (w - a)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0, 1.5])
def test_E17_a_step_lowers_the_objective_by_the_descent_constant_times_its_length(share, norm):
    """F(w) - F(w+) >= (1/(2 step) - L/2) |w+ - w|², whatever the sign of the constant: on curved random directions."""
    for case in range(40):
        w, a, curve = (qlab.uniforms.normal(7, case, i, (6,), dtype=torch.float64) for i in range(3))
        curve, nu, smoothness = curve.abs(), 0.1 * (case % 7), float(curve.abs().max())
        step = share / smoothness
        after = qlab.step("proxquant", w, curve * (w - a), lr=step, reg=nu, norm=norm, scale="one")

        def F(x, curve=curve, a=a, nu=nu):
            return float((curve / 2 * (x - a) ** 2 + nu * regularizer(x, PM, norm)).sum())

        gain, length = F(w) - F(after), float(((after - w) ** 2).sum())
        assert gain >= descent_constant(step, smoothness) * length - 1e-12


def test_E17_the_printed_step_1_over_L_guarantees_nothing():
    """At 1/L the constant is 0, and it is tight: a step of length 2 that gains nothing. Below 1/L it must gain."""
    smoothness, nu = 2.0, 5.0
    F, gradient = quadratic(0.0, smoothness, nu)
    w = torch.tensor([-1.0], dtype=torch.float64)
    step = 1 / smoothness
    assert descent_constant(step, smoothness) == 0
    after = qlab.step("proxquant", w, gradient(w), lr=step, reg=nu, scale="one")
    assert after.item() == 1.0  # the gradient step ends at 0, the tie between -1 and +1
    assert F(after) == F(w)
    below = qlab.step("proxquant", w, gradient(w), lr=0.99 * step, reg=nu, scale="one")
    assert below.item() == -1.0
    assert descent_constant(0.99 * step, smoothness) > 0


def test_E17_beyond_1_over_L_the_iterates_need_not_settle():
    """Step 1.5/L: the weight jumps between -1 and +1 for ever, uphill every second time."""
    smoothness, nu = 1.0, 5.0
    F, gradient = quadratic(0.1, smoothness, nu)
    w, seen = torch.tensor([1.0], dtype=torch.float64), []
    for _ in range(6):
        w = qlab.step("proxquant", w, gradient(w), lr=1.5, reg=nu, scale="one")
        seen.append(w.item())
    assert seen == [-1.0, 1.0] * 3
    assert F(torch.tensor([-1.0])) > F(torch.tensor([1.0]))
    assert descent_constant(1.5, smoothness) < 0


def test_E18_one_variable_not_two():
    """Printed: w_{t+1} = prox(theta_t - step grad(theta_t)), and nothing moves theta: every step repeats the first."""
    F, gradient = quadratic(0.4, 1.0, 0.2)
    theta = torch.tensor([-1.7], dtype=torch.float64)

    def prox_step(x):
        return qlab.step("proxquant", x, gradient(x), lr=0.1, reg=0.2, scale="one")

    printed = [prox_step(theta) for _ in range(200)]
    assert torch.equal(printed[0], printed[-1])
    fine = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    best = min(F(x.reshape(1)) for x in fine)
    assert F(printed[-1]) > best + 0.1
    for _ in range(200):
        theta = prox_step(theta)
    assert F(theta) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize(("step", "smoothness"), [(0.0, 1.0), (1.0, -1.0)])
def test_the_constant_needs_positive_numbers(step, smoothness):
    with pytest.raises(ValueError, match="greater than 0"):
        descent_constant(step, smoothness)
