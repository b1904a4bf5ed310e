"""The module wrapper: `net(x)` sees the method's view in training mode and the deployed weights in evaluation mode."""

from __future__ import annotations

import copy

from torch import nn
from torch.func import functional_call

from qlab.optim.optimizer import QuantOptimizer


class QuantModule(nn.Module):
    """net(x) = model(x) with the weights view(w) while training, deploy(w) in evaluation mode.

    model: its parameters stay the latent weights; `state_dict` is the model's own, same keys.
    optimizer: a `QuantOptimizer` over the model's named parameters.
    """

    def __init__(self, model: nn.Module, optimizer: QuantOptimizer):
        super().__init__()
        self.model = model
        self.optimizer = optimizer

    def forward(self, *args, **kwargs):
        weights = self.optimizer.weights() if self.training else self.optimizer.quantized()
        return functional_call(self.model, weights, args, kwargs)

    def state_dict(self, *args, **kwargs):
        """The model's: latent weights under the model's own keys."""
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Loads latent weights, e.g. of a float checkpoint of the same model."""
        return self.model.load_state_dict(state_dict, strict, assign)


def bake(model: nn.Module, optimizer: QuantOptimizer) -> nn.Module:
    """A copy of the model whose parameters are the deployed weights: for shipping, not for training on."""
    baked = copy.deepcopy(model)
    baked.load_state_dict(optimizer.quantized(), strict=False)
    return baked
