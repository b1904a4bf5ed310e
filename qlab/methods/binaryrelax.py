"""BinaryRelax (Yin et al. 2018): BinaryConnect through a soft projection that hardens."""

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.prox import towards_l2
from qlab.quantizers import coarse


class BinaryRelax(Rule):
    """w_t = (w + r_t Q(w)) / (1 + r_t) = prox_{r_t R}(w),   w+ = w - lr g(w_t);   R = 1/2 sum (w - Q(w))².

    r_t = relax relax_rate^(t-1) grows (the authors: from 1, by 1.02 to 1.04 a few times per epoch), so w_t goes from
    half way to Q(w), BinaryConnect. `hard_after`: the share of the run after which w_t = Q(w) (the authors: 3/4).
    """

    slug = "binaryrelax"
    name = "BinaryRelax"
    defaults = {"relax": 1.0, "relax_rate": 1.02, "hard_after": 1.0}
    ranges = {"relax": "[0, inf]", "relax_rate": "(0, inf)", "hard_after": "[0, inf)"}

    def together(self, values):
        schedules.need_length_to_harden(self.slug, values)

    def view(self, w, s, h, u):
        q = h.Q(w)
        soft = towards_l2(w.detach(), q, schedules.grown(h.relax, h.relax_rate, h.t - 1).to(w.dtype))
        return coarse(torch.where(schedules.past(h.t, h.steps, h.hard_after), q, soft), (w, 1.0))
