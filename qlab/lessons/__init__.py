"""What a lesson's cells call: `import qlab.lessons as lab`.

`P = lab.parameters("03", globals())`, `lab.predict`, `lab.show`, `lab.same`, `lab.check`, `lab.Claim`, `lab.verdicts`,
`lab.details`, `lab.compare`, `lab.outcome`, `lab.reproduce`. Names are imported when first
used; no module here is called like one of them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

# Read when torch is imported: the lessons' networks are so small that several threads mostly wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_WHERE = {
    "parameters": "qlab.lessons.setup",
    "predict": "qlab.lessons.prediction",
    "outcome": "qlab.lessons.prediction",
    "same": "qlab.lessons.equal",
    "check": "qlab.lessons.answers",
    "Claim": "qlab.lessons.claims",
    "Verdict": "qlab.lessons.claims",
    "verdicts": "qlab.lessons.claims",
    "details": "qlab.lessons.claims",
    "Row": "qlab.lessons.comparison",
    "compare": "qlab.lessons.comparison",
    "reproduce": "qlab.lessons.command",
    "doctor": "qlab.lessons.health",
    "ParameterError": "qlab.schema",
    "show": "qlab.demos",
}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
