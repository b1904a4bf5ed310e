"""ASkewSGD (S0 5; Leconte, Schechtman, Moulines 2023): the velocity of `mj` with its push clipped."""

from __future__ import annotations

import torch

from qlab.constraints import velocity
from qlab.methods.mj import MuehlebachJordan

AUTHORS = {"free_phase": 0.5, "anneal": "geometric", "eps_hat": 0.88**50, "clip": "none", "box": 1.0}
"""What the authors' 1-bit code does: no constraint for half of the run, then .88 a step for 50 steps, no clip, weights
kept in [-1, 1]. The low-bit code clips to a quarter of a gap per step instead: clip="quarter"."""


class ASkewSGD(MuehlebachJordan):
    """w+ = w + lr v,   v = -g where psi >= 0 or -psi' g >= -push psi,   else clip(-push psi/psi', push_max).

    With eps_hat < 1 a weight changes its level only by a step longer than the barrier between the islands; so give a
    `free_phase`, or a warm start (errata E26). `mj` is the same without the clip. That holds for plain SGD: momentum
    and Adam take v as a gradient and rescale it, so that push and clip lose their meaning, and a barrier can be jumped.

    push_max: in code units per unit of time; a bound on |g|. Options beyond the equation: `clip`: "push_max" as
    printed, "quarter" (a quarter of a gap per step, the authors' low-bit code), "none". `box`: half-width to which the
    latent weights are clipped after the step (the authors' code: 1).
    """

    slug = "askew"
    name = "ASkewSGD"
    defaults = {**MuehlebachJordan.defaults, "push_max": 5.0, "box": float("inf")}
    ranges = {**MuehlebachJordan.ranges, "push_max": "(0, inf]", "box": "(0, inf]"}
    options = {**MuehlebachJordan.options, "clip": ("push_max", "quarter", "none")}

    def velocity(self, g, psi, slope, h):
        if h.option("clip") == "none":
            return velocity(g, psi, slope, h.push)
        if h.option("clip") == "quarter":
            return velocity(g, psi, slope, h.push, quarter_gap(h, 0.25, g))
        return velocity(g, psi, slope, h.push, h.push_max)

    def settle(self, w, s, h, u):
        return w.clamp(-h.box, h.box)


def quarter_gap(h, share, like):
    """The velocity, in code units, that moves a weight by `share` of a gap in one step: share gap/lr."""
    return share * (h.grid.gap / h.grid.den) / torch.as_tensor(h.lr, dtype=like.dtype, device=like.device)
