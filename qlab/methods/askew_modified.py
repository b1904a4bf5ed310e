"""Modified ASkewSGD (S0 5, "our work"): ASkewSGD for losses that are not smooth, without the clip."""

from __future__ import annotations

import torch

from qlab.constraints import pushed, velocity
from qlab.methods.askew import quarter_gap
from qlab.methods.mj import MuehlebachJordan


class ModifiedASkewSGD(MuehlebachJordan):
    """w+ = w + lr v,   v = -g where psi >= 0 or -psi' g >= -push psi,   else -push psi/psi'.

    S0 prints an idea and no formula; its stated difficulty is that there is no clip ("v_k can be very large"), so this
    is `mj` with a (sub)gradient. Three bounds, ours, under the option `bound`:

        "reach"   clip(-push psi/psi', reach gap/lr): a step moves a weight by at most this share of a gap
        "soft"    -push psi psi'/(psi'² + soft): at most push |psi|/(2 sqrt soft), and 0 at a midpoint
        "edge"    clip(-push psi/psi', edge eps_hat): S0's "small pushing force O(eps)"
    """

    slug = "askew-modified"
    name = "Modified ASkewSGD"
    defaults = {**MuehlebachJordan.defaults, "reach": 0.25, "soft": 0.01, "edge": 1.0}
    ranges = {**MuehlebachJordan.ranges, "reach": "(0, inf)", "soft": "(0, inf)", "edge": "(0, inf)"}
    options = {**MuehlebachJordan.options, "bound": ("none", "reach", "soft", "edge")}

    def velocity(self, g, psi, slope, h):
        if h.option("bound") == "reach":
            return velocity(g, psi, slope, h.push, quarter_gap(h, h.reach, g))
        if h.option("bound") == "soft":
            v = -h.push * psi * slope / (slope * slope + h.soft)
            return torch.where(pushed(g, psi, slope, h.push), v, -g)
        if h.option("bound") == "edge":
            return velocity(g, psi, slope, h.push, h.edge * h.eps_hat)
        return velocity(g, psi, slope, h.push)
