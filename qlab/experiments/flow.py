"""Constrained flow (S0 4): a rate on a convex set, which is what the theorem covers, and what is left of it on islands.

    w+ = w + η v,    v = argmin over V(w) of 1/2 |v + F'(w)|²

`Convex` is covered by S0's Theorem 1: F strongly convex, C convex and bounded, MFCQ everywhere. The islands around the
levels are covered by no part of it: C is not even connected.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qlab import uniforms
from qlab.constraints import cones, eps_hat_at, eps_of, gap, psi, qp, slope, velocity

CONDITION = 4.0  # largest over smallest eigenvalue of the quadratic


@dataclass(frozen=True)
class Convex:
    """F(w) = 1/2 (w - a)'H(w - a) on C = {|w|² <= 1, w_1 <= .2, n'w <= .1}: H (d, d) with eigenvalues from 1 to
    CONDITION, a (d,) outside of C. Float64."""

    H: Tensor
    a: Tensor
    n: Tensor

    @classmethod
    def draw(cls, seed: int, d: int) -> Convex:
        """An instance: random eigenvectors, |a| = 2 with both half-spaces violated, n a random unit vector."""
        Q = torch.linalg.qr(_normal(seed, 0, d, d))[0]
        n = torch.nn.functional.normalize(_normal(seed, 1, d), dim=0)
        a = _normal(seed, 2, d)
        a = torch.where(a[0] < 0, -a, a)
        n = torch.where(n @ a < 0, -n, n)
        return cls(Q @ torch.diag(torch.linspace(1, CONDITION, d, dtype=torch.float64)) @ Q.T, 2 * a / a.norm(), n)

    def gradient(self, w: Tensor) -> Tensor:
        return self.H @ (w - self.a)

    def psi(self, w: Tensor) -> Tensor:
        """(3,): all concave, so C is convex; the origin is inside, so it satisfies Slater and MFCQ."""
        return torch.stack([1 - w @ w, 0.2 - w[0], 0.1 - self.n @ w])

    def jacobian(self, w: Tensor) -> Tensor:
        return torch.stack([-2 * w, -torch.eye(len(w), dtype=w.dtype)[0], -self.n])


@dataclass(frozen=True)
class Flow:
    """One run: the iterates (T + 1, d), and the KKT residual of the last one."""

    w: Tensor
    residual: cones.Residual

    def distances(self) -> Tensor:
        """|w_k - w_T|, (T + 1,): to the minimizer, where the residual of w_T is 0 up to rounding."""
        return (self.w - self.w[-1]).norm(dim=1)

    def first_below(self, size: float) -> int:
        """The first step from which on the distance stays below `size`."""
        above = (self.distances() >= size).nonzero()
        return int(above[-1]) + 1 if len(above) else 0


def run(problem: Convex, *, step_size: float, push: float, iterations: int, start: Tensor) -> Flow:
    """The flow on a convex problem from `start` (d,), its velocity by the general quadratic program."""
    w = [start.double()]
    for _ in range(iterations):
        here = w[-1]
        v = qp.velocity(problem.gradient(here), problem.psi(here), problem.jacobian(here), push, tol=1e-9)
        w.append(here + step_size * v)
    end = w[-1]
    residual = cones.kkt_residual(problem.gradient(end), problem.psi(end), problem.jacobian(end), tol=1e-9)
    return Flow(torch.stack(w), residual)


def decades(flow: Flow) -> tuple[int, int]:
    """Steps from a distance of 1e-2 to 1e-4, and from 1e-4 to 1e-6: equal where the rate is linear, a hundred times
    as many where the distance falls like 1/k."""
    a, b, c = (flow.first_below(size) for size in (1e-2, 1e-4, 1e-6))
    return b - a, c - b


def on_islands(
    levels: Tensor,
    target: Tensor,
    start: Tensor,
    *,
    step_size: float,
    push: float,
    iterations: int,
    eps_hat: float,
    anneal: str = "constant",
    free_phase: float = 0.0,
) -> Tensor:
    """The last iterate for F = 1/2 |w - target|² on the islands of `levels`; any number of independent weights.

    eps_hat: at the end of the run, annealed from 1 over what follows the `free_phase` (`constraints.eps_hat_at`).
    """
    w, size = start.double(), gap(levels)
    for t in range(1, iterations + 1):
        eps = eps_of(eps_hat_at(t, iterations, eps_hat, free_phase, anneal), size)
        w = w + step_size * velocity(w - target, psi(w, levels, eps), slope(w, levels), push, 5.0)
    return w


def best_on_islands(ends: Tensor, target: Tensor) -> Tensor:
    """The minimizer of |w - target| on the islands `ends` (K, 2), weight by weight: clip to each, take the best."""
    near = target[..., None].clamp(ends[:, 0], ends[:, 1])
    return near.gather(-1, (near - target[..., None]).abs().argmin(-1, keepdim=True))[..., 0]


def _normal(seed: int, number: int, *shape: int) -> Tensor:
    return uniforms.normal(seed, 0, number, shape, stream="data", dtype=torch.float64)
