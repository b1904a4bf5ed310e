"""The staircase from further away: areas against integration, slopes against differences, one level back the ramp."""

import pytest
import torch

from qlab.quantizers import quant_relu
from qlab.theory import staircase as theory

X = torch.linspace(-1.0, 5.0, 4097, dtype=torch.float64)  # 3/2048 apart: the grid meets every dyadic jump
CASES = [(0.5, 1), (0.25, 3), (0.5, 7), (0.125, 15)]


@pytest.mark.parametrize(("s", "n"), CASES)
def test_the_staircase_is_the_librarys_quantized_relu_and_stays_within_a_level_of_the_ramp(s, n):
    bits = (n + 1).bit_length() - 1
    assert torch.equal(theory.stairs(X, s, n), quant_relu(X, s, bits))
    gap = theory.stairs(X, s, n) - theory.ramp(X, s, n)
    assert float(gap.min()) == 0.0
    assert float(gap.max()) < s
    just_after = torch.arange(n, dtype=torch.float64) * s + 2.0**-30
    assert float((theory.stairs(just_after, s, n) - theory.ramp(just_after, s, n)).max()) == pytest.approx(s)


@pytest.mark.parametrize(("s", "n"), CASES)
def test_one_level_back_the_staircase_is_the_ramp_and_its_slope_the_declared_one_exactly(s, n):
    bits = (n + 1).bit_length() - 1
    x = X.clone().requires_grad_()
    quant_relu(x, s, bits).sum().backward()
    assert torch.equal(theory.slope(X, s, n, 1.0), x.grad)
    torch.testing.assert_close(theory.blurred(X, s, n, 1.0), theory.ramp(X, s, n), rtol=0, atol=1e-13)


@pytest.mark.parametrize("h", [0.25, 0.5, 0.7])
@pytest.mark.parametrize(("s", "n"), CASES)
def test_before_that_a_gap_of_one_minus_h_levels_is_left(s, n, h):
    x = torch.cat([X, theory.bends(s, n, h)])
    gap = (theory.blurred(x, s, n, h) - theory.ramp(x, s, n)).abs().max()
    assert float(gap) == pytest.approx((1 - h) * s)


@pytest.mark.parametrize("by", ["x", "resolution"])
@pytest.mark.parametrize(("s", "n"), CASES)
def test_what_is_seen_is_the_mean_over_the_width(s, n, by):
    """Against 20 000 midpoints: the error of a sum over jumps of height at most n s is below (jumps) n s / 20 000."""
    h, x = 0.5, torch.tensor([-0.2, 0.03, 0.3, 0.5, 0.77, 1.9, 4.9], dtype=torch.float64)
    m = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    if by == "x":
        mean = theory.stairs(x[:, None] - h * s * m, s, n).mean(1)
    else:
        mean = theory.stairs(x[:, None], s * (1 - h / 2 + h * m), n).mean(1)
    torch.testing.assert_close(theory.blurred(x, s, n, h, by=by), mean, rtol=0, atol=n * n * s / 20_000)


@pytest.mark.parametrize("h", [0.3, 1.0])
@pytest.mark.parametrize("by", ["x", "resolution"])
def test_the_slope_is_the_derivative_of_what_is_seen_and_jumps_only_at_the_bends(by, h):
    s, n, step = 0.3, 7, 1e-6
    bends = theory.bends(s, n, h, by=by)
    assert bool((bends.diff() > 0).all())
    ends = torch.cat([bends.new_tensor([-1.0]), bends, bends[-1:] + 1])
    middle, third = (ends[1:] + ends[:-1]) / 2, (2 * ends[1:] + ends[:-1]) / 3
    assert torch.equal(*(theory.slope(x, s, n, h, by=by) for x in (middle, third)))
    if by == "x":
        up, down = (theory.blurred(middle + d, s, n, h) for d in (step, -step))
        rise = (up - down) / (2 * step)
    else:  # the window keeps its width while s moves
        width = h * s

        def seen(r):
            return theory.blurred(middle, r, n, width / r, by=by)

        rise = (seen(s + step) - seen(s - step)) / (2 * step)
    torch.testing.assert_close(rise, theory.slope(middle, s, n, h, by=by), rtol=0, atol=1e-4)
