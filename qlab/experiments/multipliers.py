"""Descent ascent on one weight: which KKT point, what price, and which step sizes (S0 6).

    min over w, max over λ >= 0 of  L(w, λ) = 1/2 (w - TARGET)² - λ psi(w),     levels ±1,  eps = eps_hat
    w+ = w - η (g - λ psi'(w)),   λ+ = max(0, λ - η_λ psi(w))       ("alternating": psi(w+)),   g = w - TARGET + noise z

The loop is plain Python on floats, draw by draw the library's rule `sgda`: a run is as fast as a drag needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from qlab import uniforms
from qlab.messages import unknown

TARGET = 0.3
UPDATES = ("simultaneous", "alternating")
OUTCOMES = ("left", "right", "circling", "diverged")
FAR = 1e3  # beyond, a run has diverged
AT_REST = 0.01  # the range of w, and of λ, below which the last quarter of a run counts as at rest


def psi(w: float, eps: float) -> float:
    """psi(w) for levels ±1."""
    return eps - ((abs(w) - 1) ** 2 if abs(w) >= 1 else (w * w - 1) ** 2)


def slope(w: float) -> float:
    """psi'(w) for levels ±1."""
    return -2 * (w - math.copysign(1, w)) if abs(w) >= 1 else -4 * w * (w * w - 1)


@dataclass(frozen=True)
class Point:
    """A KKT point: the weight, its multiplier λ >= 0 and the loss there."""

    w: float
    lam: float

    @property
    def loss(self) -> float:
        return (self.w - TARGET) ** 2 / 2


def kkt_points(eps: float) -> tuple[Point, Point]:
    """The KKT points, left and right: on each island the point nearest to TARGET. λ = (w - TARGET)/psi'(w) or 0."""
    inner, outer = math.sqrt(1 - math.sqrt(eps)), 1 + math.sqrt(eps)
    found = []
    for low, high in ((-outer, -inner), (inner, outer)):
        w = min(max(TARGET, low), high)
        found.append(Point(w, 0.0 if w == TARGET else (w - TARGET) / slope(w)))
    return found[0], found[1]


@dataclass(frozen=True)
class Path:
    """One run: w and λ (T + 1,), shorter if it diverged; `lost`: the step at which it did, else None."""

    w: np.ndarray
    lam: np.ndarray
    eps: float
    lost: int | None

    @property
    def tail(self) -> slice:
        """The last quarter."""
        return slice(3 * len(self.w) // 4, None)

    @property
    def at_rest(self) -> bool:
        moved = max(float(np.ptp(self.w[self.tail])), float(np.ptp(self.lam[self.tail])))
        return self.lost is None and moved < AT_REST

    @property
    def end(self) -> Point:
        """The means over the last quarter."""
        return Point(float(self.w[self.tail].mean()), float(self.lam[self.tail].mean()))

    @property
    def away(self) -> float:
        """|w - w*| + |λ - λ*| of the end, to the nearer KKT point."""
        return min(abs(self.end.w - p.w) + abs(self.end.lam - p.lam) for p in kkt_points(self.eps))

    @property
    def peak(self) -> float:
        return float(self.lam.max())

    @property
    def feasible_after(self) -> int:
        """The first step at which the weight is on an island; T + 1 if it never is."""
        w = np.abs(self.w)
        inside = np.where(w >= 1, (w - 1) ** 2, (w * w - 1) ** 2) <= self.eps
        return int(inside.argmax()) if inside.any() else len(w)

    def reached(self, tol: float = AT_REST) -> Point | None:
        """The KKT point at which the run has come to rest, if any."""
        if not self.at_rest:
            return None
        near = [p for p in kkt_points(self.eps) if abs(p.w - self.w[-1]) < tol and abs(p.lam - self.lam[-1]) < tol]
        return near[0] if near else None


def run(
    *,
    step_size: float,
    dual_step: float,
    eps_hat: float,
    start: float,
    iterations: int = 2000,
    update: str = "simultaneous",
    noise: float = 0.0,
    lam: float = 0.0,
    seed: int = 0,
) -> Path:
    """One run from (start, lam). It stops where |w| or λ exceed FAR."""
    if update not in UPDATES:
        raise ValueError(unknown("update", update, UPDATES))
    eps, w, alternating = float(eps_hat), float(start), update == "alternating"
    shake = (noise * _normals(seed, iterations)).tolist() if noise else [0.0] * iterations
    ws, lams, lost = [w], [lam], None
    for t, z in enumerate(shake):
        new = w - step_size * (w - TARGET + z - lam * slope(w))
        lam = max(0.0, lam - dual_step * psi(new if alternating else w, eps))
        w = new
        ws.append(w)
        lams.append(lam)
        if abs(w) > FAR or lam > FAR:
            lost = t + 1
            break
    return Path(np.array(ws), np.array(lams), eps, lost)


def radius(point: Point, step_size: float, dual_step: float, update: str = "simultaneous") -> float:
    """The spectral radius of one step at a KKT point with λ > 0: below 1 the point attracts, above 1 it repels.

    With a = 1 - λ psi''(w), the curvature of L in w, and b = psi'(w), the simultaneous step is
    [[1 - η a, η b], [-η_λ b, 1]], of determinant 1 - η a + η η_λ b²: it repels where η_λ > a/b², however small η is.
    """
    a, b = curvature(point), slope(point.w)
    step = np.array([[1 - step_size * a, step_size * b], [-dual_step * b, 1.0]])
    if update == "alternating":  # λ sees psi at the new weight: psi' of the first row enters the second
        step[1] = np.array([0.0, 1.0]) - dual_step * b * step[0]
    return float(np.abs(np.linalg.eigvals(step)).max())


def curvature(point: Point) -> float:
    """a = 1 - λ psi''(w), with psi'' = -4 (3 w² - 1) between the levels, -2 outside."""
    second = -2.0 if abs(point.w) >= 1 else -4 * (3 * point.w**2 - 1)
    return 1 - point.lam * second


def largest_dual_step(point: Point) -> float:
    """a/b²: the dual step beyond which the simultaneous update never settles at this point; 0 where λ = 0."""
    return curvature(point) / slope(point.w) ** 2 if point.lam else 0.0


def attracts(point: Point, eps: float, step_size: float, dual_step: float, update: str = "simultaneous") -> bool:
    """Whether a run that begins 1e-4 beside a KKT point has come to it in 4000 steps."""
    setting = {"step_size": step_size, "dual_step": dual_step, "eps_hat": eps, "update": update}
    path = run(start=point.w + 1e-4, lam=point.lam, iterations=4000, **setting)  # type: ignore[arg-type]
    return path.lost is None and abs(float(path.w[-1]) - point.w) < 1e-6


def outcome(path: Path) -> str:
    """One of OUTCOMES: where the run came to rest, "circling" if it did not."""
    if path.lost is not None:
        return "diverged"
    found = path.reached()
    return "circling" if found is None else "right" if found.w > 0 else "left"


def sweep(
    step_size: np.ndarray,
    dual_step: np.ndarray,
    *,
    eps_hat: float,
    start: float,
    iterations: int = 1000,
    update: str = "simultaneous",
) -> np.ndarray:
    """The outcome of `run`, without noise, at each pair of step sizes (n,): indices into OUTCOMES."""
    alternating = update == "alternating"
    w, lam = np.full(step_size.shape, float(start)), np.zeros(step_size.shape)
    kept = np.empty((2, iterations - 3 * (iterations + 1) // 4 + 1, w.size))
    with np.errstate(over="ignore", invalid="ignore"):  # what diverges goes on to infinity and comes back as NaN
        value, d = _both(w, eps_hat)
        for t in range(1, iterations + 1):
            new = w - step_size * (w - TARGET - lam * d)
            seen, d = _both(new, eps_hat)
            lam = np.maximum(0.0, lam - dual_step * (seen if alternating else value))
            w, value = new, seen
            if t >= 3 * (iterations + 1) // 4:
                kept[:, t - 3 * (iterations + 1) // 4] = w, lam
        lost = ~((np.abs(w) <= FAR) & (lam <= FAR))
        rest = (np.ptp(kept, axis=1) < AT_REST).all(0)
    found = np.full(w.shape, OUTCOMES.index("circling"))
    for name, point in zip(("left", "right"), kkt_points(eps_hat), strict=True):
        there = rest & (np.abs(w - point.w) < AT_REST) & (np.abs(lam - point.lam) < AT_REST)
        found[there] = OUTCOMES.index(name)
    found[lost] = OUTCOMES.index("diverged")
    return found


def _both(w: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """psi and psi' of many weights: psi = eps - e², psi' = -2 e e'."""
    outside = np.abs(w) >= 1
    e = np.where(outside, np.abs(w), w * w) - 1
    return eps - e * e, -2 * e * np.where(outside, np.sign(w), 2 * w)


@lru_cache(maxsize=4)
def _normals(seed: int, iterations: int) -> np.ndarray:
    """z (iterations,), entry t = uniforms.normal(seed, t, 0, (1,)): kept, so that a drag meets the same noise."""
    return uniforms.normal(seed, torch.arange(iterations), 0, (1,), dtype=torch.float64).numpy()[:, 0]
