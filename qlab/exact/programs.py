"""HiGHS (through scipy): quantized L1 regression as a mixed-integer program, logistic regression between tangents."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qlab.exact.cost import LIMIT, refuse
from qlab.exact.search import BINARY, Levels, as_data, as_labels, as_levels
from qlab.messages import unknown

LOSSES = ("l1", "logistic")
SLACK = 1e-5  # by how much HiGHS may violate a constraint, ten times over
ENTRY = 200  # bytes that HiGHS needs for an entry of its matrix, about


@dataclass(frozen=True)
class Certified:
    """weights (d,) float64 with their loss; no weights on the levels have a loss below `bound`.

    `optimal`: loss - bound is at most the tolerance. If not, the limit was reached: the true optimum lies between.
    rounds: how many programs were solved.
    """

    weights: Tensor
    loss: float
    bound: float
    optimal: bool
    rounds: int

    @property
    def gap(self) -> float:
        """loss - bound: the optimum is at most this much better."""
        return self.loss - self.bound


def milp(
    x: Tensor,
    y: Tensor,
    *,
    loss: str = "l1",
    levels: Levels = BINARY,
    tangents: int = 12,
    tolerance: float = 1e-6,
    limit: float = LIMIT,
) -> Certified:
    """The quantized minimizer of a piecewise linear loss, certified: x (n, d), y (n,), w in levels^d.

        l1         mean_i |y_i - x_i·w|:   min mean r  with  r_i >= y_i - x_i·w,  r_i >= x_i·w - y_i
        logistic   mean_i log(1 + e^s_i), s_i = -y_i x_i·w, y = ±1:   r_i >= sigma(a) (s_i - a) + log(1 + e^a)

    A convex function lies above its tangents (`tangents` of them), so the program's minimum is a lower bound; the
    exact loss of its minimizer is an upper one. While they differ by more than `tolerance`, the tangents at that
    minimizer are added (outer approximation): it ends, since no configuration is met twice.
    After `limit` seconds the best weights so far and their gap are returned: nothing hangs.
    Raises TooLarge if the program would not fit into memory, ValueError for an unknown loss, labels other than ±1.
    """
    if loss not in LOSSES:
        raise ValueError(unknown("loss", loss, LOSSES))
    values = as_levels(levels).numpy()
    if loss == "logistic":
        as_labels(x, y)
    features, target = (data.numpy() for data in as_data(x, y))
    n, d = features.shape
    cuts = 2 if loss == "l1" else tangents
    entries = n * cuts * (d * _width(values) + 1)
    refuse(f"a program of {n * cuts} rows and {d} weights", 0.0, ENTRY * entries, limit, "fewer samples or weights")
    program = _Program(features if loss == "l1" else -target[:, None] * features, values)
    if loss == "l1":
        program.add(target, slope=-1.0)
        program.add(-target, slope=1.0)
    else:
        for p in (np.arange(tangents - 1) + 0.5) / (tangents - 1):  # equally spaced slopes, and the asymptote r >= s
            program.tangent(np.full(n, np.log(p / (1 - p))))
        program.add(np.zeros(n), slope=1.0)
    return _solve(program, loss, target, tolerance, limit)


def _solve(program: _Program, loss: str, target: np.ndarray, tolerance: float, limit: float) -> Certified:
    start, best, bound, rounds = time.perf_counter(), (np.inf, program.rounded(None)), 0.0, 0
    while True:
        left = limit - (time.perf_counter() - start)
        w, lower = program.minimize(max(left, 0.1), tolerance / 2)
        s = program.z @ w
        exact = float(np.abs(target - s).mean() if loss == "l1" else np.logaddexp(0, s).mean())
        best, bound, rounds = min(best, (exact, w), key=lambda pair: pair[0]), max(bound, lower), rounds + 1
        if bound > best[0] + SLACK:
            raise ArithmeticError(f"a bound of {bound:.6g} above a loss of {best[0]:.6g}: no certificate")
        optimal = best[0] - bound <= tolerance
        if optimal or loss == "l1" or time.perf_counter() - start >= limit:
            return Certified(torch.from_numpy(best[1]), best[0], min(bound, best[0]), optimal, rounds)
        program.tangent(s)


def _width(values: np.ndarray) -> int:
    """Integer variables for one weight: one if the levels are equally spaced, else one for each level."""
    return 1 if np.allclose(np.diff(values), values[1] - values[0]) else len(values)


class _Program:
    """min mean r  over w = base + map t, t integer, with rows added one block (of n) at a time.

    Variables: t, then r (n). Equally spaced levels: w_j = c_1 + gap t_j, 0 <= t_j < K. Others: w_j = sum_k c_k t_jk
    with t_jk in {0, 1}, sum_k t_jk = 1.
    """

    def __init__(self, z: np.ndarray, values: np.ndarray):
        from scipy import sparse

        self.z, self.values, self.width = z, values, _width(values)
        d, even = z.shape[1], self.width == 1
        self.map = (
            sparse.eye_array(d) * (values[1] - values[0]) if even else sparse.kron(sparse.eye_array(d), values[None])
        )
        self.base = np.full(d, values[0] if even else 0.0)
        self.top = len(values) - 1 if even else 1
        self.sums = None if even else sparse.kron(sparse.eye_array(d), np.ones((1, self.width)))
        self.columns = sparse.csr_array(z) @ self.map  # d s / d t
        self.rows: list = []
        self.low: list[np.ndarray] = []

    def add(self, constant: np.ndarray, slope: float | np.ndarray) -> None:
        """r_i >= constant_i + slope_i s_i for all samples."""
        from scipy import sparse

        slope = np.broadcast_to(slope, len(self.z))
        self.rows.append(sparse.hstack([-sparse.diags_array(slope) @ self.columns, sparse.eye_array(len(slope))]))
        self.low.append(constant + slope * (self.z @ self.base))

    def tangent(self, a: np.ndarray) -> None:
        """r_i >= sigma(a_i) (s_i - a_i) + log(1 + e^a_i)."""
        sigma = 1 / (1 + np.exp(-a))
        self.add(np.logaddexp(0, a) - sigma * a, sigma)

    def rounded(self, t: np.ndarray | None) -> np.ndarray:
        """Weights on the levels from t (or the lowest level everywhere)."""
        w = self.base if t is None else self.map @ t + self.base
        return self.values[np.abs(w[:, None] - self.values).argmin(1)]

    def minimize(self, seconds: float, gap: float) -> tuple[np.ndarray, float]:
        """(weights, lower bound) of the program as it stands."""
        from scipy import optimize, sparse

        n, m = len(self.z), self.map.shape[1]
        constraints = [
            optimize.LinearConstraint(sparse.vstack(self.rows, format="csr"), np.concatenate(self.low), np.inf)
        ]
        if self.sums is not None:
            one = sparse.hstack([self.sums, sparse.csr_array((len(self.base), n))], format="csr")
            constraints.append(optimize.LinearConstraint(one, 1, 1))
        found = optimize.milp(
            np.concatenate([np.zeros(m), np.full(n, 1 / n)]),
            constraints=constraints,
            integrality=np.concatenate([np.ones(m), np.zeros(n)]),
            bounds=optimize.Bounds(0, np.concatenate([np.full(m, self.top), np.full(n, np.inf)])),
            options={"time_limit": seconds, "mip_rel_gap": gap},
        )
        bound = found.mip_dual_bound if found.mip_dual_bound is not None else 0.0
        return self.rounded(None if found.x is None else found.x[:m]), max(float(bound), 0.0)
