"""Verdicts follow the interval; power is the power of the test that is made."""

import math

import numpy as np
import pytest

from qlab import uniforms
from qlab.lessons import claims
from qlab.lessons.claims import FAILS, HOLDS, OPEN, Claim, VerdictError, interval, power, runs_needed, verdicts
from qlab.schema import LESSONS

CLAIM = Claim("03.C1", "SR stalls", "S1 section 4")


def sample(mean, sd, n=10, seed=0):
    z = uniforms.normal(seed, 0, 0, (n,), stream="data").numpy().astype(np.float64)
    return mean + sd * (z - z.mean()) / z.std(ddof=1)


@pytest.mark.parametrize(
    ("mean", "sd", "margin", "verdict"),
    [
        (1.0, 0.1, 0.0, HOLDS),
        (-1.0, 0.1, 0.0, FAILS),
        (0.01, 1.0, 0.0, OPEN),
        (1.0, 0.1, 1.5, FAILS),
        (1.0, 0.1, 1.0, OPEN),
        (0.5, 0.0, 0.0, HOLDS),
        (0.0, 0.0, 0.0, OPEN),
        (-0.5, 0.0, 0.0, FAILS),
    ],
)
def test_the_verdict_is_where_the_whole_interval_lies(mean, sd, margin, verdict):
    v = CLAIM.judge(sample(mean, sd), margin=margin)
    assert v.verdict == verdict
    low, high = v.interval
    assert low <= v.difference <= high
    assert (v.verdict == HOLDS) == (low > margin)


def test_the_interval_covers_the_truth_about_95_times_in_100():
    z = uniforms.normal(1, 0, 0, (2000, 10), stream="data").double().numpy()
    inside = np.mean([lo <= 0 <= hi for lo, hi in map(interval, z)])
    assert abs(inside - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_the_power_is_the_share_of_samples_that_decide():
    n, effect = 8, 1.0
    z = uniforms.normal(2, 0, 0, (2000, n), stream="data").double().numpy() + effect
    decided = np.mean([lo > 0 or hi < 0 for lo, hi in map(interval, z)])
    assert abs(decided - power(n, effect)) < 4 * math.sqrt(0.25 / 2000)


@pytest.mark.parametrize("effect", [0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 20.0, 1e6])
def test_the_runs_needed_are_the_fewest_with_80_percent_power(effect):
    n = runs_needed(effect, 1.0)
    effect = min(effect, 30.0)
    assert power(n, effect) >= 0.8
    assert n == 2 or power(n - 1, effect) < 0.8


def test_the_runs_needed_do_not_depend_on_the_unit_or_the_sign():
    assert runs_needed(0.3, 1.0) == runs_needed(-300.0, 1000.0)
    assert runs_needed(0.0, 1.0) is None
    assert runs_needed(1e-9, 1.0) is None
    assert runs_needed(1.0, 0.0) == 2


def test_too_few_seeds_and_a_wrong_expectation_are_refused():
    with pytest.raises(ValueError, match="at least 10 seeds, got 3"):
        CLAIM.judge([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="cannot tell"):
        Claim("x", "y", "z", expected="maybe")


def test_a_diverged_run_leaves_it_open():
    v = CLAIM.judge([1.0] * 9 + [math.nan])
    assert v.verdict == OPEN
    assert "1 of 10" in v.note
    assert v.record()["difference"] is None


def test_an_exact_value_needs_no_seeds():
    assert CLAIM.exact(0.1).verdict == HOLDS
    assert CLAIM.exact(-0.1).verdict == FAILS
    assert CLAIM.exact(0.1, margin=0.2).verdict == FAILS
    assert CLAIM.exact(math.inf).verdict == OPEN


@pytest.fixture
def at(monkeypatch):
    def put(**changes):
        monkeypatch.setattr(claims, "current", {"P": LESSONS["03"]().replace(**changes)})

    return put


def test_lines_have_no_measured_digits(at, capsys):
    at()
    verdicts([CLAIM.judge(sample(0.123456, 0.01))])
    assert capsys.readouterr().out == "03.C1 holds: SR stalls (S1 section 4)\n"


def test_a_surprise_raises_at_the_defaults_only(at, capsys):
    surprise = CLAIM.judge(sample(-1.0, 0.1))
    at()
    with pytest.raises(VerdictError, match="does not hold, expected: holds"):
        verdicts([surprise])
    at(SEED=5)
    verdicts([surprise])
    assert "expected at the defaults: holds" in capsys.readouterr().out


def test_an_expected_failure_is_no_surprise(at):
    at()
    verdicts([Claim("03.C9", "s", "S1", expected=FAILS).judge(sample(-1.0, 0.1))])
    with pytest.raises(VerdictError):
        verdicts([Claim("03.C9", "s", "S1", expected=FAILS).judge(sample(1.0, 0.1))])
