"""qlab: learn and explore how neural networks are trained under quantization.

The library needs torch and numpy alone; names are loaded when they are first used.

    opt = qlab.QuantOptimizer(qlab.groups(model, "bc", bits=1), lr=0.1)
    net = qlab.QuantModule(model, opt)
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "METHODS": "qlab.methods",
    "QuantModule": "qlab.optim",
    "QuantOptimizer": "qlab.optim",
    "Rule": "qlab.methods",
    "bake": "qlab.optim",
    "coarse": "qlab.quantizers",
    "device": "qlab.devices",
    "groups": "qlab.optim",
    "project": "qlab.quantizers",
    "register": "qlab.methods",
    "step": "qlab.optim",
}
_ROOMS = (
    *("data", "demos", "exact", "experiments", "grid", "lessons", "methods", "metrics", "models", "optim"),
    *("problems", "prox", "quantizers", "schema", "theory", "train", "uniforms"),
)

__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"qlab.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    from qlab.messages import unknown

    raise AttributeError(unknown("name in qlab", name, __all__))


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
