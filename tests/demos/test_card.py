"""The card without a browser: messages in, messages out."""

import gzip
import json
import threading

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from toys import Broken, Toy, ToyDemo, ToyTraining

from qlab.demos.card import Card
from qlab.demos.patch import apply, pack, same
from qlab.demos.static import Static
from qlab.demos.training import TrainingCard
from qlab.schema import ParameterError


class Wire:
    """The card's comm: keeps what is sent to the browser, and lets a test wait for a message."""

    comm_id = "wire"

    def __init__(self):
        self.sent, self.news = [], threading.Condition()

    def send(self, data=None, metadata=None, buffers=None):
        with self.news:
            self.sent.append((data, buffers))
            self.news.notify_all()

    def on_msg(self, callback):
        self.receive = callback

    def close(self, *args, **kwargs):
        self.receive = None

    def custom(self, kind):
        with self.news:
            return [d["content"] for d, _ in self.sent if d["method"] == "custom" and d["content"]["t"] == kind]

    def wait(self, condition):
        with self.news:
            assert self.news.wait_for(condition, timeout=20)


def wired(card):
    card.comm = Wire()
    return card, card.comm


def ask(card, **message):
    card._handle_custom_msg(message, [])


@pytest.fixture
def toy():
    return wired(Card(ToyDemo(), Toy()))


@pytest.fixture
def run():
    card, wire = wired(TrainingCard(ToyTraining(), Toy()))
    yield card, wire
    card.close()


def test_a_move_is_answered_by_exactly_one_message(toy):
    card, wire = toy
    widgets = len(_instances)
    for k, step in enumerate((0.02, 0.05, 0.1)):
        ask(card, t="move", seq=f"v-{k}", values={**card.values, "STEP_SIZE": step})
        assert len(wire.sent) == k + 1
        draw = wire.custom("draw")[-1]
        assert draw["seq"] == f"v-{k}"
        assert draw["values"]["STEP_SIZE"] == card.P.STEP_SIZE == card.values["STEP_SIZE"] == step
        assert f"STEP_SIZE {step}" in draw["command"] == card.command
        assert draw["text"] == card.text
        assert {path for _, path, _ in draw["changes"]} == {"y"}
    assert len(_instances) == widgets
    json.dumps([d for d, _ in wire.sent], allow_nan=False)


def test_what_the_browser_holds_is_the_figure_of_the_last_state(toy):
    card, wire = toy
    ask(card, t="open", view="a")
    first = card._figure
    data, buffers = wire.sent[-1]
    expected = []
    assert data["content"]["figure"] == pack(first, expected)
    assert [bytes(b) for b in buffers] == [bytes(b) for b in expected]
    ask(card, t="move", seq="1", values={"SPACING": 0.25, "METHODS": "sr"})
    data, buffers = wire.sent[-1]
    arrays = [np.frombuffer(b, np.float32) for b in buffers]
    changes = [(n, p, arrays[v["$"]] if isinstance(v, dict) else v) for n, p, v in data["content"]["changes"]]
    new = ToyDemo().figure(ToyDemo().compute(Toy(SPACING=0.25, METHODS="sr")))
    for trace, wanted in zip(apply(first, changes)["data"], new["data"], strict=True):
        assert np.array_equal(np.float32(trace["y"]), np.float32(wanted["y"]))
        assert np.array_equal(np.float32(trace["x"]), np.float32(wanted["x"]))


def test_python_reads_sets_and_observes_the_values(toy):
    card, wire = toy
    seen = []
    card.observe(lambda change: seen.append(change.new["STEP_SIZE"]), "values")
    before = card.text
    card.set(STEP_SIZE=0.1)
    assert seen == [0.1]
    assert len(wire.custom("draw")) == 1
    assert card.text != before
    assert card.data.P.STEP_SIZE == 0.1
    card.values = {"STEP_SIZE": 0.2}
    assert card.values == {**Card(ToyDemo(), Toy()).values, "STEP_SIZE": 0.2}
    ask(card, t="move", seq="1", values={"STEP_SIZE": 0.3})
    assert seen == [0.1, 0.2, 0.3]
    assert len(wire.custom("draw")) == 3


def test_two_cards_can_be_linked(toy):
    import traitlets

    card, _ = toy
    other, wire = wired(Card(ToyDemo(), Toy()))
    traitlets.link((card, "values"), (other, "values"))
    ask(card, t="move", seq="1", values={"STEP_SIZE": 0.3})
    assert other.P.STEP_SIZE == 0.3
    assert len(wire.custom("draw")) == 1


@pytest.mark.parametrize("bad", [{"STEPSIZE": 0.1}, {"STEP_SIZE": 5.0}, {"NOISE": "loud"}, {"SEED": 2.5}])
def test_bad_values_from_python_are_refused_and_change_nothing(toy, bad):
    card, wire = toy
    before = card.values, card.text
    with pytest.raises(ParameterError, match=next(iter(bad))):
        card.set(**bad)
    assert (card.values, card.text) == before
    assert wire.sent == []


def test_a_failing_computation_is_shown_and_the_next_good_move_clears_it():
    card, wire = wired(Card(Broken(), Toy()))
    before = card.values, card.text, card._figure
    ask(card, t="move", seq="1", values={"NOISE": 4})
    assert [d["method"] for d, _ in wire.sent] == ["custom"]
    error = wire.custom("error")[0]
    assert error["text"] == "FloatingPointError: the noise is too loud"
    assert "compute" in error["traceback"] == card.error
    assert error["seq"] == "1"
    assert (card.values, card.text) == before[:2]
    assert same(card._figure, before[2])
    ask(card, t="move", seq="2", values={"NOISE": 2})
    assert card.P.NOISE == 2
    assert card.error == ""
    with pytest.raises(FloatingPointError):
        card.set(NOISE=4)
    assert card.values["NOISE"] == 2


def test_an_unknown_message_is_an_error_in_the_card(toy):
    card, wire = toy
    ask(card, t="dance", seq="1")
    assert "dance" in wire.custom("error")[0]["text"]


def test_the_tick_is_not_answered_and_the_library_is_plotly(toy):
    card, wire = toy
    ask(card, t="tick")
    assert wire.sent == []
    ask(card, t="library")
    data, buffers = wire.sent[0]
    assert data["content"]["t"] == "library"
    assert b"plotly.js" in gzip.decompress(buffers[0])[:300]


def test_nothing_large_is_in_the_widget_state(toy):
    card, _ = toy
    state = {name: value for name, value in card.get_state().items() if not name.startswith("_")}
    assert len(json.dumps(state)) < 10_000


def test_a_preset_without_a_control_is_refused():
    class Odd(ToyDemo):
        presets = {"odd": {"SEED": 3}}

    with pytest.raises(ValueError, match="SEED"):
        Card(Odd(), Toy())


def test_the_saved_text_is_the_sentence(toy):
    card, _ = toy
    bundle = card._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert card.text.replace("**", "") in data["text/plain"]


# runs
def test_step_is_one_frame_and_one_message(run):
    card, wire = run
    for k in range(3):
        ask(card, t="step", seq=str(k))
        assert len(wire.sent) == k + 1
        assert card.data.w.size == k + 2


def test_a_run_draws_frames_pauses_and_goes_on(run):
    card, wire = run
    ask(card, t="run", seq="1")
    wire.wait(lambda: card.data.w.size >= 4)
    assert card.running
    ask(card, t="pause", seq="2")
    assert not card.running
    assert not card._thread.is_alive()
    stopped = len(wire.sent), card.data.w.size
    assert stopped[1] < 1 + ToyTraining.frames
    assert wire.custom("draw")[-1] | {"running": False, "seq": "2"} == wire.custom("draw")[-1]
    ask(card, t="run", seq="3")
    wire.wait(lambda: card.data.w.size > stopped[1])


def test_a_run_ends_by_itself_where_the_static_run_ends(run):
    card, wire = run
    card._left = 3
    card.run()
    wire.wait(lambda: wire.custom("draw")[-1]["running"] is False)
    card._thread.join(20)
    assert not card._thread.is_alive()
    assert card.data.w.size == 4
    whole = Static(ToyTraining(), Toy())
    for _ in range(ToyTraining.frames - 3):
        card.step()
    assert np.array_equal(card.data.w, whole.data.w)


def test_reset_restores_values_and_run(run):
    card, wire = run
    first = card.text
    ask(card, t="move", seq="1", values={"STEP_SIZE": 0.3, "START": 2.0})
    ask(card, t="run", seq="2")
    wire.wait(lambda: card.data.w.size >= 3)
    ask(card, t="reset", seq="3")
    assert not card.running
    assert not card._thread.is_alive()
    assert card.text == first
    assert card.values == card.start


def test_a_live_control_goes_on_and_another_begins_again(run):
    card, _ = run
    card.step()
    card.step()
    card.set(STEP_SIZE=0.3)
    assert card.data.w.size == 3
    card.step()
    assert card.data.w[-1] == pytest.approx(card.data.w[-2] * 0.7 - 0.03)
    card.set(START=1.0)
    assert card.data.w.tolist() == [1.0]


def test_two_runs_pressed_are_one_thread(run):
    card, _ = run
    card.run()
    thread = card._thread
    card.run()
    assert card._thread is thread


def test_an_error_in_the_thread_is_shown_and_ends_the_run():
    class Bursts(ToyTraining):
        def advance(self, run):
            raise OverflowError("w is gone")

    card, wire = wired(TrainingCard(Bursts(), Toy()))
    card.run()
    wire.wait(lambda: wire.custom("error"))
    card._thread.join(20)
    assert not card.running
    assert wire.custom("error")[0]["text"] == "OverflowError: w is gone"


def test_when_the_last_view_is_gone_the_run_stops(run):
    card, wire = run
    ask(card, t="open", view="a")
    ask(card, t="open", view="b")
    card.run()
    ask(card, t="gone", view="a")
    wire.wait(lambda: card.data.w.size >= 3)
    assert card.running
    ask(card, t="gone", view="b")
    assert not card.running
