"""Two moons classified by a small ReLU network, all of whose weights are quantized (S0, task II)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from qlab.data.moons import moons
from qlab.problems.base import Problem, instances_of

EPS = 1e-4  # of batch normalization, as in the authors' notebook


class Moons(Problem):
    """2 - hidden - 1: linear, [BN], ReLU, ..., linear, [BN]; F(w) = mean log(1 + e^-yz) of its output z, y = ±1.

    w lists, layer by layer, the matrix (out, in) row by row, then, with `bias`, the biases, quantized like the rest.
    BN has no affine part and always the statistics of the samples it is given: F(w) those of all n, a step those of its
    rows; so there is nothing to re-estimate after quantizing. The points are standardized.

    hidden: the widths, e.g. (3,) or (4, 4). spread: the noise of the points. seed: of the points, (C,) for C instances.
    """

    x: Tensor
    y: Tensor

    def __init__(
        self,
        hidden: int | Sequence[int] = 3,
        n: int = 200,
        batch_norm: bool = False,
        bias: bool = False,
        spread: float = 0.1,
        seed: int | Tensor = 0,
    ):
        super().__init__()
        hidden = (hidden,) if isinstance(hidden, int) else tuple(hidden)
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden={hidden!r}; allowed: one or more widths of at least 1, e.g. 3 or (4, 4)")
        self.sizes, self.batch_norm, self.bias = (2, *hidden, 1), batch_norm, bias
        self.slug = "moons" + ("-bn" if batch_norm else "") + ("-bias" if bias else "")
        self.name = "Two moons" + (", BN" if batch_norm else "") + (", bias" if bias else "")
        self.n, self.instances = n, instances_of(seed)
        self.d = sum(o * (i + bias) for i, o in zip(self.sizes, self.sizes[1:], strict=False))
        points, label = moons(n, noise=spread, seed=seed, dtype=torch.float64)
        points = points - points.mean(-2, keepdim=True)
        self.x = points / points.std(-2, correction=0, keepdim=True)
        self.y = (2.0 * label - 1).to(points.dtype).expand(points.shape[:-1])

    def activations(self, rows: int) -> int:
        return 2 * rows * sum(self.sizes[1:])

    def layers(self, w: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """(matrix (..., out, in), biases (..., out, 1) or None) of each layer, views of w (..., d)."""
        out, first = [], 0
        for i, o in zip(self.sizes, self.sizes[1:], strict=False):
            matrix = w[..., first : first + i * o].unflatten(-1, (o, i))
            first += i * o
            out.append((matrix, w[..., first : first + o].unsqueeze(-1) if self.bias else None))
            first += o * self.bias
        return out

    def logits(self, w: Tensor, x: Tensor) -> Tensor:
        """z of points x (B, 2) or (C, B, 2): w (..., d) -> (..., B)."""
        a, last = x, len(self.sizes) - 2
        for l, (matrix, bias) in enumerate(self.layers(w)):
            a = _linear(matrix, bias, a, first=l == 0)
            if self.batch_norm:
                a = _normalize(a)[0]
            a = a.relu() if l < last else a
        return a.squeeze(-2)

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        z = self.logits(w, self.data("x", w, rows))
        return F.softplus(-self.data("y", w, rows) * z).mean(-1)

    def accuracy(self, w: Tensor) -> Tensor:
        """Share of points on the right side, z > 0 for y = 1: w (..., d) -> (...)."""
        right = (self.logits(w, self.data("x", w)) > 0) == (self.data("y", w) > 0)
        return right.to(w.dtype).mean(-1)

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        """Backpropagation by hand, without a graph: ReLU'(0) = 0."""
        w = w.detach()
        x, y = self.data("x", w, rows), self.data("y", w, rows)
        layers, inputs, normal = self.layers(w), [x], []
        for l, (matrix, bias) in enumerate(layers):
            a = _linear(matrix, bias, inputs[-1], first=l == 0)
            if self.batch_norm:
                a, scale = _normalize(a)
                normal.append((a, scale))
            if l < len(layers) - 1:
                a = a.relu() if self.batch_norm else a.relu_()
            inputs.append(a)
        y = y.unsqueeze(-2)
        delta = inputs.pop().mul(-y).sigmoid_().mul_(-y).div_(y.shape[-1])
        parts: list[Tensor] = []
        for l, (matrix, bias) in reversed([*enumerate(layers)]):
            if self.batch_norm:
                a, scale = normal[l]
                delta = (delta - delta.mean(-1, keepdim=True) - a * (delta * a).mean(-1, keepdim=True)) * scale
            if bias is not None:
                parts.append(delta.sum(-1))
            parts.append(_outer(delta, inputs[l], first=l == 0).flatten(-2))
            if l:
                delta = matrix.mT @ delta
                torch.ops.aten.threshold_backward(delta, inputs[l], 0, grad_input=delta)  # 0 where ReLU gave 0
        return torch.cat(parts[::-1], dim=-1)


def _linear(matrix: Tensor, bias: Tensor | None, a: Tensor, first: bool) -> Tensor:
    """Units (..., out, B) from a (..., in, B); the first layer's input are the points (B, in) or (C, B, in)."""
    if not first:
        out = matrix @ a
    elif a.dim() == 2:
        out = matrix @ a.mT
    else:
        out = torch.einsum("...coi,cbi->...cob", matrix, a)
    return out if bias is None else out + bias


def _outer(delta: Tensor, a: Tensor, first: bool) -> Tensor:
    """sum over samples of delta a': (..., out, in)."""
    if not first:
        return delta @ a.mT
    return delta @ a if a.dim() == 2 else torch.einsum("...cob,cbi->...coi", delta, a)


def _normalize(a: Tensor) -> tuple[Tensor, Tensor]:
    """Each unit to mean 0 and variance 1 over its samples; and the factor 1 / sqrt(variance + EPS)."""
    a = a - a.mean(-1, keepdim=True)
    scale = ((a * a).mean(-1, keepdim=True) + EPS).rsqrt()
    return a * scale, scale
