"""Problems whose loss is a function of x·w: logistic regression (S0, task I), the hinge loss, one ReLU unit.

F(w) = mean_i phi(z_i, y_i),   dF/dw = mean_i phi'(z_i, y_i) x_i,   z_i = x_i·w
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from qlab.messages import unknown
from qlab.problems.base import Problem, instances_of
from qlab.uniforms import normal, uniform

KINDS = ("planted", "hard")


class Linear(Problem):
    """x (n, d) and y (n,), or (C, n, d) and (C, n) for C instances, float64; phi and its derivative in z."""

    x: Tensor
    y: Tensor

    def __init__(self, d: int, n: int, kind: str, seed: int | Tensor):
        super().__init__()
        if d < 1 or n < 1:
            raise ValueError(f"d={d}, n={n}; allowed: at least one weight and one sample")
        if kind not in KINDS:
            raise ValueError(unknown("kind", kind, KINDS))
        self.d, self.n, self.kind, self.instances = d, n, kind, instances_of(seed)
        self.x, self.w_star = features(kind, seed, n, d), true_weights(kind, seed, d)
        self.y = self.label(_mv(self.x, self.w_star), _draw(seed, 2, (n,)))

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        """y from z = x·w* and uniform numbers u."""
        raise NotImplementedError

    def phi(self, z: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        """dphi/dz; may write into z."""
        raise NotImplementedError

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        x, y = self.data("x", w, rows), self.data("y", w, rows)
        return self.phi(_mv(x, w), y).mean(-1)

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        w = w.detach()
        x, y = self.data("x", w, rows), self.data("y", w, rows)
        slope = self.slope(_mv(x, w), y)
        return _vm(slope, x).div_(x.shape[-2])


class Logistic(Linear):
    """phi = log(1 + e^-yz), y = ±1 with P(y = 1) = 1/(1 + e^-z*): S0, task I.

    kind "planted", the poster's: x uniform in [-1, 1]^d, w* a random vertex of {-1, 1}^d. Its rounded real minimizer is
    the best vertex, so it separates no methods. "hard", ours: correlated features and real weights,
    x = sqrt(.1) u + sqrt(.9) u0 (1, ..., 1) with u, u0 uniform in [-1, 1], w* standard normal.
    """

    def __init__(self, kind: str = "planted", d: int = 10, n: int = 6000, seed: int | Tensor = 0):
        self.slug, self.name = f"logistic-{kind}", f"Logistic regression, {kind}"
        super().__init__(d, n, kind, seed)

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        return torch.where(u < z.sigmoid(), 1.0, -1.0).to(z.dtype)

    def phi(self, z: Tensor, y: Tensor) -> Tensor:
        return F.softplus(-y * z)

    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        return z.mul_(-y).sigmoid_().mul_(-y)


class Hinge(Linear):
    """phi = max(0, 1 - yz): convex, not differentiable at yz = 1, where 0 is taken; labels as in logistic regression.

    For S0's claim that its modification needs no smooth loss.
    """

    slug, name = "hinge", "Hinge loss"

    def __init__(self, kind: str = "hard", d: int = 10, n: int = 600, seed: int | Tensor = 0):
        super().__init__(d, n, kind, seed)

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        return torch.where(u < z.sigmoid(), 1.0, -1.0).to(z.dtype)

    def phi(self, z: Tensor, y: Tensor) -> Tensor:
        return (1 - y * z).relu()

    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.where(y * z >= 1, 0.0, 0 * z - y)  # 0 z: NaN stays NaN


class ReLURegression(Linear):
    """phi = (max(0, z) - y)^2 / 2, y = max(0, z*): one ReLU unit; its gradient jumps where z = 0 (0 is taken)."""

    slug, name = "relu", "One ReLU unit"

    def __init__(self, kind: str = "hard", d: int = 10, n: int = 600, seed: int | Tensor = 0):
        super().__init__(d, n, kind, seed)

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        return z.relu()

    def phi(self, z: Tensor, y: Tensor) -> Tensor:
        return (z.relu() - y) ** 2 / 2

    def slope(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.where(z <= 0, 0.0, z - y)


def features(kind: str, seed: int | Tensor, n: int, d: int) -> Tensor:
    """x (n, d), entries in [-1, 1] (planted), or all correlated with each other at .9 (hard)."""
    u = 2 * _draw(seed, 0, (n, d)) - 1
    if kind == "planted":
        return u
    shared = 2 * _draw(seed, 3, (n, 1)) - 1
    return 0.1**0.5 * u + 0.9**0.5 * shared


def true_weights(kind: str, seed: int | Tensor, d: int) -> Tensor:
    """w* (d,): a random vertex of {-1, 1}^d (planted), or standard normal (hard)."""
    z = normal(seed, 0, 1, (d,), stream="data", dtype=torch.float64)
    return torch.where(z < 0, -1.0, 1.0).to(z.dtype) if kind == "planted" else z


def _draw(seed: int | Tensor, number: int, shape: tuple[int, ...]) -> Tensor:
    return uniform(seed, 0, number, shape, stream="data", dtype=torch.float64)


def _mv(x: Tensor, w: Tensor) -> Tensor:
    """z_i = x_i·w: x (B, d), or (C, B, d) for runs of their own data; w (..., d) -> (..., B)."""
    return w @ x.mT if x.dim() == 2 else torch.einsum("cbd,...cd->...cb", x, w)


def _vm(r: Tensor, x: Tensor) -> Tensor:
    """sum_i r_i x_i: r (..., B) -> (..., d)."""
    return r @ x if x.dim() == 2 else torch.einsum("...cb,cbd->...cd", r, x)
