"""Predict before you run: the answer is recorded, and shown against the outcome later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from qlab.lessons.answers import predictions
from qlab.lessons.emit import emit, live
from qlab.lessons.places import runs, write

_asked: dict[str, tuple[tuple[str, ...], str | None]] = {}


def _file(id: str) -> Any:
    return runs() / "predictions" / f"{id}.json"


def record(id: str, question: str, choice: str) -> None:
    """Keep a prediction in `runs/predictions/03.a.json`, whole or not at all."""
    write(
        _file(id),
        json.dumps({"id": id, "question": question, "prediction": choice}, ensure_ascii=False, indent=1) + "\n",
    )


def recorded(id: str) -> str | None:
    """The recorded prediction, None if there is none (or the file is damaged)."""
    try:
        return json.loads(_file(id).read_text(encoding="utf-8"))["prediction"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def predict(id: str, question: str, options: Sequence[str], answer: str | int | None = None) -> None:
    """Ask for a prediction. Live: buttons, the choice is recorded. Else: the question and the options as text.

    `answer`: the option (or its position) that turns out right; never shown here, `outcome` shows it. Lessons keep it
    out of the reader's sight: `PREDICTIONS` beside their exercises.
    """
    options = tuple(options)
    answer = predictions(id.split(".")[0]).get(id) if answer is None else answer
    if not 2 <= len(options) <= 4 or len(set(options)) < len(options):
        raise ValueError(f"prediction {id} needs two to four different options, got {options!r}")
    right = options[answer] if isinstance(answer, int) else answer
    if right is not None and right not in options:
        raise ValueError(f"answer={answer!r} of prediction {id} is none of its options {options!r}")
    _asked[id] = (options, right)
    if live():
        _buttons(id, question, options)
    else:
        emit("\n".join([f"{id} {question}", *(f"  ({chr(97 + i)}) {option}" for i, option in enumerate(options))]))


def _buttons(id: str, question: str, options: tuple[str, ...]) -> None:
    import ipywidgets as widgets
    from IPython.display import display

    earlier = recorded(id)
    choice = widgets.RadioButtons(
        options=options, value=earlier if earlier in options else None, layout=widgets.Layout(width="max-content")
    )
    said = widgets.HTML("recorded" if earlier in options else "choose before you run on")

    def keep(change: dict[str, Any]) -> None:
        try:
            record(id, question, change["new"])
            said.value = "recorded"
        except OSError as error:
            said.value = f'<span style="color:#B00020">not recorded: {error}</span>'

    choice.observe(keep, "value")
    display(widgets.VBox([widgets.HTML(f"<b>{question}</b>"), choice, said]))


def outcome(id: str, happened: str | None = None) -> None:
    """What happened beside what was predicted. `happened`: the option that came true, default the declared answer."""
    options, right = _asked.get(id, ((), None))
    happened = right if happened is None else happened
    if happened is None:
        raise ValueError(f"prediction {id} has no answer: run its predict cell, or give the option that came true")
    if options and happened not in options:
        raise ValueError(f"{happened!r} is none of the options of prediction {id}: {options!r}")
    guess = recorded(id) if live() else None
    text = f"{id} what happened: {happened}"
    if guess is not None:
        text += f"\n     you predicted: {guess} ({'as it came' if guess == happened else 'it came differently: why?'})"
    emit(text)
