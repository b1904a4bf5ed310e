"""Mirror descent with the tanh map (Ajanthan, Gupta et al. 2021), in its numerically stable form."""

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class TanhMirrorDescent(Rule):
    """w_t = tanh(beta_t w),   w+ = w - lr g(w_t),   with the levels ±1;   beta_t = beta beta_rate^(t-1) grows.

    For a constant beta it is mirror descent on the seen weight v = tanh(beta w) itself:
    v+ = (r - 1)/(r + 1),  r = (1 + v)/(1 - v) exp(-2 lr beta g).

    On levels ±s the map is s tanh(beta w/s); with more levels (ours) it is this map around the midpoint of each cell.
    """

    slug = "md"
    name = "Mirror descent (tanh)"
    defaults = {"beta": 1.0, "beta_rate": 1.02}
    ranges = {"beta": "(0, inf)", "beta_rate": "(0, inf)"}

    def view(self, w, s, h, u):
        beta = schedules.grown(h.beta, h.beta_rate, h.t - 1).clamp(max=torch.finfo(w.dtype).max).to(w.dtype)
        scale, v = h.s(w), w.detach()
        lo, hi = (scale * code for code in h.grid.neighbours(v, scale))
        c, r = (lo + hi) / 2, (hi - lo) / 2
        r = torch.where(r == 0, 1, r)  # an all-zero tensor has a grid of one point
        return coarse(c + (hi - lo) / 2 * torch.tanh(beta * ((v - c) / r)), (w, 1.0))
