"""The API in virtual time: it counts calls as its documentation says, and its runs take their time.

Fixed windows of a minute and an hour per key, told in every answer, and never more than 120 result calls a minute.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile

import httpx

RESULT_CALLS = 120
LARGEST_PLAN = 600
LATENCY = 0.15
"""Seconds between a call and its answer, half of them before the server counts it."""


START = 1_705_320_000.0
"""The wall clock at virtual second 0."""


@dataclass(frozen=True)
class Plan:
    """What a key may do. Keys above the largest documented plan have a limit of their own for results too."""

    name: str
    minute: int
    hour: int

    @property
    def result_calls(self) -> int | None:
        """Result calls in any 60 seconds."""
        return RESULT_CALLS if self.minute <= LARGEST_PLAN else None


PLANS = (
    Plan("Trial", 30, 500),
    Plan("default", 60, 2_000),
    Plan("Starter", 120, 5_000),
    Plan("Business", 300, 15_000),
    Plan("Scale", 600, 30_000),
)
UNLIMITED = Plan("unlimited", 1_000_000, 60_000_000)


class Counter:
    """Counts calls under a plan; `phase` is how many seconds of the server's minute (and hour) had passed at 0."""

    def __init__(self, plan: Plan, phase: float) -> None:
        self.windows = {"Minute": _Window(60.0, plan.minute, phase), "Hour": _Window(3600.0, plan.hour, phase)}
        self._recent: deque[float] | None = deque(maxlen=plan.result_calls) if plan.result_calls else None

    def free_at(self, now: float) -> float:
        """The first moment, `now` or later, at which a call is allowed."""
        if self._recent is not None and len(self._recent) == self._recent.maxlen:
            now = max(now, self._recent[0] + 60.0)
        while (pause := max(window.pause(now) for window in self.windows.values())) > 0:
            now += pause
        return now

    def count(self, now: float) -> None:
        """Counts a call."""
        for window in self.windows.values():
            window.count(now)
        if self._recent is not None:
            self._recent.append(now)

    def headers(self) -> dict[str, str]:
        """The six headers of an answer."""
        told = {}
        for name, window in self.windows.items():
            told[f"X-RateLimit-Limit-{name}"] = str(window.limit)
            told[f"X-RateLimit-Remaining-{name}"] = str(window.limit - window.used)
            told[f"X-RateLimit-Reset-{name}"] = str(math.ceil(START + window.ends()))
        return told


class _Window:
    def __init__(self, seconds: float, limit: int, phase: float) -> None:
        self.seconds, self.limit, self._phase = seconds, limit, phase
        self._number, self.used = 0, 0

    def _roll(self, now: float) -> None:
        number = math.floor((now + self._phase) / self.seconds + 1e-9)
        if number != self._number:
            self._number, self.used = number, 0

    def ends(self) -> float:
        return (self._number + 1) * self.seconds - self._phase

    def pause(self, now: float) -> float:
        self._roll(now)
        return 0.0 if self.used < self.limit else self.ends() - now

    def count(self, now: float) -> None:
        self._roll(now)
        self.used += 1


def allowed_calls(plan: Plan, phase: float, until: float) -> int:
    """Calls that whoever knew everything could have sent by then, each at the moment it was allowed."""
    return sum(1 for _ in takewhile(lambda at: at <= until, _allowed(plan, phase)))


def least_seconds(plan: Plan, phase: float, calls: int) -> float:
    """When whoever knew everything would have sent the last of so many calls."""
    return next(islice(_allowed(plan, phase), calls - 1, None))


def _allowed(plan: Plan, phase: float) -> Iterator[float]:
    counter, now = Counter(plan, phase), 0.0
    while True:
        now = counter.free_at(now)
        counter.count(now)
        yield now


class Api(httpx.AsyncBaseTransport):
    """The server, as a transport for httpx.

    Args:
        plan: what the key may do.
        phase: how many seconds of the server's windows have passed at 0.
        ran: when each run was asked for and when it ends, in virtual seconds, by request id; before 0 is possible.
    """

    def __init__(self, plan: Plan, phase: float, ran: Mapping[str, tuple[float, float]]) -> None:
        self._counter, self._ran = Counter(plan, phase), ran
        self._loop = asyncio.get_running_loop()
        self.calls = 0
        self.limited = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers a call."""
        await asyncio.sleep(LATENCY / 2)
        now = self._loop.time()
        self.calls += 1
        over = self._counter.free_at(now) > now
        if over:
            self.limited += 1
        else:
            self._counter.count(now)
        headers = self._counter.headers()
        request_id = request.url.path.split("/")[-2]
        created, ends = self._ran[request_id]
        await asyncio.sleep(LATENCY / 2)
        if over:
            return httpx.Response(429, headers={**headers, "Retry-After": "60"}, json={"retryAfter": 60})
        running = now < ends
        body = {"requestId": request_id, "status": "processing" if running else "completed"}
        body["createdAt"] = _stamp(created)
        if not running:
            body["completedAt"] = _stamp(ends)
        return httpx.Response(202 if running else 200, headers=headers, content=json.dumps(body))


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
