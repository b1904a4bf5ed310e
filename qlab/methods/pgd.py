"""Projected gradient descent (S2, rho = 1): every step ends at the nearest quantized point, scale included."""

from qlab.methods.rule import Rule


class ProjectedGradientDescent(Rule):
    """w+ = proj_Q(w - lr g(w)), the least-squares projection onto {s q: s >= 0, q in codes}: the scale is free.

    On a fixed grid this is deterministic rounding (`r`).
    """

    slug = "pgd"
    name = "Projected gradient descent"

    def settle(self, w, s, h, u):
        return h.Q(w)
