"""One step of one weight tensor: every method is this one line.

w+ = settle( anchor(w) - lr * base( direction(w, g) ) ),        g = d loss / d view(w)
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.methods import Hyper, Rule, State, method
from qlab.optim.bases import Base, Buffers, sgd
from qlab.quantizers import checks
from qlab.quantizers.grids import Grid
from qlab.uniforms import uniform


def advance(
    rule: Rule, base: Base, w: Tensor, g: Tensor, s: State, b: Buffers, h: Hyper, u: Tensor | None
) -> tuple[Tensor, State, Buffers]:
    """(w, state, buffers) after one step with gradient g; weight decay is added to the direction, as in torch."""
    s = rule.before(w, g, s, h)
    m, b = base(rule.direction(w, g, s, h) + h.weight_decay * w, b, h)
    w_new = rule.settle(rule.anchor(w, s, h) - h.lr * m, s, h, u)
    return w_new, rule.after(w, w_new, s, h), b


def step(
    rule: str | Rule,
    w: Tensor,
    g: Tensor,
    *,
    lr: float,
    bits: int = 1,
    family: str = "symmetric",
    scale: str | float = "least-squares",
    spacing: float = 1.0,
    seed: int = 0,
    t: int = 0,
    steps: int = 0,
    state: State | None = None,
    **hyper,
) -> Tensor:
    """w+ of one plain SGD step of one run:  w+ = settle(anchor(w) - lr direction(w, g)).

    rule: a slug (`qlab.METHODS`) or a Rule. w: the latent weights, g: the gradient at what the network sees.
    bits, family, scale, spacing: the grid (`qlab.quantizers.Grid`); a number as `scale` fixes it, otherwise methods
    with a fixed grid (r, sr) take the scale of w. seed, t: the uniforms, u = uniform(seed, t, 0, w.shape).
    t counts from 0, steps is the length of the run: what schedules are functions of.
    state: a dict that carries the method's own state, and the scale where one is stored, from step to step; start with
    {}. hyper: the method's hyper-parameters and options.

    Raises ValueError or TypeError for an unknown method, hyper-parameter, option or grid, a number out of its range,
    and for weights and gradients that are not floating or not of one shape.
    """
    rule = method(rule)
    if not (w.is_floating_point() and g.is_floating_point()) or w.shape != g.shape:
        got = f"{w.dtype} {tuple(w.shape)}, {g.dtype} {tuple(g.shape)}"
        raise TypeError(f"w and g must be floating and of one shape; got {got}")
    checks.inside(lr, "[0, inf)", "lr")
    for name, value in hyper.items():
        rule.check(name, value)
    values = {**rule.defaults, **{name: choices[0] for name, choices in rule.options.items()}, **hyper}
    rule.together({**values, "steps": steps})
    grid = Grid(bits, family, scale if isinstance(scale, str) else "one")
    numbers = {name: values[name] for name in rule.defaults} | {
        "lr": lr,
        "weight_decay": 0.0,
        "t": t + 1,
        "steps": steps,
    }
    stored = dict(state or {})
    s = stored.pop("scale", None)
    given = family == "lattice" or not isinstance(scale, str)
    if given:
        name, size = ("spacing", spacing) if family == "lattice" else ("scale", scale)
        checks.inside(size, "(0, inf)", name)
        s = torch.as_tensor(size, dtype=w.dtype, device=w.device)
    elif s is None and (rule.fixed_scale or grid.iterative):
        s = grid.converged_scale(w.detach())
    h = Hyper(numbers, values, grid, scale=s, fixed=rule.fixed_scale or given)
    u = uniform(seed, t, 0, w.shape, device=w.device, dtype=_at_least_float32(w.dtype)) if rule.random else None
    with torch.no_grad():
        w_new, after, _ = advance(rule, sgd, w, g, stored or rule.init(w, h), {}, h, u)
        if state is not None:
            state.update(after)
            if s is not None:
                state["scale"] = s if h.fixed else h.s(w_new)
    return w_new


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32
