"""The state of an optimizer and of its wrapper: copied, not shared; every dtype kept; inside larger modules."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import qlab
from qlab.methods import METHODS, Rule
from qlab.optim import QuantOptimizer
from qlab.quantizers.grids import Grid


class _Freeze(Rule):
    """w+ = w where it has flipped more than twice, w - lr g elsewhere: a mask (bool) and a counter (int64) as state."""

    slug, name = "freeze", "freezing"

    def init(self, w, h):
        return {"frozen": torch.zeros_like(w, dtype=torch.bool), "count": torch.full(w.shape, 2**40 + 1)}

    def direction(self, w, g, s, h):
        return torch.where(s["frozen"], 0.0, g)

    def after(self, w, w_new, s, h):
        count = s["count"] + (w.sign() != w_new.sign())
        return {"frozen": s["frozen"] | (count > 2**40 + 3), "count": count}


@pytest.fixture
def freeze():
    yield qlab.register(_Freeze())
    del METHODS["freeze"]


def small(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


def train(net, model, opt, steps):
    x = torch.randn(16, 5, generator=torch.Generator().manual_seed(1)).to(next(model.parameters()).dtype)
    for _ in range(steps):
        opt.zero_grad()
        F.cross_entropy(net(x).float(), torch.arange(16) % 3).backward()
        opt.step()


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def states(opt):
    return [v for group in opt.param_groups for p in group["params"] for _, v in sorted(opt.state[p].items())]


def test_masks_and_counters_of_a_rule_survive_a_checkpoint(freeze):
    model = small()
    opt = QuantOptimizer(qlab.groups(model, "freeze", quiet=True), lr=0.5)
    train(model, model, opt, 3)
    twin_model = copy.deepcopy(model)
    twin = QuantOptimizer(qlab.groups(twin_model, "freeze", quiet=True), lr=0.1)
    twin.load_state_dict(through_a_file(opt.state_dict()))
    for a, b in zip(states(opt), states(twin), strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    train(model, model, opt, 5)
    train(twin_model, twin_model, twin, 5)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin_model.parameters(), strict=True))


def test_a_loaded_state_is_a_copy():
    model, twin_model = small(), small()
    opt, twin = (QuantOptimizer(qlab.groups(m, "bc", quiet=True), momentum=0.9) for m in (model, twin_model))
    train(model, model, opt, 2)
    twin.load_state_dict(opt.state_dict())
    before = [v.clone() for v in states(opt)]
    train(twin_model, twin_model, twin, 2)
    assert all(torch.equal(a, b) for a, b in zip(states(opt), before, strict=True))
    assert int(opt.param_groups[0]["t"]) == 2


@pytest.mark.parametrize("base", ["sgd", "adam"])
@pytest.mark.parametrize("slug", METHODS)
def test_bfloat16_parameters_train_resume_bitwise_and_deploy_levels(slug, base):
    settings = {"bits": 3, "per_channel": True, "steps": 6}

    def build():
        model = small(torch.bfloat16)
        opt = QuantOptimizer(qlab.groups(model, slug, quiet=True, **settings), base=base, lr=0.05)
        return model, opt, qlab.QuantModule(model, opt)

    (model, opt, net), (again, opt2, net2) = build(), build()
    train(net, model, opt, 3)
    again.load_state_dict(through_a_file(net.state_dict()))
    opt2.load_state_dict(through_a_file(opt.state_dict()))
    for n, m, o in ((net, model, opt), (net2, again, opt2)):
        train(n, m, o, 3)
    assert all(p.dtype == torch.bfloat16 and p.isfinite().all() for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    for codes, _ in opt.codes().values():
        assert torch.isin(codes.double(), Grid(3).levels()).all()


def test_a_wrapper_inside_a_larger_module_saves_and_loads():
    def build(seed):
        torch.manual_seed(seed)
        inner = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 2))
        opt = QuantOptimizer(qlab.groups(inner, "bc", quiet=True))
        return nn.ModuleDict({"head": nn.Linear(2, 4), "net": qlab.QuantModule(inner, opt)})

    a, b = build(0), build(1)
    assert next(k for k in a.state_dict() if k.startswith("net.")) == "net.0.weight"
    b.load_state_dict(through_a_file(a.state_dict()))
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    with pytest.raises(RuntimeError, match="extra"):
        b.load_state_dict(a.state_dict() | {"net.extra": torch.zeros(1)})


@pytest.mark.parametrize("slug", METHODS)
@pytest.mark.parametrize("grid", [{"bits": 3}, {"bits": 4}, {"bits": 2, "family": "dorefa"}], ids=str)
def test_a_plain_step_carries_the_stored_scale(slug, grid):
    """`qlab.step` repeated with its `state` is the optimizer, also where the scale is stored or found by iteration."""
    p = nn.Parameter(qlab.uniforms.normal(2, 0, 0, (6, 4), stream="init", dtype=torch.float64))
    mine, state = p.detach().clone(), {}
    opt = QuantOptimizer([("w", p)], slug, lr=0.05, seed=9, steps=8, **grid)
    if METHODS[slug].fixed_scale:
        mine, state = p.detach().clone(), {"scale": opt.state[p]["scale"].clone()}
    for t in range(8):
        opt.zero_grad()
        ((opt.weights()["w"].sin() - 0.3) ** 2).sum().backward()
        mine = qlab.step(slug, mine, p.grad, lr=0.05, seed=9, t=t, steps=8, state=state, **grid)
        opt.step()
        torch.testing.assert_close(p.detach(), mine, rtol=0, atol=1e-12)
        assert METHODS[slug].fixed_scale <= torch.equal(state["scale"], opt.state[p]["scale"])


def test_r_and_sr_keep_their_grid_when_the_outer_levels_empty():
    """All weights on 0 and ±s of three bits (top 3 s): a scale taken from them again would be another one."""
    grid, s = {"bits": 3}, torch.tensor([[0.25]], dtype=torch.float64)
    w, state = torch.tensor([[0.25, -0.25, 0.0]], dtype=torch.float64), {"scale": s}
    g = torch.tensor([[0.9, -0.9, 0.9]], dtype=torch.float64)
    for t in range(3):  # ±0.25 ∓ 0.09 rounds back to ±0.25, and -0.09 to 0
        w = qlab.step("r", w, g, lr=0.1, t=t, state=state, **grid)
    assert w.tolist() == [[0.25, -0.25, 0.0]]
    assert torch.equal(state["scale"], s)


class _Scheduled(Rule):
    """w+ = (w - lr g) / t: a schedule is a function of h.t = 1, 2, ..."""

    slug, name = "scheduled", "scheduled"

    def settle(self, w, s, h, u):
        return w / h.t


def test_a_schedule_sees_the_same_step_number_in_a_plain_step_and_in_the_optimizer():
    rule = qlab.register(_Scheduled())
    try:
        p = nn.Parameter(torch.full((3,), 6.0, dtype=torch.float64))
        opt, mine = QuantOptimizer([("w", p)], "scheduled", lr=0.5), p.detach().clone()
        for t in range(3):
            p.grad = torch.ones_like(p)
            opt.step()
            mine = qlab.step(rule, mine, p.grad, lr=0.5, t=t)
            assert torch.equal(p.detach(), mine)
    finally:
        del METHODS["scheduled"]
