"""Waiting and hitting times of a chain: against the geometric law, iteration and simulation."""

import pytest
import torch

from qlab.problems import wells
from qlab.theory import chain, waiting

X = chain.levels(0.5, -4, 9)


def T(step_size, noise=3.0, method="sr"):
    return chain.transition(X, wells.gradient, step_size=step_size, noise=noise, method=method)


@pytest.mark.parametrize("step_size", [1e-4, 0.01, 0.1])
def test_moves_add_up_and_the_wait_is_geometric(step_size):
    rows = T(step_size)
    left, stay, right = waiting.moves(rows)
    torch.testing.assert_close(left + stay + right, torch.ones_like(stay))
    k = torch.arange(1, 3000)
    for i in range(len(X)):
        if float(stay[i]) < 0.98:  # else 3000 terms are too few
            mean = float((k * stay[i] ** (k - 1) * (1 - stay[i])).sum())
            assert float(waiting.waiting_time(rows)[i]) == pytest.approx(mean, rel=1e-8)


def test_a_tenth_of_the_step_waits_ten_times_longer():
    one, ten = waiting.waiting_time(T(1e-4)), waiting.waiting_time(T(1e-3))
    torch.testing.assert_close(one / ten, torch.full_like(one, 10.0), rtol=1e-9, atol=0)


def test_a_level_that_is_never_left_waits_for_ever():
    assert torch.isinf(waiting.waiting_time(torch.eye(3, dtype=torch.float64))).all()


def test_the_hitting_time_is_the_sum_of_the_survivals():
    """E h = sum_t P(not there yet at t), by iterating the chain stopped at the target."""
    rows, target = T(0.05), wells.next_to_minimizer(X)
    h = waiting.hitting_time(rows, target)
    assert (h[target] == 0).all()
    stopped = torch.where(target.unsqueeze(1), torch.eye(len(X), dtype=torch.float64), rows)
    law, total = torch.eye(len(X), dtype=torch.float64), torch.zeros_like(X)
    for _ in range(4000):
        total = total + law[:, ~target].sum(1)
        law = law @ stopped
    torch.testing.assert_close(h, total, rtol=1e-6, atol=1e-9)


def test_what_cannot_be_reached_is_named():
    two = torch.block_diag(torch.ones(1, 1), torch.full((2, 2), 0.5)).double()
    with pytest.raises(ValueError, match="never reaches"):
        waiting.hitting_time(two, torch.tensor([True, False, False]))
    with pytest.raises(ValueError, match="marks no level"):
        waiting.hitting_time(two, torch.zeros(3, dtype=torch.bool))
