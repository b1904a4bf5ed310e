"""Bop, the binary optimizer (Helwegen et al. 2019): no latent weights at all."""

from qlab.methods.rule import Rule


class Bop(Rule):
    """m = (1 - adaptivity) m + adaptivity g(w),   w+ = -w where |m| > threshold, sign(m) = sign(w), else w;   w = ±s.

    Written for any grid (more than two levels: ours): w+ = Q(w - gap sign(m) 1{|m| > threshold}), one level against the
    average gradient. There is no step size: lr and the base optimizer play no part.
    """

    slug = "bop"
    name = "Bop"
    defaults = {"adaptivity": 1e-3, "threshold": 1e-6}
    ranges = {"adaptivity": "(0, 1]", "threshold": "[0, inf)"}
    fixed_scale = True

    def init(self, w, h):
        return {"average": w.new_zeros(w.shape), "next": h.Q(w)}

    def before(self, w, g, s, h):
        m = (1 - h.adaptivity) * s["average"] + h.adaptivity * g
        gap = h.s(w) * (h.grid.gap / h.grid.den)
        jump = gap * m.sign() * (m.abs() > h.threshold) + 0 * m  # + 0 m: NaN stays NaN
        return {"average": m, "next": h.Q(w - jump)}

    def settle(self, w, s, h, u):
        return s["next"]

    def deploy(self, w, s, h):
        return w
