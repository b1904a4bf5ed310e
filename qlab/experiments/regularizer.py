"""Is BinaryConnect a regularizer? The generalization gap on digits with few training images (S0 2.I).

Full precision, BC and stochastic BC train the same network 64 - 64 - 10 on the same few images, far enough to fit them,
one stack of seeds each. Judged is what each method keeps: the float weights of full precision, the deployed ones of BC,
and of stochastic BC the latent ones, as in Courbariaux's code (`deploy="w"`), which S0's sentence is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from qlab import data, uniforms
from qlab.data.loader import normalise
from qlab.devices import device as find_device
from qlab.messages import unknown
from qlab.models import MLP
from qlab.models.mlp import StackedBatchNorm
from qlab.optim import QuantOptimizer, groups

METHODS: dict[str, dict] = {"full": {}, "bc": {}, "bc-stochastic": {"deploy": "w"}}


@dataclass(frozen=True)
class Generalization:
    """(runs,) each, float64: accuracy and mean cross entropy on the training images and on the test part."""

    train_accuracy: Tensor
    test_accuracy: Tensor
    train_loss: Tensor
    test_loss: Tensor

    @property
    def gap(self) -> Tensor:
        """Test loss minus training loss, in nats."""
        return self.test_loss - self.train_loss


def train(
    method: str,
    seeds: Sequence[int],
    *,
    images: int = 200,
    steps: int = 400,
    step_size: float = 0.3,
    batch: int = 32,
    hidden: int = 64,
    device: str = "auto",
) -> Generalization:
    """A stack of seeds, each trained on `images` images of its own; the step falls to a tenth for the last third.

    method: "full", "bc" or "bc-stochastic", levels ±s with the least-squares s. (With s = 1, as in the authors' code,
    the batch normalization of a small network learns to silence the noise, and nothing else.)
    """
    if method not in METHODS:
        raise ValueError(unknown("method", method, METHODS))
    place, seed = find_device(device), torch.tensor(list(seeds))
    dataset = data.load("digits").to(place)
    x, y = dataset.part("train")
    x = normalise(x, dataset.mean, dataset.std, torch.float32).flatten(1)
    chosen = uniforms.uniform(seed, 0, 0, (len(x),), stream="data").argsort(-1)[:, :images].to(place)
    x, y = x[chosen], y[chosen]  # (runs, images, ...)
    model = MLP((64, hidden, 10), runs=len(seed), batch_norm=True, seed=seed).to(place)
    plan = groups(model, method, first_last=True, quiet=True, **METHODS[method])
    opt = QuantOptimizer(plan, method, lr=step_size, runs=len(seed), seed=seed.to(place))
    falls = torch.optim.lr_scheduler.MultiStepLR(opt, [2 * steps // 3], gamma=0.1)
    runs = torch.arange(len(seed), device=place).unsqueeze(-1)
    for t in range(steps):
        rows = (uniforms.uniform(seed, t, 1, (batch,), stream="data") * images).long().to(place)
        logits = functional_call(model, opt.weights(), (x[runs, rows],))
        opt.zero_grad()
        (F.cross_entropy(logits.flatten(0, 1), y[runs, rows].flatten()) * len(seed)).backward()
        opt.step()
        falls.step()
    kept: dict[str, Any] = dict(model.named_parameters()) if method == "full" else opt.quantized()
    test, labels = dataset.part("test")
    test = normalise(test, dataset.mean, dataset.std, torch.float32).flatten(1)
    for layer in model.modules():  # the statistics of the weights that are kept, not of those seen on the way
        if isinstance(layer, StackedBatchNorm):
            layer.momentum = 1.0
    with torch.no_grad():
        functional_call(model, kept, (x,))
    model.eval()
    seen, unseen = _score(model, kept, x, y), _score(model, kept, test, labels.expand(len(seed), -1))
    return Generalization(seen[0], unseen[0], seen[1], unseen[1])


@torch.no_grad()
def _score(model: MLP, weights: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Accuracy and mean cross entropy of each run, (runs,)."""
    logits = functional_call(model, weights, (x,))
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(1)
    return (logits.argmax(-1) == y).double().mean(1).cpu(), loss.double().cpu()
