"""SR of two weights: a product of rows, its small-step limit, and one coordinate at a time."""

import pytest
import torch

from qlab import uniforms
from qlab.quantizers.grids import Grid
from qlab.theory import chain, chain2d, chain_limit, waiting

X = chain.levels(0.5, -2.5, 2.5)
A = torch.tensor([[2.0, 1.2], [1.2, 2.0]], dtype=torch.float64)
C = torch.tensor([0.2, -0.3], dtype=torch.float64)


def valley(w):
    """The gradient of (w - C)' A (w - C) / 2: a narrow valley across the axes."""
    return (w - C) @ A


def axes(w):
    """Two wells that know nothing of each other."""
    return w * torch.tensor([1.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize("step_size", [1e-4, 0.05, 0.5])
def test_rows_are_probabilities(step_size):
    T = chain2d.transition(X, valley, step_size=step_size, noise=1.0)
    assert (T >= 0).all()
    torch.testing.assert_close(T.sum(1), torch.ones(len(T), dtype=torch.float64), rtol=0, atol=1e-13)


def test_a_row_is_what_the_quantizer_does():
    """100 000 pairs of weights from one point through `Grid`: within 5 standard errors a state."""
    n, i, K = 100_000, 60, len(X)
    p = chain2d.points(X)
    z, u = (draw(7, 0, 0, (n, 2), dtype=torch.float64) for draw in (uniforms.normal, uniforms.uniform))
    v = p[i] - 0.3 * (valley(p[i]) + z)
    y = Grid(family="lattice").stochastic(v, torch.tensor(0.5, dtype=torch.float64), u)
    code = ((y - X[0]) / 0.5).round().long().clamp(0, K - 1)
    share = torch.bincount(code[:, 0] * K + code[:, 1], minlength=K * K) / n
    row = chain2d.transition(X, valley, step_size=0.3, noise=1.0)[i]
    assert ((share - row).abs() <= 5 * (row * (1 - row) / n).sqrt() + 1e-4).all()


def test_separable_losses_have_product_laws():
    T = chain2d.transition(X, axes, step_size=0.05, noise=1.0)
    one, two = (
        chain.stationary(chain.transition(X, lambda x, a=a: a * x, step_size=0.05, noise=1.0)) for a in (1.0, 2.0)
    )
    torch.testing.assert_close(chain.stationary(T), torch.outer(one, two).ravel(), rtol=0, atol=1e-12)
    limit = chain_limit.limit_law(chain2d.rate_matrix(X, axes, noise=1.0))
    one, two = (chain_limit.small_step_law(X, lambda x, a=a: a * x, noise=1.0) for a in (1.0, 2.0))
    torch.testing.assert_close(limit, torch.outer(one, two).ravel(), rtol=0, atol=1e-12)


def test_the_rates_are_the_slope_of_the_transition_matrix():
    small = 1e-7
    T = chain2d.transition(X, valley, step_size=small, noise=1.0)
    slope = (T - torch.eye(len(T), dtype=torch.float64)) / small
    U = chain2d.rate_matrix(X, valley, noise=1.0)
    torch.testing.assert_close(slope, chain_limit.generator(U), rtol=0, atol=1e-4)
    assert float(U.max()) > 1


def test_the_law_tends_to_the_limit_and_moves_to_the_axes():
    limit = chain_limit.limit_law(chain2d.rate_matrix(X, valley, noise=1.0))
    apart, both = [], []
    for step_size in (0.3, 0.1, 0.03, 0.01):
        T = chain2d.transition(X, valley, step_size=step_size, noise=1.0)
        pi = chain.stationary(T)
        apart.append(float(chain.total_variation(pi, limit)))
        both.append(float(chain2d.both_share(T, pi)))
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 2e-3
    assert both == sorted(both, reverse=True)
    assert both[-1] / both[-2] == pytest.approx(1 / 3, rel=0.05)  # of order step_size


def test_shared_noise_gives_the_same_rates():
    """g_k = m_k + z with ONE z: P(only coordinate 1 moves, upwards) / step_size still tends to U's entry."""
    z = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
    p = torch.exp(-z * z / 2)
    p = p / p.sum()
    i, small = 60, 1e-5
    m = valley(chain2d.points(X)[i])
    first, second = (small * (m[k] + z) / 0.5 for k in (0, 1))  # in spacings; below 1 for every z
    only_up = float((p * (-first).clamp(min=0) * (1 - second.abs())).sum()) / small
    U = chain2d.rate_matrix(X, valley, noise=1.0)
    assert only_up == pytest.approx(float(U[i, i + len(X)]), rel=1e-4)


def test_a_smaller_step_only_waits():
    one, ten = (waiting.waiting_time(chain2d.transition(X, valley, step_size=a, noise=1.0)) for a in (1e-5, 1e-4))
    torch.testing.assert_close(one / ten, torch.full_like(one, 10.0), rtol=2e-3, atol=0)
