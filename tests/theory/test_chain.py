"""The Markov chain of rounding: transition rows, stationary and limit law, Theorem 5 with the corrected signs."""

import math

import pytest
import torch

from qlab import uniforms
from qlab.problems import wells
from qlab.quantizers.grids import Grid
from qlab.theory import chain

X = chain.levels(0.5, -6, 11)


def T(step_size, noise=3.0, method="sr", x=X):
    return chain.transition(x, wells.gradient, step_size=step_size, noise=noise, method=method)


@pytest.mark.parametrize("method", ["sr", "r"])
@pytest.mark.parametrize("noise", [0.5, 3.0, 6.0])
@pytest.mark.parametrize("step_size", [1e-4, 0.01, 0.1, 0.9])
def test_rows_are_probabilities(step_size, noise, method):
    rows = T(step_size, noise, method)
    assert (rows >= 0).all()
    torch.testing.assert_close(rows.sum(1), torch.ones(len(X), dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("step_size", [0.003, 0.1, 0.6])  # the last one jumps over several levels
@pytest.mark.parametrize("method", ["sr", "r"])
def test_a_row_is_what_the_quantizer_does(method, step_size):
    """One step of 200 000 weights from one level through `Grid`, against the row: within 5 standard errors a level."""
    n, i, spacing = 200_000, 20, torch.tensor(0.5, dtype=torch.float64)
    z = uniforms.normal(7, 0, 0, (n,), dtype=torch.float64)
    v = X[i] - step_size * wells.stochastic_gradient(X[i].expand(n), 3.0, z)
    grid = Grid(family="lattice")
    u = uniforms.uniform(7, 0, 0, (n,), dtype=torch.float64)
    y = grid.stochastic(v, spacing, u) if method == "sr" else grid.nearest(v, spacing)
    share = torch.bincount(((y - X[0]) / 0.5).round().long().clamp(0, len(X) - 1), minlength=len(X)) / n
    row = T(step_size, method=method)[i]
    assert ((share - row).abs() <= 5 * (row * (1 - row) / n).sqrt() + 1e-4).all()
    assert (row > 1e-6).sum() > 3 or step_size < 0.1


def test_sr_keeps_the_mean_of_the_step():
    """Q_s is unbiased, so sum_y T(x, y) y = x - step_size f'(x), where no end of the range is near."""
    inner = slice(8, -8)
    mean = T(0.1) @ X
    torch.testing.assert_close(mean[inner], (X - 0.1 * wells.gradient(X))[inner], rtol=0, atol=1e-12)


@pytest.mark.parametrize("step_size", [0.001, 0.01, 0.1])
def test_the_stationary_law_is_stationary_and_what_time_averages_tend_to(step_size):
    rows = T(step_size)
    pi = chain.stationary(rows)
    assert float(pi.sum()) == pytest.approx(1, abs=1e-13)
    torch.testing.assert_close(pi @ rows, pi, rtol=0, atol=1e-14)
    start = torch.eye(len(X), dtype=torch.float64)[0]
    mean, last = chain.occupation(start, rows, 2**24)
    assert float(chain.total_variation(last, pi)) < 1e-9
    assert float(chain.total_variation(mean, pi)) < 1e-2


def test_occupation_is_the_mean_of_the_laws_one_by_one():
    rows, law, laws = T(0.05), torch.eye(len(X), dtype=torch.float64)[12], []
    for _ in range(13):
        laws.append(law)
        law = law @ rows
    mean, last = chain.occupation(laws[0], rows, 13)
    torch.testing.assert_close(mean, torch.stack(laws).mean(0), rtol=0, atol=1e-14)
    torch.testing.assert_close(last, law, rtol=0, atol=1e-14)


def test_the_limit_law_is_in_detailed_balance_and_positive_everywhere():
    up, down = chain.rates(X, wells.gradient, noise=3.0)
    pi = chain.small_step_law(X, wells.gradient, noise=3.0)
    assert (pi > 0).all()
    assert float(pi.sum()) == pytest.approx(1)
    torch.testing.assert_close(pi[:-1] * up[:-1], pi[1:] * down[1:], rtol=1e-10, atol=0)


def test_the_limit_law_is_stationary_for_the_corrected_chain_of_theorem_5():
    rows = chain.limit_chain(X, wells.gradient, noise=3.0)
    assert (rows >= 0).all()
    assert float(rows.diagonal().min()) == pytest.approx(0, abs=1e-12)  # a0 is the largest that keeps it non-negative
    torch.testing.assert_close(rows.sum(1), torch.ones(len(X), dtype=torch.float64))
    pi = chain.small_step_law(X, wells.gradient, noise=3.0)
    torch.testing.assert_close(pi @ rows, pi, rtol=0, atol=1e-14)


def test_the_stationary_law_tends_to_the_limit_law():
    limit = chain.small_step_law(X, wells.gradient, noise=3.0)
    distance = [float(chain.total_variation(chain.stationary(T(a)), limit)) for a in (0.3, 0.1, 0.05)]
    assert distance == sorted(distance, reverse=True)
    assert distance[-1] < 0.01
    assert float(chain.total_variation(chain.stationary(T(1e-3)), limit)) < 1e-9  # findings: equal long before 0


@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_the_rates_are_the_slope_of_the_transition_matrix(noise):
    """(T - I) / step_size -> U - diag(U 1), with the corrected signs; the printed signs swap up and down."""
    small = 1e-7
    generator = (T(small, noise) - torch.eye(len(X), dtype=torch.float64)) / small
    up, down = chain.rates(X, wells.gradient, noise=noise)
    torch.testing.assert_close(generator.diagonal(1), up[:-1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(generator.diagonal(-1), down[1:], rtol=1e-6, atol=1e-6)
    assert (
        generator.diagonal(1)[: 2 * 6] > generator.diagonal(-1)[: 2 * 6]
    ).all()  # left of the first well: uphill is right
    assert not torch.allclose(generator.diagonal(1), down[:-1], rtol=0.1)


def test_the_printed_sign_of_theorem_5_gives_another_law():
    """U(x, x + spacing) = int_0^inf p(z) z / spacing dz with p the density of the GRADIENT: up and down swapped."""
    printed = chain.small_step_law(X, lambda x: -wells.gradient(x), noise=3.0)
    true = chain.stationary(T(0.01))
    assert float(chain.total_variation(printed, true)) > 0.99
    assert float(chain.total_variation(chain.small_step_law(X, wells.gradient, noise=3.0), true)) < 1e-6


def test_rates_against_the_integral():
    """E(-g)_+ and E(g)_+ by a fine sum over the Gaussian density."""
    z = torch.linspace(-12, 12, 240001, dtype=torch.float64)
    p = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    up, down = chain.rates(X, wells.gradient, noise=3.0)
    for i in (3, 13, 22):
        g = wells.gradient(X[i]) + 3 * z
        assert float((p * (-g).clamp(min=0)).sum() / 0.5) == pytest.approx(float(up[i]), rel=1e-7)
        assert float((p * g.clamp(min=0)).sum() / 0.5) == pytest.approx(float(down[i]), rel=1e-7)


def test_less_noise_concentrates_sr():
    near = [
        float(chain.small_step_law(X, wells.gradient, noise=s)[wells.next_to_minimizer(X)].sum())
        for s in (6.0, 3.0, 1.0)
    ]
    assert near == sorted(near)


def test_total_variation():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    assert float(chain.total_variation(p, q)) == 0.5
    assert float(chain.total_variation(p, p)) == 0.0


def test_an_unknown_method_and_a_vanishing_rate_are_named():
    with pytest.raises(ValueError, match="'bc'"):
        T(0.01, method="bc")
    with pytest.raises(ValueError, match=r"noise 0\.01 is too small"):
        chain.small_step_law(X, wells.gradient, noise=0.01)


@pytest.mark.parametrize("method", ["sr", "r"])
def test_a_chain_needs_noise_and_a_step(method):
    for step_size, noise in ((0.0, 3.0), (0.1, 0.0)):
        with pytest.raises(ValueError, match="allowed: both > 0"):
            chain.transition(X, wells.gradient, step_size=step_size, noise=noise, method=method)
