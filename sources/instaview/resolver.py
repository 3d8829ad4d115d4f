"""Many requests polled to their end, on one event loop.

Each request has its own due time in one heap, so a slow run holds up no other. Whatever the API answers, a request
ends in one of the states of the table `requests`; only a refused key (401) ends the polling itself.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from .answer import Answer, Outcome
from .client import SCOPES, Client
from .exceptions import KeyRefused
from .request_ids import Kind, Request
from .schedule import Schedule

State = Literal["processing", "completed", "failed", "not_found", "error"]

FAULT_TRIES = 5
"""A fault that lasts through this many tries makes the request an `error` …"""
FAULT_SECONDS = 12.0
"""… and so does one whose calls took this long all together, of …"""
SLOW_FAULT_TRIES = 2
"""… this many at least."""
STALE_TRIES = 3
"""Calls on connections that the server had closed, which are sent again at once and are no faults."""
LAST_ANSWERS_SECONDS = 2.0
"""How long calls under way at the end of `wait` may take to be answered."""

KEY_REFUSED = (
    "the API refused the key ({code}): check SOURCES__INSTAVIEW__API_KEY, or api_key under [sources.instaview]. What "
    "was resolved before is loaded, and the next load takes up what is unfinished"
)

_LONGEST_BACKOFF = 60.0


@dataclass(slots=True, eq=False)
class Tracked:
    """What is known of one request: its last answer, and the result once it is there."""

    request: Request
    state: State = "processing"
    polls: int = 0
    """Calls sent for it by this load."""
    last_polled_at: datetime | None = None
    resolved_at: datetime | None = None
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    body: bytes | None = None
    looks: int = 0
    """Good answers so far; the pause between looks grows with them."""
    looked_at: float = 0.0
    """When the last of them came."""
    scout: bool = False
    """Whether it is looked at often although none of its kind was seen to end."""
    stale: int = 0
    """Calls that went out on connections the server had closed."""
    failures: int = 0
    """Faults in a row."""
    failing_seconds: float = 0.0
    """How long these calls took; what they waited for before is not counted."""


class Resolver:
    """Polls requests until each has its result or the time is up.

    Args:
        client: sends the calls, within its rate limit.
        requests: what to poll. All are due at once, in this order.
        hand_on: takes each request the moment it ends, in the order in which they end.
        wait: seconds to wait for runs that are still processing; 0 never sleeps.
        poll_interval: shortest time between two looks at one request, in seconds.
        max_in_flight: calls under way at once.
        look_once: look at each only once, whatever the answer.
        room: whether more results can be handed on; asked before each call. `wake()` says that it may have changed.
        chance: the source of jitter.
    """

    def __init__(
        self,
        client: Client,
        requests: Iterable[Request],
        hand_on: Callable[[Tracked], None],
        *,
        wait: float,
        poll_interval: float,
        max_in_flight: int,
        look_once: bool = False,
        room: Callable[[], bool] = lambda: True,
        chance: random.Random | None = None,
    ) -> None:
        self._client, self._clock, self._limiter = client, client.clock, client.limiter
        self._hand_on, self._room = hand_on, room
        self._wait, self._max_in_flight = wait, max_in_flight
        self._look_once = look_once or wait <= 0
        self._chance = chance or random.Random()
        self._schedule = Schedule(max(poll_interval, 0.05), self._chance)
        self._started = self._clock.now()
        self._tickets = 0
        self._queue: list[tuple[float, int, Tracked]] = []
        self._under_way: dict[asyncio.Task[None], Tracked] = {}
        self._set_aside: list[Tracked] = []
        self._blocked: dict[tuple[str, str | None], Answer] = {}
        self._wake = asyncio.Event()
        self._stopped = False
        self._refused: Answer | None = None
        self._broken: BaseException | None = None
        self._limited_in_a_row = 0
        self.rate_limited = 0
        """429 answers met."""
        self.ended: Counter[State] = Counter()
        """Requests that reached their end, by state."""
        for request in requests:
            self._enqueue(Tracked(request), self._started)

    # ------------------------------------------------------------------ from outside

    def stop(self) -> None:
        """Sends nothing more and lets `run` return. To be called on the event loop."""
        self._stopped = True
        self._wake.set()

    def wake(self) -> None:
        """Looks again whether there is room for results. To be called on the event loop."""
        self._wake.set()

    @property
    def unfinished(self) -> list[Tracked]:
        """The requests that have not reached their end."""
        return [t for _, _, t in sorted(self._queue)] + list(self._under_way.values()) + self._set_aside

    def time_left(self) -> float:
        """Seconds to the end of `wait`."""
        return max(0.0, self._started + self._wait - self._clock.now())

    def next_look_in(self) -> float | None:
        """Seconds to the next call; None when nothing is queued."""
        if not self._queue:
            return None
        pause = max(self._queue[0][0] - self._clock.now(), self._limiter.delay())
        return 0.0 if pause == math.inf else max(0.0, pause)

    async def run(self) -> None:
        """Polls until every request has ended, `wait` is over, or `stop` is called.

        Raises:
            KeyRefused: the API answered 401. What ended before was handed on.
        """
        try:
            await self._poll()
            if not self._stopped and self._under_way:
                await asyncio.wait(self._under_way, timeout=LAST_ANSWERS_SECONDS)
        finally:
            await self._cancel_under_way()
        if self._broken is not None:
            raise self._broken
        if self._refused is not None:
            raise KeyRefused(KEY_REFUSED.format(code=self._refused.error_code))

    # ------------------------------------------------------------------ sending

    async def _poll(self) -> None:
        while (self._queue or self._under_way) and not self._stopped:
            pause, left = self._send_what_is_due(), self.time_left()
            if pause > left and not self._under_way and self._room():
                return  # the next call would come after the end: not worth sleeping for
            if left <= 0 < self._wait:
                return
            self._wake.clear()
            timeout = min(pause, left) if self._wait > 0 else pause
            try:
                async with asyncio.timeout(timeout if timeout < math.inf else None):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _send_what_is_due(self) -> float:
        """Starts every call that may go now; then seconds until the next may (infinity: after an answer)."""
        while self._queue and not self._stopped:
            if len(self._under_way) >= self._max_in_flight or not self._room():
                return math.inf
            tracked = self._queue[0][2]
            if (answer := self._is_blocked(tracked.request)) is not None:
                heapq.heappop(self._queue)
                self._end(tracked, "error", answer)
                continue
            pause = max(self._queue[0][0] - self._clock.now(), self._limiter.delay())
            if pause > 0:
                return pause
            if self.time_left() <= 0 < self._wait:
                return math.inf
            heapq.heappop(self._queue)
            self._limiter.reserve()
            task = asyncio.get_running_loop().create_task(self._look(tracked))
            self._under_way[task] = tracked
            task.add_done_callback(self._landed)
        return math.inf

    async def _look(self, tracked: Tracked) -> None:
        sent = self._clock.now()
        answer = await self._client.get_result(tracked.request)
        tracked.failing_seconds += self._clock.now() - sent
        self._take(tracked, answer)

    def _landed(self, task: asyncio.Task[None]) -> None:
        tracked = self._under_way.pop(task, None)
        if task.cancelled() and tracked is not None:
            self._set_aside.append(tracked)
        elif not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            if tracked is not None:
                self._set_aside.append(replace(tracked, state="processing", resolved_at=None, body=None))
            self.stop()
        self._wake.set()

    async def _cancel_under_way(self) -> None:
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the last `_landed` run

    def _enqueue(self, tracked: Tracked, due: float) -> None:
        self._tickets += 1
        heapq.heappush(self._queue, (due, self._tickets, tracked))

    # ------------------------------------------------------------------ what an answer means

    def _take(self, tracked: Tracked, answer: Answer) -> None:
        tracked.polls += 1
        tracked.last_polled_at = self._clock.utc()
        tracked.http_status = answer.http_status
        tracked.error_code, tracked.error_message = answer.error_code, answer.error_message
        if answer.outcome is not Outcome.RATE_LIMITED and answer.http_status is not None:
            self._limited_in_a_row = 0
        match answer.outcome:
            case Outcome.COMPLETED:
                self._end(tracked, "completed", answer)
            case Outcome.FAILED:
                self._end(tracked, "failed", answer)
            case Outcome.NOT_FOUND:
                self._end(tracked, "not_found", answer)
            case Outcome.REJECTED:
                self._end(tracked, "error", answer)
            case Outcome.PROCESSING:
                self._look_again_later(tracked)
            case Outcome.FAULT:
                self._try_again(tracked, answer)
            case Outcome.RATE_LIMITED:
                self._hold_back(tracked, answer)
            case Outcome.FORBIDDEN:
                self._block(tracked, answer)
            case Outcome.UNAUTHORIZED:
                self._refused = answer
                self._set_aside.append(tracked)
                self.stop()

    def _end(self, tracked: Tracked, state: State, answer: Answer) -> None:
        tracked.state, tracked.body, tracked.resolved_at = state, answer.body, self._clock.utc()
        tracked.http_status = answer.http_status
        tracked.error_code, tracked.error_message = answer.error_code, answer.error_message
        self.ended[state] += 1
        if tracked.looks and self._schedule.ends_begin(tracked.request.kind):
            self._look_sooner(tracked.request.kind)
        self._hand_on(tracked)

    def _look_again_later(self, tracked: Tracked) -> None:
        tracked.failures, tracked.failing_seconds = 0, 0.0
        tracked.looks += 1
        if self._look_once:
            self._set_aside.append(tracked)
            return
        kind, now = tracked.request.kind, self._clock.now()
        tracked.looked_at = now
        if tracked.looks == 1:
            tracked.scout = self._schedule.makes_scout(kind)
        age = now - self._started
        self._enqueue(tracked, now + self._schedule.pause(kind, scout=tracked.scout, looks=tracked.looks, age=age))

    def _look_sooner(self, kind: Kind) -> None:
        """Runs of a kind have begun to end: those that were put off are due soon."""
        now = self._clock.now()
        self._queue = [
            (self._schedule.sooner(now, due, t.looked_at), ticket, t)
            if t.request.kind == kind and t.looks and not t.scout and not t.failures
            else (due, ticket, t)
            for due, ticket, t in self._queue
        ]
        heapq.heapify(self._queue)
        self._wake.set()

    def _try_again(self, tracked: Tracked, answer: Answer) -> None:
        if answer.stale and tracked.stale < STALE_TRIES:
            tracked.stale += 1
            self._enqueue(tracked, self._clock.now())
            return
        tracked.failures += 1
        slow = tracked.failures >= SLOW_FAULT_TRIES and tracked.failing_seconds >= FAULT_SECONDS
        if slow or tracked.failures >= FAULT_TRIES:
            self._end(tracked, "error", answer)
        else:
            self._enqueue(tracked, self._clock.now() + self._backoff(tracked.failures))

    def _hold_back(self, tracked: Tracked, answer: Answer) -> None:
        self.rate_limited += 1
        if not self._limiter.paused:
            self._limited_in_a_row += 1
        # at least the backoff: an API that always names a short time is not asked for ever at that pace
        self._limiter.pause(max(answer.retry_after or 0.0, self._backoff(self._limited_in_a_row)))
        self._enqueue(tracked, self._clock.now())

    def _backoff(self, times: int) -> float:
        """Seconds to wait after the n-th trouble in a row: 1, 2, 4, 8 … with jitter."""
        return float(min(2.0 ** min(times - 1, 10), _LONGEST_BACKOFF) * self._chance.uniform(0.8, 1.0))

    def _block(self, tracked: Tracked, answer: Answer) -> None:
        """A missing scope is missing for the whole kind; any other 403 for that kind in that company."""
        request = tracked.request
        if answer.error_code == "INSUFFICIENT_PERMISSIONS":
            hint = f"give the key the scope {SCOPES[request.kind]}, then load these requests again"
            told = f"{answer.error_message}; {hint}" if answer.error_message else hint
            answer = Answer(answer.outcome, answer.http_status, answer.error_code, told)
            self._blocked[request.kind, None] = answer
        else:
            self._blocked[request.kind, request.company_id or ""] = answer
        self._end(tracked, "error", answer)

    def _is_blocked(self, request: Request) -> Answer | None:
        return self._blocked.get((request.kind, None)) or self._blocked.get((request.kind, request.company_id or ""))
