"""SR and BC on a strongly convex loss over the level spacing: average and deployed weights, and their bounds (S1).

    F(w) = sum_i f(w_i - c_i),    f(x) = x^2 / 2 + bend (log cosh(x + s) - x tanh s - log cosh s),    tanh s = 1/sqrt(3)

c is drawn from [-1, 1]^d, F* = 0, mu = 1, L = 1 + bend, L2 = bend 4 / (3 sqrt 3): bend = 0 is the quadratic. Steps
1 / (t + 1), Gaussian gradient noise, start 0. Every spacing meets the same noise; all seeds and spacings are one stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from qlab import uniforms
from qlab.messages import unknown
from qlab.theory import chain, chain_limit
from qlab.theory import floors as theory

METHODS = ("full", "sr", "bc", "bc-unbiased")
MU = 1.0
TANH = 1 / math.sqrt(3)  # where the third derivative of log cosh is largest, 4 / (3 sqrt 3)
SHIFT = math.atanh(TANH)
BLOCK, THIN = 500, 10  # iterations drawn at once; every tenth iterate's loss is measured


def loss(x: np.ndarray, bend: float) -> np.ndarray:
    """F (...,) at x = w - c (..., d)."""
    f = x * x / 2
    if bend:
        f = f + bend * (np.log(np.cosh(x + SHIFT)) - x * TANH - math.log(math.cosh(SHIFT)))
    return f.sum(-1)


def slope(x, bend: float):
    """f'(x) elementwise: x + bend (tanh(x + s) - tanh s); arrays or tensors."""
    tanh = torch.tanh if isinstance(x, torch.Tensor) else np.tanh
    return x + bend * (tanh(x + SHIFT) - TANH) if bend else x


def smoothness(bend: float) -> tuple[float, float]:
    """(L, L2): bounds of the Hessian and of its Lipschitz constant."""
    return MU + bend, bend * 4 / (3 * math.sqrt(3))


def minimizers(seeds: Sequence[int], d: int) -> torch.Tensor:
    """c (seeds, d), uniform in [-1, 1]."""
    draw = uniforms.uniform(torch.tensor(list(seeds)), 0, 0, (d,), stream="data", dtype=torch.float64)
    return 2 * draw - 1


@dataclass(frozen=True)
class Floors:
    """Losses (spacings, seeds) above F*, and what the bounds need.

    average: F(mean of w^t, all t < T); average_deployed: F(mean of w_Q^t); deployed: mean of F(w_Q^t) over the second
    half. G: root of the largest mean square gradient of an iteration; D: the largest distance of w to the minimizer.
    """

    average: np.ndarray
    average_deployed: np.ndarray
    deployed: np.ndarray
    G: np.ndarray
    D: np.ndarray


def simulate(
    method: str,
    spacing: Sequence[float],
    *,
    seeds: Sequence[int],
    d: int = 10,
    noise: float = 1.0,
    iterations: int = 10_000,
    bend: float = 0.0,
) -> Floors:
    """Run `method` for every spacing and seed: "sr", "bc" (Q_d), "bc-unbiased" (Q_s in BC's place of Q), "full".

    BC  w_Q = Q(w), w+ = w - g(w_Q) / (t + 1);     SR  w+ = Q_s(w - g(w) / (t + 1));     full  w+ = w - g(w) / (t + 1)
    """
    if method not in METHODS:
        raise ValueError(unknown("method", method, METHODS))
    s = np.asarray(spacing, dtype=np.float64).reshape(-1, 1, 1)
    seed, c = torch.tensor(list(seeds)), minimizers(seeds, d).numpy()
    w = np.zeros((len(s), len(c), d))
    w_sum, q_sum = np.zeros_like(w), np.zeros_like(w)
    deployed, G2, D2, counted = np.zeros(w.shape[:2]), np.zeros(len(s)), np.zeros(len(s)), 0
    random = method in ("sr", "bc-unbiased")
    for begin in range(0, iterations, BLOCK):
        t = torch.arange(begin, min(begin + BLOCK, iterations)).unsqueeze(1)
        z = noise * uniforms.normal(seed, t, 0, (d,), dtype=torch.float64).numpy()
        u = uniforms.uniform(seed, t, 0, (d,), dtype=torch.float64).numpy() if random else z
        for k in range(len(z)):
            q = s * np.rint(w / s) if method == "bc" else _up(w, s, u[k]) if method == "bc-unbiased" else w
            g = slope(q - c, bend) + z[k]
            w_sum += w
            q_sum += q
            if (iterations - 1 - begin - k) % THIN == 0:
                G2 = np.maximum(G2, (g * g).sum(-1).mean(-1))
                D2 = np.maximum(D2, ((w - c) ** 2).sum(-1).max(-1))
                if begin + k >= iterations // 2:
                    deployed += loss(q - c, bend)
                    counted += 1
            w = w - g / (begin + k + 1)
            if method == "sr":
                w = _up(w, s, u[k])
    average, average_deployed = (loss(total / iterations - c, bend) for total in (w_sum, q_sum))
    return Floors(average, average_deployed, deployed / counted, np.sqrt(G2), np.sqrt(D2))


def _up(w: np.ndarray, s: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Q_s(w) = s (floor(w/s) + 1{u < frac(w/s)})."""
    low = np.floor(w / s)
    return s * (low + (u < w / s - low))


@dataclass(frozen=True)
class Limits:
    """Exact limits for T -> infinity, (spacings, seeds): of SR (quadratic loss only, else NaN) and of unbiased BC."""

    sr_deployed: np.ndarray
    sr_average: np.ndarray
    bc_deployed: np.ndarray
    bc_average: np.ndarray


def limits(spacing: Sequence[float], *, seeds: Sequence[int], d: int, noise: float, bend: float = 0.0) -> Limits:
    """The floors that `simulate` tends to, in closed form: theory.sr_quadratic, theory.dither."""
    c, rows = minimizers(seeds, d), []
    for s in spacing:
        reach = 2 + 9 * math.sqrt(s * (noise + s) / 2) + s  # variance = s E|g| / 2
        x = chain.levels(s, -reach, reach)
        low, p = theory.dither(x, slope(x - c.unsqueeze(-1), bend))
        ends = [loss((low + k * s - c).unsqueeze(-1).numpy(), bend) for k in (0, 1)]
        dithering = ((1 - p.numpy()) * ends[0] + p.numpy() * ends[1]).sum(-1)
        still = loss((low + p * s - c).numpy(), bend)
        sr = [np.full(len(c), np.nan)] * 2
        if not bend:
            law = chain_limit.small_step_law(x, lambda x: x - c.unsqueeze(-1), noise=noise)
            sr = [part.sum(-1).numpy() for part in theory.sr_quadratic(x, law, c, mu=MU)]
        rows.append((*sr, dithering, still))
    return Limits(*(np.array(column) for column in zip(*rows, strict=True)))


def power(spacing: Sequence[float], values: np.ndarray) -> np.ndarray:
    """The slope of log(values) over log(spacing), least squares, per seed: (spacings, seeds) -> (seeds,)."""
    x = np.log(np.asarray(spacing, dtype=np.float64))
    x = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return x @ np.log(values)


def sr_bound(spacing: Sequence[float], run: Floors, *, d: int, iterations: int) -> np.ndarray:
    """Theorem 1 for `run`'s average, (spacings,): with the G that was measured."""
    return np.array(
        [
            theory.transient(iterations, mu=MU, G=G) + theory.sr_floor(d, s, G=G)
            for s, G in zip(spacing, run.G, strict=True)
        ]
    )


def bc_bound(spacing: Sequence[float], run: Floors, *, d: int, iterations: int, bend: float = 0.0) -> np.ndarray:
    """Corrected Theorem 4 plus the rounding of the deployed weights, (spacings,): with the G and D measured."""
    L, L2 = smoothness(bend)
    return np.array(
        [
            theory.transient(iterations, mu=MU, G=G)
            + theory.bc_floor(d, s, D=D, L2=L2)
            + theory.deployed_floor(d, s, L=L)
            for s, G, D in zip(spacing, run.G, run.D, strict=True)
        ]
    )
