"""Quadratics with a given spectrum: the problem on which every rate and every floor can be computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qlab.problems.base import Problem, instances_of
from qlab.uniforms import normal, uniform


class Quadratic(Problem):
    """F(w) = (w - w*)' A (w - w*) / 2,   dF/dw = A (w - w*),   A = U diag(spectrum) U'.

    spectrum: eigenvalues > 0 (d of them); by default from 1 to `condition`, geometric. U: a random rotation, the
    identity with rotate=False (then rounding w* is optimal). w*: uniform in [-1, 1]^d. F is 0 at w*.
    """

    slug, name = "quadratic", "Quadratic"

    def __init__(
        self,
        d: int = 10,
        condition: float = 10.0,
        spectrum: Sequence[float] | None = None,
        rotate: bool = True,
        noise: float = 0.0,
        seed: int | Tensor = 0,
    ):
        super().__init__()
        even = torch.logspace(0, 1, d, base=condition, dtype=torch.float64)
        values = even if spectrum is None else torch.as_tensor(spectrum, dtype=torch.float64)
        if values.dim() != 1 or not (values > 0).all():
            raise ValueError(f"spectrum={spectrum!r}, condition={condition!r}; allowed: eigenvalues greater than 0")
        self.d, self.noise, self.instances, self.spectrum = len(values), noise, instances_of(seed), values
        self.w_star = 2 * uniform(seed, 0, 1, (self.d,), stream="data", dtype=torch.float64) - 1
        U = torch.eye(self.d, dtype=torch.float64).expand(*self.w_star.shape[:-1], -1, -1)
        if rotate:
            U = torch.linalg.qr(normal(seed, 0, 0, (self.d, self.d), stream="data", dtype=torch.float64)).Q
        self.A = U * values @ U.mT

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        A, r = self.data("A", w), w.detach() - self.data("w_star", w)
        return r @ A if A.dim() == 2 else torch.einsum("...cd,cde->...ce", r, A)

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        A, r = self.data("A", w), w - self.data("w_star", w)
        Ar = r @ A if A.dim() == 2 else torch.einsum("...cd,cde->...ce", r, A)
        return (r * Ar).sum(-1) / 2
