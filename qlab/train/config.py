"""Every option of a training run: one frozen dataclass, the source of the command line, the checks and the record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from qlab.data import names
from qlab.messages import unknown
from qlab.methods import METHODS
from qlab.models import MODELS
from qlab.models.resnet import SHORTCUTS
from qlab.optim.bases import BASES
from qlab.quantizers.grids import FAMILIES, SCALES

SCHEDULES = ("constant", "step", "cosine")


class ConfigError(ValueError):
    """An option that cannot be: one line with what was given and what is allowed."""


def option(default: Any, help: str, *, choices=None, low: float | None = None, above: float | None = None) -> Any:
    """A field with what the command line and the checks need; `low` itself is allowed, `above` itself is not."""
    meta = {"help": help, "choices": tuple(choices) if choices else None, "low": low, "above": above}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=meta)
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Config:
    """One training run. `Config(method="sr", bits=2, steps=300)`; a bad value raises `ConfigError`."""

    dataset: str = option("digits", f"data set: {', '.join(names())}, folder:PATH or archive:PATH")
    subset: int | None = option(None, "train on this many images only", low=1)
    model: str = option("mlp", "network", choices=MODELS)
    width: int | None = option(None, "hidden units (mlp), channels of the first stage (resnet)", low=1)
    shortcut: str = option("A", "shortcut of a ResNet: A zeros, B 1x1 convolution", choices=SHORTCUTS)
    method: str = option("bc", "training method", choices=METHODS)
    base: str = option("sgd", "base optimizer", choices=BASES)
    bits: int = option(1, "bits of a quantized weight: 1 is -1, +1; 2 is -1, 0, +1", low=1)
    family: str = option("symmetric", "family of level sets", choices=FAMILIES)
    scale: str = option("least-squares", "scale of the grid", choices=SCALES)
    spacing: float = option(1.0, "spacing of the lattice (family lattice)", above=0)
    per_channel: bool = option(False, "one scale for each output channel")
    first_last: bool = option(False, "quantize the first and the last layer too")
    hyper: Mapping[str, float | str] = option({}, "the method's own numbers and options")
    lr: float = option(0.1, "learning rate at the start", above=0)
    momentum: float = option(0.9, "momentum of sgd", low=0)
    nesterov: bool = option(False, "Nesterov momentum")
    weight_decay: float = option(0.0, "weight decay", low=0)
    schedule: str = option("constant", "learning rate: step divides by 10 at 1/2 and 3/4", choices=SCHEDULES)
    epochs: float | None = option(
        None, "length in passes over the training images (10 if --steps is not given)", above=0
    )
    steps: int | None = option(None, "length in steps", low=1)
    batch: int = option(128, "images in a step", low=1)
    augment: bool = option(False, "random crop and flip, as suits the data set")
    seed: int = option(0, "seed of initialization, order, augmentation and rounding", low=0)
    device: str = option("auto", "auto, cpu, cuda or cuda:1")
    channels_last: bool = option(False, "memory layout in which convolutions are fastest")
    bf16: bool = option(False, "forward and backward in bfloat16 (latent weights stay float32)")
    eval_every: int | None = option(None, "steps between evaluations (default: ten in a run)", low=1)
    eval_size: int = option(10_000, "at most this many images of each part in an evaluation during training", low=1)
    reestimate_bn: int = option(0, "also evaluate with batch statistics re-estimated on this many batches", low=0)
    checkpoint_every: int = option(500, "steps between checkpoints", low=1)
    read_every: int = option(20, "steps between two looks at the loss (each waits for the device)", low=1)
    out: str | None = option(None, "folder of checkpoint and result")

    def __post_init__(self) -> None:
        problems = [p for f in dataclasses.fields(self) if (p := self._problem(f))]
        if not problems:
            problems = self._together()
        if problems:
            raise ConfigError("; ".join(problems))

    def _problem(self, f: dataclasses.Field) -> str | None:
        value, meta, allowed = getattr(self, f.name), f.metadata, kinds(f.name)
        if value is None and type(None) in allowed:
            return None
        if f.name == "hyper":
            return None if isinstance(value, Mapping) else f"hyper={value!r}: a mapping from names to values is needed"
        number = not isinstance(value, bool) and isinstance(value, int | float)
        if not (type(value) in allowed or (number and float in allowed)):
            return f"{f.name}={value!r}: {_words(allowed)} is needed"
        if number and not math.isfinite(value):
            return f"{f.name}={value!r}: a finite number is needed"
        if meta["choices"] and value not in meta["choices"]:
            return unknown(f.name, value, meta["choices"])
        if meta["low"] is not None and value < meta["low"]:
            return f"{f.name}={value}: allowed are values >= {meta['low']}"
        if meta["above"] is not None and value <= meta["above"]:
            return f"{f.name}={value}: allowed are values > {meta['above']}"
        return None

    def _together(self) -> list[str]:
        problems = []
        if self.steps is not None and self.epochs is not None:
            problems.append(f"epochs={self.epochs:g} and steps={self.steps}: give one of them, the other follows")
        if self.momentum >= 1:
            problems.append(f"momentum={self.momentum}: allowed are values in [0, 1)")
        if self.nesterov and (self.base != "sgd" or self.momentum == 0):
            problems.append(f"nesterov needs base='sgd' and momentum > 0, got {self.base!r} and {self.momentum:g}")
        rule = METHODS[self.method]
        for name, value in self.hyper.items():
            try:
                rule.check(name, value)
            except (TypeError, ValueError) as error:
                problems.append(str(error))
        return problems

    def record(self) -> dict[str, Any]:
        """All options as plain data, for JSON and for the comparison at a resume."""
        return dataclasses.asdict(self) | {"hyper": dict(self.hyper)}

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """`lr: 0.1 there, 0.05 now` for every option that differs from a recorded run, but for `out`."""
        here = self.record()
        compared = [n for n in {**here, **other} if n != "out"]
        return [f"{n}: {other.get(n)!r} there, {here.get(n)!r} now" for n in compared if here.get(n) != other.get(n)]

    def name(self) -> str:
        """A folder name that is readable and differs whenever an option differs: `digits-mlp-bc-w1-seed0-3f2a91`."""
        data = {k: v for k, v in self.record().items() if k != "out"}
        digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:6]
        dataset = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.dataset.rstrip("/").split("/")[-1])
        return f"{dataset}-{self.model}-{self.method}-w{self.bits}-seed{self.seed}-{digest}"

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step number `step` = 0 ... steps - 1, a pure function of the step."""
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
        if self.schedule == "step":
            return self.lr * 0.1 ** ((2 * step >= steps) + (4 * step >= 3 * steps))
        return self.lr


_HINTS: dict[str, tuple[type, ...]] = {}


def kinds(name: str) -> tuple[type, ...]:
    """The types that an option takes, e.g. (int, NoneType)."""
    if not _HINTS:
        for n, hint in get_type_hints(Config).items():
            _HINTS[n] = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return _HINTS[name]


def _words(allowed: tuple[type, ...]) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}
    return " or ".join(words[kind] for kind in allowed if kind is not type(None))
