"""Blended coarse gradient descent: its equation, its two ends (BC and PGD), growing rho, two scales of learning."""

import pytest
import torch
from torch import nn

import qlab
from qlab.quantizers import QuantReLU
from qlab.quantizers.grids import Grid

W = qlab.uniforms.normal(5, 0, 0, (200,), dtype=torch.float64)
G = qlab.uniforms.normal(5, 1, 0, (200,), dtype=torch.float64)
GRIDS = {
    "binary": {"bits": 1},
    "ternary": {"bits": 2},
    "one": {"bits": 3, "scale": "one"},
    "fixed": {"bits": 2, "scale": 0.4},
    "lattice": {"family": "lattice", "spacing": 0.25},
}


def quantized(w, bits=1, family="symmetric", scale="least-squares", spacing=1.0):
    """Q(w) of a setting of `qlab.step`."""
    grid = Grid(bits, family, scale if isinstance(scale, str) else "one", spacing=spacing)
    s = grid.scale_of(w) if isinstance(scale, str) else torch.tensor(scale, dtype=w.dtype)
    return grid.nearest(w, s)


@pytest.mark.parametrize("grid", GRIDS)
def test_one_step_is_the_printed_equation(grid):
    """w_f+ = (1 - rho) w_f + rho w - eta g, w = proj_Q(w_f)."""
    w_q = quantized(W, **GRIDS[grid])
    mine = qlab.step("bcgd", W, G, lr=0.1, rho=0.3, **GRIDS[grid])
    torch.testing.assert_close(mine, 0.7 * W + 0.3 * w_q - 0.1 * G, rtol=0, atol=1e-15)


@pytest.mark.parametrize("grid", GRIDS)
def test_rho_0_is_binaryconnect_bitwise(grid):
    assert torch.equal(
        *(qlab.step(m, W, G, lr=0.1, **h, **GRIDS[grid]) for m, h in (("bcgd", {"rho": 0.0}), ("bc", {})))
    )


def deployed(slug, start, steps, grid, **hyper):
    """Q(w) over a run on a quadratic whose gradient is taken at what the network sees, from latent weights `start`."""
    p = nn.Parameter(start.clone())
    opt = qlab.QuantOptimizer([("w", p)], slug, lr=0.3, **grid, **hyper)
    curvature, centre = torch.linspace(0.5, 4, p.numel(), dtype=torch.float64), W.flip(0)
    seen = [opt.quantized()["w"].clone()]
    for _ in range(steps):
        opt.zero_grad()
        (curvature / 2 * (opt.weights()["w"] - centre) ** 2).sum().backward()
        opt.step()
        seen.append(opt.quantized()["w"].clone())
    return torch.stack(seen)


SETTINGS = {
    "binary": {"bits": 1},
    "ternary": {"bits": 2},
    "one": {"bits": 3, "scale": "one"},
    "lattice": GRIDS["lattice"],
}


@pytest.mark.parametrize("grid", SETTINGS)
def test_rho_1_deploys_projected_gradient_descent(grid):
    """From the same point of Q the same points of Q, step after step: bitwise where the scale is fixed."""
    start = quantized(W, **SETTINGS[grid])
    mine, pgd = (deployed(m, start, 30, SETTINGS[grid], **h) for m, h in (("bcgd", {"rho": 1.0}), ("pgd", {})))
    assert not torch.equal(pgd[0], pgd[-1])
    torch.testing.assert_close(mine, pgd, rtol=0, atol=0 if grid in ("one", "lattice") else 1e-12)


@pytest.mark.parametrize("grid", SETTINGS)
def test_rho_0_deploys_binaryconnect(grid):
    mine, bc = (deployed(m, W, 30, SETTINGS[grid], **h) for m, h in (("bcgd", {"rho": 0.0}), ("bc", {})))
    assert torch.equal(mine, bc)
    assert not torch.equal(mine, deployed("bcgd", W, 30, SETTINGS[grid], rho=0.5))


def test_with_a_fixed_quantized_point_the_latent_weight_ends_an_effective_step_away():
    """w_f -> w - (eta/rho) g while w stays: the leash."""
    w, g, rho, lr = (
        torch.tensor([0.2, -0.3], dtype=torch.float64),
        torch.tensor([0.5, -0.4], dtype=torch.float64),
        0.2,
        0.1,
    )
    fixed = quantized(w, bits=2, scale=1.0)
    for _ in range(400):
        w = qlab.step("bcgd", w, g, lr=lr, rho=rho, bits=2, scale=1.0)
        assert torch.equal(quantized(w, bits=2, scale=1.0), fixed)
    torch.testing.assert_close(w, fixed - lr / rho * g, rtol=0, atol=1e-12)


def blend(t, steps=0, **hyper):
    """The rho of step t (from 0), read off a step without gradient: the share of the way to Q(w)."""
    w = torch.tensor([0.5], dtype=torch.float64)
    stepped = qlab.step("bcgd", w, torch.zeros_like(w), lr=0.1, scale=1.0, t=t, steps=steps, **hyper)
    return float((stepped - w) / (1.0 - w))


def test_rho_grows_per_step_up_to_its_cap_as_in_the_authors_code():
    """rho <- min(rho_rate rho, 0.01)."""
    rho = 1e-3
    for t in range(12):
        assert blend(t, rho=1e-3, rho_rate=1.5, rho_max=0.01) == pytest.approx(rho, rel=1e-12)
        rho = min(1.5 * rho, 0.01)
    assert rho == 0.01


def test_rho_grows_over_the_run():
    found = [blend(t, 11, rho=1e-3, rho_rate=100.0, growth="per-run") for t in range(11)]
    assert found == pytest.approx([1e-3 * 100 ** (t / 10) for t in range(11)], rel=1e-12)
    assert [blend(t, 11, rho=1e-3, rho_rate=100.0, rho_max=0.02, growth="per-run") for t in (0, 10)] == pytest.approx(
        [1e-3, 0.02], rel=1e-12
    )
    with pytest.raises(ValueError, match="give steps="):
        blend(0, rho=1e-3, growth="per-run")


def test_a_blend_beyond_1_or_below_0_is_refused():
    for rho in (-0.1, 1.1):
        with pytest.raises(ValueError, match="rho"):
            qlab.step("bcgd", W, G, lr=0.1, rho=rho)
    assert blend(5, rho=0.5, rho_rate=10.0) == 1.0


def test_the_resolution_of_an_activation_learns_with_its_own_step():
    """S2's two scales, eta_x = 0.01 eta: one SGD step moves every parameter by its own step times its gradient."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), QuantReLU(2), nn.Linear(8, 8), QuantReLU(2), nn.Linear(8, 3)).double()
    lr = 0.1
    chosen = qlab.groups(net, "bcgd", bits=1, quiet=True, apart={"*resolution": {"lr": 0.01 * lr}})
    assert [[n for n, _ in group["params"]] for group in chosen[:2]] == [["2.weight"], ["1.resolution", "3.resolution"]]
    opt = qlab.QuantOptimizer(chosen, "bcgd", lr=lr)
    decay = torch.optim.lr_scheduler.StepLR(opt, 1, gamma=0.1)
    model, x = qlab.QuantModule(net, opt).train(), torch.randn(32, 6, dtype=torch.float64)
    for scale in (1.0, 0.1):  # the two steps keep their ratio under a schedule
        opt.zero_grad()
        (model(x) ** 2).sum().backward()
        before = {n: p.detach().clone() for n, p in net.named_parameters()}
        opt.step()
        for name, p in net.named_parameters():
            if name != "2.weight":
                step = lr * scale * (0.01 if name.endswith("resolution") else 1.0)
                assert p.grad.abs().sum() > 0
                torch.testing.assert_close(p.detach(), before[name] - step * p.grad, rtol=0, atol=1e-14)
        decay.step()


def test_the_slow_group_is_among_what_groups_prints(capsys):
    net = nn.Sequential(nn.Linear(2, 3), QuantReLU(2), nn.Linear(3, 3), nn.Linear(3, 2))
    qlab.groups(net, "bcgd", apart={"*resolution": {"lr": 0.001}})
    assert "as it is, lr=0.001: 1.resolution" in capsys.readouterr().out


def test_apart_names_what_it_does_not_find():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    with pytest.raises(ValueError, match="'\\*resolution' matches no parameter left"):
        qlab.groups(net, "bcgd", quiet=True, apart={"*resolution": {"lr": 0.001}})
    with pytest.raises(ValueError, match="apart="):
        qlab.groups(net, "bcgd", quiet=True, where={"*": {}}, apart={"*": {"lr": 0.001}})
