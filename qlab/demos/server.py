"""Jupyter server extension: TCP_NODELAY on the kernel websockets.

The messages of one slider move are small and close together. With Nagle's algorithm the second one waits for the
browser's delayed acknowledgement of the first, about 40 ms on Linux, on every move of a drag; switching it off removes
that wait.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.websocket import KernelWebsocketHandler


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "qlab.demos.server"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Wrap `KernelWebsocketHandler.open`, which runs once per kernel connection."""
    opened = KernelWebsocketHandler.open

    async def open_without_delay(self: KernelWebsocketHandler, *args: Any, **kwargs: Any) -> None:
        self.set_nodelay(True)
        await opened(self, *args, **kwargs)

    setattr(KernelWebsocketHandler, "open", open_without_delay)  # noqa: B010 (mypy refuses the plain assignment)
    app.log.info("qlab: TCP_NODELAY on kernel websockets")
