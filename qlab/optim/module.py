"""The module wrapper: `net(x)` sees the method's view in training mode and the deployed weights in evaluation mode."""

from __future__ import annotations

import copy

from torch import nn
from torch.func import functional_call

from qlab.optim.optimizer import QuantOptimizer


class QuantModule(nn.Module):
    """net(x) = model(x) with the weights view(w) while training, deploy(w) in evaluation mode.

    model: its parameters stay the latent weights; `state_dict` is the model's own, same keys.
    optimizer: a `QuantOptimizer` over the model's named parameters; ValueError if it holds others or other names.
    """

    def __init__(self, model: nn.Module, optimizer: QuantOptimizer):
        super().__init__()
        _check_names(model, optimizer)
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

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Called when this is a part of a larger module: the same keys as `state_dict`, without the name `model`."""
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[f"{prefix}model.{key.removeprefix(prefix)}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


def bake(model: nn.Module, optimizer: QuantOptimizer) -> nn.Module:
    """A copy of the model whose parameters are the deployed weights: for shipping, not for training on."""
    _check_names(model, optimizer)
    baked = copy.deepcopy(model)
    baked.load_state_dict(optimizer.quantized(), strict=False)
    return baked


def _check_names(model: nn.Module, optimizer: QuantOptimizer) -> None:
    """ValueError unless each name in the optimizer is that of the same tensor in the model."""
    named = dict(model.named_parameters(remove_duplicate=False))
    for group in optimizer.param_groups:
        for name, p in zip(group.get("param_names", ()), group["params"], strict=False):
            if named.get(name) is not p:
                found = "another tensor" if name in named else "no parameter"
                raise ValueError(
                    f"the optimizer's {name!r} is {found} of this {type(model).__name__}; its names: "
                    f"{', '.join([*named][:6])}, ...; did you make the groups from another model or a wrapper of it?"
                )
