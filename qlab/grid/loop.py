"""The training loop of one block of runs: the update is `optim.update.advance`, nothing is written twice.

What `QuantOptimizer` prepares anew in every step (hyper-parameters, uniforms) is prepared once or for many steps ahead,
and the gradient is handed through a view by its declared derivative: the same numbers, bit by bit (a test compares).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from qlab.methods import method
from qlab.optim import QuantOptimizer
from qlab.optim.bases import BASES, buffer_names
from qlab.optim.update import advance
from qlab.problems import Problem
from qlab.quantizers import checks
from qlab.uniforms import normal, permutation, uniform

DECAYS: Mapping[str, Callable[[float], float]] = {
    "constant": lambda x: 1.0,
    "linear": lambda x: 1 - x,
    "cosine": lambda x: (1 + math.cos(math.pi * x)) / 2,
}
"""The step size over its first value, x in [0, 1) being the share of the run that is over."""
AHEAD = 64  # steps for which random numbers are drawn at once


class Block:
    """`configurations` x seeds runs of one problem under one rule; w, its view and its gradient are (runs, d).

    lr, numbers: one value, or one per configuration, (configurations,). batch: rows per step, drawn for each seed
    without replacement within an epoch; 0: all. noise: standard deviation of normal noise added to each entry of the
    gradient. Start, rows, noise and the uniforms of the rule depend on the seed alone, not on the configuration.
    """

    def __init__(
        self,
        problem: Problem,
        seeds: Tensor,
        configurations: int,
        *,
        rule: str,
        base: str,
        steps: int,
        lr: float | Tensor,
        noise: float | Tensor = 0.0,
        batch: int = 0,
        decay: str = "constant",
        start: Tensor,
        **settings: Any,
    ):
        checks.inside(noise, "[0, inf)", "noise")
        self.problem, self.seeds, self.steps, self.batch = problem, seeds, steps, batch
        self.shape = (configurations, len(seeds), problem.d)
        runs = configurations * len(seeds)

        def per_run(value):
            return value.repeat_interleave(len(seeds)) if isinstance(value, Tensor) else value

        self.p = torch.nn.Parameter(start.expand(self.shape).reshape(runs, problem.d).clone())
        given = {name: per_run(value) for name, value in settings.items()}
        self.opt = QuantOptimizer(
            [("w", self.p)],
            rule,
            base,
            lr=per_run(lr),
            runs=runs,
            seed=seeds.repeat(configurations),
            steps=steps,
            **given,
        )
        group = self.opt.param_groups[0]
        self.rule, self.base, own = method(rule), BASES[base], buffer_names(base, group)
        self.h, state = self.opt._hyper(group, self.p), self.opt.state[self.p]
        self.s = {name: value for name, value in state.items() if name not in own and name != "scale"}
        self.b = {name: state[name] for name in own}
        self.scale = state.get("scale")
        self.lr, self.decay = self.h.lr, DECAYS[decay]
        self.start, self.w, self.t = self.p.detach().clone(), self.p.detach().clone(), 0
        noisy = noise if isinstance(noise, Tensor) else torch.tensor([float(noise)])
        self.noise = noisy.to(start.dtype).reshape(-1, 1, 1) if bool((noisy != 0).any()) else None
        self._drawn: dict[str, tuple[int, Tensor]] = {}
        self._set_time()

    def _set_time(self) -> None:
        """h of the step to come."""
        lr = self.lr * self.decay(self.t / self.steps)
        self.h.__dict__.update(lr=lr, t=torch.tensor(self.t + 1, dtype=torch.float64))

    # ---------------------------------------------------------------------------------- what depends on (seed, step)
    def _kept(self, name: str, chunk: int, draw: Callable[[], Tensor]) -> Tensor:
        """What `draw` makes for this chunk of steps, drawn once."""
        if name not in self._drawn or self._drawn[name][0] != chunk:
            self._drawn[name] = chunk, draw()
        return self._drawn[name][1]

    def _per_seed(self, name: str, draw: Callable[..., Tensor]) -> Tensor:
        """This step's numbers, one for each weight and seed: (seeds, d)."""
        chunk, place = divmod(self.t, AHEAD)

        def ahead() -> Tensor:
            t = torch.arange(chunk * AHEAD, (chunk + 1) * AHEAD).unsqueeze(-1)
            return draw(self.seeds, t, 0, (self.problem.d,), dtype=self.w.dtype)

        return self._kept(name, chunk, ahead)[place]

    def _uniforms(self, slot: str) -> Tensor | None:
        if slot not in self.rule.random:
            return None
        return self._per_seed("u", uniform).expand(self.shape).reshape(self.w.shape)

    def _rows(self) -> Tensor | None:
        if not self.batch:
            return None
        epoch, place = divmod(self.t, self.problem.n // self.batch)
        order = self._kept("order", epoch, lambda: permutation(self.seeds, epoch, self.problem.n))
        return order[:, place * self.batch : (place + 1) * self.batch]

    def _noise(self) -> Tensor | None:
        if self.noise is None:
            return None
        return (self.noise * self._per_seed("z", normal)).expand(self.shape).reshape(self.w.shape)

    # ------------------------------------------------------------------------------------------------ views, the step
    @torch.no_grad()
    def view(self) -> Tensor:
        """What the network sees."""
        return self.rule.view(self.w, self.s, self.h, self._uniforms("view"))

    @torch.no_grad()
    def deployed(self) -> Tensor:
        """What is evaluated."""
        return self.rule.deploy(self.w, self.s, self.h)

    @torch.no_grad()
    def codes(self) -> Tensor:
        """The codes of the levels nearest to the weights."""
        return self.h.grid.codes(self.w, self.h.s(self.w))

    def gradient(self, seen: Tensor, rows: Tensor | None = None) -> Tensor:
        """dF/d(view) at weights (runs, d)."""
        return self.problem.gradient(seen.view(self.shape), rows).reshape(self.w.shape)

    @torch.no_grad()
    def step(self) -> None:
        """w+ = settle( anchor(w) - lr base( direction(w, g) ) ), g = dF/d view(w)."""
        seen = self.view()
        g = self.gradient(seen, self._rows())
        z = self._noise()
        if z is not None:
            g = g + z
        g = self._pulled(seen, g)
        self.w, self.s, self.b = advance(
            self.rule, self.base, self.w, g, self.s, self.b, self.h, self._uniforms("settle")
        )
        if self.scale is not None and not self.h.fixed:
            self.scale.copy_(self.h.s(self.w))
        self.t += 1
        self._set_time()

    def _pulled(self, seen: Tensor, g: Tensor) -> Tensor:
        """dF/dw from g = dF/d(view): g times the declared derivative; a view that is no single `coarse` of w is
        differentiated."""
        if seen is self.w:
            return g
        declared: tuple = getattr(seen, "declared", ())
        if len(declared) == 1 and declared[0][0] is self.w:
            d = declared[0][1]
            return g if isinstance(d, float) and d == 1 else g * d
        with torch.enable_grad():
            w = self.w.detach().requires_grad_()
            seen = self.rule.view(w, self.s, self.h, self._uniforms("view"))
            return torch.autograd.grad(seen, w, g)[0]
