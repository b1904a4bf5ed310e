"""The device a command or lesson runs on."""

from __future__ import annotations

import torch

from qlab.messages import closest


def present() -> list[str]:
    """Names of the devices of this machine, e.g. `["cpu", "cuda:0", "cuda:1"]`."""
    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def device(name: str = "auto") -> torch.device:
    """`auto` (the first GPU if there is one), `cpu`, `cuda` or `cuda:1`.

    Raises ValueError for a name that is no device or a device that this machine lacks; the message lists those present.
    """
    here = present()
    if name == "auto":
        return torch.device(here[1] if len(here) > 1 else "cpu")
    if name in here or (name == "cuda" and len(here) > 1):
        return torch.device(name)
    near = closest(name, ["auto", *here])
    raise ValueError(
        f"device={name!r} is not on this machine; present: {', '.join(here)} (or 'auto')"
        + (f"; did you mean {near!r}?" if near else "")
    )
