"""One training run, step by step. No step waits for the device: numbers add up there and are read now and then."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from qlab import data, models
from qlab.data.dataset import Dataset, stratified
from qlab.data.loader import Loader
from qlab.devices import device as find_device
from qlab.metrics import flips
from qlab.optim import QuantOptimizer, groups
from qlab.train.config import Config
from qlab.train.evaluate import Batches, autocast, evaluate, reestimated

SUMS = ("loss", "correct", "images", "flips", "steps")
EVALUATION_BATCH = 512
EVALUATIONS = 10  # in a run, unless `eval_every` says otherwise


class DivergedError(RuntimeError):
    """The loss or a weight is no longer a finite number."""


class Run:
    """Data, model, optimizer and the numbers so far. After `advance()` t times its state depends on (config, t) alone.

        w -> view(w) -> loss -> g -> QuantOptimizer.step

    history: {"steps": [...], "evaluations": [...]}, plain numbers, in the order of the steps.
    """

    def __init__(self, config: Config, dataset: Dataset | None = None):
        self.config, self.device = config, find_device(config.device)
        dataset = dataset or data.load(config.dataset)
        self.available = len(dataset.rows("train"))
        if config.subset:
            dataset = dataset.subset(config.subset)
        self.dataset = dataset.to(self.device)
        trained = len(dataset.rows("train"))
        self.loader = Loader(
            self.dataset,
            min(config.batch, trained),
            seed=config.seed,
            augment=config.augment,
            drop_last=True,  # every step has the same number of images
            channels_last=config.channels_last,
        )
        self.total = config.steps or max(1, round((config.epochs or 10) * len(self.loader)))
        self.eval_every = config.eval_every or max(1, math.ceil(self.total / EVALUATIONS))
        model = models.build(
            config.model,
            shape=dataset.shape,
            classes=len(dataset.classes),
            width=config.width,
            seed=config.seed,
            shortcut=config.shortcut,
        )
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.model = model.to(self.device).to(memory_format=layout)
        self.optimizer = optimizer(self.model, config, self.total)
        self.step = 0
        self.sums = torch.zeros(len(SUMS), dtype=torch.float64, device=self.device)
        self.history: dict[str, list[dict[str, Any]]] = {"steps": [], "evaluations": []}
        self.codes = self._codes()
        self._parts = {split: self._part(split) for split in ("train", "validation") if split in self.dataset.splits}

    # -------------------------------------------------------------------------------------------------------- step

    def advance(self) -> None:
        """One step: w+ from the gradient of the mean cross entropy of batch number `step`."""
        rate = self.config.rate(self.step, self.total)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(rate)
        x, y = self.loader.batch(self.step)
        self.model.train()
        self.optimizer.zero_grad()
        with autocast(self.device, self.config.bf16):
            logits = functional_call(self.model, self.optimizer.weights(), (x,))
        loss = F.cross_entropy(logits.float(), y)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self._count(loss.detach(), logits.detach(), y)

    @torch.no_grad()
    def _count(self, loss: Tensor, logits: Tensor, y: Tensor) -> None:
        before, self.codes = self.codes, self._codes()
        images, one = (torch.full((), float(n), device=self.device) for n in (len(y), 1))
        numbers = (loss * len(y), (logits.argmax(-1) == y).sum(), images, flips(before, self.codes), one)
        self.sums += torch.stack([n.double() for n in numbers])

    def _codes(self) -> Tensor:
        """The code of every quantized weight, in one row."""
        return torch.cat([codes.flatten() for codes, _ in self.optimizer.codes().values()])

    # -------------------------------------------------------------------------------------------------------- read

    def read(self) -> dict[str, float]:
        """Means since the last reading, noted in the history; waits for the device. Raises DivergedError.

        {"step", "epoch", "lr", "loss", "accuracy" (both of the method's view), "flips" (share of the quantized weights
        that deploy to another level, per step)}.
        """
        self.check()
        sums = dict(zip(SUMS, self.sums.tolist(), strict=True))
        numbers = {
            "step": self.step,
            "epoch": self.step / len(self.loader),
            "lr": self.config.rate(self.step - 1, self.total),
            "loss": sums["loss"] / sums["images"],
            "accuracy": sums["correct"] / sums["images"],
            "flips": sums["flips"] / sums["steps"],
        }
        self.sums.zero_()
        self.history["steps"].append(numbers)
        return numbers

    def check(self) -> None:
        """Raises DivergedError unless loss and parameters are finite; waits for the device."""
        finite = torch.stack([p.detach().sum().isfinite() for p in self.model.parameters()]).all()
        sums, fine = torch.cat([self.sums, finite.double().view(1)]).split([len(SUMS), 1])
        if not (math.isfinite(sums[0].item()) and fine.item()):
            seen = self.history["steps"][-1]["step"] if self.history["steps"] else 0
            what = "the weights are" if math.isfinite(sums[0].item()) else "the loss is"
            raise DivergedError(f"{what} no longer finite (between step {seen} and {self.step})")

    def evaluate(self, final: bool = False) -> dict[str, Any]:
        """Latent and deployed weights on the same images at this step, noted in the history.

        {"step", "epoch", "latent": {part: {"loss", "accuracy", "images"}}, "quantized": {...}}; with `reestimate_bn`
        also "latent, re-estimated" and "quantized, re-estimated". At the end all of validation and test is used.
        """
        parts = dict(self._parts)
        if final:
            rest = {split: self.dataset.rows(split) for split in self.dataset.splits if split != "train"}
            parts |= {split: rows for split, rows in rest.items() if len(rows)}
        record: dict[str, Any] = {"step": self.step, "epoch": self.step / len(self.loader)}
        latent = {name: p.detach() for name, p in self.model.named_parameters()}
        for view, weights in (("latent", latent), ("quantized", self.optimizer.quantized())):
            record[view] = self._on(parts, weights)
            if self.config.reestimate_bn:
                some = (self.loader.batch(i) for i in range(self.config.reestimate_bn))
                with reestimated(self.model, weights, some, bf16=self.config.bf16):
                    record[f"{view}, re-estimated"] = self._on(parts, weights)
        self.history["evaluations"].append(record)
        return record

    def _on(self, parts: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Any]:
        model, bf16 = self.model, self.config.bf16
        return {split: evaluate(model, weights, self._batches(rows), bf16=bf16) for split, rows in parts.items()}

    def _part(self, split: str) -> Tensor:
        """At most `eval_size` rows of a split, the classes in proportion: always the same."""
        rows = self.dataset.rows(split)
        order = stratified(self.dataset.labels[rows].cpu(), 0).to(rows.device)
        return rows[order[: self.config.eval_size]]

    def _batches(self, rows: Tensor) -> Batches:
        part = replace(self.dataset, splits={"part": rows})
        layout = self.config.channels_last
        return Loader(part, EVALUATION_BATCH, split="part", shuffle=False, channels_last=layout).epoch()

    # ------------------------------------------------------------------------------------------------------- state

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, and the numbers so far."""
        return {
            "config": self.config.record(),
            "data": self.dataset.checksum,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sums": self.sums,
            "history": self.history,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continues from a `state()` of the same config and data."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history = state["step"], state["history"]
        self.sums.copy_(state["sums"])
        self.codes = self._codes()


def optimizer(model: torch.nn.Module, config: Config, steps: int) -> QuantOptimizer:
    """The optimizer that a config asks for, on the groups of `qlab.groups`, for a run of that many steps."""
    base: dict[str, Any] = {"momentum": config.momentum, "nesterov": config.nesterov} if config.base == "sgd" else {}
    grid: dict[str, Any] = {
        "bits": config.bits,
        "family": config.family,
        "scale": config.scale,
        "spacing": config.spacing,
    }
    chosen = groups(
        model,
        config.method,
        first_last=config.first_last,
        per_channel=config.per_channel,
        quiet=True,
        **grid,
        **dict[str, Any](config.hyper),
    )
    common: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay, "seed": config.seed}
    common["steps"] = float(steps)
    return QuantOptimizer(chosen, base=config.base, **common, **base)
