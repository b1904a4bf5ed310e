"""The fully connected network of the lessons: one network, or a stack of them with a leading run axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from qlab.models.init import kaiming, seeds_of


class StackedLinear(nn.Module):
    """y = x Wᵀ + b: W is (out, in), or (runs, out, in); x is (n, in), shared by all runs, or (runs, n, in)."""

    quantizable = True

    def __init__(self, inputs: int, outputs: int, bias: bool, seed: int | Tensor, number: int):
        super().__init__()
        weight = kaiming(seed, number, (outputs, inputs))
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(weight.new_zeros(weight.shape[:-1])) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dim() == 2:
            return F.linear(x, self.weight, self.bias)
        if x.dim() == 2:  # one input for all runs: a view, nothing is copied
            x = x.expand(self.weight.shape[0], -1, -1)
        if self.bias is None:
            return torch.bmm(x, self.weight.mT)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)


class StackedBatchNorm(_BatchNorm):
    """Batch normalization of (n, features), or of (runs, n, features) with each run's own statistics, scale, shift."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, features: int, runs: int = 0):
        super().__init__(features)
        if runs:
            for name in ("weight", "bias"):
                p = getattr(self, name)
                setattr(self, name, nn.Parameter(p.detach().expand(runs, -1).clone()))
            for name in ("running_mean", "running_var"):
                b = getattr(self, name)
                self.register_buffer(name, b.expand(runs, -1).clone())

    def _check_input_dim(self, x: Tensor) -> None:
        if x.shape[-1] != self.weight.shape[-1]:
            raise ValueError(f"input has {x.shape[-1]} features, this layer {self.weight.shape[-1]}")

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dim() == 1:
            return super().forward(x)
        self._check_input_dim(x)
        batch = self.training
        factor = 0.0 if self.momentum is None else self.momentum
        if batch:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the cumulative mean
                factor = 1.0 / float(self.num_batches_tracked)
        runs, n, features = x.shape
        flat = x.transpose(0, 1).reshape(n, runs * features)  # all runs' features: one kernel
        mean, var = self.running_mean.view(-1), self.running_var.view(-1)
        y = F.batch_norm(flat, mean, var, self.weight.reshape(-1), self.bias.reshape(-1), batch, factor, self.eps)
        return y.view(n, runs, features).transpose(0, 1)


class MLP(nn.Module):
    """x -> Linear -> [BatchNorm] -> act -> ... -> Linear: logits.

    Args:
        sizes: width of each layer from input to output, e.g. (64, 32, 10).
        runs: 0 for one network; C for a stack of C: every parameter has a leading run axis, (C, out, in).
        batch_norm, bias: whether hidden layers are normalized; whether linear layers have a bias.
        seed: one number (a stack uses seed, seed + 1, ...) or (runs,) numbers; member i has the init of its seed alone.
        act: makes the activation after each hidden layer, e.g. `lambda: QuantReLU(4)`.

    Input: (n, d), shared by all runs, or (runs, n, d); images (n, c, h, w) and (runs, n, c, h, w) are flattened.
    Output: (n, out) or (runs, n, out). Raises ValueError for fewer than two sizes, a size < 1 or runs < 0.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        runs: int = 0,
        batch_norm: bool = False,
        bias: bool = True,
        *,
        seed: int | Tensor = 0,
        act: Callable[[], nn.Module] = nn.ReLU,
    ):
        super().__init__()
        self.sizes, self.runs = tuple(sizes), runs
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"sizes={self.sizes}: at least an input and an output width are needed, each >= 1")
        if runs < 0:
            raise ValueError(f"runs={runs}: allowed are 0 (one network) and every stack size >= 1")
        seed = seeds_of(seed, runs)
        last = len(self.sizes) - 2
        layers: list[nn.Module] = []
        for l, (inputs, outputs) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            layers.append(StackedLinear(inputs, outputs, bias, seed, l))
            if l < last:
                layers += [StackedBatchNorm(outputs, runs)] if batch_norm else []
                layers.append(act())
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(-3) if x.dim() >= 4 else x)
