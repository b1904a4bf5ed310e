"""Every registered demo at every end of every control: finite data, a sentence that follows, traces stand still."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch

from qlab.demos import DEMOS, find
from qlab.demos.base import TrainingDemo
from qlab.demos.card import Card
from qlab.demos.controls import spec
from qlab.demos.patch import apply, diff, same
from qlab.demos.static import Static


def short(slug):
    """The demo; one that trains runs a tenth of its default frames, which is enough to tell states apart."""
    demo = find(slug)
    if isinstance(demo, TrainingDemo):
        demo.frames = max(2, demo.frames // 10)
    return demo


def not_finite(value, gaps, path="data"):
    """The paths of the numbers inside a value that are not finite; arrays named in `gaps` may lack some, not all."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return [bad for name, item in value.items() for bad in not_finite(item, gaps, f"{path}.{name}")]
    if isinstance(value, (list, tuple)):
        return [bad for k, item in enumerate(value) for bad in not_finite(item, gaps, f"{path}[{k}]")]
    if isinstance(value, (np.ndarray, torch.Tensor, float)):
        array = np.asarray(value)
        if array.ndim and path.rpartition(".")[2] in gaps and np.isfinite(array).any():
            array = array[~np.isnan(array)]
        return [path] if array.dtype.kind in "fc" and not np.isfinite(array).all() else []
    return []


def ends(control):
    """The values of a control a test visits: both ends of a slider, every choice, both sides of a toggle."""
    if control.kind == "slider":
        return [control.min, control.max]
    if control.kind == "several":
        return [*control.choices, ",".join(control.choices)]
    return [False, True] if control.kind == "toggle" else list(control.choices)


@pytest.mark.parametrize("slug", DEMOS)
def test_every_end_of_every_control(slug):
    demo = short(slug)
    P = demo.parameters()
    data = demo.compute(P)
    start, sentence = demo.figure(data), demo.alt(data)
    assert not_finite(data, demo.gaps) == []
    for name in (*demo.controls, *demo.more):
        control = P.control(name)
        kind = int if control.type == "int" else float if control.type == "float" else lambda v: v
        for value in ends(control):
            value = kind(value)
            state = P.replace(**{name: value})
            at = demo.compute(state)
            assert not_finite(at, demo.gaps) == [], f"at {name} = {value}"
            figure = demo.figure(at)
            assert same(apply(start, diff(start, figure)), figure)
            if getattr(P, name) != value:
                assert demo.alt(at) != sentence, f"the sentence at {name} = {value}"


@pytest.mark.parametrize("slug", DEMOS)
def test_a_demo_keeps_to_the_house(slug):
    demo = short(slug)
    P = demo.parameters()
    data = demo.compute(P)
    assert demo.slug == slug
    assert 1 <= len(demo.controls) <= 4
    assert 1 <= len(demo.keys(data)) <= 3
    assert re.search(r"\*\*[^*]+\*\*", demo.alt(data)), "a number in bold"
    assert demo.alt(data).count("**") % 2 == 0
    layout = demo.figure(data)["layout"]
    for axis in (value for name, value in layout.items() if re.match(r"[xy]axis\d*$", name)):
        assert "range" in axis or "matches" in axis, "axis ranges stand still"
    for name in (*demo.controls, *demo.more):
        assert spec(P.control(name), getattr(P, name))["name"] == name
    for changes in demo.presets.values():
        assert demo.compute(P.replace(**changes)) is not None


@pytest.mark.parametrize("slug", DEMOS)
def test_live_and_static_show_the_same(slug):
    demo = short(slug)
    P = demo.parameters()
    card, static = Card(demo, P), Static(demo, P)
    assert card.text == static.text
    assert card.command == static.command
    live, plain = card._figure["data"], demo.figure(static.data)["data"]
    assert same(live, plain)
    assert len(static.figure.data) == len(plain)
