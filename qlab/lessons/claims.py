"""Claims and verdicts: what a document says, tried over seeds and judged by an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qlab.lessons.emit import emit, table
from qlab.lessons.setup import current

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot tell"
VERDICTS = (HOLDS, FAILS, OPEN)
LEVEL, POWER, MOST = 0.95, 0.80, 1_000_000


class VerdictError(AssertionError):
    """A verdict at default parameters that is not the expected one."""

    def _render_traceback_(self) -> list[str]:
        return [f"VerdictError: {self}"]


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim and its evidence: mean difference, interval, seeds, seeds needed for 80 % power."""

    claim: Claim
    verdict: str
    difference: float
    interval: tuple[float, float]
    seeds: int
    runs_needed: int | None
    note: str = ""

    @property
    def as_expected(self) -> bool:
        return self.verdict == self.claim.expected

    def line(self) -> str:
        """One line without measured digits."""
        surprise = "" if self.as_expected else f" [expected at the defaults: {self.claim.expected}]"
        return f"{self.claim.id} {self.verdict}: {self.claim.says} ({self.claim.source}){surprise}"

    def record(self) -> dict[str, Any]:
        """What a program reads: plain numbers and words."""
        return {
            "id": self.claim.id,
            "says": self.claim.says,
            "source": self.claim.source,
            "verdict": self.verdict,
            "expected": self.claim.expected,
            "difference": _finite(self.difference),
            "interval": [_finite(v) for v in self.interval],
            "seeds": self.seeds,
            "runs_needed": self.runs_needed,
            "note": self.note,
        }


@dataclass(frozen=True)
class Claim:
    """A sentence of a document, its source, and the verdict expected at a lesson's default parameters."""

    id: str
    says: str
    source: str
    expected: str = HOLDS

    def __post_init__(self) -> None:
        if self.expected not in VERDICTS:
            raise ValueError(f"expected={self.expected!r}; allowed: {', '.join(VERDICTS)}")

    def judge(self, differences: Iterable[float], *, margin: float = 0.0, at_least: int = 10) -> Verdict:
        """Judge by one difference per seed, positive where the claim is right.

        holds: the whole 95 % interval of the mean (Student t) lies above `margin`; does not hold: below it; else
        cannot tell. A run that is not finite leaves it at cannot tell. ValueError with fewer than `at_least` seeds.
        """
        d = np.asarray(list(differences), dtype=np.float64)
        if d.ndim != 1 or d.size < at_least:
            raise ValueError(
                f"claim {self.id} needs one difference for each of at least {at_least} seeds, got {d.size}"
            )
        broken = int((~np.isfinite(d)).sum())
        if broken:
            note = f"{broken} of {d.size} runs are not finite"
            return Verdict(self, OPEN, math.nan, (math.nan, math.nan), d.size, None, note)
        low, high = interval(d)
        needed = runs_needed(float(d.mean()) - margin, float(d.std(ddof=1)))
        return Verdict(self, _verdict(low, high, margin), float(d.mean()), (low, high), d.size, needed)

    def exact(self, difference: float, *, margin: float = 0.0) -> Verdict:
        """Judge by one exact number (a closed form, an exhaustive search): no seeds, no interval."""
        d = float(difference)
        if not math.isfinite(d):
            return Verdict(self, OPEN, d, (d, d), 1, None, "the exact value is not finite")
        return Verdict(self, _verdict(d, d, margin), d, (d, d), 1, 1, "exact")


def _verdict(low: float, high: float, margin: float) -> str:
    return HOLDS if low > margin else FAILS if high < margin else OPEN


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def interval(d: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Student's interval of the mean: mean(d) ± t_{n-1} s / sqrt(n)."""
    from scipy import stats

    half = float(stats.t.ppf(0.5 + level / 2, d.size - 1)) * float(d.std(ddof=1)) / math.sqrt(d.size)
    return float(d.mean()) - half, float(d.mean()) + half


def power(n: int, effect: float, level: float = LEVEL) -> float:
    """Power of the two-sided paired t test with n seeds, effect = |mean| / standard deviation (noncentral t)."""
    from scipy import stats

    edge, shift = stats.t.ppf(0.5 + level / 2, n - 1), effect * math.sqrt(n)
    # Far out the wrong tail is nothing, and scipy returns NaN for it.
    wrong = stats.nct.cdf(-edge, n - 1, shift) if shift < 5 else 0.0
    return float(stats.nct.sf(edge, n - 1, shift) + wrong)


def runs_needed(difference: float, spread: float, target: float = POWER) -> int | None:
    """The seeds needed to tell `difference` from 0 with 80 % power; None where no practical number is enough."""
    if difference == 0:
        return None
    if spread == 0:
        return 2
    effect = min(abs(difference) / spread, 30.0)  # beyond, two seeds are always enough
    high = 2
    while power(high, effect) < target:
        high *= 2
        if high > MOST:
            return None
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, effect) >= target else (middle + 1, high)
    return high


def verdicts(found: Sequence[Verdict]) -> None:
    """Show one line per claim. VerdictError where a verdict is not the expected one at the default parameters only."""
    if not found:
        raise ValueError("verdicts() needs at least one verdict")
    P = current.get("P")
    at_defaults = P is not None and P.at_defaults()
    emit("\n".join(v.line() for v in found), verdicts=[v.record() for v in found], at_defaults=at_defaults)
    wrong = [v for v in found if not v.as_expected]
    if wrong and at_defaults:
        raise VerdictError(
            "; ".join(f"{v.claim.id} {v.verdict}, expected: {v.claim.expected} ({evidence(v)})" for v in wrong)
        )


def evidence(v: Verdict) -> str:
    """The measured numbers of a verdict in words."""
    if v.note:
        return v.note if v.seeds > 1 else f"{v.note}: {v.difference:.3g}"
    return f"difference {v.difference:.3g}, 95 % interval {v.interval[0]:.3g} to {v.interval[1]:.3g}, {v.seeds} seeds"


def details(found: Sequence[Verdict]) -> None:
    """The measured numbers behind the verdicts, as a table (a `compare` cell: its output is never kept)."""
    rows = [
        (
            v.claim.id,
            v.verdict,
            f"{v.difference:.3g}",
            f"{v.interval[0]:.3g} to {v.interval[1]:.3g}",
            str(v.seeds),
            "more than a million" if v.runs_needed is None else str(v.runs_needed),
            v.note,
        )
        for v in found
    ]
    header = ("claim", "verdict", "difference", "95 % interval", "seeds", "seeds needed for 80 % power", "note")
    emit(*table(header, rows))
