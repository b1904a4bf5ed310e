"""Proximal operators of the distance to a level set: soft projections, identity to nearest level (S0 2.III).

    prox_{nu R}(w) = argmin_x  1/2 |x - w|² + nu R(x)

    R            l1         sum |x - Q(x)|         for the levels ±1 the W of S0, sum min(|x - 1|, |x + 1|)
                 l2 half    1/2 sum (x - Q(x))²
                 l2 full    sum (x - Q(x))²        without the 1/2: twice the pull

R is not convex, yet its prox has a closed form: each entry is pulled to its own nearest level q = Q(w), because the
best value with a level c, inf_x 1/2 (x - w)² + nu |x - c|, grows with |w - c|. At a midpoint both neighbours' answers
are minimisers, and the suite's tie rule chooses (0 between ±1 goes towards +1; 0 itself is no minimiser).
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.quantizers import checks
from qlab.quantizers.rounding import nearest

NORMS = ("l1", "l2")
FACTORS = {"half": 1.0, "full": 2.0}
"""R of `prox_l2` is factor/2 times the squared distance."""


def towards_l1(w: Tensor, q: Tensor, nu: float | Tensor) -> Tensor:
    """q + sign(w - q) max(|w - q| - nu, 0): at most nu closer to q, and exactly q (nu = 0: w) once there. No checks."""
    d = w - q
    return torch.where(d.abs() <= nu, q, w - nu * d.sign())


def towards_l2(w: Tensor, q: Tensor, nu: float | Tensor) -> Tensor:
    """(w + nu q) / (1 + nu), written q + (w - q)/(1 + nu): nu = inf gives q. No checks."""
    return q + (w - q) / (1 + nu)


def prox_l1(w: Tensor, levels: Tensor, nu: float | Tensor) -> Tensor:
    """argmin_x 1/2 |x - w|² + nu sum |x - Q(x)|  =  q + soft(w - q, nu),  q = Q(w), for every nu >= 0.

    For ±1: sign(w) + soft(w - sign(w), nu), the identity at nu = 0 and sign(w) for |w| <= 2 once nu >= 1. In a step of
    ProxQuant nu is step size times weight, gamma lambda in S0's letters.
    w: any shape, float; levels (K,), strictly increasing, in w's units; nu: a number >= 0 or a tensor of such that
    broadcasts to w. Raises TypeError, ValueError. Source: S0 2.III (binary; general levels ours).
    """
    nu = _weight(w, nu)
    return towards_l1(w, nearest(w, levels), nu)


def prox_l2(w: Tensor, levels: Tensor, nu: float | Tensor, convention: str = "half") -> Tensor:
    """argmin_x 1/2 |x - w|² + nu R(x)  =  (w + c nu q) / (1 + c nu),  q = Q(w).

    convention: "half", R = 1/2 sum (x - Q(x))² and c = 1 (the authors' code); "full", R = sum (x - Q(x))² and c = 2.
    Shapes and errors as `prox_l1`. Source: S0 2.III names R only through its zeros; Bai et al. 2019.
    """
    checks.choice(convention, "convention", FACTORS)
    nu = _weight(w, nu)
    return towards_l2(w, nearest(w, levels), FACTORS[convention] * nu)


def regularizer(w: Tensor, levels: Tensor, norm: str = "l1", convention: str = "half") -> Tensor:
    """R at each entry, 0 on the levels only: |w - Q(w)|, or 1/2 (w - Q(w))² ("half"), or twice that ("full").

    Shapes and errors as `prox_l1`.
    """
    checks.choice(norm, "norm", NORMS)
    checks.choice(convention, "convention", FACTORS)
    d = (w - nearest(w, levels)).abs()
    return d if norm == "l1" else FACTORS[convention] / 2 * d**2


def _weight(w: Tensor, nu: float | Tensor) -> Tensor:
    checks.tensor(w, "w")
    checks.inside(nu, "[0, inf)", "nu")
    nu = torch.as_tensor(nu, dtype=w.dtype, device=w.device)
    checks.broadcastable(nu, w, "nu")
    return nu


def descent_constant(step_size: float, smoothness: float) -> float:
    """c = 1/(2 step_size) - L/2 in  F(w+) <= F(w) - c |w+ - w|²,  F = f + nu R, for a step of ProxQuant.

        w+ = prox_{step_size nu R}(w - step_size f'(w))

    For f with an L-Lipschitz gradient and any R, convex or not: w+ is a minimiser of the prox problem, so
    f'(w)·(w+ - w) + |w+ - w|²/(2 step_size) + nu R(w+) <= nu R(w), and f lies below its parabola of curvature L.
    Summed over T steps: min |w+ - w|² <= (F(w_0) - inf F)/(c T), the rate of the best iterate. At step_size = 1/L, as
    S0 2.III prints, c = 0 and nothing follows. Raises ValueError, TypeError for numbers that are not positive.
    """
    checks.positive(step_size, "step_size")
    checks.positive(smoothness, "smoothness")
    return 1 / (2 * step_size) - smoothness / 2
