"""Multipliers as prices: instances of  P*(ε) = min loss subject to distance <= ε  whose dual is known exactly (S3).

    D(λ; ε) = min over f of  loss(f) + λ (distance(f) - ε),      D*(ε) = max over λ >= 0 of D(λ; ε)  <=  P*(ε)

Without a gap (D* = P*) the best multiplier is the slope of the price curve: -λ* is a subgradient of P* at ε, a number
<= 0 because P* never rises (S3, 2.4 and Theorem 1; S3 prints the subdifferential with z in R+, where it is empty
unless λ* = 0).

    `Ball`      convex: a quadratic over a ball; no gap
    `Rounding`  not convex, but over all functions of a continuous input: no gap, all in closed form
    `Atoms`     the same kind of problem over n single inputs, wrong or right: a gap, which 1/n bounds
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qlab.quantizers import checks


def is_subgradient(z: float, price: Callable[[float], float], eps: float, at: Tensor, tol: float = 1e-12) -> bool:
    """Whether P(ε') >= P(ε) + z (ε' - ε) for every ε' in `at`: what S3, 2.4 asks of a subgradient z of any sign."""
    return all(price(float(e)) >= price(eps) + z * (float(e) - eps) - tol for e in at)


@dataclass(frozen=True)
class Ball:
    """P*(ε) = min over x of 1/2 x'Ax - b'x subject to |x - c|² <= ε.

    A (d, d) symmetric positive definite, b (d,), c (d,), float64. The minimizer of the Lagrangian is
    x(λ) = (A + 2 λ I)^-1 (b + 2 λ c), and |x(λ) - c| falls in λ, so λ* is one root.
    """

    A: Tensor
    b: Tensor
    c: Tensor

    def __post_init__(self) -> None:
        checks.tensor(self.A, "A")
        if self.A.ndim != 2 or not torch.equal(self.A, self.A.T) or float(torch.linalg.eigvalsh(self.A)[0]) <= 0:
            raise ValueError("A: allowed is a symmetric positive definite matrix; did you mean (A + A.T)/2 + d*I?")
        for name in ("b", "c"):
            checks.tensor(getattr(self, name), name)
            checks.shape(getattr(self, name), self.A.shape[:1], name)

    def loss(self, x: Tensor) -> Tensor:
        """1/2 x'Ax - b'x of x (d,)."""
        return x @ self.A @ x / 2 - self.b @ x

    def distance(self, x: Tensor) -> Tensor:
        """|x - c|²."""
        return (x - self.c).square().sum()

    def best(self, lam: float) -> Tensor:
        """x(λ), the minimizer of the Lagrangian."""
        eye = torch.eye(len(self.b), dtype=self.A.dtype, device=self.A.device)
        return torch.linalg.solve(self.A + 2 * lam * eye, self.b + 2 * lam * self.c)

    def dual(self, lam: float, eps: float) -> float:
        """D(λ; ε): for every λ >= 0 a lower bound on P*(ε)."""
        x = self.best(lam)
        return float(self.loss(x) + lam * (self.distance(x) - eps))

    def multiplier(self, eps: float) -> float:
        """λ*(ε): 0 where the minimizer of the loss lies in the ball, else the root of |x(λ) - c|² = ε (bisection)."""
        checks.positive(eps, "eps")
        if float(self.distance(self.best(0.0))) <= eps:
            return 0.0
        low, high = 0.0, 1.0
        while float(self.distance(self.best(high))) > eps:
            high *= 2
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if float(self.distance(self.best(middle))) > eps else (low, middle)
        return high

    def bound(self, eps: float) -> float:
        """D*(ε)."""
        return self.dual(self.multiplier(eps), eps)

    def price(self, eps: float, steps: int = 2000) -> float:
        """P*(ε) without any dual: projected gradient with step 1/L on the ball, whose projection is a rescaling."""
        checks.positive(eps, "eps")
        x, step = self.c.clone(), 1 / float(torch.linalg.eigvalsh(self.A)[-1])
        for _ in range(steps):
            away = x - step * (self.A @ x - self.b) - self.c
            x = self.c + away * min(1.0, math.sqrt(eps) / max(float(away.norm()), 1e-300))
        return float(self.loss(x))


@dataclass(frozen=True)
class Rounding:
    """Learn y(x) = x, x uniform over whole cells, by a function f that rounding to spacing Δ changes little:

        P*(ε) = min over f of E (f(x) - x)²  subject to  E (f(x) - q(f(x)))² <= ε.

    q is not even continuous, yet there is no gap. With r = x - q(x) and V = E r² = Δ²/12 the Lagrangian is minimal,
    input by input, at f = q(x) + r/(1 + λ), with value λ/(1 + λ) r². Hence

        D(λ; ε) = λ/(1 + λ) V - λ ε,    λ* = sqrt(V/ε) - 1,    P* = D* = (sqrt V - sqrt ε)²      for ε <= V; 0 beyond.
    """

    spacing: float = 1.0

    def __post_init__(self) -> None:
        checks.positive(self.spacing, "spacing")

    @property
    def variance(self) -> float:
        """V = Δ²/12, what rounding x itself costs."""
        return self.spacing**2 / 12

    def best(self, x: Tensor, lam: float) -> Tensor:
        """f(x) = q(x) + r/(1 + λ), the minimizer of the Lagrangian; x of any shape."""
        q = (x / self.spacing).round() * self.spacing
        return q + (x - q) / (1 + lam)

    def dual(self, lam: float, eps: float) -> float:
        return lam / (1 + lam) * self.variance - lam * eps

    def multiplier(self, eps: float) -> float:
        checks.positive(eps, "eps")
        return max(0.0, math.sqrt(self.variance / eps) - 1)

    def bound(self, eps: float) -> float:
        return self.dual(self.multiplier(eps), eps)

    def price(self, eps: float) -> float:
        checks.positive(eps, "eps")
        return max(0.0, math.sqrt(self.variance) - math.sqrt(eps)) ** 2


@dataclass(frozen=True)
class Atoms:
    """n equally likely inputs, levels 0 and 2, every target 1, half way between them; loss 1{f != y}.

    An input is either answered right (loss 0, distance |1 - q(1)|² = 1) or put on a level (loss 1, distance 0). So

        P*(ε) = 1 - floor(n ε)/n,    D*(ε) = 1 - ε,    λ* = 1      for 0 < ε < 1; 0 from 1 on.

    A continuous input (n = inf) could be split at any share: P* = D* = 1 - ε. S3's assumption A3 asks for just that.
    At n = 1, ε = .4: P* = 1, D* = .6.
    """

    n: float = 1

    def __post_init__(self) -> None:
        if self.n != math.inf:
            checks.count(self.n, "n")

    def dual(self, lam: float, eps: float) -> float:
        return min(1.0, lam) - lam * eps

    def multiplier(self, eps: float) -> float:
        checks.positive(eps, "eps")
        return 1.0 if eps < 1 else 0.0

    def bound(self, eps: float) -> float:
        return self.dual(self.multiplier(eps), eps)

    def price(self, eps: float) -> float:
        checks.positive(eps, "eps")
        eps = min(eps, 1.0)
        return 1 - eps if self.n == math.inf else 1 - math.floor(self.n * eps + 1e-9) / self.n
