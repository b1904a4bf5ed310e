"""Errata of S0, sections 3 and 5: the printed form violates the property, the library's has it."""

from itertools import pairwise

import pytest
import torch

from qlab import uniforms
from qlab.constraints import admissible, cones, eps_of, gap, intervals, psi, slope, velocity

SETS = [
    torch.tensor(levels, dtype=torch.float64)
    for levels in ([-1.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, -1 / 3, 1 / 3, 1.0], [-2.0, -0.5, 0.5, 3.0])
]


@pytest.mark.parametrize("levels", SETS)
@pytest.mark.parametrize("eps_hat", [0.001, 0.1, 0.99])
def test_E05_mfcq_fails_exactly_at_the_midpoints(levels, eps_hat):
    eps = eps_of(eps_hat, float(gap(levels)))
    middle = (levels[1:] + levels[:-1]) / 2
    assert not cones.qualified(psi(middle, levels, eps), slope(middle, levels)).any()  # printed: "for all w"
    for w in middle:
        one = w[None]
        assert not cones.mfcq(psi(one, levels, eps), torch.diag(slope(one, levels)))
    everywhere = torch.linspace(float(levels[0]) - 2, float(levels[-1]) + 2, 4001, dtype=torch.float64)
    off = torch.cat([everywhere, middle - 1e-7, middle + 1e-7])
    off = off[((off[:, None] - middle).abs() > 1e-8).all(1)]
    assert cones.qualified(psi(off, levels, eps), slope(off, levels)).all()


@pytest.mark.parametrize("levels", SETS)
def test_E06_epsilon_must_be_strictly_below_gap_4_over_16(levels):
    limit = eps_of(1.0, float(gap(levels)))
    narrow = int((levels[1:] - levels[:-1]).argmin())
    middle = ((levels[1:] + levels[:-1]) / 2)[narrow][None]
    # printed <=: at equality psi = psi' = 0 half way, and two islands are one
    assert float(psi(middle, levels, limit)) == pytest.approx(0, abs=1e-15)
    assert float(slope(middle, levels)) == pytest.approx(0, abs=1e-12)
    ends = intervals(levels, limit)
    assert float(ends[narrow, 1]) == pytest.approx(float(ends[narrow + 1, 0]))
    with pytest.raises(ValueError, match="eps_hat"):
        admissible(limit, levels)
    below = limit * (1 - 1e-6)
    admissible(below, levels)
    ends = intervals(levels, below)
    assert (ends[:-1, 1] < ends[1:, 0]).all()
    assert float(psi(middle, levels, below)) < 0


def test_E09_the_descent_inequality_holds_with_the_velocity_and_the_constant_L():
    """l = 5 w² (L = 10), one step w + γ v. Printed: l + γ grad'w + γ²|grad|²/2. Right: l + γ grad'v + L γ²|v|²/2."""
    L, levels = 10.0, SETS[0]

    def loss(w):
        return L / 2 * w**2

    w = uniforms.normal(3, 0, 0, (4000,), stream="data", dtype=torch.float64)
    g = L * w
    v = velocity(g, psi(w, levels, 0.3), slope(w, levels), 1.0, 5.0)
    printed_failed = False
    for step in (0.01, 0.1, 0.2, 0.5):
        true = loss(w + step * v)
        assert (true <= loss(w) + step * g * v + L * step**2 * v**2 / 2 + 1e-9).all()
        printed_failed |= bool((true > loss(w) + step * g * w + step**2 * g**2 / 2 + 1e-9).any())
    assert printed_failed
    # formulas.md: 20 against 12.5, where w = -1 descends freely with step .3
    w, step = torch.tensor(-1.0, dtype=torch.float64), 0.3
    g, v = L * w, -L * w
    assert float(loss(w + step * v)) == pytest.approx(20)
    assert float(loss(w) + step * g * v + L * step**2 * v**2 / 2) == pytest.approx(20)


@pytest.mark.parametrize("levels", SETS)
def test_E22_with_K_levels_there_are_K_minus_1_inner_cells_whatever_the_number_of_weights(levels):
    """S0 writes j for the coordinate and for the level: psi acts on each weight, its inner cells are j = 2 ... K."""
    eps = eps_of(0.5, float(gap(levels)))
    w = uniforms.normal(5, 0, 0, (7, 9), stream="data", dtype=torch.float64)
    alone = torch.stack([psi(one[None], levels, eps)[0] for one in w.ravel()]).view_as(w)
    torch.testing.assert_close(psi(w, levels, eps), alone, rtol=0, atol=0)
    for a, b in pairwise(levels):
        x = a + (b - a) * torch.linspace(0, 0.999, 50, dtype=torch.float64)
        torch.testing.assert_close(psi(x, levels, eps), eps - (x - a) ** 2 * (x - b) ** 2)
    for end, away in ((levels[0], -1), (levels[-1], 1)):
        x = end + away * torch.linspace(0.001, 2, 50, dtype=torch.float64)
        torch.testing.assert_close(psi(x, levels, eps), eps - (x - end) ** 2)
