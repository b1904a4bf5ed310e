"""Which parameters are quantized, and how: parameter groups from a model."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def quantizable(model: nn.Module) -> list[str]:
    """Names of the weights of linear and convolution layers (and of layers that say `quantizable = True`), in order."""
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, WEIGHTED) or getattr(m, "quantizable", False)]
    return [f"{name}.weight" if name else "weight" for name, _ in layers]


def groups(
    model: nn.Module,
    rule: str = "bc",
    *,
    first_last: bool = False,
    where: Mapping[str, Mapping[str, Any]] | None = None,
    rest: Mapping[str, Any] | None = None,
    apart: Mapping[str, Mapping[str, Any]] | None = None,
    quiet: bool = False,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Parameter groups for `QuantOptimizer`: the quantized weights with `rule` and `settings`, and the rest as it is.

    Without `where`: the weights of linear and convolution layers are quantized, but for the first and the last such
    layer unless `first_last=True`; norms and biases never are. `rest`: settings of the others, e.g. weight_decay.
    apart: {pattern: settings} of those among the others that differ, e.g. S2's two scales of learning, the resolution
    of quantized activations a hundred times more slowly: `apart={"*resolution": {"lr": 0.01 * lr}}`.
    where: {pattern: settings} on parameter names (`"layer1.*.weight": {"bits": 2}`, `"*bias": {"quantized": False}`),
    one group each, on top of `rule` and `settings`. Prints what it chose unless `quiet`.

    Raises ValueError for a parameter matched twice or never, and for a pattern or a model that matches nothing.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if where is None:
        layers = quantizable(model)
        chosen = [name for name in (layers if first_last else layers[1:-1]) if name in named]
        if not chosen:
            raise ValueError(
                f"nothing to quantize: {type(model).__name__} has the layers {layers or 'none'}, "
                "and the first and last are left out unless first_last=True"
            )
        others = {"rule": "full", "quantized": False, **(rest or {})}
        left = [n for n in named if n not in set(chosen)]
        plan = [(chosen, {"rule": rule, **settings})]
        for pattern, own in (apart or {}).items():
            found = [n for n in left if fnmatchcase(n, pattern)]
            if not found:
                raise ValueError(f"apart: pattern {pattern!r} matches no parameter left; names: {', '.join(left)}")
            plan.append((found, {**others, **own}))
            left = [n for n in left if n not in set(found)]
        plan.append((left, others))
    elif apart:
        raise ValueError("apart= sets parameters apart from the rest; with where= every parameter has its own pattern")
    else:
        hits = {name: [pattern for pattern in where if fnmatchcase(name, pattern)] for name in named}
        wrong = [
            f"{name}: {'matched by ' + ' and '.join(h) if h else 'never matched'}"
            for name, h in hits.items()
            if len(h) != 1
        ]
        if wrong:
            raise ValueError("each parameter must be matched by exactly one pattern; " + "; ".join(wrong))
        empty = [pattern for pattern in where if not any(pattern in h for h in hits.values())]
        if empty:
            raise ValueError(f"pattern {empty[0]!r} matches no parameter; names: {', '.join(named)}")
        plan = []
        for pattern, own in where.items():
            base = {"rule": "full"} if own.get("quantized") is False else {"rule": rule, **settings}
            plan.append(([name for name, hit in hits.items() if hit == [pattern]], {**base, **own}))
    plan = [(names, own) for names, own in plan if names]
    if not quiet:
        print(describe(named, plan))  # noqa: T201
    return [{"params": [(name, named[name]) for name in names], **own} for names, own in plan]


def describe(named: Mapping[str, Any], plan) -> str:
    """One line per group: how many weights, under which settings, which parameters."""
    lines = []
    for names, own in plan:
        size = sum(named[name].numel() for name in names)
        free = own.get("quantized") is False
        said = [f"{k}={v}" for k, v in own.items() if not free or k not in ("rule", "quantized")]
        kind = ", ".join(["as it is", *said] if free else said)
        shown = ", ".join(names[:3]) + (f", ... ({len(names)} tensors)" if len(names) > 3 else "")
        lines.append(f"{size:>10,} weights  {kind}: {shown}")
    return "\n".join(lines)
