"""What a search would cost, and its refusal; how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

LIMIT = 60.0
MEMORY = 2**30
Progress = bool | Callable[[int, int], None]


class TooLarge(ValueError):
    """A search refused beforehand: `seconds` and `bytes` are what it was estimated to need."""

    def __init__(self, what: str, seconds: float, bytes: float, limit: float, advice: str):
        self.seconds, self.bytes = seconds, bytes
        super().__init__(
            f"{what} would take about {_time(seconds)} and {_size(bytes)}; allowed: {_time(limit)} (limit={limit:g}) "
            f"and {_size(MEMORY)}; {advice}"
        )


def refuse(what: str, seconds: float, bytes: float, limit: float, advice: str = "fewer weights, or a larger limit"):
    """Raises TooLarge if the estimate exceeds `limit` seconds or 1 GiB."""
    if not seconds <= limit or bytes > MEMORY:
        raise TooLarge(what, seconds, bytes, limit, advice)


@contextmanager
def told(progress: Progress, total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Gives `advance(done)`: calls progress(done, total), or moves a bar (True), or does nothing (False)."""
    if progress is True:
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=what, unit_scale=True) as bar:
            yield lambda done: bar.update(done - bar.n)
    elif callable(progress):
        yield lambda done: progress(done, total)
    else:
        yield lambda done: None


def _time(seconds: float) -> str:
    for unit, size in (("years", 31557600.0), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} seconds"


def _size(bytes: float) -> str:
    return f"{bytes / 2**30:.3g} GiB" if bytes >= 2**29 else f"{bytes / 2**20:.3g} MiB"
