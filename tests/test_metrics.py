"""What is watched: shares counted by hand, distances of known vectors, one number per run of a stack."""

import pytest
import torch

from qlab.metrics import distance_to_grid, flips, sign_changes

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
