"""The sandbox on a real port, by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .answers import RESET
from .app import create_app
from .sandbox import Sandbox

__all__ = ["running", "serve"]


class _Protocol(H11Protocol):
    """HTTP as uvicorn speaks it, with a way for the application to reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # uvicorn copies this mapping into the scope of every request on the connection.
        self.app_state = {**self.app_state, RESET: lambda: _reset(transport)}


class _Server(uvicorn.Server):
    """uvicorn on a socket bound beforehand, which tells when it listens."""

    def __init__(self, sandbox: Sandbox, listening: Callable[[], None]) -> None:
        config = uvicorn.Config(
            create_app(sandbox),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # faults on order are no errors to report
            access_log=False,
            date_header=False,  # the application sends its own, by the sandbox's clock
            server_header=False,
            timeout_keep_alive=75,  # longer than the pause between two polls: no faults but those on order
            timeout_graceful_shutdown=0,  # nobody waits for a stalled answer
        )
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()


def serve(
    sandbox: Sandbox,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve until stopped by SIGINT or SIGTERM; `on_start` is told the base URL as soon as it answers.

    Port 0 is any free one. OSError if the port is taken. SIGINT ends in a return; SIGTERM, after the
    shutdown, does what it would have done without a server.
    """
    with _bound(host, port) as listener:
        url = _url(listener)
        server = _Server(sandbox, lambda: on_start(url) if on_start else None)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextlib.contextmanager
def running(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve from a thread while the block runs; yields the base URL."""
    with _bound(host, port) as listener:
        url, started = _url(listener), threading.Event()
        server = _Server(sandbox, started.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="instaview-sandbox", daemon=True)
        thread.start()
        try:
            _await_start(started, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _await_start(started: threading.Event, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while not started.wait(0.05):
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox did not start")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Without lingering, closing sends RST: the client sees a reset and not an orderly end.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
