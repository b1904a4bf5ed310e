"""Constraint qualification, tangent and normal cone, stationarity: C = {w : psi_i(w) >= 0 for all i} near one point.

    I(w) = {i : psi_i(w) <= 0}                                     the constraints that count
    MFCQ   there is a v with psi_i' v > 0 for all i in I(w)
    T(w) = {v : psi_i' v >= 0 for all i in I(w)}                   directions that mend every violated constraint
    N(w) = {-sum over I(w) of λ_i psi_i' : λ >= 0}                 its polar: u.v <= 0 for u in N, v in T
    Z    = {w in C : -F'(w) in N(w)}                               stationary: F' = sum λ_i psi_i', λ >= 0, λ psi = 0

Given are values at w: psi (m,) and either the Jacobian (m, n) or, where constraint i sees weight i alone, its diagonal
`slope` = psi'. The separable forms are elementwise, of any shape. psi <= `tol` counts as zero or less: a point on the
boundary is there only up to rounding. Source: S0 3, which asks MFCQ of every w; psi_eps violates it at each midpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qlab.quantizers import checks

TOL = 1e-9


@dataclass(frozen=True)
class Residual:
    """How far a point is from Z: `stationarity`, the distance of -F'(w) to N(w), in units of the gradient; `violation`,
    the largest -psi_i(w), 0 in C; `multipliers` (m,), the λ >= 0 of the nearest point of N."""

    stationarity: float
    violation: float
    multipliers: Tensor


# separable: constraint i sees weight i alone
def qualified(psi: Tensor, slope: Tensor, tol: float = 0.0) -> Tensor:
    """Where MFCQ holds, weight by weight: psi > 0 or psi' != 0. Boolean, shape of psi."""
    return (psi > tol) | (slope != 0)


def multiplier(g: Tensor, psi: Tensor, slope: Tensor, tol: float = TOL) -> Tensor:
    """λ = (g/psi')_+ on I(w), 0 elsewhere: what makes |g - λ psi'| smallest."""
    counts = (psi <= tol) & (slope != 0)
    return torch.where(counts, g / torch.where(counts, slope, torch.ones_like(slope)), 0.0).relu()


def stationarity(g: Tensor, psi: Tensor, slope: Tensor, tol: float = TOL) -> Tensor:
    """|g - λ psi'| with the best λ >= 0: |g| in the interior, 0 on the boundary where descent leads out of C."""
    return (g - multiplier(g, psi, slope, tol) * slope).abs()


# in general: psi (m,), Jacobian (m, n)
def counted(psi: Tensor, jacobian: Tensor, tol: float) -> Tensor:
    """The rows of the Jacobian (m, n) that belong to I(w), float64. ValueError unless psi is (m,)."""
    checks.tensor(jacobian, "jacobian")
    checks.tensor(psi, "psi")
    if jacobian.ndim != 2 or psi.shape != jacobian.shape[:1]:
        raise ValueError(
            f"psi has shape {tuple(psi.shape)}, jacobian {tuple(jacobian.shape)}; allowed: (m,) and (m, n); did you "
            "mean torch.diag(slope)?"
        )
    return jacobian[psi <= tol].double()


def mfcq(psi: Tensor, jacobian: Tensor, tol: float = 0.0) -> bool:
    """Whether some v has psi_i' v > 0 for all i in I(w): a linear program, max t with psi_i' v >= t |psi_i'|."""
    from scipy.optimize import linprog

    J = counted(psi, jacobian, tol)
    if not len(J):
        return True
    J = torch.nn.functional.normalize(J, dim=1, eps=1e-300)
    A = torch.cat([-J, torch.ones(len(J), 1, dtype=J.dtype)], dim=1).numpy()
    n = J.shape[1]
    found = linprog([0.0] * n + [-1.0], A_ub=A, b_ub=[0.0] * len(J), bounds=[(-1, 1)] * n + [(0, 1)], method="highs")
    return bool(-found.fun > 1e-9)


def in_tangent_cone(v: Tensor, psi: Tensor, jacobian: Tensor, tol: float = TOL) -> bool:
    """Whether v (n,) lies in T(w)."""
    return bool((counted(psi, jacobian, tol) @ v.double() >= -tol).all())


def in_normal_cone(u: Tensor, psi: Tensor, jacobian: Tensor, tol: float = TOL) -> bool:
    """Whether u (n,) lies in N(w)."""
    return _nearest(-u, psi, jacobian, tol)[0] <= tol * (1 + float(u.norm()))


def kkt_residual(g: Tensor, psi: Tensor, jacobian: Tensor, tol: float = TOL) -> Residual:
    """The residual of the conditions of Z at a point with gradient g (n,).

    jacobian: (m, n), or `slope` of the shape of psi where constraint i sees weight i alone. `stationarity` is then the
    Euclidean norm of the elementwise one. Zero, up to `tol`, exactly on Z.
    """
    violation = float((-psi).clamp(min=0).max()) if psi.numel() else 0.0
    if jacobian.shape == psi.shape and psi.shape == g.shape:
        return Residual(float(stationarity(g, psi, jacobian, tol).norm()), violation, multiplier(g, psi, jacobian, tol))
    distance, multipliers = _nearest(g, psi, jacobian, tol)
    return Residual(distance, violation, multipliers)


def _nearest(g: Tensor, psi: Tensor, jacobian: Tensor, tol: float) -> tuple[float, Tensor]:
    """min over λ >= 0, zero off I(w), of |g - J'λ|: the minimum and λ (m,)."""
    from scipy.optimize import nnls

    J, lam = counted(psi, jacobian, tol), torch.zeros(len(psi), dtype=torch.float64)
    if not len(J):
        return float(g.norm()), lam
    found, distance = nnls(J.T.numpy(), g.double().numpy())
    lam[psi <= tol] = torch.from_numpy(found)
    return float(distance), lam
