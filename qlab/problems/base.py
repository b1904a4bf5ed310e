"""What a problem is: an objective of one flat weight vector per run, its gradient, and where a run starts.

Every axis of w before the last one belongs to runs; nothing loops over them. Leading axes broadcast from the right:

    w     (d,)  (C, d)  or  (configurations, C, d)        weights
    rows  None: all samples   (B,): shared by all runs    (C, B): each run its own
    data  (n, ...), or one instance for each of C runs (C, n, ...), where `seed` has the shape (C,)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qlab.quantizers.grids import Grid
from qlab.uniforms import uniform


class Problem:
    """F(w), the mean loss over its samples. Subclasses give `loss`, and `gradient` in closed form where there is one.

    slug, name   as in `PROBLEMS` and in figures
    d, n         number of weights; of samples (0: no data)
    instances    0, or the number C of instances: their data have a leading axis, which w's last but one must match
    w_star       the weights that the data were made from, or the minimizer over the reals, (d,) or (C, d); or None
    quantizer    the grid of the weights, as settings of `QuantOptimizer`; ±1 unless said otherwise
    noise        standard deviation of Gaussian noise on each entry of the gradient (for problems without data)
    width        runs start uniformly in [-width, width]^d
    """

    slug: str = ""
    name: str = ""
    d: int = 0
    n: int = 0
    instances: int = 0
    noise: float = 0.0
    width: float = 1.0
    w_star: Tensor | None = None
    quantizer: Mapping[str, Any] = {"bits": 1, "family": "symmetric", "scale": "one"}

    def __init__(self) -> None:
        self._cast: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    @property
    def levels(self) -> Tensor:
        """The levels of one weight, increasing, float64 (K,)."""
        return Grid(**self.quantizer).levels()

    def start(self, seeds: int | Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Where runs start: (d,) for a number, (C, d) for seeds of shape (C,); run i is that of seeds[i] alone."""
        return (2 * uniform(seeds, 0, 0, (self.d,), stream="init", dtype=dtype) - 1) * self.width

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        """F(w), the mean over `rows`: w (..., d) -> (...)."""
        raise NotImplementedError

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        """dF/dw, of w's shape; here by autograd through `loss`."""
        with torch.enable_grad():
            w = w.detach().requires_grad_()
            return torch.autograd.grad(self.loss(w, rows).sum(), w)[0]

    def activations(self, rows: int) -> int:
        """About how many numbers one run needs at once for a gradient over so many rows: what blocks are sized by."""
        return max(rows, self.d)

    def data(self, name: str, like: Tensor, rows: Tensor | None = None) -> Tensor:
        """The data tensor `name`, cast to dtype and device of `like` (kept), at `rows`: (B, ...) or (C, B, ...)."""
        key = (name, like.dtype, like.device)
        if key not in self._cast:
            self._cast[key] = getattr(self, name).to(like)
        full = self._cast[key]
        if rows is None:
            return full
        if not self.instances:
            return full[rows]
        return full[torch.arange(self.instances, device=full.device).unsqueeze(-1), rows]

    def __repr__(self) -> str:
        size = f"d={self.d}" + (f", n={self.n}" if self.n else "")
        return f"<{self.slug}: {self.name}, {size}{f', {self.instances} instances' if self.instances else ''}>"


def instances_of(seed: int | Tensor) -> int:
    """C for seeds of shape (C,), 0 for one number; ValueError for other shapes."""
    if not isinstance(seed, Tensor) or seed.dim() == 0:
        return 0
    if seed.dim() > 1 or not len(seed):
        raise ValueError(f"seed has shape {tuple(seed.shape)}; allowed: one number, or (C,) for C instances")
    return len(seed)
