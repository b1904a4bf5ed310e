"""Deterministic rounding (S1, R): the weights never leave the grid."""

from qlab.methods.rule import Rule


class DeterministicRounding(Rule):
    """w+ = Q_d(w - lr g(w)) on a fixed grid. A weight stays where it is while lr |g| < spacing / 2."""

    slug = "r"
    name = "Deterministic rounding"
    fixed_scale = True

    def settle(self, w, s, h, u):
        return h.Q(w)

    def deploy(self, w, s, h):
        return w
