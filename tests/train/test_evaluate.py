"""What is evaluated is the given weights, each image once; re-estimation touches batch statistics alone."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from qlab.models import MLP
from qlab.train.evaluate import evaluate, reestimated

X = torch.linspace(-3, 3, 60 * 5, dtype=torch.float64).mul(7).sin().view(60, 5)
Y = torch.arange(60) % 3


def network():
    return MLP((5, 8, 8, 3), batch_norm=True, seed=2).double()


def other(net):
    return {name: p.detach() * 0.5 + 0.1 for name, p in net.named_parameters()}


@pytest.mark.parametrize("size", [1, 7, 60, 1000])
def test_the_batch_size_does_not_matter(size):
    net = network()
    got = evaluate(net, other(net), zip(X.split(size), Y.split(size), strict=True))
    net.eval()
    logits = functional_call(net, other(net), (X,))
    assert got["images"] == 60
    assert got["accuracy"] == pytest.approx((logits.argmax(1) == Y).double().mean().item())
    assert got["loss"] == pytest.approx(nn.functional.cross_entropy(logits, Y).item(), rel=1e-6)


def test_modes_and_buffers_are_left_as_they_were():
    net = network()
    net.layers[1].eval()
    modes, buffers = [m.training for m in net.modules()], [b.clone() for b in net.buffers()]
    evaluate(net, other(net), [(X, Y)])
    with reestimated(net, other(net), [(X, Y)]) as layers:
        assert layers == 2
        assert not torch.equal(net.layers[1].running_mean, buffers[0])
    assert [m.training for m in net.modules()] == modes
    assert all(torch.equal(a, b) for a, b in zip(net.buffers(), buffers, strict=True))
    assert all(m.momentum == 0.1 for m in net.modules() if isinstance(m, nn.BatchNorm1d))


def test_reestimated_statistics_are_the_mean_over_batches_under_the_given_weights():
    net = network()
    weights = other(net)
    with reestimated(net, weights, [(x, Y) for x in X.split(20)]):
        got = net.layers[1].running_mean.clone(), net.layers[1].running_var.clone()
    z = X @ weights["layers.0.weight"].T + weights["layers.0.bias"]
    torch.testing.assert_close(got[0], z.mean(0))
    torch.testing.assert_close(got[1], torch.stack([part.var(0) for part in z.split(20)]).mean(0))


def test_only_batch_normalization_is_in_training_mode():
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(5))
    net.double()
    with reestimated(net, {}, [(X, Y)]):
        torch.testing.assert_close(net[1].running_mean, X.mean(0))  # dropout would have halved the inputs at random


def test_no_batches_is_an_error():
    net = network()
    with pytest.raises(ValueError, match="no batches"):
        evaluate(net, other(net), [])
