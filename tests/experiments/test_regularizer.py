"""BinaryConnect as a regularizer: what is measured, and that a stacked run is the run alone."""

import pytest
import torch

from qlab.experiments import regularizer

QUICK = {"images": 40, "steps": 40, "hidden": 16}


@pytest.mark.parametrize("method", regularizer.METHODS)
def test_a_run_depends_on_its_seed_alone(method):
    both, alone = (regularizer.train(method, seeds, **QUICK) for seeds in ([3, 5], [5]))
    for name in ("train_accuracy", "test_accuracy"):
        assert float(getattr(both, name)[1]) == pytest.approx(float(getattr(alone, name)[0]), abs=0.03)
    assert not torch.equal(both.train_loss[0], both.train_loss[1])


def test_the_gap_is_the_difference_of_two_losses_and_few_images_overfit():
    few = regularizer.train("full", range(2), images=40, steps=150, hidden=32)
    many = regularizer.train("full", range(2), images=800, steps=150, hidden=32)
    assert torch.equal(few.gap, few.test_loss - few.train_loss)
    assert (few.train_accuracy == 1).all()
    assert (few.gap > 2 * many.gap).all()
    assert (few.test_accuracy < many.test_accuracy).all()


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="did you mean 'bc'"):
        regularizer.train("bcc", [0])
