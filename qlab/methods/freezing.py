"""Iterative weight freezing (Nagel et al. 2022): a weight that oscillates is held."""

import math

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class IterativeFreezing(Rule):
    """w_Q = Q(w) = s k,   w+ = w - lr g(w_Q);  once f > threshold_t: w+ = s k*, the level nearest to the average k.

        o = 1{k changes, and against its last change}
        f = (1 - memory) f + memory o,   kbar = (1 - memory) kbar + memory k

    k*: the code nearest to kbar at that moment. `schedule` of threshold_t: "constant", or "cosine" from
    `threshold_start` down to `threshold` over the run (the authors': .1 to .01).
    """

    slug = "freezing"
    name = "Iterative freezing"
    defaults = {"memory": 0.01, "threshold": 0.02, "threshold_start": 0.1}
    ranges = {"memory": "(0, 1)", "threshold": "[0, inf)", "threshold_start": "[0, inf)"}
    options = {"schedule": ("constant", "cosine")}

    def together(self, values):
        if values["schedule"] == "cosine":
            schedules.need_length(self.slug, values, "schedule='cosine'")

    def threshold(self, h):
        """threshold_t."""
        if h.option("schedule") == "constant":
            return h.threshold
        high = (1 + torch.cos(math.pi * schedules.share(h.t, h.steps))) / 2
        return h.threshold + (h.threshold_start - h.threshold) * high

    def init(self, w, h):
        k, zero = h.grid.codes(w, h.s(w)), w.new_zeros(w.shape)
        return {"code": k, "went": zero, "oscillates": zero.clone(), "average": k.clone(), "frozen": zero.bool()}

    def before(self, w, g, s, h):
        k = h.grid.codes(w, h.s(w))
        went = (k - s["code"]).sign()
        o = (went * s["went"] < 0).to(w.dtype)
        f = (1 - h.memory) * s["oscillates"] + h.memory * o
        average = torch.where(s["frozen"], s["average"], (1 - h.memory) * s["average"] + h.memory * k)
        frozen = s["frozen"] | (f > torch.as_tensor(self.threshold(h), dtype=w.dtype))
        return {
            "code": k,
            "went": torch.where(went == 0, s["went"], went),
            "oscillates": f,
            "average": average,
            "frozen": frozen,
        }

    def view(self, w, s, h, u):
        return coarse(h.Q(w), (w, 1.0))

    def settle(self, w, s, h, u):
        scale = h.s(w)
        return torch.where(s["frozen"], scale * h.grid.codes(s["average"], torch.ones_like(scale)), w)
