"""The closed velocity: the projection of -g, its clip, the midpoint, the three cases."""

import math

import pytest
import torch

from qlab.constraints import cases, psi, pushed, raw_eps, slope, velocity
from qlab.uniforms import normal, uniform

LEVELS = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
EPS = raw_eps(0.2, LEVELS)
U = 6 * uniform(1, 0, 0, (4000,), dtype=torch.float64) - 2.5
G = 2 * normal(1, 0, 1, (4000,), dtype=torch.float64)
PSI, SLOPE = psi(U, LEVELS, EPS), slope(U, LEVELS)


@pytest.mark.parametrize("push", [0.1, 1.0, 5.0])
def test_it_is_the_nearest_allowed_velocity(push):
    """Optimal for min ½(v + g)² over psi' v >= -push psi where psi < 0: allowed, and no allowed v is nearer to -g."""
    v = velocity(G, PSI, SLOPE, push)
    allowed = lambda v: (PSI >= 0) | (SLOPE * v >= -push * PSI - 1e-12 * (1 + push))  # noqa: E731
    assert allowed(v).all()
    for other in torch.linspace(-1, 1, 41, dtype=torch.float64):
        w = v + other * (v + G).abs().clamp(min=1e-3)
        better = allowed(w) & ((w + G).abs() < (v + G).abs() - 1e-9 * (1 + v.abs()))
        assert not better.any()


def test_the_multiplier_of_the_constraint_is_not_negative_and_complementary():
    """KKT: v = -g + lam psi' with lam >= 0, and lam > 0 only where psi' v = -push psi."""
    v, push = velocity(G, PSI, SLOPE, 1.0), 1.0
    lam = (v + G) / SLOPE
    assert (lam >= 0).all()
    active = lam > 1e-9
    torch.testing.assert_close((SLOPE * v)[active], (-push * PSI)[active])
    assert active.any()
    assert (PSI[active] < 0).all()


def test_the_push_is_clipped_and_nothing_else_is():
    loose, tight = velocity(G, PSI, SLOPE, 1.0), velocity(G, PSI, SLOPE, 1.0, 0.5)
    by = pushed(G, PSI, SLOPE, 1.0)
    assert torch.equal(tight[~by], -G[~by])
    assert torch.equal(tight[by], loose[by].clamp(-0.5, 0.5))
    assert (loose[by].abs() > 0.5).any()
    assert torch.equal(velocity(G, PSI, SLOPE, 1.0, math.inf), loose)


def test_at_a_midpoint_where_no_velocity_is_allowed():
    m, g = torch.tensor([1.25], dtype=torch.float64), torch.tensor([3.0], dtype=torch.float64)
    at = psi(m, LEVELS, EPS), slope(m, LEVELS)
    assert at[1] == 0
    assert at[0] < 0
    assert velocity(g, *at, 1.0, 0.5) == 0.5
    assert velocity(g, *at, 1.0) == velocity(g, *at, 1.0, math.inf) == -3.0


def test_the_push_points_away_from_the_midpoint():
    by = pushed(G, PSI, SLOPE, 1.0)
    v = velocity(G, PSI, SLOPE, 1.0, 2.0)
    assert (v[by] * SLOPE[by] > 0).all()


def test_three_cases():
    kind = cases(G, PSI, SLOPE, 1.0)
    assert torch.equal(kind == 0, PSI >= 0)
    assert torch.equal(kind == 2, pushed(G, PSI, SLOPE, 1.0))
    agrees = kind == 1
    assert agrees.any()
    assert ((-G * SLOPE) > 0)[agrees].all()


def test_nan_stays_nan():
    nan = torch.full((1,), float("nan"), dtype=torch.float64)
    psi_at, slope_at = torch.tensor([-1.0], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    assert velocity(nan, psi_at, slope_at, 1.0, 2.0).isnan().all()
    assert velocity(nan, psi_at, slope_at, 1.0).isnan().all()
