"""One broken line, and the test that must notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `file`, `find` (which stands there exactly once) becomes `put`, and `test` must fail."""

    what: str
    file: str
    find: str
    put: str
    test: str
