"""This connector."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bodies import Bodies
from child import count_rows, timed
from harness import Measured


def pipeline(work: Path, name: str = "instaview") -> Any:
    """A pipeline into the work folder's warehouse."""
    import dlt

    return dlt.pipeline(
        name,
        pipelines_dir=str(work / "pipelines"),
        destination=dlt.destinations.duckdb(str(work / "warehouse.duckdb")),
        dataset_name="results",
    )


def transport(bodies: Bodies) -> Any:
    """Takes the place of the network: every request is finished, and there is budget for all."""
    import httpx

    headers = {"Content-Type": "application/json"}
    for window in ("Minute", "Hour"):
        headers[f"X-RateLimit-Limit-{window}"] = headers[f"X-RateLimit-Remaining-{window}"] = "1000000"
        headers[f"X-RateLimit-Reset-{window}"] = str(int(time.time()) + 60)

    class Memory(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers=headers, content=bodies.read(request.url.path.split("/")[-2]))

    return Memory()


def commit(folder: Path, work: Path) -> Measured:
    """`instaview.load` without client and polling: the bodies are handed over at once, in batches."""
    from instaview import runner
    from instaview.polling import HELD_BYTES, Batch
    from instaview.request_ids import Request
    from instaview.resolver import Tracked
    from instaview.rows import RowBuilder
    from instaview.spool import Spool

    bodies, result = Bodies(folder), Measured()
    now = datetime.now(UTC)

    class Handed:
        """Takes the place of the polling: every request has ended, and its body is there."""

        failure, http_requests, rate_limited = None, 0, 0

        def __init__(self, requests: Sequence[Request], _: object, folder: Path, **__: object) -> None:
            self._requests, self._folder = requests, folder
            self.unfinished: list[Tracked] = []

        def __enter__(self) -> Handed:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def batches(self, results: int, seconds: float) -> Iterator[Batch]:
            room = threading.Event()
            builder = RowBuilder(self._folder, on_room=room.set)
            ahead = (self._sent(builder, room, start, results) for start in range(0, len(self._requests), results))
            ended, rows = next(ahead)
            first = True
            for following in ahead:  # normalised while the batch before is committed, as in a load
                yield Batch(ended, first, False, rows.result())
                (ended, rows), first = following, False
            yield Batch(ended, first, True, rows.result())
            builder.close()

        def _sent(
            self, builder: RowBuilder, room: threading.Event, start: int, results: int
        ) -> tuple[list[Tracked], Future[Spool]]:
            ended = []
            for request in self._requests[start : start + results]:
                while builder.held_bytes >= HELD_BYTES:  # as the polling does
                    room.wait()
                    room.clear()
                ended.append(Tracked(request, "completed", 1, now, now, 200, body=bodies.read(request.id)))
                builder.add(ended[-1])
            return ended, builder.cut()

    runner.Polling = Handed  # type: ignore[assignment,misc]
    with timed(result):
        summary = runner.load(pipeline(work), bodies.ids, api_key="sk_test")
    assert summary.completed == len(bodies.ids), summary
    return result | {"loads": len(summary.load_ids)} | count_rows(work / "warehouse.duckdb")


def normalise(folder: Path, work: Path) -> Measured:
    """Only bodies to Arrow tables, which are thrown away."""
    from instaview.normalize import Result, normalize
    from instaview.request_ids import parse_request
    from instaview.rows import RESULTS_AT_ONCE

    bodies, result, rows = Bodies(folder), Measured(), 0
    with timed(result):
        for start in range(0, len(bodies.ids), RESULTS_AT_ONCE):
            ids = bodies.ids[start : start + RESULTS_AT_ONCE]
            tables = normalize([Result(parse_request(i), bodies.read(i)) for i in ids])
            rows += sum(map(len, tables.values()))
    return result | {"rows": rows}


def load(folder: Path, work: Path) -> Measured:
    """`instaview.load` of all bodies, from memory, into the warehouse in the work folder."""
    import instaview

    bodies, result = Bodies(folder), Measured()
    memory, run = transport(bodies), instaview.load
    with timed(result):
        summary = run(pipeline(work), bodies.ids, api_key="sk_test", transport=memory)
    assert summary.completed == len(bodies.ids), summary
    return result | {"loads": len(summary.load_ids)}
