"""ProxQuant and what came since: identities, closed forms and limits of each rule, in float64 and step by step."""

import math

import pytest
import torch

import qlab
from qlab.prox import prox_l1, prox_l2
from qlab.quantizers.grids import Grid

W = qlab.uniforms.normal(3, 0, 0, (400,), dtype=torch.float64)
G = qlab.uniforms.normal(3, 1, 0, (400,), dtype=torch.float64)
PM = Grid(1).levels()
ONE = {"scale": "one"}


def seen(slug, w, t=0, **hyper):
    """What the network sees at step t (from 0), and the derivative of its sum with respect to w."""
    p = torch.nn.Parameter(w.clone())
    opt = qlab.QuantOptimizer([("w", p)], slug, t=t, **hyper)
    view = opt.weights()["w"]
    view.sum().backward()
    return view.detach(), p.grad


def path(slug, w, gradient, steps, **hyper):
    """The latent weights after each step, from `steps` plain steps."""
    out, state = [w], {}
    for t in range(steps):
        w = qlab.step(slug, w, gradient(w, t), t=t, steps=steps, state=state, **hyper)
        out.append(w)
    return torch.stack(out)


# ProxQuant
@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("bits", "lr"), [(1, 0.1), (2, 0.02), (4, 0.4)])
def test_proxquant_is_the_prox_of_the_stepped_weight(norm, bits, lr):
    x, levels, nu = W - lr * G, Grid(bits).levels(), lr * 1.7
    wanted = prox_l1(x, levels, nu) if norm == "l1" else prox_l2(x, levels, nu)
    mine = qlab.step("proxquant", W, G, lr=lr, bits=bits, scale="one", reg=1.7, norm=norm)
    assert torch.allclose(mine, wanted, rtol=0, atol=1e-14)


def test_with_parameter_1_or_more_proxquant_is_projected_gradient_descent_where_the_step_ends_within_2():
    """Finding 12, levels ±1: prox_{nu R} = sign on |w| <= 2 once nu = lr reg >= 1."""
    for reg in (10.0, 25.0):
        x = W - 0.1 * G
        inside = x.abs() <= 2
        a, b = (qlab.step(s, W, G, lr=0.1, **ONE, **h) for s, h in (("proxquant", {"reg": reg}), ("pgd", {})))
        assert torch.equal(a[inside], b[inside])
    far = torch.tensor([2.5], dtype=torch.float64)
    assert qlab.step("proxquant", far, 0 * far, lr=0.1, reg=10.0, **ONE).item() == 1.5  # beyond 2 it is not


def test_the_same_prox_in_the_view_is_binaryconnect():
    """Finding 12: seen through prox with an infinite parameter, the latent weight takes BC's steps."""
    relaxed = seen("binaryrelax", W, relax=float("inf"), **ONE)
    for a, b in zip(relaxed, seen("bc", W, **ONE), strict=True):
        assert torch.equal(a, b)
    steps = [qlab.step(slug, W, G, lr=0.1, **ONE) for slug in ("binaryrelax", "bc")]
    assert torch.equal(*steps)


def test_without_a_weight_proxquant_is_full_precision():
    assert torch.equal(qlab.step("proxquant", W, G, lr=0.1, reg=0.0), qlab.step("full", W, G, lr=0.1))


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_scaling_weights_gradient_and_grid_scales_the_step(norm):
    for c in (0.01, 30.0):
        a, b = (qlab.step("proxquant", k * W, k * G, lr=0.1, bits=2, reg=2.0, norm=norm) for k in (1.0, c))
        assert torch.allclose(c * a, b, rtol=1e-12, atol=0)


def test_the_linear_weight_rises_from_0_to_reg_over_the_run():
    """A weight at 1.5 without a gradient: each step takes lr reg_t of its distance 0.5, reg_t = reg (t - 1)/(T - 1)."""
    start = torch.tensor([1.5], dtype=torch.float64)
    went = path("proxquant", start, lambda w, t: 0 * w, 11, lr=0.1, reg=0.5, schedule="linear", **ONE).flatten().diff()
    wanted = -0.1 * 0.5 * torch.arange(11, dtype=torch.float64) / 10
    assert torch.allclose(went, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("base", [{}, {"momentum": 0.9}])
def test_after_the_hard_step_every_weight_is_on_a_level_and_bitwise_still(base):
    p = torch.nn.Parameter(W.clone())
    opt = qlab.QuantOptimizer([("w", p)], "proxquant", lr=0.1, bits=2, steps=20, hard_after=0.5, **base)
    kept = []
    for t in range(20):
        p.grad = qlab.uniforms.normal(5, t, 0, W.shape, dtype=torch.float64)
        opt.step()
        kept.append(p.detach().clone())
    assert not torch.equal(kept[8], kept[9])
    assert len(kept[9].unique()) > 3, "soft until half of the run is over"
    assert len(kept[10].unique()) == 3
    for later in kept[11:]:
        assert torch.equal(later, kept[10])
    assert torch.equal(opt.quantized()["w"], opt.codes()["w"][0] * opt.codes()["w"][1])


def test_a_share_needs_the_length_of_the_run():
    for slug, hyper in (
        ("proxquant", {"hard_after": 0.5}),
        ("proxquant", {"schedule": "linear"}),
        ("binaryrelax", {"hard_after": 0.5}),
        ("parq", {}),
        ("dampening", {"schedule": "cosine"}),
        ("freezing", {"schedule": "cosine"}),
    ):
        with pytest.raises(ValueError, match="give steps="):
            qlab.step(slug, W, G, lr=0.1, **hyper)


# relaxations
@pytest.mark.parametrize("t", [0, 7, 60])
def test_binaryrelax_sees_the_l2_prox_with_a_growing_parameter(t):
    view, d = seen("binaryrelax", W, t=t, relax=0.5, relax_rate=1.1, **ONE)
    assert torch.allclose(view, prox_l2(W, PM, 0.5 * 1.1**t), rtol=0, atol=1e-14)
    assert torch.equal(d, torch.ones_like(W))


def test_binaryrelax_hardens_for_the_last_share():
    q = seen("bc", W)[0]
    early, late = (seen("binaryrelax", W, t=t, steps=20, hard_after=0.75)[0] for t in (14, 15))
    assert torch.equal(late, q)
    assert not torch.equal(early, q)


def test_a_parameter_beyond_all_numbers_is_the_hard_limit():
    q = seen("bc", W)[0]
    assert torch.equal(seen("binaryrelax", W, t=100_000)[0], q)
    assert torch.allclose(seen("md", torch.cat([W, W[:1] * 0]), t=100_000)[0][:-1], seen("bc", W)[0], rtol=0.02)
    assert seen("md", torch.cat([W, W[:1] * 0]), t=100_000)[0].isfinite().all()
    half = torch.tensor([0.0, 0.5, -0.5], dtype=torch.float16)
    assert seen("md", half, t=100_000, **ONE)[0].tolist() == [0, 1, -1]


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_parq_goes_from_the_identity_inside_the_grid_to_the_staircase(bits):
    """A piecewise-affine, monotone map through the levels' midpoints, steeper step by step."""
    grid = Grid(bits)
    levels, top = grid.levels(), float(grid.levels()[-1])
    w = torch.linspace(-2 * top, 2 * top, 401, dtype=torch.float64)
    hyper = {"bits": bits, "scale": "one", "steps": 50}
    first, last = (seen("parq", w, t=t, **hyper)[0] for t in (0, 49))
    assert torch.allclose(first, w.clamp(-top, top), rtol=0, atol=1e-12)
    assert torch.equal(last, seen("bc", w, bits=bits, scale="one")[0])
    error = torch.zeros_like(w)
    for t in (5, 20, 25, 30, 44):
        view, d = seen("parq", w, t=t, **hyper)
        assert torch.equal(d, torch.ones_like(w))
        assert (view.diff() >= -1e-12).all()
        assert (view.abs() <= top).all()
        now = (view - w.clamp(-top, top)).abs()
        assert (now >= error - 1e-12).all()
        error = now
    middles = (levels[1:] + levels[:-1]) / 2
    assert torch.allclose(seen("parq", middles, t=20, **hyper)[0], middles, rtol=0, atol=1e-12)


def test_parqs_inverse_slope_falls_from_1_to_0_and_is_a_half_in_the_middle():
    rule, w = qlab.METHODS["parq"], torch.tensor([0.2], dtype=torch.float64)
    slopes = [w.item() / seen("parq", w, t=t, steps=21, steepness=6.0, **ONE)[0].item() for t in range(5)]
    assert slopes[0] == pytest.approx(1.0)
    assert slopes == sorted(slopes, reverse=True)

    class H:
        t, steps, steepness = torch.tensor(11.0), 21, 6.0

    assert float(rule.inverse_slope(H)) == pytest.approx(0.5)


def test_mirror_descent_is_the_multiplicative_update_of_the_seen_weight():
    """Constant beta, levels ±1: v+ = (r - 1)/(r + 1), r = (1 + v)/(1 - v) exp(-2 lr beta g), v = tanh(beta w)."""
    beta, lr = 1.3, 0.2
    v, d = seen("md", W, beta=beta, beta_rate=1.0, **ONE)
    assert torch.equal(d, torch.ones_like(W))
    after = seen("md", qlab.step("md", W, G, lr=lr, **ONE), beta=beta, beta_rate=1.0, **ONE)[0]
    r = (1 + v) / (1 - v) * torch.exp(-2 * lr * beta * G)
    assert torch.allclose(v, torch.tanh(beta * W), rtol=0, atol=1e-14)
    assert torch.allclose(after, (r - 1) / (r + 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bits", [1, 3])
def test_mirror_descent_hardens_as_beta_grows_and_stays_inside_its_cell(bits):
    w = torch.linspace(-2.9, 2.9, 40, dtype=torch.float64)
    q = seen("bc", w, bits=bits, scale="one")[0]
    far = None
    for t in (0, 100, 200, 400):
        view = seen("md", w, t=t, beta=2.0, bits=bits, **ONE)[0]
        error = float((view - q).abs().max())
        assert far is None or error < far
        far = error
    assert far < 0.01


# on the grid only
def test_bop_flips_where_the_average_gradient_is_large_and_of_the_weights_sign():
    w = torch.tensor([1.0, 1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
    g = torch.tensor([3.0, -3.0, 3.0, -3.0, 0.1], dtype=torch.float64)
    state = {}
    first = qlab.step("bop", w, g, lr=0.0, adaptivity=0.1, threshold=0.25, state=state, **ONE)
    assert first.tolist() == [-1.0, 1.0, -1.0, 1.0, 1.0]
    assert torch.allclose(state["average"], 0.1 * g)
    held = path("bop", w, lambda w, t: g, 5, lr=1e9, adaptivity=0.1, threshold=0.25, **ONE)
    assert torch.equal(held[-1], first), "no step size, and nothing more to flip"


def test_bops_average_decides_not_the_last_gradient():
    """Gradients that alternate cancel: the weight stays; the same gradients of one sign flip it."""
    w = torch.ones(1, dtype=torch.float64)
    hyper = {"lr": 0.1, "adaptivity": 0.05, "threshold": 0.08, **ONE}
    assert path("bop", w, lambda w, t: torch.full_like(w, (-1.0) ** t), 40, **hyper).eq(1).all()
    one_way = path("bop", w, lambda w, t: torch.ones_like(w), 40, **hyper)
    back = path("bop", w, lambda w, t: torch.full_like(w, 1.0 if t < 9 else -0.1), 10, **hyper)
    assert back[-1].item() == -1, "one small gradient the other way does not bring it back"
    flips = int(one_way.diff(dim=0).ne(0).sum())
    first = int(one_way.flatten().lt(0).nonzero()[0])
    assert flips == 1
    assert first == math.ceil(math.log(1 - 0.08) / math.log(1 - 0.05))  # 1 - (1 - a)^t > threshold


def test_bop_moves_one_level_at_a_time_on_more_levels():
    w = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    out = qlab.step("bop", w, torch.ones(3, dtype=torch.float64), lr=0.1, bits=2, **ONE)
    assert out.tolist() == [0.0, -1.0, -1.0]


# oscillations
def test_dampening_adds_the_gradient_of_the_squared_distance_inside_the_grid():
    w = W.clone().requires_grad_()
    q = seen("bc", W, bits=2, **ONE)[0]
    (pull,) = torch.autograd.grad((0.7 * (torch.where(w.abs() > 1, w.sign(), w) - q) ** 2).sum(), w)
    mine = qlab.step("dampening", W, G, lr=0.1, bits=2, damping=0.7, **ONE)
    assert torch.allclose(mine, W - 0.1 * (G + pull), rtol=0, atol=1e-14)
    assert torch.equal(qlab.step("dampening", W, G, lr=0.1, damping=0.0), qlab.step("bc", W, G, lr=0.1))


def test_the_cosine_of_dampening_goes_from_0_to_its_value():
    w, hyper = torch.tensor([0.5], dtype=torch.float64), {"damping": 1.0, "schedule": "cosine", "steps": 11, **ONE}
    pull = [(w - qlab.step("dampening", w, 0 * w, lr=0.1, t=t, **hyper)).item() for t in (0, 5, 10)]
    assert pull == pytest.approx([0.0, -0.05, -0.1], abs=1e-12)  # 2 (0.5 - 1) times 0, 1/2, 1


def oscillate(steps, **hyper):
    """One weight at a border of two cells, kicked to and fro, and one that drifts."""

    def g(w, t):
        return torch.tensor([(-1.0) ** t, -0.01], dtype=torch.float64)

    return path("freezing", torch.tensor([0.05, 0.3], dtype=torch.float64), g, steps, lr=0.1, **ONE, **hyper)


def test_freezing_holds_a_weight_that_oscillates_and_no_other():
    w = oscillate(60, memory=0.1, threshold=0.3)
    border, drifting = w[:, 0], w[:, 1]
    assert torch.allclose(drifting.diff(), torch.full((60,), 0.001, dtype=torch.float64), rtol=0, atol=1e-12)
    still = border.diff() == 0
    first = int(still.nonzero()[0])
    assert still[first:].all()
    assert border[-1].abs() == 1.0
    # every step reverses from the third on: f after n reversals is 1 - 0.9^n
    needed = math.ceil(math.log(1 - 0.3) / math.log(0.9))
    assert needed <= first <= needed + 3


def test_a_weight_that_wanders_from_level_to_level_in_one_direction_is_never_frozen():
    start, hyper = torch.zeros(1, dtype=torch.float64), {"memory": 0.3, "threshold": 0.1, "family": "lattice"}
    w = path("freezing", start, lambda w, t: -torch.ones_like(w), 40, lr=0.1, spacing=0.125, **hyper)
    assert torch.allclose(w.diff(dim=0), torch.full((40, 1), 0.1, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("bits", "start", "level"), [(1, -0.05, 1.0), (2, -0.55, 0.0)])
def test_a_frozen_weight_goes_to_the_level_where_it_was_most_of_the_time(bits, start, level):
    """Three steps above the border for one below."""
    kicks = (-1.0, 0.0, 0.0, 1.0)

    def g(w, t):
        return torch.full_like(w, kicks[t % 4])

    hyper = {"lr": 0.1, "bits": bits, "memory": 0.05, "threshold": 0.45, **ONE}
    w = path("freezing", torch.tensor([start], dtype=torch.float64), g, 200, **hyper)
    assert w[-4:].flatten().tolist() == [level] * 4


def test_without_a_reachable_threshold_freezing_is_binaryconnect():
    a = oscillate(30, threshold=2.0)
    b = path("bc", torch.tensor([0.05, 0.3], dtype=torch.float64),
             lambda w, t: torch.tensor([(-1.0) ** t, -0.01], dtype=torch.float64), 30, lr=0.1, **ONE)  # fmt: skip
    assert torch.equal(a, b)


def test_the_cosine_threshold_freezes_later_than_its_end_value():
    late = oscillate(120, memory=0.05, threshold=0.05, threshold_start=2.0, schedule="cosine")
    early = oscillate(120, memory=0.05, threshold=0.05)

    def moved(w):
        return int((w[:, 0].diff() != 0).sum())

    assert moved(early) < moved(late) < 120
