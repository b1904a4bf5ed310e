"""Muehlebach-Jordan, ASkewSGD, its modification, descent ascent: identities, scaling, barrier, multiplier."""

import math

import pytest
import torch

import qlab
from qlab.constraints import eps_of, psi, slope, velocity
from qlab.methods.askew import AUTHORS
from qlab.quantizers.grids import Grid
from qlab.uniforms import normal, uniform

W = normal(3, 0, 0, (400,), dtype=torch.float64)
G = normal(3, 1, 0, (400,), dtype=torch.float64)
GRIDS = {
    "binary": {"bits": 1},
    "ternary": {"bits": 2},
    "three": {"bits": 3},
    "dorefa": {"bits": 2, "family": "dorefa"},
    "lattice": {"family": "lattice", "spacing": 0.25},
}
SKEWED = ("mj", "askew", "askew-modified", "sgda")
ONE = {"bits": 1, "scale": "one"}
PM1 = torch.tensor([-1.0, 1.0], dtype=torch.float64)
grids = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def island_edge(eps_hat):
    """The inner end of the island around 1, levels ±1: psi(b) = 0."""
    return math.sqrt(1 - math.sqrt(eps_hat))


@grids
def test_without_its_clip_askew_is_mj_and_so_is_the_modification(grid):
    step = lambda slug, **own: qlab.step(slug, W, G, lr=0.1, eps_hat=0.3, push=0.7, **grid, **own)  # noqa: E731
    mj = step("mj")
    assert torch.equal(step("askew", clip="none"), mj)
    assert torch.equal(step("askew", push_max=math.inf), mj)
    assert torch.equal(step("askew-modified"), mj)
    assert not torch.equal(step("askew", push_max=0.5), mj)


def test_the_step_is_the_velocity_of_the_constraint():
    value, d = psi(W, PM1, eps_of(0.3, 2.0)), slope(W, PM1)
    for slug, own, bound in (("mj", {}, None), ("askew", {"push_max": 0.8}, 0.8), ("askew-modified", {}, None)):
        mine = qlab.step(slug, W, G, lr=0.1, eps_hat=0.3, push=0.7, **ONE, **own)
        torch.testing.assert_close(mine, W + 0.1 * velocity(G, value, d, 0.7, bound), rtol=0, atol=1e-12)


@grids
@pytest.mark.parametrize("slug", SKEWED)
def test_scaling_weights_levels_and_gradient_scales_the_step(slug, grid):
    """Code units: all lengths times c, the step times c, the multiplier as it is."""
    for c in (0.01, 7.0):
        wide = {**grid, "spacing": c * grid["spacing"]} if "spacing" in grid else grid
        small, large, w, v = {}, {}, W, c * W
        for t in range(3):
            w = qlab.step(slug, w, G, lr=0.1, t=t, state=small, **grid)
            v = qlab.step(slug, v, c * G, lr=0.1, t=t, state=large, **wide)
            torch.testing.assert_close(v, c * w, rtol=1e-9, atol=1e-9 * c)
        assert small.keys() == large.keys()


@pytest.mark.parametrize("slug", SKEWED)
def test_zeros_are_in_units_of_1_and_a_midpoint_stays_finite(slug):
    zero, g = torch.zeros(3, dtype=torch.float64), torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    new = qlab.step(slug, zero, g, lr=0.1)
    assert new.isfinite().all()
    expected = torch.full_like(g, 0.5) if slug == "askew" else -0.1 * g
    torch.testing.assert_close(new, expected)


@pytest.mark.parametrize("lr", [0.01, 0.5, 3.0])
def test_the_bounds_of_a_push(lr):
    """clip="quarter" and "reach": a push moves by at most that share of a gap; "soft", "edge": by theirs."""
    w, g = uniform(5, 0, 0, (2000,), dtype=torch.float64) * 1.6 - 0.8, torch.zeros(2000, dtype=torch.float64)
    moved = lambda slug, **own: (qlab.step(slug, w, g, lr=lr, push=2.0, **ONE, **own) - w).abs()  # noqa: E731
    free = moved("mj")
    quarter = moved("askew", clip="quarter")
    torch.testing.assert_close(quarter, free.clamp(max=0.5))
    torch.testing.assert_close(moved("askew-modified", bound="reach", reach=0.1), free.clamp(max=0.2))
    torch.testing.assert_close(moved("askew-modified", bound="edge", edge=3.0), free.clamp(max=lr * 0.3))
    soft = moved("askew-modified", bound="soft", soft=0.04)
    value = psi(w, PM1, 0.1)
    assert (soft <= lr * 2.0 * value.abs() / (2 * 0.2) + 1e-12).all()
    assert (soft <= free + 1e-12).all()


def test_the_authors_setting_is_clipped_gradient_descent_while_it_is_free():
    """Half of the run eps = 1 and weights in [-1, 1]: there the constraint never speaks (papers: gotcha 2)."""
    w = W.clamp(-1, 1)
    for t in range(10):
        w_new = qlab.step("askew", w, G, lr=0.1, t=t, steps=20, **ONE, **AUTHORS)
        assert torch.equal(w_new, (w - 0.1 * G).clamp(-1, 1))
        w = w_new
    later = qlab.step("askew", w, G, lr=0.1, t=19, steps=20, **ONE, **AUTHORS)
    assert not torch.equal(later, (w - 0.1 * G).clamp(-1, 1))


# the barrier
@pytest.mark.parametrize("slug", ["mj", "askew", "askew-modified"])
@pytest.mark.parametrize("eps_hat", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("scale", ["one", "least-squares"])
def test_no_sign_changes_while_steps_are_shorter_than_the_barrier(slug, eps_hat, scale):
    """Between the islands v points outward, so only a step from an island could cross, and it is at least b s long."""
    w = uniform(1, 0, 0, (300,), dtype=torch.float64) * 4 - 2
    sign, b, longest = w.sign(), island_edge(eps_hat), 0.0
    for t in range(60):
        s = Grid(1, scale=scale).scale_of(w)
        g = 20 * b * s * normal(2, t, 0, (300,), dtype=torch.float64)
        g = g * (0.99 * b * s / (0.1 * g.abs())).clamp(max=1)  # lr |g| < b s
        w = qlab.step(slug, w, g, lr=0.1, eps_hat=eps_hat, bits=1, scale=scale)
        assert torch.equal(w.sign(), sign)
        longest = max(longest, float(0.1 * g.abs().max() / (b * s)))
    assert longest == pytest.approx(0.99)


@pytest.mark.parametrize("slug", SKEWED)
def test_a_free_phase_lets_signs_change_and_then_holds_them(slug):
    w, target = torch.full((1,), -0.9, dtype=torch.float64), 1.0
    state = {}
    for t in range(200):
        w = qlab.step(slug, w, w - target, lr=0.1, t=t, steps=200, state=state, free_phase=0.5, **ONE)
    assert 0.9 < float(w) < 1.1
    for t in range(200):
        w = qlab.step(slug, w, w + 1.0, lr=0.01, t=t, **ONE)
    assert float(w) > 0 or slug == "sgda"  # the multiplier is a penalty: it need not hold against a strong gradient


# descent ascent
def ends(start, n=2500, **own):
    """Where descent ascent on F = (w - .3)²/2, eps_hat .1, ends: w and lam."""
    w, state = torch.tensor(start, dtype=torch.float64), {}
    for t in range(n):
        w = qlab.step("sgda", w, w - 0.3, t=t, state=state, eps_hat=0.1, **ONE, **own)
    return w, state["lam"]


@pytest.mark.parametrize("steps", [{"lr": 0.05, "dual_step": 0.1}, {"lr": 0.02, "dual_step": 0.05}], ids=str)
@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_sgda_ends_at_the_kkt_point_of_its_side(steps, update):
    """w = ±b with psi(b) = 0 and lam = F'(w)/psi'(w), whatever the step sizes; the start's side decides which."""
    w, lam = ends([0.6, -0.6], update=update, **steps)
    at = torch.tensor([1.0, -1.0], dtype=torch.float64) * island_edge(0.1)
    torch.testing.assert_close(w, at, rtol=0, atol=1e-6)
    torch.testing.assert_close(lam, (at - 0.3) / slope(at, PM1), rtol=0, atol=1e-6)
    assert lam.tolist() == pytest.approx([0.504, 1.077], abs=1e-3)


def test_a_slow_multiplier_lets_a_weight_cross():
    """Unlike a velocity, a price that has not risen yet does not hold the weight back."""
    assert ends([-0.6], 200, lr=0.1, dual_step=0.02)[0] > 0 > ends([-0.6], 200, lr=0.05, dual_step=0.1)[0]


def test_the_two_updates_of_sgda_and_its_cap():
    value, d, eps = lambda w: psi(w, PM1, eps_of(0.1, 2.0)), slope(W, PM1), 0.3
    lam = G.abs()
    for update in ("simultaneous", "alternating"):
        state = {"lam": lam.clone()}
        new = qlab.step("sgda", W, G, lr=0.1, dual_step=eps, lam_max=1.5, state=state, update=update, **ONE)
        torch.testing.assert_close(new, W - 0.1 * (G - lam * d), rtol=0, atol=1e-12)
        seen = W if update == "simultaneous" else new
        torch.testing.assert_close(state["lam"], (lam - eps * value(seen)).clamp(0, 1.5), rtol=0, atol=1e-12)
    assert (state["lam"] == 1.5).any()
    assert (state["lam"] == 0).any()


def test_the_multiplier_of_askew_is_solved_not_learned():
    """Where askew pushes, its step is sgda's with lam = (g - push psi/psi')/psi' >= 0 (papers 1.9)."""
    value, d = psi(W, PM1, eps_of(0.1, 2.0)), slope(W, PM1)
    by = (value < 0) & (-d * G < -value) & (d.abs() > 1e-3)
    lam = torch.where(by, (G - value / d) / d, torch.zeros_like(W))
    assert (lam >= 0).all()
    mj = qlab.step("mj", W, G, lr=0.1, eps_hat=0.1, push=1.0, **ONE)
    sgda = qlab.step("sgda", W, G, lr=0.1, eps_hat=0.1, state={"lam": lam}, **ONE)
    torch.testing.assert_close(sgda[by], mj[by])
    assert by.any()


def test_an_annealed_step_compiles_once():
    from torch._dynamo.testing import CompileCounter

    def build():
        p = torch.nn.Parameter(W[:30].reshape(3, 10).clone())
        numbers = {"push_max": torch.tensor([1.0, 2.0, 5.0]), "free_phase": torch.tensor([0.0, 0.3, 0.5])}
        opt = qlab.QuantOptimizer([p], "askew", lr=0.05, runs=3, steps=8, bits=2, anneal="geometric", **numbers)
        return p, opt

    counter = CompileCounter()
    torch._dynamo.reset()
    (p, opt), (q, eager) = build(), build()
    compiled, frames = torch.compile(opt.step, backend=counter), []
    for t in range(8):
        p.grad = q.grad = normal(1, t, 0, p.shape, dtype=torch.float64)
        compiled()
        eager.step()
        frames.append(counter.frame_count)
    assert frames == [1] * 8
    torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def test_out_of_range():
    for name, bad in (("eps_hat", 1.0), ("eps_hat", 0.0), ("push", 0.0), ("push_max", 0.0), ("free_phase", 1.0)):
        with pytest.raises(ValueError, match=rf"{name} = {bad}; allowed"):
            qlab.step("askew", W, G, lr=0.1, **{name: bad})
    with pytest.raises(ValueError, match="did you mean 'quarter'"):
        qlab.step("askew", W, G, lr=0.1, clip="quater")
