"""Stochastic rounding (S1, SR): the weights never leave the grid, and are right on average."""

from qlab.methods.rule import Rule


class StochasticRounding(Rule):
    """w+ = Q_s(w - lr g(w)) on a fixed grid, E Q_s(w) = w inside it.

    A weight moves with probability lr |g| / spacing while that is below 1.
    """

    slug = "sr"
    name = "Stochastic rounding"
    fixed_scale = True
    random = ("settle",)

    def settle(self, w, s, h, u):
        return h.Qs(w, u)

    def deploy(self, w, s, h):
        return w
