"""ProxQuant's claims, tried: the two functions that BC cannot tell apart, its best iterate, sign changes on digits.

S0 2.III: "best iterate is guaranteed to converge"; Bai, Wang, Liberty 2019: the two functions, few sign changes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import qlab
from qlab import metrics
from qlab.experiments.digits import Stack
from qlab.messages import unknown
from qlab.optim import QuantOptimizer, groups
from qlab.problems.quadratic import Quadratic
from qlab.prox import descent_constant, regularizer
from qlab.quantizers.grids import Grid
from qlab.uniforms import uniform

BEST = {1: -1.0, -1: 1.0}
"""The better level of each twin."""
TWIN_METHODS = ("bc", "proxquant")


# two functions with the same slopes at ±1
def twin(w: np.ndarray, sign: int) -> np.ndarray:
    """f(w) = |w + sign/2| - 1/2: f(±1) = 1 and 0, the level -sign being the better one."""
    return np.abs(w + sign / 2) - 0.5


def slope(w: np.ndarray, sign: int) -> np.ndarray:
    """f'(w) = sgn(w + sign/2); at the levels ±1 it is ±1 for both signs."""
    return np.sign(w + sign / 2)


def starts(seeds: Sequence[int]) -> np.ndarray:
    """One start in (-1, 1) for each seed, uniform."""
    return (2 * uniform(torch.tensor(list(seeds)), 0, 0, (1,), stream="init", dtype=torch.float64) - 1).numpy().ravel()


def paths(
    method: str, start: np.ndarray, sign: int, *, step_size: float, steps: int, reg: float, schedule: str = "linear"
) -> np.ndarray:
    """The latent weights (steps + 1, runs) on one twin, levels ±1, equal to `qlab.step`.

    BC  w+ = w - step_size f'(sgn w);    ProxQuant  w+ = prox_{step_size reg_t R}(w - step_size f'(w))
    """
    if method not in TWIN_METHODS:
        raise ValueError(unknown("method", method, TWIN_METHODS))
    w = np.array(start, dtype=float)
    out = np.empty((steps + 1, w.size))
    out[0] = w
    for t in range(steps):
        if method == "bc":
            w = w - step_size * slope(np.where(w >= 0, 1.0, -1.0), sign)
        else:
            x = w - step_size * slope(w, sign)
            q = np.where(x >= 0, 1.0, -1.0)
            nu = step_size * reg * (t / (steps - 1) if schedule == "linear" else 1.0)
            w = np.where(np.abs(x - q) <= nu, q, x - nu * np.sign(x - q))
        out[t + 1] = w
    return out


def right(path: np.ndarray, sign: int) -> np.ndarray:
    """Whether each run ends with the better level deployed."""
    return np.where(path[-1] >= 0, 1.0, -1.0) == BEST[sign]


# the best iterate
@dataclass(frozen=True)
class BestIterate:
    """Each (runs,): the smallest |w+ - w|² of the run, its bound (F(w_0) - 0)/(c T), the last |w+ - w|, the share of
    steps in which F rose."""

    smallest: Tensor
    bound: Tensor
    last: Tensor
    rises: Tensor


def best_iterate(
    seeds: Sequence[int], share: float, *, steps: int, reg: float = 0.3, condition: float = 30.0
) -> BestIterate:
    """ProxQuant (L1, ±1) with step size share/L on random quadratics, a rotation and a minimizer for each seed."""
    problem = Quadratic(10, condition, seed=torch.tensor(list(seeds)))
    L = float(problem.spectrum.max())
    w = problem.start(torch.tensor(list(seeds)), dtype=torch.float64)
    levels = Grid(1).levels()

    def F(w: Tensor) -> Tensor:
        return problem.loss(w) + reg * regularizer(w, levels).sum(-1)

    value = first = F(w)
    smallest, rises, length = torch.full_like(value, torch.inf), torch.zeros_like(value), torch.zeros_like(value)
    for _ in range(steps):
        after = qlab.step("proxquant", w, problem.gradient(w), lr=share / L, reg=reg, scale="one")
        length, now = ((after - w) ** 2).sum(-1), F(after)
        smallest, rises = torch.minimum(smallest, length), rises + (now > value + 1e-12)
        w, value = after, now
    c = descent_constant(share / L, L)
    bound = first / (c * steps) if c > 0 else torch.full_like(first, torch.inf)
    return BestIterate(smallest, bound, length.sqrt(), rises / steps)


# digits, from one trained network
@dataclass(frozen=True)
class Fine:
    """Fine-tuned stacks, each tensor (runs,), float64, shares in 0 ... 1.

    signs: share of weights whose sign differs from the trained network's; distance: |w - Q(w)|/|w| at the end.
    """

    accuracy: Tensor
    signs: Tensor
    distance: Tensor


def trained(seeds: Sequence[int], *, steps: int, step_size: float = 0.1, device: str = "auto") -> Stack:
    """The networks that all methods start from: full precision on digits, `steps` steps."""
    stack = Stack("full", seeds, step_size=step_size, device=device)
    while stack.done < steps:
        stack.step()
    return stack


def fine_tune(method: str, warm: Stack, seeds: Sequence[int], *, steps: int, step_size: float, **hyper) -> Fine:
    """`steps` further steps of `method` from the trained networks, 1 bit; `hyper` are settings of the method."""
    stack = Stack(method, seeds, step_size=step_size, device=str(warm.test.device))
    stack.model.load_state_dict(warm.model.state_dict())
    chosen = groups(stack.model, method, first_last=True, quiet=True, bits=1, steps=float(steps), **hyper)
    seed = torch.tensor(list(seeds), device=warm.test.device)
    stack.optimizer = QuantOptimizer(chosen, method, lr=step_size, seed=seed, runs=len(seed))
    stack.done = warm.done
    before = _weights(dict(stack.model.named_parameters()))
    for _ in range(steps):
        stack.step()
    after, quantized = _weights(dict(stack.model.named_parameters())), _weights(stack.optimizer.quantized())
    return Fine(
        stack.measure().quantized_accuracy.cpu(),
        metrics.sign_changes(before, after, runs=1).cpu(),
        metrics.distance_to_grid(after, quantized, runs=1).cpu(),
    )


def _weights(named: dict[str, Tensor]) -> Tensor:
    """The quantized weights of each run in one row, a copy."""
    return torch.cat([w.detach().flatten(1) for name, w in named.items() if name.endswith("weight")], 1)
