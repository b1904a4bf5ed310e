"""Muehlebach and Jordan (S0 4), separable: the velocity nearest to -g that mends a violated constraint in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qlab.constraints import eps_hat_at, on_grid, velocity
from qlab.methods.hyper import Hyper
from qlab.methods.rule import Rule
from qlab.quantizers.rounding import wide
from qlab.schedules import need_length


class MuehlebachJordan(Rule):
    """w+ = w + lr v,   v = argmin ½|v + g|² over V(w) = {v: psi'(w) v >= -push psi(w) where psi(w) < 0}.

    Without a clip: v ~ push |psi/psi'| is as large as it likes near a midpoint. Levels are no convex set, so the
    theorem of S0 4 (Assumption 3) does not cover it. psi and v are taken in code units u = w/s, and v times s.

    eps_hat: width of the islands at the end of the run, 16 eps/gap⁴ in (0, 1). free_phase: share of the run before the
    constraint starts (eps_hat = 1); `anneal`: how eps_hat then falls ("constant": at once). Both need `steps`.
    """

    slug = "mj"
    name = "Muehlebach-Jordan"
    defaults: Mapping[str, float] = {"eps_hat": 0.1, "free_phase": 0.0, "push": 1.0}
    ranges: Mapping[str, str] = {"eps_hat": "(0, 1)", "free_phase": "[0, 1)", "push": "(0, inf)"}
    options: Mapping[str, tuple[str, ...]] = {"anneal": ("constant", "geometric", "linear")}

    def together(self, values: Mapping[str, Any]) -> None:
        if values["anneal"] != "constant" or torch.as_tensor(values["free_phase"]).gt(0).any():
            need_length(self.slug, values, f"free_phase, with anneal={values['anneal']!r},")

    def constraint(self, w: Tensor, h: Hyper) -> tuple[Tensor, Tensor, Tensor]:
        """s, psi(w/s) and psi'(w/s) at this step's eps_hat; a tensor of zeros counts as in units of 1."""
        s = h.s(w)
        s = torch.where(s == 0, torch.ones_like(s), s)
        eps_hat = eps_hat_at(h.t, h.steps, h.eps_hat, h.free_phase, h.option("anneal"))
        return s, *on_grid(w, s, h.grid, eps_hat.to(wide(w)))

    def velocity(self, g: Tensor, psi: Tensor, slope: Tensor, h: Hyper) -> Tensor:
        """v in code units."""
        return velocity(g, psi, slope, h.push)

    def direction(self, w, g, s, h):
        s_w, psi, slope = self.constraint(w, h)
        return -s_w * self.velocity(g / s_w, psi, slope, h).to(w.dtype)
