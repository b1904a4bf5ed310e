"""The feasible islands of psi, how wide they may be, and how the width eps_hat changes over a run."""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.constraints.psi import Number, eps_of
from qlab.quantizers import checks
from qlab.schedules import anneal, in_free_phase, share


def gap(levels: Tensor) -> Tensor:
    """The smallest distance of neighbouring levels, 0-dim: what eps_hat = 16 eps/gap⁴ is measured by (S0, Thm 2)."""
    checks.levels(levels)
    if len(levels) < 2:
        raise ValueError(f"levels has {len(levels)} entry; allowed: at least two, c_1 < ... < c_K")
    return (levels[1:] - levels[:-1]).min()


def raw_eps(eps_hat: float, levels: Tensor) -> float:
    """eps = eps_hat gap⁴/16 of these levels. ValueError unless 0 < eps_hat < 1.

    S0 Theorem 2 prints eps <= gap⁴/16; at equality psi = psi' = 0 at a midpoint and the islands touch (errata E6).
    """
    checks.inside(eps_hat, "(0, 1)", "eps_hat")
    return float(eps_of(eps_hat, gap(levels).double()))


def admissible(eps: float, levels: Tensor) -> None:
    """ValueError unless 0 < eps < gap⁴/16: only then every level has an island of its own, and psi < 0 between them."""
    limit = raw_eps(0.5, levels) * 2
    if not 0 < eps < limit:
        raise ValueError(f"eps = {eps:g}; allowed: numbers in (0, {limit:g}), i.e. eps_hat = 16 eps/gap⁴ in (0, 1)")


def intervals(levels: Tensor, eps: float) -> Tensor:
    """The feasible islands {psi >= 0}: (K, 2), left and right end around each level.

    Outer ends are sqrt(eps) away; inner ends (gap - sqrt(gap² - 4 sqrt eps))/2, with the gap on that side. From
    eps = gap⁴/16 on, two islands touch at the midpoint between them; the union is the feasible set for every eps > 0.
    """
    checks.levels(levels)
    checks.positive(eps, "eps")
    root = torch.as_tensor(eps, dtype=levels.dtype).sqrt()
    gaps = levels[1:] - levels[:-1]
    inner = (gaps - (gaps * gaps - 4 * root).clamp(min=0).sqrt()) / 2
    left, right = torch.cat([root[None], inner]), torch.cat([inner, root[None]])
    return torch.stack([levels - left, levels + right], -1)


def eps_hat_at(t: Number, steps: Number, eps_hat: Number, free_phase: Number = 0.0, kind: str = "constant") -> Tensor:
    """eps_hat at step t = 1 ... steps: 1 in the first `free_phase` share of the run, then from 1 down to `eps_hat`.

    kind: "geometric" eps_hat^x, "linear" 1 - x + x eps_hat with x the share of what is left, "constant" at once.
    At 1 the islands have merged: between the outermost levels nothing is forbidden. The authors' schedule (1 for half
    of the run, then .88 a step) is geometric with free_phase = .5. Numbers may be tensors; no sync. Source: S0 5.
    """
    later = anneal(kind, 1.0, eps_hat, share(t, steps, free_phase))
    return torch.where(in_free_phase(t, steps, free_phase), torch.ones_like(later), later)
