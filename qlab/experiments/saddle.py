"""Does ASkewSGD escape from saddle points? S0 leaves it open (section 8); here the saddles are planted.

    F(w) = ½ (w_1 - c_1)² - ½ (w_2 - c_2)² + ¼ (w_2 - c_2)⁴

has a saddle at c and minimizers at c ± (0, 1). The levels are ±1; where c lies decides what the constraint does there:

    "inside"    c = (1, 1), the middle of an island: psi > 0, every step is a gradient step
    "edge"      c = (1, b), the inner end of an island: down is forbidden, up is not
    "between"   c = (1, 0), a midpoint, the saddle of F and the minimum of psi
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import qlab
from qlab import uniforms
from qlab.experiments.barrier import edges
from qlab.messages import unknown

PLACES = ("inside", "edge", "between")
LEFT = 0.1  # farther than this along the unstable axis a run has left


@dataclass(frozen=True)
class Escape:
    """w (runs, 2) at the end; left_at (runs,): the first step that is LEFT away from the saddle, else `steps`."""

    w: Tensor
    left_at: Tensor
    steps: int

    @property
    def left(self) -> Tensor:
        """(runs,) whether each run left the saddle."""
        return self.left_at < self.steps


def centre(place: str, eps_hat: float) -> tuple[float, float]:
    """Where the saddle is planted."""
    if place not in PLACES:
        raise ValueError(unknown("place", place, PLACES))
    return 1.0, {"inside": 1.0, "edge": edges(eps_hat)[0], "between": 0.0}[place]


def gradient(w: Tensor, place: str, eps_hat: float) -> Tensor:
    """dF/dw, (..., 2)."""
    c = w.new_tensor(centre(place, eps_hat))
    x, y = (w - c).unbind(-1)
    return torch.stack([x, y**3 - y], -1)


def escape(
    place: str,
    method: str,
    seeds: Sequence[int],
    *,
    step_size: float = 0.05,
    eps_hat: float = 0.1,
    noise: float = 0.1,
    steps: int = 600,
) -> Escape:
    """Runs that start on the saddle's stable axis, at c + (.1, 0), with Gaussian gradient noise of that deviation."""
    seed = torch.as_tensor(list(seeds))
    c = torch.tensor(centre(place, eps_hat), dtype=torch.float64)
    w = (c + torch.tensor([0.1, 0.0], dtype=torch.float64)).expand(len(seed), 2).clone()
    left_at = torch.full((len(seed),), steps)
    own = {} if method == "full" else {"eps_hat": eps_hat}
    for t in range(steps):
        g = gradient(w, place, eps_hat) + noise * uniforms.normal(seed, t, 0, (2,), dtype=torch.float64)
        w = qlab.step(method, w, g, lr=step_size, t=t, bits=1, scale="one", **own)
        out = (w[:, 1] - c[1]).abs() > LEFT
        left_at = torch.where(out & (left_at == steps), t, left_at)
    return Escape(w, left_at, steps)
