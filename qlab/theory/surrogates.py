"""Coarse gradients of the two-layer model: σ' = 0 replaced by the derivative μ' of a surrogate (S2, "Analysis").

    g = Z' (μ'(Zw) ∘ v) (v'σ(Zw) - v*'σ(Zw*))

By the independence of the rows z of Z three vectors give its mean, for z ~ N(0, I):

    A = E z μ'(z'w),    B = E z μ'(z'w) 1{z'w > 0},    C = E z μ'(z'w) 1{z'w* > 0}
    E g = |v|² B - v'v* C + ((1'v)² - |v|² - (1'v)(1'v*) + v'v*) A / 2

With ŵ = w/|w|, ŵ* = w*/|w*|, angle ϑ, φ and Φ the normal density and law, and a = c/|w| for the clip level c:

    identity      A = 0                     B = ŵ/√2π    C = ŵ*/√2π
    ReLU          A = B = ŵ/√2π                          C = (ŵ + ŵ*)/(2√2π)
    clipped ReLU  A = B = ŵ (1 - e^(-a²/2))/√2π          C = ŵ*(Φ(a/sin ϑ) - 1/2)/√2π + ŵ (1/(2√2π) - φ(a) Φ(a cot ϑ))

S2 writes C of the ReLU as cos(ϑ/2) (ŵ + w*)/|ŵ + w*| /√2π, which is 0/0 at ϑ = π; |ŵ + ŵ*| = 2 cos(ϑ/2) cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from qlab.messages import unknown

ROOT = math.sqrt(2 * math.pi)
MASKS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "identity": lambda x, c: torch.ones_like(x),
    "relu": lambda x, c: (x > 0).to(x),
    "clipped-relu": lambda x, c: ((x > 0) & (x <= c)).to(x),
}
"""μ'(x) of each surrogate; c: where the clipped ReLU ends."""


def expected(
    v: Tensor, w: Tensor, v_star: Tensor, w_star: Tensor, surrogate: str = "relu", clip: float = 1.0
) -> Tensor:
    """E g (..., n) for rows z ~ N(0, I) of Z; v, v_star (..., m), w, w_star (..., n) of any length; NaN at w = 0.

    ValueError for an unknown surrogate or clip <= 0.
    """
    A, B, C = moments(w, w_star, surrogate, clip)
    vv, pull = (v * v).sum(-1, keepdim=True), (v * v_star).sum(-1, keepdim=True)
    ones, ones_ = v.sum(-1, keepdim=True), v_star.sum(-1, keepdim=True)
    return vv * B - pull * C + (ones**2 - vv - ones * ones_ + pull) * A / 2


def moments(w: Tensor, w_star: Tensor, surrogate: str, clip: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """A, B, C, each (..., n)."""
    check(surrogate, clip)
    r = torch.linalg.vector_norm(w, dim=-1, keepdim=True)
    w, w_star = w / r, w_star / torch.linalg.vector_norm(w_star, dim=-1, keepdim=True)
    if surrogate == "identity":
        return torch.zeros_like(w), w / ROOT, w_star / ROOT
    if surrogate == "relu":
        return w / ROOT, w / ROOT, (w + w_star) / (2 * ROOT)
    a = clip / r
    cos, sin = _cos_sin(w, w_star)
    A = w * -torch.expm1(-a * a / 2) / ROOT
    phi = torch.exp(-a * a / 2) / ROOT
    # at ϑ = 0 and π: a/sin ϑ = inf, a cot ϑ = ±inf
    C = w_star * (torch.special.ndtr(a / sin) - 0.5) / ROOT + w * (0.5 / ROOT - phi * torch.special.ndtr(a * cos / sin))
    return A, A, C


def h(v: Tensor, v_star: Tensor) -> Tensor:
    """S2's h(v, v*) = |v|² + (1'v)² - (1'v)(1'v*) + v'v*, (...): the ReLU's E g = (h ŵ - v'v* (ŵ + ŵ*)) / 2√2π."""
    return (v * v).sum(-1) + v.sum(-1) ** 2 - v.sum(-1) * v_star.sum(-1) + (v * v_star).sum(-1)


def correlation(
    v: Tensor, w: Tensor, v_star: Tensor, theta: Tensor, surrogate: str = "relu", clip: float = 1.0
) -> Tensor:
    """⟨E g, dF/dw⟩ (...) for z ~ N(0, I), as S2's theorem has it: share · sin ϑ (v'v*)² / ((√2π)³ |w|) >= 0.

    share: 1 for the identity, 1/2 for the ReLU (S2), Φ(c/(|w| sin ϑ)) - 1/2 for the clipped ReLU.
    """
    check(surrogate, clip)
    r = torch.linalg.vector_norm(w, dim=-1)
    share = {"identity": 1.0, "relu": 0.5}.get(surrogate)
    weight = torch.special.ndtr(clip / (r * theta.sin())) - 0.5 if share is None else share
    return weight * theta.sin() * (v * v_star).sum(-1) ** 2 / (ROOT**3 * r)


def check(surrogate: str, clip: float) -> None:
    """ValueError for an unknown surrogate or clip <= 0."""
    if surrogate not in MASKS:
        raise ValueError(unknown("surrogate", surrogate, MASKS))
    if not clip > 0:
        raise ValueError(f"clip = {clip!r}; allowed: a number above 0, where the clipped ReLU ends")


def _cos_sin(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of the angle between unit vectors (..., 1), accurate near 0 and π: |a + b| = 2 cos(ϑ/2)."""
    c, s = (torch.linalg.vector_norm(x, dim=-1, keepdim=True) / 2 for x in (a + b, a - b))
    return (c - s) * (c + s), 2 * c * s
