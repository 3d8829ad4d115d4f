"""The bodies over HTTP, from a process of its own: `server.py FOLDER [--minutes M]`. Prints its address, then serves.

It does as little as it can, so that what is measured is who asks. All requests are finished or, with `--seconds S`,
end evenly over S seconds from the first call on. Every body is also there under other ids (`bodies.another`), made as
they are asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from bodies import Bodies

_PATH = re.compile(rb"GET /sourcing/(req_[0-9a-f-]{36})/results")
_COMPLETED_AT = re.compile(rb'"completedAt": "[^"]*"')
_BUDGET = "".join(f"X-RateLimit-{part}: 1000000\r\n" for part in ("Limit-Minute", "Limit-Hour"))
_BUDGET += "".join(f"X-RateLimit-{part}: 1000000\r\n" for part in ("Remaining-Minute", "Remaining-Hour"))


class Results:
    """What is answered, and how often it was asked."""

    def __init__(self, bodies: Bodies, seconds: float) -> None:
        self._bodies, self._seconds = bodies, seconds
        self._ends = {name: place / len(bodies.ids) for place, name in enumerate(bodies.ids)}
        self._started: float | None = None
        self.calls = 0

    def answer(self, request_id: str) -> tuple[str, bytes]:
        """Status line and body."""
        now = time.time()
        self._started = self._started or now
        self.calls += 1
        original = self._bodies.original(request_id)
        ends = self._started + self._ends[original] * self._seconds
        if now < ends:
            return "202 Accepted", json.dumps({"requestId": request_id, "status": "processing"}).encode()
        body = self._bodies.read(original)
        if request_id != original:
            body = body.replace(original.encode(), request_id.encode(), 1)
        if self._seconds:
            at = datetime.fromtimestamp(ends, UTC).isoformat(timespec="milliseconds")
            body = _COMPLETED_AT.sub(f'"completedAt": "{at}"'.encode(), body, count=1)
        return "200 OK", body


class Connection(asyncio.Protocol):
    """One kept-alive connection; one call at a time, as HTTP/1.1 clients do without pipelining."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._asked += data
        if b"\r\n\r\n" not in self._asked:
            return
        asked, self._asked = self._asked, b""
        if match := _PATH.match(asked):
            status, body = self._results.answer(match[1].decode())
        else:
            status, body = "200 OK", str(self._results.calls).encode()
        ends = int(time.time()) + 60
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{_BUDGET}"
        head += f"X-RateLimit-Reset-Minute: {ends}\r\nX-RateLimit-Reset-Hour: {ends + 3_600}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def _serve(results: Results) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(results), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def serving(folder: Path, seconds: float = 0.0) -> Iterator[str]:
    """The address of a server in a process of its own, for as long as the block runs."""
    command = [sys.executable, __file__, str(folder), "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def calls(address: str) -> int:
    """How many results were asked for."""
    with urlopen(f"{address}/calls") as answer:  # noqa: S310 - our own server
        return int(answer.read())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Serves made-up results.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(_serve(Results(Bodies(options.folder), options.seconds)))


if __name__ == "__main__":
    main()
