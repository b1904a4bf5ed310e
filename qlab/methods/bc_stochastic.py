"""BinaryConnect with stochastic binarization (S0 2.I, the second quantizer)."""

from qlab.methods.bc import BinaryConnect
from qlab.quantizers import coarse


class StochasticBinaryConnect(BinaryConnect):
    """w_Q = Q_s(w),   w+ = w - lr g(w_Q);  for ±1: w_Q = +1 with probability hs(w) = clip((w + 1)/2, 0, 1).

    E w_Q = clip(w, -1, 1), not w (S0 prints "unbiased": true only for |w| <= 1).

    `deploy`: "Q" evaluates the nearest levels; "w" the latent weights, as Courbariaux's code does for this variant.
    """

    slug = "bc-stochastic"
    name = "BinaryConnect, stochastic"
    options = {"deploy": ("Q", "w")}
    random = ("view",)

    def view(self, w, s, h, u):
        return coarse(h.Qs(w, u), (w, 1.0))

    def deploy(self, w, s, h):
        return h.Q(w) if h.option("deploy") == "Q" else w
