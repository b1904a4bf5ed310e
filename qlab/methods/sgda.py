"""Stochastic gradient descent ascent (S0 6): a multiplier for every weight, the price of its constraint."""

from __future__ import annotations

from qlab.methods.mj import MuehlebachJordan


class DescentAscent(MuehlebachJordan):
    """w+ = w - lr (g - lam psi'(w)),   lam+ = clip(lam - dual_step psi(w), 0, lam_max).

    Descent in w, ascent in lam >= 0 on L(w, lam) = F(w) - lam psi(w); S0 prints w where the second line needs lam
    (errata E8). lam starts at 0. psi is taken in code units u = w/s, and lam psi'(u) times s.

    dual_step: the second time scale, beside lr. lam_max: the theory wants a bounded lam; infinite by default.
    `update`: "simultaneous" as printed, or "alternating": lam sees psi at the new weights.
    """

    slug = "sgda"
    name = "Gradient descent ascent"
    defaults = {"eps_hat": 0.1, "free_phase": 0.0, "dual_step": 0.1, "lam_max": float("inf")}
    ranges = {"eps_hat": "(0, 1)", "free_phase": "[0, 1)", "dual_step": "[0, inf)", "lam_max": "(0, inf]"}
    options = {**MuehlebachJordan.options, "update": ("simultaneous", "alternating")}

    def init(self, w, h):
        return {"lam": w.new_zeros(w.shape)}

    def direction(self, w, g, s, h):
        s_w, _, slope = self.constraint(w, h)
        return g - s_w * (s["lam"] * slope).to(w.dtype)

    def after(self, w, w_new, s, h):
        _, psi, _ = self.constraint(w if h.option("update") == "simultaneous" else w_new, h)
        return {"lam": (s["lam"] - h.dual_step * psi).clamp(min=0).clamp(max=h.lam_max).to(w.dtype)}
