"""Straight-through estimators on weights (S0 2.II; Bengio et al. 2013)."""

from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class StraightThrough(Rule):
    """w_Q = Q(w),   w+ = w - lr d(w) g(w_Q) with the declared derivative d of the quantizer.

    `derivative`: "identity", d = 1 ("gradients directly pass through", S0; then STE equals BinaryConnect), or
    "hardtanh", d = 1{|w| <= width}. A ReLU mask belongs to activations: on weights it freezes every negative one.
    """

    slug = "ste"
    name = "Straight-through estimator"
    defaults = {"width": 1.0}
    ranges = {"width": "(0, inf]"}
    options = {"derivative": ("identity", "hardtanh")}

    def view(self, w, s, h, u):
        d = 1.0 if h.option("derivative") == "identity" else (w.detach().abs() <= h.width).to(w.dtype)
        return coarse(h.Q(w), (w, d))
