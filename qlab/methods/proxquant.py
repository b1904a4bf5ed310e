"""ProxQuant (S0 2.III; Bai, Wang, Liberty 2019): gradient step, then a soft projection towards the levels."""

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.prox import towards_l1, towards_l2


class ProxQuant(Rule):
    """w+ = prox_{lr reg_t R}(w - lr g(w)),   R = sum |w - Q(w)|  (S0: prox_{gamma_t lambda_t R}; prints theta and w).

    In code units, w/s and levels/s: lr reg_t is the pull of one step as a share of the grid's unit.

    `norm`: "l1", the W-shaped R of S0, or "l2", R = 1/2 sum (w - Q(w))².
    `schedule` of reg_t: "constant", or "linear" from 0 to `reg` over the run (the authors' code: 1e-4 times the epoch).
    `hard_after`: the share of the run after which w = Q(w), the limit of an infinite reg, and never moves again, so
    that norms and biases learn the rest of the run (the authors: 2/3). At 1, the default, weights stay soft to the end.
    """

    slug = "proxquant"
    name = "ProxQuant"
    defaults = {"reg": 0.1, "hard_after": 1.0}
    ranges = {"reg": "[0, inf)", "hard_after": "[0, inf)"}
    options = {"norm": ("l1", "l2"), "schedule": ("constant", "linear")}

    def together(self, values):
        if values["schedule"] == "linear":
            schedules.need_length(self.slug, values, "schedule='linear'")
        schedules.need_length_to_harden(self.slug, values)

    def reg(self, h):
        """reg_t."""
        if h.option("schedule") == "constant":
            return h.reg
        return schedules.anneal("linear", 0.0, h.reg, schedules.share(h.t, h.steps))

    def init(self, w, h):
        return {"held": w.clone()}

    def before(self, w, g, s, h):
        return {"held": w.clone()}

    def settle(self, w, s, h, u):
        nu = torch.as_tensor(h.lr * self.reg(h), dtype=w.dtype)
        hard, frozen = (schedules.past(t, h.steps, h.hard_after) for t in (h.t, h.t - 1))
        q = h.Q(w)
        soft = towards_l1(w, q, nu * h.s(w)) if h.option("norm") == "l1" else towards_l2(w, q, nu)
        return torch.where(frozen, s["held"], torch.where(hard, q, soft))
