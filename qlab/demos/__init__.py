"""Demos: parameters -> data -> figure -> sentence, presented live (a card) or static (a plain figure).

`show("D3", P)` presents one; `DEMOS` maps a slug to where its class is. Names are imported when they are first used, so
that the server extension of this package loads neither plotly nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

DEMOS: dict[str, str] = {
    "D0": "qlab.demos.d00_discreteness:Discreteness",
    "D1": "qlab.demos.d01_projection:Projection",
    "D1b": "qlab.demos.d01_ptq:PostTraining",
    "D2": "qlab.demos.d02_staircase:Staircase",
    "D2b": "qlab.demos.d02_race:SurrogateRace",
    "D3": "qlab.demos.d03_exploration:Exploration",
    "D3b": "qlab.demos.d03_digits:DigitsRace",
    "D4": "qlab.demos.d04_chain:Chain",
    "D4b": "qlab.demos.d04_floors:AccuracyFloors",
    "D4c": "qlab.demos.d04_plane:TwoWeights",
    "D5": "qlab.demos.d06_wells:Wells",
    "D6": "qlab.demos.d07_askew:Askew",
    "D6b": "qlab.demos.d07_cases:Cases",
    "D7": "qlab.demos.d08_multiplier:Multiplier",
    "D7b": "qlab.demos.d08_duality:Duality",
    "D7c": "qlab.demos.d08_phase:StepSizes",
    "D8": "qlab.demos.d05_prox:ProxMap",
    "D8b": "qlab.demos.d05_twins:Twins",
    "D9": "qlab.demos.d09_blending:Blending",
    "D10": "qlab.demos.d10_coarse:Coarse",
    "D10b": "qlab.demos.d10_landing:Descents",
    "D13": "qlab.demos.d13_landscape:Landscape",
    "D13b": "qlab.demos.d13_area:Area",
    "D13c": "qlab.demos.d13_panels:FourPanels",
}

_WHERE = {
    "show": "present",
    "find": "present",
    "Key": "base",
    "Demo": "base",
    "TrainingDemo": "base",
    "Card": "card",
    "Static": "static",
}

__all__ = ["DEMOS", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
