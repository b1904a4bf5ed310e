"""Sphere decoding: quantized least squares, exactly, by depth-first search in the triangular system."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qlab import uniforms
from qlab.exact.cost import LIMIT, TooLarge, refuse
from qlab.exact.search import BINARY, Levels, as_data, as_levels

FIRST = 2**15  # nodes visited before the rest of the tree is estimated: most searches end here
PROBES = 64
CHECK = 4096  # nodes between two looks at the clock
ADVICE = "fewer weights, less noise, more samples, or a larger limit"


@dataclass(frozen=True)
class Decoded:
    """weights (d,) float64: the minimizer of |y - x w|^2 on the levels; loss: that minimum; nodes: how many it took."""

    weights: Tensor
    loss: float
    nodes: int


def sphere(x: Tensor, y: Tensor, *, levels: Levels = BINARY, limit: float = LIMIT) -> Decoded:
    """argmin |y - x w|^2 over w in levels^d: x (n, d), y (n,), any finite set of levels.

    x = Q R turns it into sum_k (b_k - sum_{j >= k} R_kj w_j)^2 + constant. The weights are chosen from the last to the
    first, the nearest level first (Schnorr and Euchner): the first leaf is a good solution, and every branch whose
    partial sum exceeds the best one so far is cut. Columns are ordered so that large R_kk are decided first.

    Raises TooLarge if the search is not over after 2^15 nodes and the tree within the radius reached then, whose size
    random descents estimate (Knuth 1975), needs more than `limit` seconds; or if the search reaches the limit.
    """
    values = as_levels(levels).numpy()
    features, target = (data.numpy() for data in as_data(x, y))
    d = features.shape[1]
    order, R, b = _triangular(features, target)
    tree = _Tree(R, b, values)
    what, bytes, advice = f"sphere decoding of {len(values)}^{d} configurations", 16 * d * d, ADVICE
    best, cost, nodes, ended = tree.search(limit, most=FIRST)
    if not ended:
        refuse(what, seconds := tree.estimate(cost), bytes, limit, advice)
        best, cost, more, ended = tree.search(limit, best=best, radius=cost)
        nodes += more
        if not ended:
            raise TooLarge(what, max(seconds, 2 * limit), bytes, limit, advice)
    weights = np.empty(d)
    weights[order] = best
    return Decoded(torch.from_numpy(weights), float(((target - features @ weights) ** 2).sum()), nodes)


def _triangular(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(order, R (d, d), b (d,)) with x[:, order] = Q R, b = Q'y; each step takes the column that adds least.

    With fewer samples than weights the last rows are zero.
    """
    d = x.shape[1]
    order: list[int] = []
    rest = x.copy()
    for _ in range(d):
        norms = (rest**2).sum(0)
        norms[order] = np.inf
        k = int(norms.argmin())
        order.append(k)
        if norms[k] > 1e-20:
            q = rest[:, k] / np.sqrt(norms[k])
            rest -= np.outer(q, q @ rest)
    Q, R = np.linalg.qr(x[:, order])
    full, b = np.zeros((d, d)), np.zeros(d)
    full[: len(R)], b[: len(R)] = R, Q.T @ y
    return np.array(order), full, b


class _Tree:
    """The weights from the last to the first; a node at depth k has decided w_k ... w_d."""

    def __init__(self, R: np.ndarray, b: np.ndarray, levels: np.ndarray):
        self.columns, self.b = np.ascontiguousarray(R.T), b
        self.diagonal, self.levels = R.diagonal().tolist(), levels.tolist()

    def children(self, k: int, residual: float, cost: float, radius: float) -> list[tuple[float, float]]:
        """(cost, level) of a node's children within the radius, the dearest first: pop() takes the best."""
        r = self.diagonal[k]
        found = [(cost + (residual - r * c) ** 2, c) for c in self.levels]
        return sorted((child for child in found if child[0] < radius), reverse=True)

    def search(
        self, limit: float, most: int | None = None, best: list[float] | None = None, radius: float = float("inf")
    ) -> tuple[list[float] | None, float, int, bool]:
        """(the best leaf, its cost, nodes visited, whether the search is over): it stops after `limit` seconds or
        `most` nodes. `best` of cost `radius` is known before."""
        d, columns, start = len(self.b), self.columns, time.perf_counter()
        left = [self.b] * (d + 1)  # left[k] = b - sum_{j >= k} R_j w_j
        w, nodes, k = [0.0] * d, 0, d - 1
        open_: list[list[tuple[float, float]]] = [[] for _ in range(d)]
        open_[k] = self.children(k, float(self.b[k]), 0.0, radius)
        while k < d:
            if not open_[k]:
                k += 1
                continue
            cost, w[k] = open_[k].pop()
            if cost >= radius:  # and so are the others
                open_[k] = []
                continue
            nodes += 1
            if nodes == most or (nodes % CHECK == 0 and time.perf_counter() - start > limit):
                return best, radius, nodes, False
            if k == 0:
                best, radius = w.copy(), cost
                continue
            left[k] = left[k + 1] - w[k] * columns[k]
            k -= 1
            open_[k] = self.children(k, float(left[k + 1][k]), cost, radius)
        return best, radius, nodes, True

    def estimate(self, radius: float) -> float:
        """Seconds: the mean size of the tree within the radius by random descents, times the time of a node. The radius
        shrinks in the real search, which is mostly faster."""
        d, start = len(self.b), time.perf_counter()
        u = uniforms.uniform(0, 0, 0, (PROBES, d), dtype=torch.float64).tolist()
        sizes, steps = zip(*(self._descend(row, radius * (1 + 1e-9)) for row in u), strict=True)
        return sum(sizes) / PROBES * (time.perf_counter() - start) / sum(steps)

    def _descend(self, u: list[float], radius: float) -> tuple[float, int]:
        """(Knuth's estimate of the nodes, steps taken) along one random path."""
        left, cost, nodes, width, steps = self.b, 0.0, 1.0, 1.0, 0
        for k in range(len(self.b) - 1, -1, -1):
            inside = self.children(k, float(left[k]), cost, radius)
            width, steps = width * len(inside), steps + 1
            nodes += width
            if not inside:
                break
            cost, level = inside[int(u[k] * len(inside))]
            left = left - level * self.columns[k]
        return nodes, steps
