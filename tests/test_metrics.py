"""What is watched: shares counted by hand, distances of known vectors, one number per run of a stack."""

from itertools import pairwise

import pytest
import torch

from qlab.constraints import eps_of, psi, slope
from qlab.metrics import (
    distance_to_grid,
    flips,
    flips_per_step,
    kkt_residual,
    oscillation_frequency,
    psi_violation,
    sign_changes,
    suboptimality_gap,
    suboptimality_rank,
)

BEFORE = torch.tensor([[-1.0, 0.0, 1.0, 1.0], [1.0, 1.0, -1.0, 0.0]])
AFTER = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, -1.0, 0.0]])


def test_flips_are_the_share_of_changed_codes():
    assert flips(BEFORE, AFTER).item() == 2 / 8
    assert flips(BEFORE, AFTER, runs=1).tolist() == [2 / 4, 0.0]


def test_zero_counts_as_positive_in_sign_changes():
    assert sign_changes(BEFORE, AFTER, runs=1).tolist() == [1 / 4, 0.0]
    assert sign_changes(torch.tensor([-0.0, -1.0]), torch.tensor([1.0, 0.0])).item() == 1 / 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_distance_to_the_grid_is_relative_and_0_on_it(dtype):
    w = torch.tensor([[3.0, 4.0], [1.0, 1.0], [0.0, 0.0]], dtype=dtype)
    q = torch.tensor([[3.0, 0.0], [1.0, 1.0], [0.0, 0.0]], dtype=dtype)
    assert distance_to_grid(w, q, runs=1).tolist() == [4 / 5, 0.0, 0.0]
    assert distance_to_grid(w[:1] * 2.0**70, q[:1] * 2.0**70).item() == 4 / 5


HISTORY = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 1.0], [-1.0, -1.0, 1.0], [-1.0, -1.0, 2.0], [1.0, -1.0, 1.0]])


def test_flips_per_step_are_the_mean_of_the_flips():
    """Weight 1 changes in 3 of 4 steps, weight 2 never, weight 3 in 3."""
    assert flips_per_step(HISTORY).item() == 6 / 12
    both = torch.stack((HISTORY, HISTORY.flip(0)), dim=1)
    assert flips_per_step(both, runs=1).tolist() == [6 / 12] * 2
    assert flips_per_step(HISTORY) == torch.stack([flips(a, b) for a, b in pairwise(HISTORY)]).mean()


def test_an_oscillation_is_a_change_against_the_last_one_also_after_a_pause():
    """+ - . + turns twice; a weight that rises twice, then falls, once; a weight at rest never."""
    assert oscillation_frequency(HISTORY).item() == (2 + 0 + 1) / 12
    each = HISTORY.T.reshape(3, 5, 1).transpose(0, 1)
    assert oscillation_frequency(each, runs=1).tolist() == [2 / 4, 0.0, 1 / 4]
    alternating = torch.tensor([[-1.0], [1.0]]).repeat(8, 1)
    assert oscillation_frequency(alternating).item() == 14 / 15
    assert oscillation_frequency(HISTORY.sort(0).values).item() == 0


def test_the_violation_is_0_exactly_inside_the_islands():
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    eps = eps_of(0.5, 2.0)
    w = torch.tensor([[-1.0, 1.0], [1.0, 0.0], [0.9, -3.0]], dtype=torch.float64)
    got = psi_violation(psi(w, levels, eps), runs=1)
    assert got[0] == 0
    assert got[1].item() == pytest.approx(1 - eps)  # psi(0) = eps - 1 at the midpoint
    assert got[2].item() == pytest.approx(4 - eps)  # an outer cell is quadratic


def test_the_kkt_residual_is_0_where_descent_is_blocked_and_where_the_gradient_vanishes():
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    eps = eps_of(0.5, 2.0)
    end = (1 - eps**0.5) ** 0.5  # the inner end of the island of +1: psi = 0, psi' > 0
    w = torch.tensor([[end, -end], [end, end], [1.0, 0.9]], dtype=torch.float64)
    g = torch.tensor([[2.0, -3.0], [2.0, -3.0], [0.0, 4.0]], dtype=torch.float64)
    got = kkt_residual(g, psi(w, levels, eps), slope(w, levels), runs=1)
    assert got.tolist() == pytest.approx([0.0, 3.0, 4.0], abs=1e-12)  # blocked; free to grow; in the interior


def test_the_gap_is_relative_and_the_rank_counts_the_better_ones():
    profile = torch.tensor([0.5, 0.5, 0.6, 0.9])
    loss = torch.tensor([0.5, 0.6, 0.75, 2.0, float("nan")])
    assert suboptimality_rank(loss, profile)[:4].tolist() == [1, 3, 4, 5]
    assert suboptimality_gap(loss, 0.5)[:4].tolist() == pytest.approx([0, 0.2, 0.5, 3], rel=1e-6)
    assert suboptimality_gap(loss, -0.5)[0] == 2
    assert suboptimality_gap(loss, 0.0)[0] == 0.5
    assert suboptimality_rank(loss, profile)[4].isnan()
    assert suboptimality_gap(loss, 0.5)[4].isnan()
    assert suboptimality_rank(torch.tensor([0.6 + 1e-9, 0.6 - 1e-9]).double(), profile.double()).tolist() == [3, 3]
