"""Steps on an accelerator that is not there: fake tensors have its device but no values, so a tensor left on another
device is refused, and so is everything that would wait for a value."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.func import functional_call

import qlab
from qlab.data import load
from qlab.data.loader import Loader
from qlab.methods import METHODS
from qlab.models import MLP
from qlab.quantizers import DoReFaActivation, QuantReLU

GRIDS = (
    *({"bits": 1}, {"bits": 2}, {"bits": 3}, {"bits": 2, "per_channel": True}, {"bits": 2, "scale": "one"}),
    *({"bits": 2, "scale": "mean"}, {"bits": 2, "family": "dorefa"}, {"family": "lattice", "spacing": 0.1}),
)


def test_the_watch_sees_a_wait_and_a_forgotten_device():
    with FakeTensorMode():
        there, here = torch.ones(3, device="cuda"), torch.ones(3)
        with pytest.raises(DataDependentOutputException):
            float(there.sum())
        with pytest.raises(RuntimeError, match="device"):
            there + here


@pytest.mark.parametrize("runs", [0, 3])
@pytest.mark.parametrize(("slug", "base"), [*((slug, "sgd") for slug in METHODS), ("full", "adam")])
def test_views_steps_and_codes_stay_on_the_device_and_never_wait(slug, base, runs):
    for grid in GRIDS:
        with FakeTensorMode():
            with torch.device("cuda"):
                model = MLP((4, 8, 8, 3), runs=runs, batch_norm=True)
            numbers = {"momentum": 0.9} if base == "sgd" else {}
            numbers |= {"seed": torch.arange(runs)} if runs else {}
            groups = qlab.groups(model, slug, quiet=True, steps=10, **grid)
            opt = qlab.QuantOptimizer(groups, base=base, runs=runs, **numbers)
            for p in model.parameters():
                p.grad = torch.empty_like(p)
            with torch.no_grad():
                functional_call(model, opt.weights(), (torch.empty(5, 4, device="cuda"),))
            opt.step()
            opt.param_groups[0]["lr"].fill_(0.05)
            opt.step()
            found = [*opt.quantized().values(), *(codes for codes, _ in opt.codes().values())]
            found += [value for state in opt.state.values() for value in state.values()]
            found += [
                value for group in opt.param_groups for value in group.values() if isinstance(value, torch.Tensor)
            ]
            assert {value.device.type for value in found} == {"cuda"}


@pytest.mark.parametrize("runs", [0, 3])
def test_batches_stay_on_the_device_and_never_wait(runs):
    digits = load("digits")
    with FakeTensorMode(), torch.device("cuda"):
        images, labels = (torch.empty(t.shape, dtype=t.dtype) for t in (digits.images, digits.labels))
        splits = {name: torch.empty(len(rows), dtype=torch.int64) for name, rows in digits.splits.items()}
        mean = std = torch.empty(1)
        data = replace(digits, images=images, labels=labels, splits=splits, mean=mean, std=std)
        loader = Loader(data, 32, seed=torch.arange(runs) if runs else 0, augment=qlab.data.Augment(pad=1, flip=True))
        for step in (0, 1, len(loader)):
            x, y = loader.batch(step)
            assert (x.device.type, y.device.type) == ("cuda", "cuda")


def test_activations_stay_on_the_device_and_never_wait():
    with FakeTensorMode(), torch.device("cuda"), torch.no_grad():
        for act in (QuantReLU(4), QuantReLU(2, derivative="ae", fused=False), DoReFaActivation(2)):
            assert act(torch.empty(8, 3)).device.type == "cuda"
