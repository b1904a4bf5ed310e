"""Loss and accuracy of given weights, and what batch normalization then normalizes with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

Batches = Iterable[tuple[Tensor, Tensor]]
Weights = Mapping[str, Tensor]


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """bfloat16 inside layers if asked for; parameters, their gradients and the loss stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """All modules in training or evaluation mode, each as it was afterwards."""
    before = [(m, m.training) for m in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for m, was in before:
            m.training = was


@torch.no_grad()
def evaluate(model: nn.Module, weights: Weights, batches: Batches, *, bf16: bool = False) -> dict[str, float]:
    """Mean cross entropy (nats) and accuracy (0 ... 1) of `model` with `weights` in place of its parameters.

    Evaluation mode: batch normalization uses the model's running statistics, which are those of what the network saw
    in training (the method's view). Each image counts once, whatever the batch sizes; one wait for the device in all.
    Returns {"loss", "accuracy", "images"}.
    """
    total: Tensor | None = None
    with mode(model, training=False):
        for x, y in batches:
            with autocast(x.device, bf16):
                logits = functional_call(model, dict(weights), (x,))
            logits = logits if logits.dtype == torch.float64 else logits.float()
            loss, hits = F.cross_entropy(logits, y, reduction="sum"), (logits.argmax(-1) == y).sum()
            some = torch.stack([loss.double(), hits.double(), loss.new_full((), len(y)).double()])
            total = some if total is None else total + some
    if total is None:
        raise ValueError("nothing to evaluate: there are no batches")
    loss_sum, correct, images = total.tolist()
    return {"loss": loss_sum / images, "accuracy": correct / images, "images": int(images)}


@contextmanager
@torch.no_grad()
def reestimated(model: nn.Module, weights: Weights, batches: Batches, *, bf16: bool = False) -> Iterator[int]:
    """Inside, batch normalization has the mean statistics of `batches` under `weights`; afterwards its own again.

    Only batch normalization is in training mode (dropout and quantizers stay in evaluation mode); the statistics
    are the plain mean over the batches (momentum=None), from an empty start. Yields how many layers were re-estimated.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    kept = [({k: b.clone() for k, b in m.named_buffers()}, m.momentum, m.training) for m in norms]
    try:
        with mode(model, training=False):
            for m in norms:
                m.reset_running_stats()
                m.momentum, m.training = None, True
            for x, _ in batches if norms else ():
                with autocast(x.device, bf16):
                    functional_call(model, dict(weights), (x,))
        yield len(norms)
    finally:
        for m, (buffers, momentum, training) in zip(norms, kept, strict=True):
            for k, b in m.named_buffers():
                b.copy_(buffers[k])
            m.momentum, m.training = momentum, training
