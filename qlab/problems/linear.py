"""Problems of one unit x·w: logistic regression (S0, task I), the hinge loss, one ReLU unit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from qlab.messages import unknown
from qlab.problems.base import Problem, instances_of
from qlab.uniforms import normal, uniform

KINDS = ("planted", "hard")


class Linear(Problem):
    """F(w) = mean_i phi(s_i), dF/dw = mean_i phi'(s_i) a_i, s_i = a_i·w, a_i = -y_i x_i: a loss of the margin -s.

    x (n, d) and y (n,), or (C, n, d) and (C, n) for C instances, float64; y = ±1 with P(y = 1) = 1/(1 + e^-x·w*).
    """

    x: Tensor
    y: Tensor
    a: Tensor

    def __init__(self, d: int, n: int, kind: str, seed: int | Tensor):
        super().__init__()
        if d < 1 or n < 1:
            raise ValueError(f"d={d}, n={n}; allowed: at least one weight and one sample")
        if kind not in KINDS:
            raise ValueError(unknown("kind", kind, KINDS))
        self.d, self.n, self.kind, self.instances = d, n, kind, instances_of(seed)
        self.x, self.w_star = features(kind, seed, n, d), true_weights(kind, seed, d)
        self.y = self.label(_mv(self.x, self.w_star), _draw(seed, 2, (n,)))
        self.a = -self.y.unsqueeze(-1) * self.x

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        """y from z = x·w* and uniform numbers u."""
        return torch.where(u < z.sigmoid(), 1.0, -1.0).to(z.dtype)

    def phi(self, s: Tensor) -> Tensor:
        raise NotImplementedError

    def slope(self, s: Tensor) -> Tensor:
        """dphi/ds; may write into s."""
        raise NotImplementedError

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        return self.phi(_mv(self.data("a", w, rows), w)).mean(-1)

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        w, a = w.detach(), self.data("a", w, rows)
        return _vm(self.slope(_mv(a, w)), a).div_(a.shape[-2])

    def accuracy(self, w: Tensor) -> Tensor:
        """Share of samples on the right side, s < 0: w (..., d) -> (...)."""
        return (_mv(self.data("a", w), w) < 0).to(w.dtype).mean(-1)


class Logistic(Linear):
    """phi = log(1 + e^s): S0, task I.

    kind "planted", the poster's: x uniform in [-1, 1]^d, w* a random vertex of {-1, 1}^d. Its rounded real minimizer is
    the best vertex, so it separates no methods. "hard", ours: correlated features and real weights,
    x = sqrt(.1) u + sqrt(.9) u0 (1, ..., 1) with u, u0 uniform in [-1, 1], w* standard normal.
    """

    def __init__(self, kind: str = "planted", d: int = 10, n: int = 6000, seed: int | Tensor = 0):
        self.slug, self.name = f"logistic-{kind}", f"Logistic regression, {kind}"
        super().__init__(d, n, kind, seed)

    def phi(self, s: Tensor) -> Tensor:
        return F.softplus(s)

    def slope(self, s: Tensor) -> Tensor:
        return s.sigmoid_()


class Hinge(Linear):
    """phi = max(0, 1 + s): convex, not differentiable at s = -1, where 0 is taken; labels as in logistic regression.

    For S0's claim that its modification needs no smooth loss.
    """

    slug, name = "hinge", "Hinge loss"

    def __init__(self, kind: str = "hard", d: int = 10, n: int = 600, seed: int | Tensor = 0):
        super().__init__(d, n, kind, seed)

    def phi(self, s: Tensor) -> Tensor:
        return (1 + s).relu()

    def slope(self, s: Tensor) -> Tensor:
        return torch.where(s <= -1, 0.0, 1 + 0 * s)  # 0 s: NaN stays NaN


class ReLURegression(Linear):
    """F(w) = mean_i (max(0, z_i) - y_i)^2 / 2, z_i = x_i·w, y_i = max(0, x_i·w*): one ReLU unit.

    Its gradient jumps where a z_i = 0; ReLU'(0) = 0.
    """

    slug, name = "relu", "One ReLU unit"

    def __init__(self, kind: str = "hard", d: int = 10, n: int = 600, seed: int | Tensor = 0):
        super().__init__(d, n, kind, seed)

    def label(self, z: Tensor, u: Tensor) -> Tensor:
        return z.relu()

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        x, y = self.data("x", w, rows), self.data("y", w, rows)
        return ((_mv(x, w).relu() - y) ** 2).mean(-1) / 2

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        w, x, y = w.detach(), self.data("x", w, rows), self.data("y", w, rows)
        z = _mv(x, w)
        return _vm(torch.where(z <= 0, 0.0, z - y), x).div_(x.shape[-2])


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
