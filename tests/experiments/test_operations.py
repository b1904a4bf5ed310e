"""Counts of multiplications: against torch's own counter, and against the share that S0 gives."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from qlab.experiments import operations
from qlab.models import registry

NETWORKS = {"mlp": (64,), "mlp-bn": (64,), "resnet8": (3, 32, 32), "resnet20": (1, 8, 8)}


def plan(name, batch=3):
    model = registry.build(name, shape=NETWORKS[name], classes=10, seed=0)
    x = torch.randn(batch, *NETWORKS[name], generator=torch.Generator().manual_seed(0))
    return model, x, operations.layers(model, x)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_float_count_is_torchs(name):
    """torch counts two operations per multiplication of the matrix products of a forward and a backward pass."""
    model, x, layers = plan(name)
    with FlopCounterMode(display=False) as forward:
        model(x)
    assert forward.get_total_flops() == 2 * len(x) * operations.in_use(layers, []).full
    with FlopCounterMode(display=False) as both:
        model(x).sum().backward()
    count = operations.in_training(layers, [], batch=10**12).full
    assert both.get_total_flops() == pytest.approx(2 * len(x) * count, rel=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_binary_saves_nothing_and_a_larger_batch_saves_more(name):
    _, _, layers = plan(name)
    names = [layer.name for layer in layers]
    assert operations.in_training(layers, [], 32).saved == 0
    small, large = (operations.in_training(layers, names, batch).saved for batch in (1, 1000))
    assert 0 < small < large < 2 / 3
    assert operations.in_use(layers, names, scale=False).saved == 1


def test_an_inner_layer_saves_two_thirds_and_the_first_half():
    inner = [operations.Layer("a", 1000, 10, 1000, first=False)]
    first = [operations.Layer("a", 1000, 10, 1000, first=True)]
    assert operations.in_training(inner, ["a"], batch=10**12, scale=False).saved == pytest.approx(2 / 3)
    assert operations.in_training(first, ["a"], batch=10**12, scale=False).saved == pytest.approx(1 / 2)
    with_scale = operations.in_training(inner, ["a"], batch=10**12)
    assert with_scale.binary == pytest.approx(1000 + 2 * 10)


def test_the_share_grows_with_depth_towards_two_thirds():
    shares = []
    for name in ("mlp", "resnet8"):
        _, _, layers = plan(name)
        shares.append(operations.in_training(layers, [layer.name for layer in layers], 128).saved)
    assert shares[0] < shares[1] < 2 / 3
    assert shares[1] > 0.65


def test_a_stack_is_refused():
    with pytest.raises(ValueError, match="a stack of 3 runs"):
        operations.layers(registry.build("mlp", shape=(64,), classes=10, runs=3), torch.zeros(2, 64))
