"""What a parameter group of `QuantOptimizer` may hold, with defaults and ranges: strings, numbers, tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from qlab.messages import unknown
from qlab.methods import method
from qlab.optim.bases import BASES, DEFAULTS, RANGES, buffer_names
from qlab.quantizers import checks

STRUCTURE = {
    "rule": "full",
    "base": "sgd",
    "bits": 1,
    "family": "symmetric",
    "scale": "least-squares",
    "per_channel": False,
    "quantized": True,
    "nesterov": False,
    "runs": 0,
}
"""What is fixed for a group: one compiled step, one stack."""

NUMBERS = {"lr_scale": 1.0, "weight_decay": 0.0, "spacing": 1.0, "steps": 0.0}
"""What may be a tensor over the runs of a stack, besides the numbers of the rule and of the base.
`steps`: the length of the run, 0 if unknown; schedules in shares of the run need it."""

INTERVALS = {
    "lr": "[0, inf)",
    "lr_scale": "[0, inf)",
    "weight_decay": "[0, inf)",
    "spacing": "(0, inf)",
    "steps": "[0, inf)",
    **RANGES,
}


def numbers(group: Mapping[str, Any]) -> list[str]:
    """Names of the group's hyper-parameters that may be tensors over the runs."""
    return [*NUMBERS, *DEFAULTS[group["base"]], *method(group["rule"]).defaults]


def known(group: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that a group with this rule and base has, with its default."""
    rule = method(group["rule"])
    if group["base"] not in BASES:
        raise ValueError(unknown("base optimizer", group["base"], BASES))
    options = {name: choices[0] for name, choices in rule.options.items()}
    common = {"lr": 0.1, "seed": 0, "t": 0, **STRUCTURE, **NUMBERS}
    return {**common, **DEFAULTS[group["base"]], **rule.defaults, **options}


def checked(group: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`known(group)`; ValueError or TypeError for a value that is not allowed and an unknown name in `given`."""
    rule, own = method(group["rule"]), known(group)
    for name, value in group.items():
        if name in rule.defaults or name in rule.options:
            rule.check(name, value)
        elif name in own and name in INTERVALS:
            checks.inside(value, INTERVALS[name], name)
        elif name in given and name not in (*own, "params", "param_names"):
            raise ValueError(unknown(f"setting of a group with rule {rule.slug!r}", name, own))
    rule.together({**own, **{name: value for name, value in group.items() if name in own}})
    if group["nesterov"] and "momentum_buffer" not in buffer_names(group["base"], {**own, **group}):
        raise ValueError("nesterov=True needs base='sgd' and momentum > 0")
    return own


def to_device(group: dict[str, Any]) -> None:
    """The group's tensors (schedule, counter, seeds, numbers over the runs) beside its parameters."""
    for name, value in group.items():
        if isinstance(value, Tensor):
            group[name] = value.to(group["params"][0].device)
