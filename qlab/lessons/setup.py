"""The setup cell: what the parameters cell and papermill's injected cell assign, checked before anything is computed.

Only these two cells are read, from IPython's input history. A variable a learner makes anywhere else, whatever its name
and value, is nobody's business. In the two cells every assigned name must be a parameter.
"""

from __future__ import annotations

import ast
import os
import re
from typing import Any

from qlab.lessons.emit import emit, shell, table
from qlab.messages import unknown
from qlab.schema import LESSONS, ParameterError, Parameters
from qlab.schema.fields import number

PRESETS = ("full", "quick")
INJECTED = "# Parameters"  # papermill's first line
current: dict[str, Parameters] = {}  # the parameters of the lesson that runs in this process, key "P"


def marker(lesson: str) -> str:
    """How the parameters cell of a lesson begins."""
    return f"# Parameters of lesson {lesson}"


def first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "")


def assignments(source: str) -> dict[str, ast.expr]:
    """The names assigned at the top level of a cell, with their last values; empty for a cell that is not Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    found: dict[str, ast.expr] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
        elif isinstance(node, ast.Assign):
            found.update({name.id: node.value for target in node.targets for name in _names(target)})
    return found


def _names(target: ast.expr) -> list[ast.Name]:
    return [n for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def assigned(lesson: str, history: list[str], namespace: dict[str, Any]) -> dict[str, Any] | None:
    """What the last parameters cell and an injected cell after it assign; None if no such cell was run."""
    start = re.compile(re.escape(marker(lesson)) + r"\b", re.IGNORECASE)
    cells = [i for i, source in enumerate(history) if start.match(first_line(source))]
    injected = [i for i, source in enumerate(history) if first_line(source) == INJECTED]
    if not cells and not injected:
        return None
    sources = [history[cells[-1]]] if cells else []
    # An injected cell counts while it is newer than the parameters cell: running the latter again means its values.
    sources += [history[i] for i in injected[-1:] if not cells or i > cells[-1]]
    values: dict[str, Any] = {}
    for source in sources:
        for name, node in assignments(source).items():
            try:
                values[name] = ast.literal_eval(node)
            except ValueError:  # an expression such as 1 / 128: its value is in the namespace
                values[name] = namespace.get(name)
    return values


def parameters(lesson: str, namespace: dict[str, Any]) -> Parameters:
    """The checked parameters of a lesson, for its setup cell: `P = lab.parameters("03", globals())`.

    Raises ParameterError (one message with every problem) for a name that is no parameter, a wrong type, a value out of
    range. Prints nothing at the defaults, else one table of what differs. Under QLAB_PRESET=quick, parameters at their
    defaults take the schema's `quick` values. Without IPython the namespace itself is read, known names only.
    """
    if lesson not in LESSONS:
        raise ParameterError(f"unknown lesson {lesson!r}; lessons: {', '.join(LESSONS)}")
    schema = LESSONS[lesson]
    history = _history(namespace)
    if history is None:
        given: dict[str, Any] | None = {n: namespace[n] for n in schema.names() if n in namespace}
    else:
        given = assigned(lesson, history, namespace)
    P = schema.check(given or {})
    preset = os.environ.get("QLAB_PRESET", "full")
    if preset not in PRESETS:
        raise ParameterError(unknown("preset in QLAB_PRESET", preset, PRESETS))
    if preset == "quick":
        P = P.replace(**{n: v for n, v in schema.quick().items() if n not in P.changed()})
    current["P"] = P
    if given is None:
        emit(f"The parameters cell has not been run: lesson {lesson} uses its defaults.")
    elif P.changed():
        _show(P)
    return P


def _history(namespace: dict[str, Any]) -> list[str] | None:
    ip = shell()
    if ip is not None and ip.user_ns is namespace:
        return list(ip.history_manager.input_hist_raw)
    cells = namespace.get("In")
    return list(cells) if isinstance(cells, list) else None


def _show(P: Parameters) -> None:
    rows = [(n, number(v), number(P.default(n)), P.model_fields[n].description or "") for n, v in P.changed().items()]
    text, html = table(("differs from the defaults", "here", "default", "meaning"), rows)
    emit(text, html)
