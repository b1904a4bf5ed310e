"""What is watched while a quantized network trains: tensors in, tensors out, nothing synchronises.

`runs` says how many leading axes belong to a stack (0 or 1): the result keeps them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.constraints.cones import stationarity


def _mean(x: Tensor, runs: int) -> Tensor:
    return x.flatten(runs).mean(-1)


def flips(before: Tensor, after: Tensor, runs: int = 0) -> Tensor:
    """Share of weights that deploy to another level: mean of 1{before != after}, of codes or quantized weights.

    Between two steps: flips per step. Against the start: the share of changed weights (S1, exploration).
    """
    return _mean((before != after).to(torch.float64), runs)


def sign_changes(before: Tensor, after: Tensor, runs: int = 0) -> Tensor:
    """Share of weights whose sign differs, sign(0) = +1: mean of 1{sign(before) != sign(after)}."""
    return flips(before >= 0, after >= 0, runs)


def distance_to_grid(w: Tensor, quantized: Tensor, runs: int = 0) -> Tensor:
    """Relative distance |w - Q(w)| / |w| (Euclidean norms); 0 for weights on their grid, also if all are zero."""
    error, size = (
        torch.linalg.vector_norm(x.detach().flatten(runs), dim=-1, dtype=torch.float64) for x in (w - quantized, w)
    )
    return error / torch.where(size > 0, size, torch.ones_like(size))


def flips_per_step(codes: Tensor, runs: int = 0) -> Tensor:
    """Mean over a history of `flips` from step to step: codes (T, ...) of T >= 2 steps -> one number per run, S1."""
    return _over_time((codes[1:] != codes[:-1]).to(torch.float64), runs)


def oscillation_frequency(codes: Tensor, runs: int = 0) -> Tensor:
    """How often a weight changes its level against its last change: mean over steps and weights of

        o_t = 1{c_t != c_{t-1} and sign(c_t - c_{t-1}) = -sign of the change before}

    codes (T, ...), T >= 2 successive steps -> one number per run; at most 1 - 1/(T-1). Nagel et al. 2022, section 2.2.
    """
    went = (codes[1:] - codes[:-1]).sign()
    step = torch.arange(1, len(went) + 1, device=went.device).view(-1, *[1] * (went.dim() - 1))
    moved = torch.where(went != 0, step, 0)
    before = torch.cat((torch.zeros_like(moved[:1]), moved.cummax(0).values[:-1]))  # the last change before this step
    last = torch.cat((torch.zeros_like(went[:1]), went)).gather(0, before)
    return _over_time((went * last < 0).to(torch.float64), runs)


def psi_violation(psi: Tensor, runs: int = 0) -> Tensor:
    """How far from feasible: the largest max(0, -psi(w_i)) of a run, 0 exactly where every psi >= 0 (S0 3).

    psi: values of `constraints.psi`, in code units to the fourth.
    """
    return (-psi).clamp(min=0).flatten(runs).amax(-1)


def kkt_residual(g: Tensor, psi: Tensor, slope: Tensor, runs: int = 0, tol: float = 1e-9) -> Tensor:
    """|g - λ psi'| with the best λ >= 0 on {psi <= tol}: the distance of -g to the normal cone, 0 at KKT points (S0 3).

    g, psi, slope = psi': of one shape, in the same units; `tol` widens the boundary for iterates that only approach it.
    Feasibility is apart (`psi_violation`).
    """
    return torch.linalg.vector_norm(stationarity(g, psi, slope, tol).flatten(runs), dim=-1)


def suboptimality_gap(loss: Tensor, optimum: Tensor | float) -> Tensor:
    """(F - F*) / |F*|: .05 is 5 % above the optimum. F* = 0: the plain difference. NaN stays NaN."""
    best = torch.as_tensor(optimum, dtype=torch.float64, device=loss.device)
    return (loss.to(torch.float64) - best) / torch.where(best == 0, 1, best.abs())


def suboptimality_rank(loss: Tensor, losses: Tensor, error: float = 1e-6) -> Tensor:
    """1 + the number of configurations with a smaller loss, float64: 1 is the optimum. NaN stays NaN.

    losses: of all configurations, sorted (V,). Losses closer than `error` count as equal.
    """
    better = torch.searchsorted(losses.to(torch.float64), loss.to(torch.float64).contiguous() - error)
    return torch.where(loss.isnan(), torch.nan, 1.0 + better)


def _over_time(share: Tensor, runs: int) -> Tensor:
    """(T, ...) -> the mean over steps and weights of each run."""
    return _mean(share.mean(0), runs)
