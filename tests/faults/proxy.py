"""A TCP proxy in front of the API that does to single exchanges what networks and gateways do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

_REQUEST_ID = re.compile(rb"(?:req_prev_|req_|enr_)[0-9a-f-]{36}")


@dataclass
class Exchange:
    """One call that came in, and the API's good answer to it."""

    request_id: str
    asked: bytes
    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        """Sends bytes as they are."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, body: bytes, *headers: str, status: str = "200 OK", length: object = None) -> None:
        """Sends an answer; `length` takes the place of the body's true length."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1"), body)

    def reset(self) -> None:
        """Resets the connection: the caller sees ECONNRESET and no orderly end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Mishap = Callable[[Exchange], Awaitable[None]]
"""What is done instead of handing the good answer on. The connection is closed after it."""


@dataclass
class Proxy:
    """Stands before `upstream` on a port of its own, from a thread, while the block runs.

    `mishap` says for each call what befalls it: the request id and how many calls for it came before.
    """

    upstream: str
    mishap: Callable[[str, int], Mishap | None]
    tls: ssl.SSLContext | None = None
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    heads: list[bytes] = field(default_factory=list)
    """What was asked, as it came in."""
    connections: int = 0
    url: str = ""

    def __enter__(self) -> Proxy:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.tls, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://localhost:{port}"
        started.set()
        await self._stopped.wait()
        server.close()
        await _end_all_tasks()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        with contextlib.suppress(OSError):
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One call; whether the connection can take another."""
        asked = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(asked)
        found = _REQUEST_ID.search(asked)
        request_id = found.group().decode() if found else ""
        mishap = self.mishap(request_id, self.calls[request_id])
        self.calls[request_id] += 1
        head, body = await self._ask_upstream(asked)
        if mishap is None:
            writer.write(head + body)
            await writer.drain()
            return True
        await mishap(Exchange(request_id, asked, head, body, writer))
        return False

    async def _ask_upstream(self, asked: bytes) -> tuple[bytes, bytes]:
        if not self.upstream:
            return b"", b""
        place = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(asked.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return re.sub(rb"(?i)\r\nconnection: close", b"", head) + b"\r\n\r\n", body


async def _end_all_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Cable:
    """The wire to a server on this machine; what comes back over it may be harmed by `harm`.

    `harm` is given the number of the connection, from 0, how many bytes came back over it before, and the next ones.
    It gives what arrives: empty ends the connection in the middle, None leaves it silent.
    """

    url: str
    harm: Callable[[int, int, bytes], bytes | None]
    connections: int = 0

    def __enter__(self) -> Cable:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._target = urlsplit(self.url)
        self.url = f"{self._target.scheme}://localhost:{server.sockets[0].getsockname()[1]}"
        started.set()
        await self._stopped.wait()
        server.close()
        await _end_all_tasks()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        there_reader, there_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        forth = asyncio.create_task(self._pump(reader, there_writer, lambda seen, piece: piece))
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._pump(there_reader, writer, lambda seen, piece: self.harm(number, seen, piece))
        forth.cancel()
        for end in (writer, there_writer):
            with contextlib.suppress(OSError):
                end.close()

    @staticmethod
    async def _pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[int, bytes], bytes | None]
    ) -> None:
        seen = 0
        with contextlib.suppress(OSError):
            while piece := await reader.read(2**16):
                arrives = change(seen, piece)
                if arrives is None:
                    continue
                if not arrives:
                    return
                seen += len(piece)
                writer.write(arrives)
                await writer.drain()
