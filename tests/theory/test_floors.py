"""Accuracy floors: the lemmas behind Theorems 1 and 4, dithering, and SR's exact limits."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.quantizers import q_s
from qlab.theory import chain, chain_limit
from qlab.theory import floors as theory

X = chain.levels(0.5, -4, 4)


def draw(number, shape, kind=uniforms.uniform):
    return kind(11, 0, number, shape, dtype=torch.float64)


def test_the_lemma_of_theorem_1():
    """From levels, E|Q_s(w - a g) - (w - a g)|^2 <= spacing a |g|_1 <= sqrt(d) spacing a |g|: Monte Carlo and exact."""
    d, spacing, n = 10, 0.5, 40_000
    w = spacing * (draw(0, (d,)) * 20 - 10).round()
    for a in (0.01, 0.1, 1.0):
        g = draw(1, (d,), uniforms.normal) * 3
        v = w - a * g
        r = q_s(v.expand(n, d), spacing, draw(2, (n, d))) - v
        f = v / spacing - (v / spacing).floor()
        exact = spacing**2 * (f * (1 - f)).sum()
        assert float((r**2).sum(1).mean()) == pytest.approx(float(exact), rel=0.02)
        assert exact <= spacing * a * g.abs().sum() <= math.sqrt(d) * spacing * a * g.norm()


def test_theorem_1_is_the_lemma_summed_with_its_steps():
    """(mu/2) sum a_t (G^2 + sqrt(d) spacing G / a_t) mean of |..|^2 / (2 a_t): floor sqrt(d) spacing G / 2."""
    mu, G, d, spacing, T = 2.0, 3.0, 10, 0.1, 500
    steps = [1 / (mu * (t + 1)) for t in range(T)]
    noise = sum(a * G**2 / 2 for a in steps) / T
    rounding = sum(math.sqrt(d) * spacing * a * G / (2 * a) for a in steps) / T
    assert rounding == pytest.approx(theory.sr_floor(d, spacing, G=G))
    assert noise <= theory.transient(T, mu=mu, G=G)


def test_the_lemma_of_theorem_4():
    """|E_r f'(w + r) - f'(w)| <= L2 spacing^2 / 8 for unbiased rounding between two levels, tight for f'' linear."""
    L2, spacing = 1.5, 0.5
    w = torch.linspace(0, spacing, 101, dtype=torch.float64)
    p = w / spacing
    for f, tight in ((lambda x: L2 * x**2 / 2, True), (lambda x: L2 * torch.sin(x), False)):
        bias = ((1 - p) * f(torch.zeros_like(w)) + p * f(torch.full_like(w, spacing)) - f(w)).abs().max()
        assert bias <= L2 * spacing**2 / 8 + 1e-15
        assert (bias > L2 * spacing**2 / 8 - 1e-12) == tight


def test_dithering_balances_the_slopes_and_interpolates():
    slopes = torch.stack([X - 0.3, (X - 1.1) + (X - 1.1) ** 3])
    low, p = theory.dither(X, slopes)
    assert low.tolist() == [0.0, 1.0]
    assert float(p[0]) == pytest.approx(0.6)  # a quadratic's mean is its minimizer: 0 + 0.6 * 0.5
    f = lambda x: (x - 1.1) + (x - 1.1) ** 3  # noqa: E731
    assert float((1 - p[1]) * f(low[1]) + p[1] * f(low[1] + 0.5)) == pytest.approx(0, abs=1e-14)
    with pytest.raises(ValueError, match="change sign"):
        theory.dither(X, X + 9)


def test_dithering_on_a_level_stays_there():
    low, p = theory.dither(X, X - 1.0)
    assert (float(low), float(p)) == (1.0, 0.0)


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_srs_floor_is_a_quarter_of_spacing_times_the_mean_gradient(noise):
    for spacing in (0.5, 0.1):
        x = chain.levels(spacing, -4, 4)
        c = torch.tensor([0.0, 0.13], dtype=torch.float64)
        law = chain_limit.small_step_law(x, lambda x: 2 * (x - c[:, None]), noise=noise)  # noqa: B023
        up, down = chain_limit.rates(x, lambda x: 2 * (x - c[:, None]), noise=noise)  # noqa: B023
        deployed, average = theory.sr_quadratic(x, law, c, mu=2.0)
        torch.testing.assert_close(deployed, spacing * (law * (up + down) * spacing).sum(-1) / 4)
        torch.testing.assert_close(average, deployed / 2)
        G = math.sqrt(noise**2 + float((law * (2 * (x - c[:, None])) ** 2).sum(-1).max()))
        assert (deployed <= theory.sr_floor(1, spacing, G=G)).all()


def test_the_average_of_iterates_with_covariance_s_over_t_keeps_half():
    t = torch.arange(1, 1001, dtype=torch.float64)
    ratio = torch.minimum(t, t[:, None]) / torch.maximum(t, t[:, None])
    assert float(ratio.mean()) == pytest.approx(0.5, abs=2e-3)


def test_rates_over_the_spacing():
    for floor, power in (
        (lambda s: theory.sr_floor(3, s, G=2.0), 1),
        (lambda s: theory.bc_floor(3, s, D=1.0, L2=0.5), 2),
        (lambda s: theory.deployed_floor(3, s, L=2.0), 2),
    ):
        assert math.log2(floor(0.2) / floor(0.1)) == pytest.approx(power)
