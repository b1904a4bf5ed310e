"""One builder at a time: a file lock that the operating system releases when its holder dies, however it dies."""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger("qlab")

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}

if sys.platform == "win32":
    import msvcrt

    def _take(handle: IO[bytes], wait: bool) -> bool:
        while True:
            try:
                handle.seek(0)
                msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.1)
else:
    import fcntl

    def _take(handle: IO[bytes], wait: bool) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except BlockingIOError:
            return False


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file `path` (it stays, empty); waits for another holder and says so once, naming `what`.

    The lock belongs to the open file, so a killed holder leaves none behind. Where the file system has no locks nothing
    is held: then two builders do the same work, and the atomic replacement keeps the result whole.
    """
    with path.open("ab") as handle:
        try:
            if not _take(handle, wait=False):
                log.warning("waiting for another process that holds %s", what)
                _take(handle, wait=True)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        yield
