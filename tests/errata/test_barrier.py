"""ASkewSGD and descent ascent as printed in S0, against what holds: errata E7, E8, E26."""

import math

import torch

import qlab
from qlab.constraints import psi, slope, velocity
from qlab.uniforms import normal, uniform

LEVELS = torch.tensor([-1.0, 1.0], dtype=torch.float64)
ONE = {"bits": 1, "scale": "one"}


def test_E07_without_its_second_condition_the_printed_velocity_is_not_the_nearest_allowed_one():
    u = uniform(1, 0, 0, (4000,), dtype=torch.float64) * 4 - 2
    g = 2 * normal(1, 0, 1, (4000,), dtype=torch.float64)
    value, d = psi(u, LEVELS, 0.3), slope(u, LEVELS)
    printed = torch.where(value >= 0, -g, (-value / d).clamp(-50, 50))
    ours = velocity(g, value, d, 1.0, 50.0)
    allowed = (value >= 0) | (-d * g >= -value)
    nearer = (ours + g).abs() < (printed + g).abs() - 1e-9
    assert torch.equal(ours[allowed], -g[allowed])
    assert nearer.any()
    assert allowed[nearer].all()
    assert not ((printed + g).abs() < (ours + g).abs() - 1e-9)[allowed].any()


def test_E08_the_printed_dual_step_starts_from_the_weight_and_prices_a_constraint_that_holds():
    """P(w + eta grad): a multiplier must fall where psi > 0 and rise where psi < 0, from where it was."""
    w, g = torch.tensor([1.0, 0.9, 0.2, -0.2], dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    lam, eta, value = torch.full((4,), 0.5, dtype=torch.float64), 0.1, psi(w, LEVELS, 0.1)
    printed = (w - eta * value).clamp(min=0)
    state = {"lam": lam.clone()}
    qlab.step("sgda", w, g, lr=0.01, dual_step=eta, eps_hat=0.1, state=state, **ONE)
    torch.testing.assert_close(state["lam"] - lam, -eta * value)
    assert torch.equal((state["lam"] - lam).sign(), -value.sign())
    assert not torch.equal((printed - lam).sign(), -value.sign())


def test_E26_the_stationary_point_lies_on_the_island_of_the_start():
    """F = Σ (w - w*)²/2, w* a vertex: without a free phase askew ends at a stationary point of the starting signs,
    whatever eps_hat; with one it finds the vertex."""
    start = uniform(4, 0, 0, (50,), dtype=torch.float64) * 2 - 1
    vertex = torch.where(uniform(4, 0, 1, (50,), dtype=torch.float64) < 0.5, -1.0, 1.0).double()
    assert (start.sign() != vertex).any()

    def train(eps_hat, free_phase):
        w = start
        for t in range(400):
            w = qlab.step(
                "askew", w, w - vertex, lr=0.05, t=t, steps=400, eps_hat=eps_hat, free_phase=free_phase, **ONE
            )
        return w

    for eps_hat in (0.1, 0.5, 0.9, 0.99):
        w = train(eps_hat, 0.0)
        wrong = start.sign() != vertex
        assert torch.equal(w.sign(), start.sign())
        edge = math.sqrt(1 - math.sqrt(eps_hat))
        torch.testing.assert_close(w[wrong], edge * start.sign()[wrong], rtol=0, atol=1e-6)
        assert torch.equal(train(eps_hat, 0.5).sign(), vertex)
