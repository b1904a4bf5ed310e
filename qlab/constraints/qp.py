"""The velocity of Muehlebach and Jordan for constraints of any kind: a quadratic program over V(w) (S0, 4).

    v = argmin over V(w) of 1/2 |v + g|²,      V(w) = {v : psi_i' v >= -κ psi_i for all i with psi_i <= 0}

The unknown u = v + g turns it into the least distance problem  min |u|  subject to  J u >= h,  h = J g - κ psi, which
non-negative least squares solves exactly: with E = [J'; h'] and f = (0, ..., 0, 1) the residual r = E λ - f of
min |E λ - f| over λ >= 0 gives u = -r_{1..n}/r_{n+1}; r = 0 says that V(w) is empty (Lawson and Hanson, *Solving Least
Squares Problems*, chapter 23). Where constraint i sees weight i alone, `velocity.velocity` is the same in closed form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.constraints.cones import counted
from qlab.quantizers import checks


def velocity(g: Tensor, psi: Tensor, jacobian: Tensor, push: float, tol: float = 0.0) -> Tensor:
    """v (n,), float64, from the gradient g (n,), psi (m,), its Jacobian (m, n) and the push κ > 0.

    psi_i <= tol counts as violated. With 0, as in the equation, an iterate that has reached a boundary to the last bit
    is let go by rounding, and kicked out of C by a whole step.
    ValueError where V(w) is empty: MFCQ fails, as at a midpoint between two levels.
    """
    from scipy.optimize import nnls

    checks.positive(push, "push")
    checks.tensor(g, "g")
    J, g = counted(psi, jacobian, tol), g.double()
    checks.shape(g, jacobian.shape[1:], "g")
    h = J @ g - push * psi[psi <= tol].double()
    norm = J.norm(dim=1)
    if (norm == 0).logical_and(h > 0).any():
        raise ValueError(EMPTY)
    J, h = J[norm > 0] / norm[norm > 0, None], h[norm > 0] / norm[norm > 0]
    if not (h > 0).any():
        return -g  # u = 0 is allowed: free
    size = float(h.abs().max())  # u in units of h, so that no residual is lost to rounding
    E = torch.cat([J.T, h[None] / size])
    f = torch.zeros(len(E), dtype=E.dtype)
    f[-1] = 1.0
    lam = torch.from_numpy(nnls(E.numpy(), f.numpy())[0])
    r = E @ lam - f
    if float(r.norm()) < 1e-10:
        raise ValueError(EMPTY)
    return -size * r[:-1] / r[-1] - g


EMPTY = "no velocity mends every violated constraint (MFCQ fails here); allowed: points off the midpoints of the levels"
