"""The two-layer model on a sample: what training has, where `two_layer` has the mean over all inputs (S2, "Analysis").

Sums over the sample Z_1 ... Z_N:

    F_N = 1/N Σ_k l(v, w; Z_k)         piecewise constant in w: its true gradient is 0 almost everywhere
    g_N = 1/N Σ_k g(v, w; Z_k),        dF_N/dv = 1/N Σ_k σ(Z_k w) (v'σ(Z_k w) - v*'σ(Z_k w*))
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab import uniforms
from qlab.theory import surrogates
from qlab.theory.two_layer import TwoLayer


def draw(model: TwoLayer, N: int, seed: int | Tensor = 0, *, step: int | Tensor = 0) -> Tensor:
    """Z (N, m, n), rows N(0, Σ), a function of (seed, step); seeds of shape (C,) give (C, N, m, n)."""
    shape = (N, model.v_star.shape[-1], model.w_star.shape[-1])
    x = uniforms.normal(seed, step, 0, shape, stream="data", dtype=model.w_star.dtype)
    return x if model.root is None else x @ model.root.unsqueeze(-3)


def loss(model: TwoLayer, v: Tensor, w: Tensor, Z: Tensor) -> Tensor:
    """F_N(v, w): v (..., m), w (..., n), Z (..., N, m, n) -> (...)."""
    return _residual(model, v, w, Z)[0].square().mean(-1) / 2


def gradients(
    model: TwoLayer, v: Tensor, w: Tensor, Z: Tensor, surrogate: str = "relu", clip: float = 1.0
) -> tuple[Tensor, Tensor]:
    """(dF_N/dv (..., m), g_N (..., n)): the gradient in v, the coarse gradient in w."""
    surrogates.check(surrogate, clip)
    residual, on, x = _residual(model, v, w, Z)
    mask = surrogates.MASKS[surrogate](x, clip) * v.unsqueeze(-2)
    g = torch.einsum("...kmn,...km,...k->...n", Z, mask, residual) / Z.shape[-3]
    return (on * residual.unsqueeze(-1)).mean(-2), g


def _residual(model: TwoLayer, v: Tensor, w: Tensor, Z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """v'σ(Zw) - v*'σ(Zw*) (..., N), σ(Zw) and Zw (..., N, m)."""
    x, x_ = (torch.einsum("...kmn,...n->...km", Z, u) for u in (w, model.w_star))
    on, on_ = (x > 0).to(x), (x_ > 0).to(x)
    said, wanted = ((s * u.unsqueeze(-2)).sum(-1) for s, u in ((on, v), (on_, model.v_star)))
    return said - wanted, on, x
