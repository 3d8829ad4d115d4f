"""Polling in the background: the resolver on a thread of its own, results taken from it as batches of rows.

The poller never waits for the warehouse, within a bound on what it holds: with `HELD_BYTES` of results that are not
rows yet, or `HELD_ROW_BYTES` of rows on disk that are not taken, it sends no further calls until there is room.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import httpx

from .client import Client
from .clock import Clock
from .personal_data import concealer
from .rate_limit import RateLimiter
from .request_ids import Request
from .resolver import Resolver, Tracked
from .rows import RowBuilder
from .settings import InstaviewSettings
from .spool import Spool

HELD_BYTES = 8 * 1024 * 1024
HELD_ROW_BYTES = 1024 * 1024 * 1024
FIRST_BATCH_SECONDS = 2.0
"""The first batch closes early, and without results, so that a load soon writes down what it was given."""
_TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """A load under way, as it can be shown to a person. Times are in seconds."""

    total: int
    completed: int
    failed: int
    not_found: int
    error: int
    processing: int
    http_requests: int
    rate_limited: int
    minute_left: int
    minute_limit: int
    hour_left: int
    hour_limit: int
    next_look_in: float | None
    time_left: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that ended since the batch before."""

    ended: list[Tracked]
    first: bool
    last: bool
    rows: Spool | None = field(default=None, compare=False)
    """The rows of their results, if there are any. Whoever takes the batch closes them."""
    whole: bool = True
    """Whether these are the rows of no other requests."""

    def part(self, ended: list[Tracked]) -> Batch:
        """The batch with some of its requests."""
        return replace(self, ended=ended, whole=False)

    def close(self) -> None:
        """Forgets the rows."""
        if self.rows is not None:
            self.rows.close()


class Polling:
    """Requests being resolved in the background. A context manager; leaving it stops the polling.

    Args:
        requests: what to resolve.
        settings: where, with which key, for how long.
        folder: where rows wait until they are taken.
        look_once: look at each only once.
        transport: takes the place of the network, as in httpx.
        on_progress: called about twice a second, on the polling thread.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        settings: InstaviewSettings,
        folder: Path,
        *,
        look_once: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._requests, self._settings, self._look_once = requests, settings, look_once
        self._key = settings.key()
        self._transport, self._on_progress = transport, on_progress
        self._changed = threading.Condition()
        self._held: list[Tracked] = []
        conceal = concealer(settings.personal_data, settings.personal_data_key)
        self._rows = RowBuilder(folder, conceal, self._made_room)
        self._done = False
        self._stop_asked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resolver: Resolver | None = None
        self._thread = threading.Thread(target=self._work, name="instaview-polling", daemon=True)
        self.failure: BaseException | None = None
        """What ended the polling before its time, once the last batch was taken."""
        self.unfinished: list[Tracked] = []
        """The requests that did not end, once the last batch was taken."""
        self.http_requests = 0
        self.rate_limited = 0
        self.limiter: RateLimiter | None = None
        """What was learnt of the key's limits."""

    def __enter__(self) -> Polling:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()
        self._rows.close()

    def stop(self) -> None:
        """Sends nothing more; what has ended can still be taken. Safe in a signal handler, and twice."""
        self._stop_asked = True
        self._call_resolver(lambda resolver: resolver.stop())

    def batches(self, results: int, seconds: float) -> Iterator[Batch]:
        """What has ended, in order, each batch closed after so many `results` or `seconds`.

        The first may be empty. There is always a last one, which may be, too; after it `unfinished` and `failure` are
        known.
        """
        first, last = True, False
        if not self._is_full(results, min(seconds, FIRST_BATCH_SECONDS), at_least=0):
            yield Batch([], first, last)
            first = False
        while not last:
            with self._changed:
                self._is_full(results, seconds, at_least=1)
                ended, self._held, last = self._held, [], self._done
                rows = self._rows.cut()
            self._wake_resolver()
            yield Batch(ended, first, last, rows.result())
            first = False

    def _is_full(self, results: int, seconds: float, *, at_least: int) -> bool:
        """Waits for a full batch: `results`, or all there will be. After `seconds`, `at_least` so many will do."""
        closes_at = time.monotonic() + seconds
        with self._changed:
            while not (full := self._done or len(self._held) >= results or self._many_rows()):
                left = closes_at - time.monotonic()
                if left <= 0 and len(self._held) >= at_least:
                    break
                self._changed.wait(min(left, threading.TIMEOUT_MAX) if left > 0 else _TICK_SECONDS)
            return full

    # ------------------------------------------------------------------ on the polling thread

    def _work(self) -> None:
        try:
            asyncio.run(self._poll())
        except BaseException as error:  # told by the thread that takes the batches
            self.failure = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    async def _poll(self) -> None:
        settings = self._settings
        client = Client(
            settings.base_url, self._key, transport=self._transport, clock=Clock(), connections=settings.max_in_flight
        )
        async with client:
            resolver = Resolver(
                client,
                self._requests,
                self._hold,
                wait=settings.wait,
                poll_interval=settings.poll_interval,
                max_in_flight=settings.max_in_flight,
                look_once=self._look_once,
                room=lambda: not self._full(),
            )
            self.limiter = client.limiter
            self._loop, self._resolver = asyncio.get_running_loop(), resolver
            if self._stop_asked:
                resolver.stop()
            ticker = asyncio.create_task(self._tick(client, resolver))
            try:
                await resolver.run()
            finally:
                ticker.cancel()
                self.unfinished = resolver.unfinished
                self.http_requests, self.rate_limited = client.calls, resolver.rate_limited
                self._report(client, resolver)  # last, as it calls what may raise

    def _hold(self, tracked: Tracked) -> None:
        with self._changed:
            self._held.append(tracked)
            self._rows.add(tracked)
            self._changed.notify_all()

    def _full(self) -> bool:
        return self._rows.held_bytes >= HELD_BYTES or self._many_rows()

    def _many_rows(self) -> bool:
        return self._rows.spooled_bytes >= HELD_ROW_BYTES

    def _made_room(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._wake_resolver()

    def _wake_resolver(self) -> None:
        self._call_resolver(lambda resolver: resolver.wake())

    def _call_resolver(self, call: Callable[[Resolver], None]) -> None:
        loop, resolver = self._loop, self._resolver
        if loop is not None and resolver is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(call, resolver)

    async def _tick(self, client: Client, resolver: Resolver) -> None:
        while True:
            self._report(client, resolver)
            await asyncio.sleep(_TICK_SECONDS)

    def _report(self, client: Client, resolver: Resolver) -> None:
        if self._on_progress is None:
            return
        budget, ended = client.limiter.budget(), resolver.ended
        self._on_progress(
            Progress(
                total=len(self._requests),
                completed=ended["completed"],
                failed=ended["failed"],
                not_found=ended["not_found"],
                error=ended["error"],
                processing=len(self._requests) - ended.total(),
                http_requests=client.calls,
                rate_limited=resolver.rate_limited,
                minute_left=budget.minute.remaining,
                minute_limit=budget.minute.limit,
                hour_left=budget.hour.remaining,
                hour_limit=budget.hour.limit,
                next_look_in=resolver.next_look_in(),
                time_left=resolver.time_left(),
            )
        )
