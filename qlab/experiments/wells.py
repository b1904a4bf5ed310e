"""BC, SR and R on the three-well toy problem: where do the deployed weights spend their time? (S1)

Counted is the second half of a run: the level w_Q^t that the gradient is taken at, t = iterations/2 ... iterations - 1.
For SR and R, whose weights never leave the grid, that law is exact (`exact`: a Markov chain). The latent weight of
BinaryConnect is real, so it is simulated (`simulate`): many runs at once, every draw a function of (seed, t, run).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from qlab import uniforms
from qlab.messages import unknown
from qlab.problems import wells
from qlab.theory import chain, chain_limit

SCHEDULES = ("fixed", "decreasing")
STAGES = 20
EXACT, SIMULATED = ("sr", "r"), ("bc", "sr", "r")


@dataclass(frozen=True)
class Law:
    """How often each level is visited: levels (K,) ascending, share (K,) summing to 1, both float64."""

    levels: Tensor
    share: Tensor

    @property
    def loss(self) -> float:
        """Mean loss of the deployed weight, E f(w_Q)."""
        return float(self.share @ wells.loss(self.levels))

    @property
    def near(self) -> float:
        """Share on the levels next to the minimizer."""
        return float(self.share[wells.next_to_minimizer(self.levels)].sum())

    @property
    def entropy(self) -> float:
        """-sum share ln share, in nats: 0 on a single level, ln 2 on two equal ones."""
        return float(torch.special.entr(self.share).sum())

    def in_well(self, j: int) -> float:
        """Share in well j (0, 1, 2 from the left)."""
        return float(self.share[wells.well(self.levels) == j].sum())


def distance(a: Law, b: Law) -> float:
    """Total variation between two laws on the same grid, which may be cut off at different levels."""
    levels = np.union1d(a.levels, b.levels)
    p, q = torch.zeros(2, len(levels), dtype=torch.float64)
    p[np.searchsorted(levels, a.levels)] = a.share
    q[np.searchsorted(levels, b.levels)] = b.share
    return float(chain.total_variation(p, q))


def grid(step_size: float, noise: float, spacing: float, start: float) -> Tensor:
    """The levels kept: 9 standard deviations beyond the outermost centres, so that the mass cut off is below 1e-12.

    The variance of w+ = w - step_size g, rounded, in a well f'' = 2: step_size noise^2 and, from the rounding,
    spacing E|g|, over 4 (1 - step_size), with E|g| <= noise + 2.
    """
    variance = (step_size * noise**2 + spacing * (noise + 2)) / (4 * (1 - step_size))
    reach = 9 * math.sqrt(variance) + spacing
    return chain.levels(spacing, min(wells.CENTRES[0] - reach, start), max(wells.MINIMIZER + reach, start))


def stages(step_size: float, iterations: int, schedule: str = "fixed") -> list[tuple[float, int]]:
    """(step size, number of iterations), one after the other.

    "decreasing": 20 equal stages, step_size / sqrt(1 + 99 j / 19) in stage j = 0 ... 19: the 1/sqrt(t) of convergence
    theorems, lowered stage by stage as in practice, from step_size to a tenth of it.
    """
    if schedule not in SCHEDULES:
        raise ValueError(unknown("schedule", schedule, SCHEDULES))
    if schedule == "fixed":
        return [(step_size, iterations)]
    ends = [round(iterations * (j + 1) / STAGES) for j in range(STAGES)]
    counts = [b - a for a, b in zip([0, *ends], ends, strict=False)]
    return [(step_size / math.sqrt(1 + 99 * j / (STAGES - 1)), n) for j, n in enumerate(counts)]


def exact(
    method: str,
    *,
    step_size: float,
    noise: float,
    start: float,
    spacing: float,
    iterations: int,
    schedule: str = "fixed",
) -> Law:
    """The exact law of SR or R over the second half of a run that begins on the level nearest to `start`."""
    x = grid(step_size, noise, spacing, start)
    law = torch.zeros_like(x)
    law[round(float(_round(start, spacing) / spacing - x[0] / spacing))] = 1.0
    half, done, share = iterations // 2, 0, torch.zeros_like(x)
    for eta, count in stages(step_size, iterations, schedule):
        T = chain.transition(x, wells.gradient, step_size=eta, noise=noise, method=method)
        skipped = min(max(half - done, 0), count)
        if skipped:
            law = chain.occupation(law, T, skipped)[1]
        if count > skipped:
            mean, law = chain.occupation(law, T, count - skipped)
            share = share + mean * (count - skipped)
        done += count
    return Law(x, share / (iterations - half))


def stationary(*, step_size: float, noise: float, spacing: float) -> Law:
    """SR's exact stationary law at this step size, whatever the start."""
    x = grid(step_size, noise, spacing, wells.MINIMIZER)
    return Law(x, chain.stationary(chain.transition(x, wells.gradient, step_size=step_size, noise=noise)))


def small_step(*, noise: float, spacing: float) -> Law:
    """Theorem 5 (corrected): the limit of SR's stationary law as the step size shrinks to 0."""
    x = grid(0.0, noise, spacing, wells.MINIMIZER)
    return Law(x, chain_limit.small_step_law(x, wells.gradient, noise=noise))


def _round(w, spacing: float):
    """Q_d(w) = sign(w) spacing floor(|w| / spacing + 1/2): ties away from zero (numpy)."""
    return np.copysign(np.floor(np.abs(w) / spacing + 0.5), w) * spacing


@lru_cache(maxsize=2)
def _normals(seed: int, iterations: int, runs: int) -> np.ndarray:
    """z (iterations, runs), row t = uniforms.normal(seed, t, 0, (runs,)): kept, so that a drag meets the same noise."""
    return _rows(uniforms.normal, seed, iterations, runs)


@lru_cache(maxsize=2)
def _uniforms(seed: int, iterations: int, runs: int) -> np.ndarray:
    """u (iterations, runs), row t = uniforms.uniform(seed, t, 0, (runs,))."""
    return _rows(uniforms.uniform, seed, iterations, runs)


def _rows(draw: Callable[..., Tensor], seed: int, iterations: int, runs: int) -> np.ndarray:
    """draw(seed, t, 0, (runs,)) for every t, a block at a time: twice as fast as all at once, out of the cache."""
    out, block = np.empty((iterations, runs)), max(1, 2**17 // runs)
    for t in range(0, iterations, block):
        steps = torch.arange(t, min(t + block, iterations))
        out[t : t + block] = draw(seed, steps, 0, (runs,), dtype=torch.float64).numpy()
    return out


@dataclass(frozen=True)
class Simulation:
    """levels (K,); at (iterations, runs): index of w_Q^t among them, int64; w (runs,): kept after the last step."""

    levels: Tensor
    at: np.ndarray
    w: np.ndarray

    @property
    def law(self) -> Law:
        """The shares over the second half, all runs together."""
        kept = self.at[len(self.at) // 2 :].ravel()
        return Law(self.levels, torch.from_numpy(np.bincount(kept, minlength=len(self.levels)) / kept.size))


def simulate(
    method: str,
    *,
    step_size: float,
    noise: float,
    start: float,
    spacing: float,
    iterations: int,
    schedule: str = "fixed",
    runs: int = 100,
    seed: int = 0,
) -> Simulation:
    """`runs` independent runs of "bc", "sr" or "r" from `start`, in float64, equal to `qlab.step` draw by draw.

        BC  w_Q = Q_d(w), w+ = w - step_size g(w_Q);    R  w+ = Q_d(w - step_size g);    SR  w+ = Q_s(w - step_size g)

    g = f'(.) + noise z, z = uniforms.normal(seed, t, 0, (runs,));  SR's u = uniforms.uniform(seed, t, 0, (runs,)).
    """
    if method not in SIMULATED:
        raise ValueError(unknown("method", method, SIMULATED))
    x = grid(step_size, noise, spacing, start)
    first, top = round(float(x[0]) / spacing), len(x) - 1
    z = _normals(seed, iterations, runs)
    u = _uniforms(seed, iterations, runs) if method == "sr" else None
    slope, codes = wells.gradient(x).numpy() / spacing, np.arange(float(top + 1))
    at = np.empty((iterations + 1, runs), dtype=np.int64)
    place = partial(np.copyto, casting="unsafe") if noise else partial(_place, first=first)
    # v = weight / spacing - first + 1/2: without its decimals it is rounded to the nearest level (a noisy v is on no
    # tie). SR adds 1 - u instead of 1/2; the 1e-12 keeps u < fraction strict.
    v = np.full(runs, float(start) / spacing - first + 0.5)
    _place(at[0], v, first)
    g, t = np.empty(runs), 0
    for eta, count in stages(step_size, iterations, schedule):
        shake = (eta * noise / spacing) * z[t : t + count]
        if u is not None:
            shake += u[t : t + count] - (1 - 1e-12)
        to = codes - eta * slope + (0.5 if method == "r" else 0.0)  # where a step without noise goes from a level
        move = eta * slope
        # in place, three or four calls a step: this loop is most of the time of a drag
        for row, now, then in zip(shake, at[t:], at[t + 1 :], strict=False):
            if method == "bc":
                move.take(now, out=g, mode="clip")
                v -= g
            else:
                to.take(now, out=v, mode="clip")
            v -= row
            place(then, v)
        t += count
    w = (v - 0.5 + first) * spacing if method == "bc" else (at[-1] + first) * spacing
    return Simulation(x, at[:-1].clip(0, top), w)


def _place(codes: np.ndarray, v: np.ndarray, first: int) -> None:
    """codes = Q_d of the weights (v - 1/2 + first) spacing, counted from `first`: ties away from zero."""
    codes[:] = _round(v - 0.5 + first, 1.0) - first
