"""Exact identities between methods, and what each slot does: float64, one step, `qlab.step`."""

import pytest
import torch

import qlab
from qlab.methods import METHODS
from qlab.quantizers import q_d, q_s
from qlab.quantizers.grids import Grid

W = qlab.uniforms.normal(3, 0, 0, (400,), dtype=torch.float64)
G = qlab.uniforms.normal(3, 1, 0, (400,), dtype=torch.float64)
LATTICE = {"family": "lattice", "spacing": 0.25}


def view(slug, w, **hyper):
    """What the network sees, and the derivative of its sum with respect to w."""
    p = torch.nn.Parameter(w.clone())
    opt = qlab.QuantOptimizer([("w", p)], slug, **hyper)
    seen = opt.weights()["w"]
    seen.sum().backward()
    return seen.detach(), p.grad, opt


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_ste_with_identity_is_binaryconnect(bits):
    for a, b in zip(view("ste", W, bits=bits)[:2], view("bc", W, bits=bits)[:2], strict=True):
        assert torch.equal(a, b)
    step = [qlab.step(slug, W, G, lr=0.1, bits=bits) for slug in ("ste", "bc")]
    assert torch.equal(*step)


def test_hardtanh_masks_outside_its_width():
    seen, d, _ = view("ste", W, derivative="hardtanh", width=0.7)
    assert torch.equal(seen, view("bc", W)[0])
    assert torch.equal(d, (W.abs() <= 0.7).double())


def test_r_is_pgd_on_a_fixed_grid():
    on_grid = q_d(W, 0.25)
    assert torch.equal(*(qlab.step(slug, on_grid, G, lr=0.1, **LATTICE) for slug in ("r", "pgd")))


def test_r_and_sr_are_the_printed_roundings():
    on_grid = q_d(W, 0.25)
    assert torch.equal(qlab.step("r", on_grid, G, lr=0.1, **LATTICE), q_d(on_grid - 0.1 * G, 0.25))
    u = qlab.uniforms.uniform(5, 7, 0, W.shape, dtype=torch.float64)
    mine = qlab.step("sr", on_grid, G, lr=0.1, seed=5, t=7, **LATTICE)
    assert torch.equal(mine, q_s(on_grid - 0.1 * G, 0.25, u))
    assert not torch.equal(mine, qlab.step("r", on_grid, G, lr=0.1, **LATTICE))


def test_r_freezes_and_sr_moves_with_the_printed_probability():
    """|lr g| < spacing/2: R keeps every weight; SR moves a share lr |g| / spacing of them."""
    on_grid, g, n = torch.zeros(200_000, dtype=torch.float64), 2.0, 200_000
    grad = torch.full_like(on_grid, g)
    assert torch.equal(qlab.step("r", on_grid, grad, lr=0.05, **LATTICE), on_grid)
    moved = qlab.step("sr", on_grid, grad, lr=0.05, **LATTICE)
    p = 0.05 * g / 0.25
    assert abs(float((moved != 0).double().mean()) - p) < 5 * (p * (1 - p) / n) ** 0.5
    assert set(moved.unique().tolist()) == {-0.25, 0.0}


def test_full_and_binaryconnect_take_the_plain_step():
    assert torch.equal(qlab.step("full", W, G, lr=0.1), W - 0.1 * G)
    assert torch.equal(qlab.step("bc", W, G, lr=0.1), W - 0.1 * G)
    assert torch.equal(qlab.step("bc", W, G, lr=0.1, box=1.0), (W - 0.1 * G).clamp(-1, 1))


def test_pgd_ends_on_the_least_squares_projection():
    x = W - 0.1 * G
    grid = Grid(bits=2)
    mine = qlab.step("pgd", W, G, lr=0.1, bits=2)
    assert torch.equal(mine, grid.nearest(x, grid.scale_of(x)))


def test_stochastic_binaryconnect_is_unbiased_inside():
    """E w_Q = clip(w, -1, 1) on the levels ±1: averaged over steps, within five standard errors."""
    w, n = torch.linspace(-1.5, 1.5, 13, dtype=torch.float64), 4000
    p = torch.nn.Parameter(w.clone())
    opt = qlab.QuantOptimizer([("w", p)], "bc-stochastic", scale="one", lr=0.0)
    total = torch.zeros_like(w)
    for _ in range(n):
        total += opt.weights()["w"].detach()
        p.grad = torch.zeros_like(p)
        opt.step()
    error = (total / n - w.clamp(-1, 1)).abs()
    assert (error <= 5 * ((1 - w.clamp(-1, 1) ** 2) / n).sqrt()).all()


@pytest.mark.parametrize("slug", METHODS)
def test_slug_names_the_file_and_the_docstring_has_an_equation(slug):
    rule = METHODS[slug]
    assert rule.slug == slug
    assert type(rule).__module__ == f"qlab.methods.{slug.replace('-', '_')}"
    assert "w+ =" in (type(rule).__doc__ or "")


def test_unknown_method_and_hyper_parameter():
    with pytest.raises(ValueError, match="did you mean 'bc'"):
        qlab.step("BC1", W, G, lr=0.1)
    with pytest.raises(ValueError, match="did you mean 'box'"):
        qlab.step("bc", W, G, lr=0.1, boks=1.0)
    with pytest.raises(TypeError, match="floating"):
        qlab.step("bc", W.long(), G, lr=0.1)
