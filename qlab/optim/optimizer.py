"""QuantOptimizer: every method of the documents as one torch optimizer, for one run or a stack of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from qlab.messages import unknown
from qlab.methods import Hyper, Rule, method
from qlab.optim import settings
from qlab.optim.bases import BASES, buffer_names
from qlab.optim.update import advance
from qlab.quantizers.grids import Grid
from qlab.uniforms import bits, from_bits, keys


class QuantOptimizer(torch.optim.Optimizer):
    """w+ = settle( anchor(w) - lr * base( direction(w, g) ) ),  g = d loss / d view(w), for every weight w.

    params: (named) parameters or groups with their own settings: `model.named_parameters()`, `qlab.groups(model)`.
    rule: the method, a slug of `qlab.METHODS`. base: "sgd" (momentum, nesterov) or "adam" (beta1, beta2, eps).
    lr: kept as a 0-dim tensor, so that torch's schedulers work and nothing recompiles; a vector over the runs is split
    into lr (its maximum) and `lr_scale`. bits, family, scale, spacing: the grid (`qlab.quantizers.Grid`); per_channel:
    a scale for each entry of the first axis, the output channels of Linear and Conv; quantized=False leaves a group as
    it is. seed: of the uniforms; a vector over the runs gives each its own.
    runs=C: a stack; every parameter has a leading axis of C runs, and any number may be a tensor of shape (C,).
    The rule's own hyper-parameters and options are further keywords.

    The parameters are always the latent weights. `weights()` is what the network sees (differentiable), `quantized()`
    what is evaluated and shipped. Groups hold strings, numbers and tensors: `torch.load(weights_only=True)` works.

    Raises ValueError or TypeError for an unknown method, base, hyper-parameter or option, with the allowed ones and the
    nearest, for a number out of its range, and for a `rule` that no group follows (groups may name their own).
    """

    def __init__(self, params, rule: str | Rule | None = None, base: str = "sgd", lr: float | Tensor = 0.1, **given):
        slug = method(rule or "full").slug
        given = {"rule": slug, "base": base, "lr": lr, "seed": 0, "t": 0, **given}
        super().__init__(params, {**settings.STRUCTURE, **settings.NUMBERS, **given})
        followed = [group["rule"] for group in self.param_groups]
        if rule is not None and slug not in followed:
            raise ValueError(
                f"rule={slug!r}, but the groups name their own: {', '.join(followed)}; "
                f"did you mean qlab.groups(model, {slug!r})?"
            )
        for name in given:
            if not any(name in group for group in self.param_groups):
                known = dict.fromkeys(k for group in self.param_groups for k in settings.known(group))
                raise ValueError(unknown("setting", name, known))

    # ------------------------------------------------------------------------------------------------ construction

    @torch.no_grad()
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; its weights are settled on their grid at once where the method keeps them there."""
        param_group = dict(param_group)  # the caller's own stays as it is
        group = {**self.defaults, **param_group}
        own = settings.checked(group, given=param_group)
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for name in set(group) - {"params", "param_names", *own}:  # settings of other groups' rules
            del group[name]
        for name, value in own.items():
            group.setdefault(name, value)
        group["rule"] = method(group["rule"]).slug
        self._start(group, group["runs"])

    def _start(self, group: dict[str, Any], runs: int) -> None:
        """Checks shapes, makes the group's tensors and each parameter's state, settles weights on their grid."""
        for p in group["params"]:
            if not p.is_floating_point():
                raise TypeError(f"a parameter of dtype {p.dtype} cannot be trained; floating dtypes are allowed")
            if runs and p.shape[:1] != (runs,):
                raise ValueError(f"runs={runs}: every parameter needs a leading axis of {runs}; got {tuple(p.shape)}")
        for name in ("lr", "seed", *settings.numbers(group)):
            shape = tuple(torch.as_tensor(group[name]).shape)
            if shape not in ((), (runs,)):
                raise ValueError(
                    f"{name} has shape {shape}; a number or, in a stack, shape ({runs or 'runs'},) is allowed"
                )
        lr = torch.as_tensor(group["lr"], dtype=torch.float64)
        if lr.dim():
            group["lr_scale"], lr = lr / lr.max() if lr.max() else torch.ones_like(lr), lr.max()
        group["lr"], group["t"] = lr.clone(), torch.as_tensor(group["t"]).clone()
        group["seed"] = torch.as_tensor(group["seed"], dtype=torch.int64).clone()
        settings.to_device(group)
        for p in group["params"]:
            self.state[p] = {name: torch.zeros_like(p) for name in buffer_names(group["base"], group)}
            if group["quantized"]:
                rule, h = method(group["rule"]), self._hyper(group, p)
                if h.grid.iterative or (h.fixed and h.scale is None):
                    self.state[p]["scale"] = h.scale = h.grid.converged_scale(p, h.keep)
                if rule.fixed_scale:
                    p.copy_(h.Q(p))
                own = rule.init(p, h)
                if taken := own.keys() & {*self.state[p], "scale"}:
                    raise ValueError(f"state {sorted(taken)} of method {rule.slug!r} is the optimizer's; rename it")
                self.state[p] |= own

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads a copy of a `state_dict()`, also one that was saved on another device; every state keeps its dtype here
        (torch would make a mask or a counter of a rule a floating tensor)."""
        dtypes = {p: {name: value.dtype for name, value in self.state[p].items()} for p in self.state}
        super().load_state_dict(state_dict)
        saved = [i for group in state_dict["param_groups"] for i in group["params"]]
        here = [p for group in self.param_groups for p in group["params"]]
        for i, p in zip(saved, here, strict=True):
            for name, value in state_dict["state"].get(i, {}).items():
                self.state[p][name] = value.to(p.device, dtypes[p].get(name, value.dtype), copy=True)
        for group in self.param_groups:
            settings.to_device(group)

    # -------------------------------------------------------------------------------------------------------- step

    def _numbered(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Each group with the number of its first parameter: global, so no two parameters share uniforms."""
        first = 0
        for group in self.param_groups:
            yield group, first
            first += len(group["params"])

    def _hyper(self, group: dict[str, Any], p: Tensor) -> Hyper:
        """`h` of one parameter; a number over the runs gets the shape that broadcasts against it."""
        runs = group["runs"]

        def number(value):
            if not isinstance(value, Tensor) or not value.dim():
                return value
            return value.to(p.dtype).reshape(runs, *[1] * (p.dim() - 1))

        numbers = {name: number(group[name]) for name in settings.numbers(group)} | {
            "t": (group["t"] + 1).to(torch.float64)
        }
        numbers["lr"] = group["lr"] * numbers.pop("lr_scale")
        lattice = group["family"] == "lattice"
        scale = torch.as_tensor(numbers["spacing"], dtype=p.dtype) if lattice else self.state[p].get("scale")
        return Hyper(
            numbers,
            group,
            Grid(group["bits"], group["family"], group["scale"]),
            keep=bool(runs) + bool(group["per_channel"]),
            scale=scale,
            fixed=method(group["rule"]).fixed_scale or lattice,
        )

    def _uniforms(self, group: dict[str, Any], first: int, slot: str) -> list[Tensor | None]:
        """u of each parameter: fixed for (seed, step), so every forward of a step sees the same."""
        params, runs = group["params"], group["runs"]
        if not group["quantized"] or slot not in method(group["rule"]).random:
            return [None] * len(params)
        number = torch.arange(first, first + len(params), device=group["t"].device)
        key = keys(group["seed"], group["t"], number.unsqueeze(-1) if runs else number)
        key = key.expand(-1, runs, 2) if runs else key
        dtype = [torch.float64 if p.dtype == torch.float64 else torch.float32 for p in params]
        n = [p.numel() // (runs or 1) for p in params]
        return [from_bits(bits(key[i], n[i]), dtype[i]).reshape(p.shape) for i, p in enumerate(params)]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every parameter that has a gradient; with a closure, which re-evaluates the loss, its value."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group, first in self._numbered():
            rule = method(group["rule"] if group["quantized"] else "full")
            base, own = BASES[group["base"]], buffer_names(group["base"], group)
            for p, u in zip(group["params"], self._uniforms(group, first, "settle"), strict=True):
                if p.grad is None:
                    continue
                state, h = self.state[p], self._hyper(group, p)
                s, b = {k: v for k, v in state.items() if k not in own and k != "scale"}, {k: state[k] for k in own}
                w, s, b = advance(rule, base, p, p.grad, s, b, h, u)
                p.copy_(w)
                for name, value in (s | b).items():
                    state[name].copy_(value)
                if "scale" in state and not h.fixed:  # Lloyd's iteration goes on from where the last step left it
                    state["scale"].copy_(h.s(p))
            group["t"] += 1
        return loss

    # ------------------------------------------------------------------------------------------------------- views

    def _views(self, slot: str) -> Iterator[tuple[str, Tensor, Rule, Hyper | None, Tensor | None]]:
        for group, first in self._numbered():
            if "param_names" not in group:
                raise ValueError("weights need names: give qlab.groups(model) or model.named_parameters() as params")
            rule, uniforms = method(group["rule"]), self._uniforms(group, first, slot)
            for name, p, u in zip(group["param_names"], group["params"], uniforms, strict=True):
                yield name, p, rule, self._hyper(group, p) if group["quantized"] else None, u

    def weights(self) -> dict[str, Tensor]:
        """{name: view(w)}: what the network sees, differentiable; `functional_call(model, opt.weights(), x)`."""
        return {
            name: p if h is None else rule.view(p, self.state[p], h, u) for name, p, rule, h, u in self._views("view")
        }

    @torch.no_grad()
    def quantized(self) -> dict[str, Tensor]:
        """{name: deploy(w)}: what is evaluated, exported and packed."""
        return {
            name: p.detach() if h is None else rule.deploy(p.detach(), self.state[p], h)
            for name, p, rule, h, _ in self._views("deploy")
        }

    @torch.no_grad()
    def codes(self) -> dict[str, tuple[Tensor, Tensor]]:
        """{name: (codes, scale)} of the quantized weights: scale * codes is Q(w), exactly."""
        out = {}
        for name, p, _, h, _ in self._views("deploy"):
            if h is not None:
                s = h.s(p.detach())
                out[name] = h.grid.codes(p.detach(), s), s
        return out
