"""Oscillation dampening (Nagel et al. 2022): BinaryConnect with a pull to its own levels."""

import math

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class OscillationDampening(Rule):
    """w_Q = Q(w),   w+ = w - lr (g(w_Q) + 2 damping_t (w - w_Q)):  the loss plus damping_t |clip(w) - Q(w)|².

    clip: to the outermost levels, beyond which there is no pull. `schedule` of damping_t: "constant", or "cosine" from
    0 to `damping` over the run (the authors').
    """

    slug = "dampening"
    name = "Oscillation dampening"
    defaults = {"damping": 0.1}
    ranges = {"damping": "[0, inf)"}
    options = {"schedule": ("constant", "cosine")}

    def together(self, values):
        if values["schedule"] == "cosine":
            schedules.need_length(self.slug, values, "schedule='cosine'")

    def damping(self, h):
        """damping_t."""
        if h.option("schedule") == "constant":
            return h.damping
        return h.damping * (1 - torch.cos(math.pi * schedules.share(h.t, h.steps))) / 2

    def view(self, w, s, h, u):
        return coarse(h.Q(w), (w, 1.0))

    def direction(self, w, g, s, h):
        inside = w.abs() <= h.s(w) * (h.grid.top / h.grid.den)
        return g + 2 * torch.as_tensor(self.damping(h), dtype=w.dtype) * (w - h.Q(w)) * inside
