"""The patch between two figures: applied to the old one it gives the new one, and it holds nothing that stayed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, ToyDemo

from qlab.demos.patch import apply, diff, pack, same

numbers = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
arrays = st.lists(numbers, max_size=5).map(lambda v: np.array(v, dtype=np.float64))
leaves = arrays | st.text("abc", max_size=3) | st.integers(-5, 5) | st.booleans() | st.lists(st.text("xy"), max_size=3)
names = st.sampled_from(["x", "y", "text", "marker", "line", "name"])
trees = st.recursive(leaves, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=6)
shapes = st.lists(
    st.fixed_dictionaries({"x0": numbers, "line": st.dictionaries(names, leaves, max_size=2)}), max_size=3
)
traces = st.dictionaries(names, trees, max_size=4)
figures = st.fixed_dictionaries(
    {
        "data": st.lists(traces, min_size=2, max_size=2),
        "layout": st.fixed_dictionaries({"shapes": shapes, "xaxis": trees}),
    }
)


@settings(deadline=None, max_examples=200)
@given(figures, figures)
def test_applying_the_patch_to_the_old_figure_gives_the_new_one(old, new):
    assert same(apply(old, diff(old, new)), new)


@settings(deadline=None, max_examples=50)
@given(figures)
def test_nothing_changed_is_an_empty_patch(figure):
    assert diff(figure, apply(figure, [])) == []


def test_only_what_moved_is_in_the_patch_of_a_demo():
    demo = ToyDemo()
    old, new = (demo.figure(demo.compute(Toy(STEP_SIZE=step))) for step in (0.01, 0.02))
    changes = diff(old, new)
    assert {(trace, path) for trace, path, _ in changes} == {(0, "y"), (1, "y"), (2, "y")}
    assert same(apply(old, changes), new)
    assert not same(old, new)


def test_the_old_figure_is_left_alone():
    old = {"data": [{"x": [1], "marker": {"size": 1}}], "layout": {"shapes": [{"x0": 1}]}}
    new = {"data": [{"x": [2], "marker": {"size": 2}}], "layout": {"shapes": [{"x0": 3}]}}
    changes = diff(old, new)
    assert changes == [(0, "x", [2]), (0, "marker.size", 2), ("layout", "shapes[0].x0", 3)]
    assert same(apply(old, changes), new)
    assert old["layout"]["shapes"][0]["x0"] == 1


def test_traces_stand_still():
    one, two = {"data": [{"type": "bar"}], "layout": {}}, {"data": [{"type": "bar"}, {"type": "bar"}], "layout": {}}
    other = {"data": [{"type": "scatter"}], "layout": {}}
    for new in (two, other):
        with pytest.raises(ValueError, match="stand still"):
            diff(one, new)


def test_packed_arrays_are_float32_buffers_and_the_rest_is_json():
    buffers = []
    value = {
        "x": np.arange(3),
        "z": np.ones((2, 2)),
        "s": np.array(["a"]),
        "n": [1.0, float("nan")],
        "g": np.float32(2),
    }
    packed = pack(value, buffers)
    assert json.loads(json.dumps(packed, allow_nan=False)) == {
        "x": {"$": 0, "shape": [3]},
        "z": {"$": 1, "shape": [2, 2]},
        "s": ["a"],
        "n": [1.0, None],
        "g": 2.0,
    }
    assert np.frombuffer(buffers[0], np.float32).tolist() == [0, 1, 2]
    assert np.frombuffer(buffers[1], np.float32).tolist() == [1, 1, 1, 1]
