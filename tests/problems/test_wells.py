"""The three-well toy problem: continuity, gradient, minimizers, and which levels are next to the minimizer."""

import pytest
import torch

from qlab.problems import wells
from qlab.theory.chain import levels


def w(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_gradient_is_the_derivative_inside_every_well():
    at = torch.linspace(-3, 9, 481, dtype=torch.float64)
    at = at[((at.unsqueeze(1) - w(*wells.BORDERS)).abs() > 1e-3).all(1)].requires_grad_()
    slope = torch.autograd.grad(wells.loss(at).sum(), at)[0]
    torch.testing.assert_close(wells.gradient(at.detach()), slope)


def test_f_is_continuous_at_the_first_border_and_almost_at_the_second():
    for border, jump in zip(wells.BORDERS, (0.0, 0.0025), strict=True):
        left, right = wells.loss(w(border - 1e-12)), wells.loss(w(border))
        assert float(left - right) == pytest.approx(-jump, abs=1e-9)


def test_centres_are_the_minima_of_their_wells_and_the_last_one_is_the_minimum():
    at = torch.linspace(-3, 9, 12001, dtype=torch.float64)
    for j, (centre, height) in enumerate(zip(wells.CENTRES, wells.HEIGHTS, strict=True)):
        inside = at[wells.well(at) == j]
        assert float(inside[wells.loss(inside).argmin()]) == pytest.approx(centre)
        assert float(wells.loss(w(centre))) == pytest.approx(height)
        assert float(wells.gradient(w(centre))) == 0
    assert float(at[wells.loss(at).argmin()]) == pytest.approx(wells.MINIMIZER)
    assert min(wells.HEIGHTS) == wells.MINIMUM


def test_the_stochastic_gradient_is_unbiased_with_the_stated_spread():
    z = torch.linspace(-1, 1, 2001, dtype=torch.float64)  # symmetric: its mean is 0
    g = wells.stochastic_gradient(w(4.0).expand(2001), 3.0, z)
    assert float(g.mean()) == pytest.approx(float(wells.gradient(w(4.0))))
    assert float(g.std() / z.std()) == pytest.approx(3.0)


@pytest.mark.parametrize(("spacing", "expected"), [(0.5, [4.5, 5.0]), (1.0, [4.0, 5.0]), (0.25, [4.5, 4.75, 5.0])])
def test_levels_next_to_the_minimizer(spacing, expected):
    x = levels(spacing, -2, 8)
    assert x[wells.next_to_minimizer(x)].tolist() == expected
