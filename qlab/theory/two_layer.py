"""Two layers with binarized ReLU units, a teacher, Gaussian inputs: everything in closed form (S2, "Analysis").

    network  v' σ(Z w),  σ(x) = 1{x > 0};    loss  l = (v' σ(Z w) - v*' σ(Z w*))² / 2;    F = E l

v (..., m): second layer; w (..., n): first layer, shared by the m rows z_i ~ N(0, Σ) of Z; ϑ: angle between w and w*.
With J(ϑ) = (1 - 2ϑ/π) I + 11' and Σ = I

    8 F     = v'(I + 11')v - 2 v' J(ϑ) v* + v*'(I + 11')v*
    dF/dv   = ((I + 11')v - J(ϑ) v*) / 4
    dF/dw   = - v'v* / (2π |w|) · Pw*/|Pw*|,     P = I - ww'/|w|²,     0 < ϑ < π

F depends on w* only through its direction, so w* may have any length here; where S2 writes w* it is w*/|w*|.
For Σ = S S the rows are S x with x ~ N(0, I): F is the one above at (S w, S w*), and gradients in w get a factor S.
Leading axes are runs and broadcast, teachers included. Compute in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.theory import surrogates


@dataclass(frozen=True)
class TwoLayer:
    """A teacher v_star (..., m), w_star (..., n) and the inputs' covariance Σ (..., n, n); None: the identity.

    root: S, found from it. ValueError where v_star or w_star is 0 or not finite, or Σ not symmetric positive definite.
    """

    v_star: Tensor
    w_star: Tensor
    covariance: Tensor | None = None
    root: Tensor | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("v_star", "w_star"):
            checks.tensor(getattr(self, name), name)
            if not bool((getattr(self, name) != 0).any(-1).all()):
                raise ValueError(f"{name} holds a zero vector; allowed: nonzero teachers (S2)")
        if self.covariance is not None:
            checks.tensor(self.covariance, "covariance")
        object.__setattr__(self, "root", None if self.covariance is None else _root(self.covariance))

    def spread(self, w: Tensor) -> Tensor:
        """S w: what a weight is to standard Gaussian inputs, and what turns a gradient in S w into one in w."""
        return w if self.root is None else (self.root @ w.unsqueeze(-1)).squeeze(-1)

    def angle(self, w: Tensor) -> Tensor:
        """ϑ (...), in radians: between w and w*; for a covariance between S w and S w*. NaN at w = 0."""
        return angle(self.spread(w), self.spread(self.w_star))

    def loss(self, v: Tensor, w: Tensor) -> Tensor:
        """F(v, w), shape (...)."""
        return self.loss_at(v, self.angle(w))

    def loss_at(self, v: Tensor, theta: Tensor) -> Tensor:
        """F as a function of v and ϑ."""
        v_ = self.v_star
        return (dot(v, plus_ones(v)) - 2 * dot(v, J(theta, v_)) + dot(v_, plus_ones(v_))) / 8

    def gradient_v(self, v: Tensor, w: Tensor) -> Tensor:
        """dF/dv, shape (..., m): it is also E dl/dv."""
        return self.gradient_v_at(v, self.angle(w))

    def gradient_v_at(self, v: Tensor, theta: Tensor) -> Tensor:
        """dF/dv as a function of v and ϑ."""
        return (plus_ones(v) - J(theta, self.v_star)) / 4

    def gradient_w(self, v: Tensor, w: Tensor) -> Tensor:
        """dF/dw, shape (..., n): the true gradient. At ϑ = 0 and π, where F has a kink, 0: the mean of its limits.

        It is not E dl/dw: dl/dw is 0 almost everywhere.
        """
        u, u_ = self.spread(w), self.spread(self.w_star)
        pull = dot(v, self.v_star).unsqueeze(-1)
        return self.spread(-pull / (2 * math.pi * norm(u)) * across(u, u_))

    def coarse(self, v: Tensor, w: Tensor, surrogate: str = "relu", clip: float = 1.0) -> Tensor:
        """E g, shape (..., n): the expected coarse gradient, with μ' in place of σ' (`surrogates.MASKS`)."""
        u, u_ = self.spread(w), self.spread(self.w_star)
        return self.spread(surrogates.expected(v, u, self.v_star, u_, surrogate, clip))

    def correlation(self, v: Tensor, w: Tensor, surrogate: str = "relu", clip: float = 1.0) -> Tensor:
        """⟨E g, dF/dw⟩, shape (...), computed as the inner product; S2's theorem gives it for Σ = I."""
        return dot(self.coarse(v, w, surrogate, clip), self.gradient_w(v, w))

    def best_v(self, theta: Tensor) -> Tensor:
        """argmin over v of F at the angle ϑ: (I + 11')⁻¹ J(ϑ) v*, shape (..., m)."""
        return solve_plus_ones(J(theta, self.v_star))

    # the points that are critical for the coarse gradient and not the teacher
    def spurious_exists(self) -> Tensor:
        """Whether there are a spurious minimum at ϑ = π and saddles: (1'v*)² < (m + 1) |v*|² / 2; bool, shape (...)."""
        v_ = self.v_star
        return v_.sum(-1) ** 2 < (v_.shape[-1] + 1) * dot(v_, v_) / 2

    def spurious_v(self) -> Tensor:
        """v of the spurious minimum, w = -w*: (I + 11')⁻¹ (11' - I) v*, shape (..., m)."""
        return self.best_v(torch.full_like(self.v_star[..., 0], math.pi))

    def saddle_angle(self) -> Tensor:
        """ϑ of the saddles, v = best_v(ϑ): (π/2)(m + 1)|v*|² / ((m + 1)|v*|² - (1'v*)²); NaN where there are none."""
        v_ = self.v_star
        weight = (v_.shape[-1] + 1) * dot(v_, v_)
        theta = math.pi / 2 * weight / (weight - v_.sum(-1) ** 2)
        return torch.where(self.spurious_exists(), theta, math.nan)

    def converges_from(self, v: Tensor, w: Tensor) -> Tensor:
        """S2's three conditions on a start, bool (...): with them and small steps the descent reaches the teacher.

        Angles (v, v*) and (w, w*) below π/2, and (1'v*)(1'v) <= (1'v*)².
        """
        ones = self.v_star.sum(-1)
        return (dot(v, self.v_star) > 0) & (self.angle(w) < math.pi / 2) & (ones * v.sum(-1) <= ones**2)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """a'b over the last axis."""
    return (a * b).sum(-1)


def norm(a: Tensor) -> Tensor:
    """|a| over the last axis, which is kept: (..., 1)."""
    return torch.linalg.vector_norm(a, dim=-1, keepdim=True)


def angle(a: Tensor, b: Tensor) -> Tensor:
    """The angle between a and b in [0, π], accurate near both ends (Kahan); NaN where one of them is 0."""
    a, b = a / norm(a), b / norm(b)
    return 2 * torch.atan2(norm(a - b), norm(a + b)).squeeze(-1)


def across(w: Tensor, w_star: Tensor) -> Tensor:
    """Pw*/|Pw*|: the unit vector across w in the plane of w and w*, towards w*; 0 where they are parallel."""
    w, w_star = w / norm(w), w_star / norm(w_star)
    rest = w_star - dot(w, w_star).unsqueeze(-1) * w
    length = norm(rest)
    parallel = length <= 8 * torch.finfo(w.dtype).eps
    return torch.where(parallel, 0.0, rest / torch.where(parallel, 1.0, length))


def plus_ones(v: Tensor) -> Tensor:
    """(I + 11')v."""
    return v + v.sum(-1, keepdim=True)


def solve_plus_ones(b: Tensor) -> Tensor:
    """(I + 11')⁻¹ b = b - 1 (1'b) / (m + 1)."""
    return b - b.sum(-1, keepdim=True) / (b.shape[-1] + 1)


def J(theta: Tensor, v: Tensor) -> Tensor:
    """J(ϑ) v = (1 - 2ϑ/π) v + 1 (1'v)."""
    return (1 - 2 / math.pi * theta.unsqueeze(-1)) * v + v.sum(-1, keepdim=True)


def _root(covariance: Tensor) -> Tensor:
    """S = Σ^(1/2), symmetric."""
    values, vectors = torch.linalg.eigh(covariance)
    difference, size = (x.abs().amax((-2, -1)) for x in (covariance - covariance.mT, covariance))
    symmetric = bool((difference <= torch.finfo(covariance.dtype).eps ** 0.5 * size).all())  # up to rounding
    if not symmetric or not bool((values > 0).all()):
        raise ValueError("covariance is not symmetric positive definite; did you mean torch.diag(variances)?")
    return vectors @ (values.sqrt().unsqueeze(-1) * vectors.mT)
