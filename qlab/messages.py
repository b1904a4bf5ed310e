"""Sentences for bad input: what was given, what is allowed, what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(given: object, allowed: Iterable[str]) -> str | None:
    """The allowed name nearest to the given one (case-insensitive), or None if none is near."""
    names = {name.lower(): name for name in allowed}
    near = get_close_matches(str(given).lower(), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None


def unknown(kind: str, given: object, allowed: Iterable[str]) -> str:
    """`unknown method 'bcc'; allowed: bc, sr; did you mean 'bc'?`"""
    allowed = list(allowed)
    near = closest(given, allowed)
    return f"unknown {kind} {given!r}; allowed: {', '.join(allowed)}" + (f"; did you mean {near!r}?" if near else "")
