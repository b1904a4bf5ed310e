"""Rounding a trained network afterwards: the deployed weights are the grid's, and the lesson's verdicts hold."""

import numpy as np
import pytest
import torch

from qlab.experiments import ptq
from qlab.models import MLP
from qlab.quantizers import Grid, project


@pytest.fixture(scope="module")
def networks():
    return ptq.train(0, 10, 200)


def test_training_is_a_function_of_the_seed_and_a_member_is_the_run_alone(networks):
    again, alone = ptq.train.__wrapped__(0, 10, 20), ptq.train.__wrapped__(3, 1, 20)
    for name, p in ptq.train.__wrapped__(0, 10, 20).parameters.items():
        assert torch.equal(p, again.parameters[name])
        assert torch.allclose(p[3], alone.parameters[name][0], atol=1e-5)


def test_rounding_replaces_the_chosen_matrices_by_the_projection(networks):
    seen = {}

    class Spy(ptq.Networks):
        def score(self, parameters):
            seen.update(parameters)
            return super().score(parameters)

    spy = Spy(networks.model, networks.parameters, networks.images, networks.labels)
    ptq.rounded(spy, 2, "least-squares", "middle")
    middle = ptq.SIZES[1:3]
    for name, p in networks.parameters.items():
        if p.shape[1:] == middle[::-1]:
            for run, w in enumerate(p):
                assert torch.allclose(seen[name][run], project(w, 2).values, rtol=1e-6)
        else:
            assert torch.equal(seen[name], p)


def test_a_score_is_that_of_the_network_alone(networks):
    alone = MLP(ptq.SIZES)
    alone.load_state_dict({name: p[4] for name, p in networks.parameters.items()})
    with torch.no_grad():
        logits = alone(networks.images).double()
    full = networks.full
    assert full.accuracy[4] == pytest.approx(float((logits.argmax(-1) == networks.labels).double().mean()), abs=1 / 360)
    loss = torch.nn.functional.cross_entropy(logits, networks.labels)
    assert full.loss[4] == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize("layers", ptq.LAYERS)
@pytest.mark.parametrize("bits", [1, 3])
def test_the_weight_error_is_that_of_the_rounded_matrices(networks, bits, layers):
    group = ptq.weight_error(networks, bits, layers)
    stacks = networks.matrices(layers).values()
    assert len(group.parts) == sum(len(stack) for stack in stacks) == networks.runs * (3 if layers == "all" else 1)
    apart = norm = 0.0
    for w, s in zip([w.double() for stack in stacks for w in stack], group.maximum(), strict=True):
        apart += float(((Grid(bits).nearest(w, torch.tensor(s[0])) - w) ** 2).sum())
        norm += float((w**2).sum())
    at = group.at(group.maximum())
    assert at.total[0] == pytest.approx(apart / norm, rel=1e-9)
    assert at.clipping[0] == 0


def test_bad_names_are_refused_with_the_allowed_ones(networks):
    with pytest.raises(ValueError, match="did you mean 'first'"):
        networks.matrices("frist")
    with pytest.raises(ValueError, match="least-squares, max"):
        ptq.rounded(networks, 2, "mean")


def test_eight_bits_cost_nothing_two_and_one_do_and_clipping_helps(networks):
    full = networks.full.accuracy
    lost = {b: full - ptq.rounded(networks, b).accuracy for b in ptq.BITS}
    assert full.min() > 0.9
    assert abs(lost[8].mean()) < 0.01 < lost[2].mean() < lost[1].mean()
    assert ptq.by_bits(networks, "max")[1].mean() < ptq.by_bits(networks, "least-squares")[1].mean()
    for layer in ptq.LAYERS[1:]:
        assert (
            ptq.rounded(networks, 1, "least-squares", layer).accuracy.mean() > ptq.rounded(networks, 1).accuracy.mean()
        )


def test_the_share_of_pairs_in_the_same_order():
    assert ptq.same_order(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])) == 1
    assert ptq.same_order(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == 0
    assert ptq.same_order(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(2 / 3)
