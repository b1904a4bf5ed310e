"""Masks on weights: a masked weight never moves, the stack is its runs, and the lesson's verdicts hold with room."""

import pytest
import torch

from qlab.experiments import masks

STEPS = 60


@pytest.fixture(scope="module")
def runs():
    return {mask: masks.train(mask, range(20), steps=STEPS) for mask in masks.MASKS}


def test_masks_are_the_declared_derivatives_at_their_end_points():
    w = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    wanted = {"identity": "1111111", "hardtanh": "0111110", "relu": "0000111", "clipped-relu": "0000110"}
    for mask, bits in wanted.items():
        assert masks.derivative(w, mask).tolist() == [bit == "1" for bit in bits]
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        masks.derivative(w, "rel")


def test_under_a_relu_mask_every_weight_that_starts_below_zero_stays(runs):
    for mask in ("relu", "clipped-relu"):
        assert bool((runs[mask].unmoved >= runs[mask].negative).all())
        assert bool((runs[mask].frozen >= runs[mask].unmoved).all()), "a weight that crosses 0 never comes back"
    assert torch.equal(runs["relu"].negative, runs["identity"].negative), "all masks start from the same weights"


def test_identity_and_hardtanh_are_one_while_no_weight_is_beyond_the_box(runs):
    inside = runs["hardtanh"].frozen == 0
    assert bool(inside.any())
    assert torch.equal(runs["hardtanh"].train_loss[inside], runs["identity"].train_loss[inside])


def test_the_verdicts_hold_seed_by_seed(runs):
    assert bool((runs["identity"].unmoved < 0.05).all())
    assert bool((runs["hardtanh"].unmoved < 0.05).all())
    for mask in ("relu", "clipped-relu"):
        assert bool((runs[mask].unmoved > 0.4).all())
        assert bool((runs[mask].train_loss > runs["identity"].train_loss).all())
        lost = runs["identity"].accuracy - runs[mask].accuracy
        assert float(lost.mean()) > 0.02 + 3 * float(lost.std()) / len(lost) ** 0.5


def test_a_run_of_the_stack_is_the_run_alone(runs):
    alone = masks.train("relu", [7], steps=STEPS)
    assert float(alone.unmoved) == float(runs["relu"].unmoved[7])
    assert float(alone.train_loss) == pytest.approx(float(runs["relu"].train_loss[7]), abs=1e-3)
