"""Small steps of SR: the rates, the limit chain and its law; Theorem 5 with the corrected signs."""

import math

import pytest
import torch

from qlab.problems import wells
from qlab.theory import chain
from qlab.theory import chain_limit as limit

X = chain.levels(0.5, -6, 11)


def T(step_size, noise=3.0):
    return chain.transition(X, wells.gradient, step_size=step_size, noise=noise)


def test_the_limit_law_is_in_detailed_balance_and_positive_everywhere():
    up, down = limit.rates(X, wells.gradient, noise=3.0)
    pi = limit.small_step_law(X, wells.gradient, noise=3.0)
    assert (pi > 0).all()
    assert float(pi.sum()) == pytest.approx(1)
    torch.testing.assert_close(pi[:-1] * up[:-1], pi[1:] * down[1:], rtol=1e-10, atol=0)


def test_the_limit_law_is_stationary_for_the_corrected_chain_of_theorem_5():
    rows = limit.limit_chain(limit.rate_matrix(*limit.rates(X, wells.gradient, noise=3.0)))
    assert (rows >= 0).all()
    assert float(rows.diagonal().min()) == pytest.approx(0, abs=1e-12)  # a0 is the largest that keeps it non-negative
    torch.testing.assert_close(rows.sum(1), torch.ones(len(X), dtype=torch.float64))
    pi = limit.small_step_law(X, wells.gradient, noise=3.0)
    torch.testing.assert_close(pi @ rows, pi, rtol=0, atol=1e-14)


def test_the_stationary_law_tends_to_the_limit_law():
    tilde = limit.small_step_law(X, wells.gradient, noise=3.0)
    distance = [float(chain.total_variation(chain.stationary(T(a)), tilde)) for a in (0.3, 0.1, 0.05)]
    assert distance == sorted(distance, reverse=True)
    assert distance[-1] < 0.01
    assert float(chain.total_variation(chain.stationary(T(1e-3)), tilde)) < 1e-9  # findings: equal long before 0


@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_the_rates_are_the_slope_of_the_transition_matrix(noise):
    """(T - I) / step_size -> U - diag(U 1), with the corrected signs; the printed signs swap up and down."""
    small = 1e-7
    generator = (T(small, noise) - torch.eye(len(X), dtype=torch.float64)) / small
    up, down = limit.rates(X, wells.gradient, noise=noise)
    torch.testing.assert_close(generator.diagonal(1), up[:-1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(generator.diagonal(-1), down[1:], rtol=1e-6, atol=1e-6)
    assert (
        generator.diagonal(1)[: 2 * 6] > generator.diagonal(-1)[: 2 * 6]
    ).all()  # left of the first well: uphill is right
    assert not torch.allclose(generator.diagonal(1), down[:-1], rtol=0.1)


def test_rates_against_the_integral():
    """E(-g)_+ and E(g)_+ by a fine sum over the Gaussian density."""
    z = torch.linspace(-12, 12, 240001, dtype=torch.float64)
    p = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    up, down = limit.rates(X, wells.gradient, noise=3.0)
    for i in (3, 13, 22):
        g = wells.gradient(X[i]) + 3 * z
        assert float((p * (-g).clamp(min=0)).sum() / 0.5) == pytest.approx(float(up[i]), rel=1e-7)
        assert float((p * g.clamp(min=0)).sum() / 0.5) == pytest.approx(float(down[i]), rel=1e-7)


def test_less_noise_concentrates_sr():
    near = [
        float(limit.small_step_law(X, wells.gradient, noise=s)[wells.next_to_minimizer(X)].sum())
        for s in (6.0, 3.0, 1.0)
    ]
    assert near == sorted(near)


def test_a_vanishing_rate_is_named():
    with pytest.raises(ValueError, match=r"noise 0\.01 is too small"):
        limit.small_step_law(X, wells.gradient, noise=0.01)


def test_the_limit_law_solved_for_is_the_closed_form():
    U = limit.rate_matrix(*limit.rates(X, wells.gradient, noise=3.0))
    pi = limit.small_step_law(X, wells.gradient, noise=3.0)
    torch.testing.assert_close(limit.limit_law(U), pi, rtol=0, atol=1e-13)
    torch.testing.assert_close(pi @ limit.generator(U), torch.zeros_like(pi), rtol=0, atol=1e-13)


def test_several_losses_at_once_are_each_alone():
    centres = torch.tensor([0.1, 2.3], dtype=torch.float64)
    laws = limit.small_step_law(X, lambda x: 2 * (x - centres[:, None]), noise=3.0)
    for law, c in zip(laws, centres, strict=True):
        torch.testing.assert_close(law, limit.small_step_law(X, lambda x, c=c: 2 * (x - c), noise=3.0))


def test_the_direction_of_a_move_has_no_step_size_in_it():
    """P(up | moved) of the exact chain at small steps is E(-g)_+ / E|g|."""
    right = limit.right_given_moved(*limit.rates(X, wells.gradient, noise=3.0))
    for step_size in (1e-3, 1e-4):
        rows = T(step_size)
        up, down = rows.triu(1).sum(1), rows.tril(-1).sum(1)
        torch.testing.assert_close((up / (up + down))[1:-1], right[1:-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_the_balance_of_w_squared(noise):
    """E (w - c) f'(w) = spacing E|g| / 2 under the limit law, for every loss and every c (since E f'(w) = 0)."""
    pi = limit.small_step_law(X, wells.gradient, noise=noise)
    up, down = limit.rates(X, wells.gradient, noise=noise)
    for c in (0.0, 4.75):
        slope = float(pi @ ((X - c) * wells.gradient(X)))
        assert slope == pytest.approx(float(pi @ (0.5 * (up + down))) * 0.5 / 2, rel=1e-9)
