"""Quantized activations: nothing moves below an undeclared staircase, resolutions learn slowly, the verdicts hold."""

import pytest
import torch

from qlab.experiments import activations
from qlab.quantizers import QuantReLU


@pytest.fixture(scope="module")
def ends():
    return {c: activations.train(c, range(20), steps=120) for c in ("none", "3-valued", "relu")}


def test_below_an_undeclared_staircase_nothing_moves(ends):
    assert not ends["none"].moved.any()
    assert bool((ends["3-valued"].moved > 0.9).all())


def test_the_verdicts_hold_seed_by_seed(ends):
    for worse in ("none", "relu"):
        assert bool((ends["3-valued"].accuracy > ends[worse].accuracy + 0.05).all())


def test_forward_all_choices_are_one_staircase():
    x = torch.linspace(-1, 2, 301).expand(3, 1, -1).mT
    stacks = {c: activations.Stack(c, range(3), bits=2) for c in activations.CHOICES}
    values = [
        next(m for m in s.model.modules() if isinstance(m, (QuantReLU, activations.Staircase)))(x)
        for s in stacks.values()
    ]
    for value in values[1:]:
        torch.testing.assert_close(value, values[0])


def test_resolutions_take_a_hundredth_of_the_step():
    stack = activations.Stack("3-valued", [4], step_size=0.2)
    layers = [m for m in stack.model.modules() if isinstance(m, QuantReLU)]
    before = [m.resolution.detach().clone() for m in layers]
    stack.step()
    for m, s in zip(layers, before, strict=True):
        torch.testing.assert_close(m.resolution.detach(), s - 0.002 * m.resolution.grad)
    stack.step_size = 0.4
    assert [group["lr"] for group in stack.descent.param_groups] == [0.4, pytest.approx(0.004)]


def test_a_run_of_the_stack_is_the_run_alone():
    alone = activations.train("2-valued", [3], steps=15)
    among = activations.train("2-valued", range(5), steps=15)
    assert float(alone.train_loss) == pytest.approx(float(among.train_loss[3]), abs=1e-4)


def test_an_unknown_choice_is_named():
    with pytest.raises(ValueError, match="did you mean '3-valued'"):
        activations.Stack("3valued", [0])
