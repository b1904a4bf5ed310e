"""The bases are torch's own optimizers, and everything torch does to an optimizer works."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

import qlab
from qlab.optim import QuantOptimizer


def small(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


X, Y = torch.randn(16, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), torch.arange(16) % 3


def train(model, opt, steps, scheduler=None):
    for _ in range(steps):
        opt.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        opt.step()
        if scheduler is not None:
            scheduler.step()
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize(
    ("base", "torch_class", "ours", "theirs"),
    [
        ("sgd", torch.optim.SGD, {}, {}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.01}, {"momentum": 0.9, "weight_decay": 0.01}),
        ("sgd", torch.optim.SGD, {"momentum": 0.8, "nesterov": True}, {"momentum": 0.8, "nesterov": True}),
        ("adam", torch.optim.Adam, {"weight_decay": 0.1}, {"weight_decay": 0.1}),
        ("adam", torch.optim.Adam, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-4}, {"betas": (0.5, 0.9), "eps": 1e-4}),
    ],
)
def test_base_equals_torch(base, torch_class, ours, theirs):
    a, b = small(), small()
    train(a, QuantOptimizer(a.named_parameters(), "full", base, lr=0.05, **ours), 25)
    train(b, torch_class(b.parameters(), lr=0.05, **theirs), 25)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
        lambda o: lr_scheduler.StepLR(o, 3, 0.5),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
        lambda o: lr_scheduler.OneCycleLR(o, 0.2, total_steps=20, cycle_momentum=True),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o, 0.1, 3), lr_scheduler.ExponentialLR(o, 0.9)], [3]
        ),
    ],
)
def test_schedulers(make):
    a, b = small(), small()
    ours = QuantOptimizer(a.named_parameters(), "full", lr=0.1, momentum=0.9)
    theirs = torch.optim.SGD(b.parameters(), lr=0.1, momentum=0.9)
    train(a, ours, 12, make(ours))
    train(b, theirs, 12, make(theirs))
    assert isinstance(ours.param_groups[0]["lr"], torch.Tensor)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def test_plateau_scheduler_lowers_the_step():
    model = small()
    opt = QuantOptimizer(model.named_parameters(), "bc", lr=0.1)
    plateau = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=0)
    for _ in range(4):
        plateau.step(1.0)
    before = [p.detach().clone() for p in model.parameters()]
    F.cross_entropy(model(X), Y).backward()
    opt.step()
    lr = float(opt.param_groups[0]["lr"])
    assert lr < 0.1
    for p, b in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p.detach(), b - lr * p.grad, rtol=0, atol=1e-12)


def test_closure_hooks_and_deepcopy():
    model = small()
    opt = QuantOptimizer(qlab.groups(model, "bc", quiet=True), lr=0.1, momentum=0.9)
    seen = []
    opt.register_step_post_hook(lambda *_: seen.append("post"))
    net = qlab.QuantModule(model, opt)

    def closure():
        opt.zero_grad()
        loss = F.cross_entropy(net(X), Y)
        loss.backward()
        return loss

    losses = [float(opt.step(closure).detach()) for _ in range(3)]
    assert losses[2] < losses[0]
    assert seen == ["post"] * 3
    twin_model, twin = copy.deepcopy((model, opt))
    twin_net = qlab.QuantModule(twin_model, twin)
    for n, o in ((net, opt), (twin_net, twin)):
        o.zero_grad()
        F.cross_entropy(n(X), Y).backward()
        o.step()
    for p, q in zip(model.parameters(), twin_model.parameters(), strict=True):
        assert torch.equal(p, q)
        assert p.data_ptr() != q.data_ptr()


def test_add_param_group_and_weights_only_checkpoint():
    model = small()
    first, last = list(model[0].named_parameters("0")), list(model[2].named_parameters("2"))
    opt = QuantOptimizer(first, "sr", lr=0.1)
    opt.add_param_group({"params": last, "rule": "bc", "bits": 3, "box": 1.5})
    F.cross_entropy(model(X), Y).backward()
    opt.step()
    file = io.BytesIO()
    torch.save(opt.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    twin = QuantOptimizer([{"params": first}, {"params": last, "rule": "bc", "bits": 3}], "sr", lr=0.7)
    twin.load_state_dict(state)
    assert float(twin.param_groups[0]["lr"]) == 0.1
    assert twin.param_groups[1]["box"] == 1.5


def test_bf16_autocast_keeps_float32_latents():
    model = small(dtype=torch.float32)
    opt = QuantOptimizer(qlab.groups(model, "bc", bits=2, quiet=True), lr=0.1)
    net, losses = qlab.QuantModule(model, opt), []
    for _ in range(30):
        opt.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(net(X.float()), Y)
        loss.backward()
        opt.step()
        losses.append(float(loss.detach()))
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "bcc"}, "did you mean 'bc'"),
        ({"base": "adamw"}, "did you mean 'adam'"),
        ({"rule": "bc", "boxx": 1.0}, "did you mean 'box'"),
        ({"rule": "ste", "derivative": "hardtan"}, "did you mean 'hardtanh'"),
        ({"bits": 0}, "bits"),
        ({"lr": -0.1}, "lr"),
        ({"runs": 4}, "leading axis of 4"),
        ({"momentum": torch.ones(3)}, "momentum has shape"),
    ],
)
def test_bad_settings_say_what_was_meant(settings, message):
    with pytest.raises(ValueError, match=message):
        QuantOptimizer(small().named_parameters(), **settings)


def test_weights_without_names_ask_for_names():
    with pytest.raises(ValueError, match="names"):
        QuantOptimizer(small().parameters(), "bc").weights()
