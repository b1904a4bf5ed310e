"""BinaryConnect (S0 2.I; S1, BC): the network sees Q(w), the latent weight takes the step."""

from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class BinaryConnect(Rule):
    """w_Q = Q(w),   w+ = w - lr g(w_Q)   (S1: w_b = Q(w_r), w_r+ = w_r - alpha g(w_b)).

    `box`: half-width to which the latent weights are clipped after the step. Courbariaux's code clips to 1; the
    documents do not clip (default).
    """

    slug = "bc"
    name = "BinaryConnect"
    defaults = {"box": float("inf")}
    ranges = {"box": "(0, inf]"}

    def view(self, w, s, h, u):
        return coarse(h.Q(w), (w, 1.0))

    def settle(self, w, s, h, u):
        return w.clamp(-h.box, h.box)
