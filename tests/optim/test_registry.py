"""Every method of the registry, with every base: one test each, which later methods inherit."""

import io

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.func import functional_call

import qlab
from qlab.methods import METHODS, Rule
from qlab.quantizers.grids import Grid

BASES = {"sgd": {"momentum": 0.9, "weight_decay": 0.01}, "nesterov": {"momentum": 0.9, "nesterov": True}, "adam": {}}
GRIDS = {
    "binary": {"bits": 1},
    "ternary": {"bits": 2},
    "lloyd": {"bits": 3},
    "channels": {"bits": 2, "per_channel": True},
    "one": {"bits": 2, "scale": "one"},
    "dorefa": {"bits": 2, "family": "dorefa"},
    "lattice": {"family": "lattice", "spacing": 0.125},
}


def one_at_a_time(rule):
    """The defaults, and each other choice of each option with the defaults of the rest."""
    first = {name: choices[0] for name, choices in rule.options.items()}
    return [first] + [first | {name: choice} for name, choices in rule.options.items() for choice in choices[1:]]


OPTIONS = [(slug, chosen) for slug, rule in METHODS.items() for chosen in one_at_a_time(rule)]
SHAPES = {"a": (6, 4), "b": (5, 6), "bias": (5,)}
STEPS = 20  # the length of the runs, for schedules in shares of it


def weights(seeds, shapes=SHAPES):
    """Latent weights; a list of seeds makes a stack."""
    seed = torch.as_tensor(seeds)
    return {
        name: nn.Parameter(qlab.uniforms.normal(seed, 0, i, shape, stream="init", dtype=torch.float64) / 2)
        for i, (name, shape) in enumerate(shapes.items())
    }


def loss(w, target):
    """A loss of every run that is not symmetric in anything: sum over the leading axis, so runs stay independent."""
    return sum(((w[k].sin() - target[k]) ** 2 * (1 + torch.arange(w[k].shape[-1]))).sum() for k in w) / 50


def optimizer(params, slug, base, runs=0, **settings):
    named = list(params.items())
    quantized = {"params": named[:2], "rule": slug, "steps": STEPS, **settings}
    rest = {"params": named[2:], "rule": "full", "quantized": False}
    kind = "sgd" if base == "nesterov" else base
    shared = {"seed": settings.pop("seed")} if "seed" in settings else {}
    quantized.pop("seed", None)
    return qlab.QuantOptimizer([quantized, rest], "full", kind, lr=0.03, runs=runs, **BASES[base], **shared)


def run(params, opt, steps):
    shapes = {k: v.shape[1:] if opt.defaults["runs"] else v.shape for k, v in params.items()}
    target = {k: torch.linspace(-1, 1, s.numel(), dtype=torch.float64).reshape(s) for k, s in shapes.items()}
    for _ in range(steps):
        opt.zero_grad()
        loss(opt.weights(), target).backward()
        opt.step()


def everything(params, opt):
    state = [opt.state[p] for p in params.values()]
    tensors = [*params.values(), *opt.quantized().values()]
    return [t.detach().clone() for t in tensors] + [v.clone() for s in state for _, v in sorted(s.items())]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("slug", "options"), OPTIONS, ids=str)
def test_resume_is_bitwise(slug, options, base):
    """Save, load into a fresh optimizer, 10 more steps: the same bits as 20 uninterrupted ones."""
    for grid in GRIDS.values():
        whole = weights(0)
        whole_opt = optimizer(whole, slug, base, **grid, **options)
        run(whole, whole_opt, 20)
        half = weights(0)
        half_opt = optimizer(half, slug, base, **grid, **options)
        run(half, half_opt, 10)
        file = io.BytesIO()
        torch.save({"weights": {k: v.detach() for k, v in half.items()}, "optimizer": half_opt.state_dict()}, file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
        resumed = weights(1)
        resumed_opt = optimizer(resumed, slug, base, **grid, **options)
        for k, v in resumed.items():
            v.data.copy_(saved["weights"][k])
        resumed_opt.load_state_dict(saved["optimizer"])
        run(resumed, resumed_opt, 10)
        for a, b in zip(everything(whole, whole_opt), everything(resumed, resumed_opt), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("slug", "options"), OPTIONS, ids=str)
def test_stacked_run_equals_the_run_alone(slug, options, base):
    """Seeds and every number differ over the runs; each run is, to 1e-10, and in codes exactly, the run alone."""
    seeds, rule = [4, 11, 23], METHODS[slug]
    spread = torch.tensor([1.0, 0.5, 1.5], dtype=torch.float64)
    for grid in GRIDS.values():
        numbers = {name: value * spread for name, value in rule.defaults.items()} | {"weight_decay": 0.02 * spread}
        if "spacing" in grid:
            numbers["spacing"] = grid["spacing"] * spread
        settings = {**grid, **options, **numbers}
        stack = weights(seeds)
        opt = optimizer(stack, slug, base, runs=3, **settings, lr_scale=spread, seed=torch.tensor(seeds))
        run(stack, opt, 8)
        for i, seed in enumerate(seeds):
            alone = weights(seed)
            own = {k: float(v[i]) if isinstance(v, torch.Tensor) else v for k, v in settings.items()}
            alone_opt = optimizer(alone, slug, base, **own, lr_scale=float(spread[i]), seed=seed)
            run(alone, alone_opt, 8)
            for k in alone:
                torch.testing.assert_close(stack[k][i], alone[k], rtol=0, atol=1e-10)
            for k, (codes, _) in opt.codes().items():
                assert torch.equal(codes[i], alone_opt.codes()[k][0])


@pytest.mark.parametrize(("slug", "options"), OPTIONS, ids=str)
def test_optimizer_equals_step(slug, options):
    """The optimizer is `qlab.step` repeated: SGD, one tensor, every grid with an exact scale, its own uniforms."""
    for grid in (GRIDS[k] for k in ("binary", "ternary", "one", "lattice")):
        w = weights(2, {"a": (6, 4)})
        opt = qlab.QuantOptimizer(list(w.items()), slug, lr=0.05, seed=9, steps=STEPS, **grid, **options)
        mine, scale, state = w["a"].detach().clone(), {}, {}
        if METHODS[slug].fixed_scale and grid.get("scale") != "one" and "family" not in grid:
            start = weights(2, {"a": (6, 4)})["a"].detach()
            scale = {"scale": float(Grid(**grid).scale_of(start))}
        for t in range(6):
            opt.zero_grad()
            loss(opt.weights(), {"a": torch.zeros(6, 4)}).backward()
            setting = {"lr": 0.05, "seed": 9, "steps": STEPS, **grid, **scale, **options}
            mine = qlab.step(slug, mine, w["a"].grad, t=t, state=state, **setting)
            opt.step()
            torch.testing.assert_close(w["a"].detach(), mine, rtol=0, atol=1e-12)


@pytest.mark.parametrize("slug", METHODS)
def test_deployed_weights_are_levels(slug):
    for name, grid in GRIDS.items():
        params = weights(3)
        opt = optimizer(params, slug, "sgd", **grid)
        run(params, opt, 5)
        quantized, codes = opt.quantized(), opt.codes()
        assert set(codes) == {"a", "b"}
        for k, (q, s) in codes.items():
            assert torch.equal(quantized[k], s * q)
            if name != "lattice":
                levels = Grid(grid["bits"], grid.get("family", "symmetric")).levels()
                assert torch.isin(q, levels).all()
        assert torch.equal(quantized["bias"], params["bias"].detach())


@pytest.mark.parametrize("slug", METHODS)
def test_nan_stays_nan_and_is_no_level(slug):
    params = weights(3)
    opt = optimizer(params, slug, "sgd", bits=2)
    opt.zero_grad()
    loss(opt.weights(), {k: torch.zeros_like(v) for k, v in params.items()}).backward()
    params["a"].grad[0, 0] = float("nan")
    opt.step()
    assert params["a"].detach()[0, 0].isnan()
    assert opt.quantized()["a"][0, 0].isnan()


class _DescentAscent(Rule):
    """Own state: w+ = w - lr (g - lam psi'), lam+ = max(0, lam - dual_step psi), psi = 1/4 - (w^2-1)^2."""

    slug, name, defaults = "throw-away", "descent ascent", {"dual_step": 0.2}

    def init(self, w, h):
        return {"lam": torch.zeros_like(w)}

    def direction(self, w, g, s, h):
        return g + s["lam"] * 4 * w * (w**2 - 1)

    def after(self, w, w_new, s, h):
        return {"lam": (s["lam"] - h.dual_step * (0.25 - (w**2 - 1) ** 2)).clamp(min=0)}


@pytest.fixture
def descent_ascent():
    rule = qlab.register(_DescentAscent())
    yield rule
    del METHODS[rule.slug]


def test_a_rule_with_state_needs_nothing_from_the_optimizer(descent_ascent):
    """Checkpoints, stacks and `qlab.step` cover the state of a method that the optimizer has never heard of."""
    for base in BASES:
        test_resume_is_bitwise(descent_ascent.slug, {}, base)
        test_stacked_run_equals_the_run_alone(descent_ascent.slug, {}, base)
    test_optimizer_equals_step(descent_ascent.slug, {})
    params = weights(0)
    opt = optimizer(params, descent_ascent.slug, "sgd", dual_step=0.5)
    run(params, opt, 400)
    lam = opt.state[params["a"]]["lam"]
    assert (lam >= 0).all()
    assert (lam > 0).any()


def test_view_and_settle_see_the_same_uniforms():
    """Two forwards of one step see the same stochastic weights; the next step other ones."""
    params = weights(0)
    opt = optimizer(params, "bc-stochastic", "sgd", bits=1)
    first, again = opt.weights()["a"], opt.weights()["a"]
    assert torch.equal(first, again)
    run(params, opt, 1)
    assert not torch.equal(opt.weights()["a"].sign(), first.sign())


@pytest.mark.parametrize("slug", ["bc", "sr", "bc-stochastic", "throw-away"])
def test_compiled_stacked_step_never_recompiles(slug, descent_ascent):
    """Loss and step of a stack, compiled: one trace each while lr follows a schedule, same result as eager."""
    seeds = torch.tensor([1, 2, 3])
    counter = CompileCounter()
    torch._dynamo.reset()

    def build():
        params = weights(seeds.tolist())
        named = list(params.items())
        opt = qlab.QuantOptimizer(named, slug, "adam", lr=0.05, bits=2, runs=3, seed=seeds)
        return params, opt, torch.optim.lr_scheduler.CosineAnnealingLR(opt, 12)

    def one(params, opt, forward, step):
        opt.zero_grad()
        forward(opt).backward()
        step()

    def forward(opt):
        return loss(opt.weights(), {k: torch.zeros(s, dtype=torch.float64) for k, s in SHAPES.items()})

    params, opt, schedule = build()
    compiled_forward, compiled_step = torch.compile(forward, backend=counter), torch.compile(opt.step, backend=counter)
    frames = []
    for _ in range(6):
        one(params, opt, compiled_forward, compiled_step)
        schedule.step()
        frames.append(counter.frame_count)
    assert frames == [2] * 6
    eager_params, eager_opt, eager_schedule = build()
    for _ in range(6):
        one(eager_params, eager_opt, forward, eager_opt.step)
        eager_schedule.step()
    for k in params:
        torch.testing.assert_close(params[k], eager_params[k], rtol=0, atol=1e-12)


def test_no_python_loop_over_the_runs():
    """The number of kernels of a step does not depend on how many runs are stacked."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        calls = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.calls += 1
            return func(*args, **(kwargs or {}))

    def kernels(slug, runs):
        params = weights(list(range(runs)))
        opt = optimizer(params, slug, "adam", runs=runs, bits=3, seed=torch.arange(runs))
        run(params, opt, 1)
        with Count() as count:
            run(params, opt, 1)
        return count.calls

    for slug in METHODS:
        assert kernels(slug, 2) == kernels(slug, 64)


def test_module_wrapper():
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 2))
    keys = list(model.state_dict())
    opt = qlab.QuantOptimizer(qlab.groups(model, "bc", bits=1, quiet=True), lr=0.1)
    net, x = qlab.QuantModule(model, opt), torch.randn(8, 4)
    assert list(net.state_dict()) == keys
    latent = model[3].weight.detach().clone()
    net.train()(x).sum().backward()
    assert torch.equal(model[3].weight.detach(), latent)
    net.eval()
    q = opt.quantized()
    assert torch.equal(net(x), functional_call(model, q, (x,)))
    assert len(q["3.weight"].unique()) == 2
    assert torch.equal(qlab.bake(model, opt).eval()(x), net(x))
    for n in (1, 3, 8):
        torch.testing.assert_close(net(x[:n]), net(x)[:n])


def test_groups():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    inner, rest = qlab.groups(model, "bc", bits=2, quiet=True)
    assert [n for n, _ in inner["params"]] == ["2.weight"]
    assert len(rest["params"]) == len(list(model.parameters())) - 1
    everything, _ = qlab.groups(model, "bc", first_last=True, quiet=True)
    assert [n for n, _ in everything["params"]] == ["0.weight", "2.weight", "4.weight"]
    with pytest.raises(ValueError, match="never matched"):
        qlab.groups(model, where={"*.weight": {}}, quiet=True)
    with pytest.raises(ValueError, match="matched by"):
        qlab.groups(model, where={"*": {}, "0.*": {}}, quiet=True)
    with pytest.raises(ValueError, match="matches no parameter"):
        qlab.groups(model, where={"*": {}, "x*": {}}, quiet=True)
    with pytest.raises(ValueError, match="nothing to quantize"):
        qlab.groups(nn.Linear(2, 2), "bc", quiet=True)


def test_groups_prints_what_it_chose(capsys):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    qlab.groups(model, "bc", bits=2)
    out = capsys.readouterr().out
    assert "1.weight" in out
    assert "bits=2" in out
    assert "as it is" in out
