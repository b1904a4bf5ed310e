"""PARQ (Jin et al. 2025): BinaryConnect through a piecewise-affine map whose slope grows to a staircase."""

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class PARQ(Rule):
    """w_t = clip(c + (w - c)/x_t, lo, hi),   w+ = w - lr g(w_t);   lo <= w < hi neighbouring levels, c their midpoint.

    The map is the prox of a piecewise-affine regularizer; x_t, its inverse slope, falls from 1, the identity inside the
    grid, to 0, the staircase Q, by a sigmoid normalised to the length of the run:

        x_t = (S(k/2) - S(k (z - 1/2))) / (S(k/2) - S(-k/2)),    S logistic, z the share done, k `steepness`
    """

    slug = "parq"
    name = "PARQ"
    defaults = {"steepness": 10.0}
    ranges = {"steepness": "(0, inf)"}

    def together(self, values):
        schedules.need_length(self.slug, values, "the slope's schedule")

    def inverse_slope(self, h):
        """x_t in [0, 1]."""
        z, k = schedules.share(h.t, h.steps), torch.as_tensor(h.steepness, dtype=torch.float64)
        first, now, last = (torch.sigmoid(k * y) for y in (-0.5 + 0 * z, z - 0.5, 0.5 + 0 * z))
        return (last - now) / (last - first)

    def view(self, w, s, h, u):
        x, scale, v = self.inverse_slope(h).to(w.dtype), h.s(w), w.detach()
        lo, hi = (scale * code for code in h.grid.neighbours(v, scale))
        c = (lo + hi) / 2
        soft = torch.minimum(torch.maximum(c + (v - c) / x, lo), hi)
        return coarse(torch.where(x > 0, soft, h.Q(w)), (w, 1.0))
