"""Blended (coarse) gradient descent (S2): BinaryConnect on a leash, pulled back to its own quantized point."""

import torch

from qlab import schedules
from qlab.methods.rule import Rule
from qlab.quantizers import coarse


class BlendedGradientDescent(Rule):
    """w_Q = Q(w),   w+ = (1 - rho) w + rho w_Q - lr g(w_Q)   (S2: w = proj_Q(w_f), BGD; BCGD with a coarse g).

    rho = 0 is BinaryConnect, rho = 1 deploys what projected gradient descent keeps (`pgd`). S2 uses rho = 1e-5.

    `rho_rate`, `rho_max`: rho grows, rho_t = min(rho rho_rate^(t-1), rho_max), as in the authors' code (rho_max 0.01,
    rho_rate 1 there; here no cap). `growth`: the factor is "per-step", or "per-run": rho rho_rate^x over the share x of
    the run that is done, which needs its length. The resolution of an activation learns a hundred times more slowly
    (eta_x = 0.01 eta): `qlab.groups(..., apart={"*resolution": {"lr": 0.01 * lr}})`.
    """

    slug = "bcgd"
    name = "Blended coarse gradient descent"
    defaults = {"rho": 1e-5, "rho_rate": 1.0, "rho_max": 1.0}
    ranges = {"rho": "[0, 1]", "rho_rate": "(0, inf)", "rho_max": "[0, inf)"}
    options = {"growth": ("per-step", "per-run")}

    def together(self, values):
        if values["growth"] == "per-run":
            schedules.need_length(self.slug, values, "growth='per-run'")

    def rho(self, h):
        """rho_t, the weight of the quantized point in this step."""
        x = h.t - 1 if h.option("growth") == "per-step" else schedules.share(h.t, h.steps)
        most = torch.as_tensor(h.rho_max, dtype=torch.float64)
        return torch.minimum(schedules.grown(h.rho, h.rho_rate, x), most).clamp(max=1)

    def view(self, w, s, h, u):
        return coarse(h.Q(w), (w, 1.0))

    def anchor(self, w, s, h):
        rho = self.rho(h).to(w.dtype)
        return (1 - rho) * w + rho * h.Q(w)
