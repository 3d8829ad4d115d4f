"""Finished requests under a rate limit, against a made-up server, in virtual time.

The server counts as the API says it does: fixed windows of a minute and an hour per key, told in every answer, and
never more than 120 result calls a minute.
"""

from __future__ import annotations

import asyncio
import json
import math
import uuid
from collections import deque
from dataclasses import dataclass

import httpx

import virtual_time
from instaview.client import Client
from instaview.clock import Clock
from instaview.request_ids import Request
from instaview.resolver import Resolver

RESULT_CALLS = 120
LATENCY = 0.15
"""Seconds between a call and its answer, half of them before the server counts it."""


@dataclass(frozen=True)
class Case:
    """N requests under a plan; `phase` is how many seconds of the server's minute (and hour) had passed before."""

    name: str
    requests: int
    minute: int
    hour: int
    phase: float

    def ideal(self) -> float:
        """Seconds that anyone would need who knew everything and sent each call the moment it was allowed."""
        recent: deque[float] = deque(maxlen=RESULT_CALLS)
        windows = [_Window(60.0, self.minute, self.phase), _Window(3600.0, self.hour, self.phase)]
        now = 0.0
        for _ in range(self.requests):
            if len(recent) == RESULT_CALLS:
                now = max(now, recent[0] + 60.0)
            while (pause := max(w.pause(now) for w in windows)) > 0:
                now += pause
            for window in windows:
                window.count(now)
            recent.append(now)
        return now + LATENCY


class _Window:
    def __init__(self, seconds: float, limit: int, phase: float) -> None:
        self.seconds, self.limit, self._phase = seconds, limit, phase
        self._number, self.used = 0, 0

    def roll(self, now: float) -> None:
        number = math.floor((now + self._phase) / self.seconds + 1e-9)
        if number != self._number:
            self._number, self.used = number, 0

    def ends(self) -> float:
        return (self._number + 1) * self.seconds - self._phase

    def pause(self, now: float) -> float:
        self.roll(now)
        return 0.0 if self.used < self.limit else self.ends() - now

    def count(self, now: float) -> None:
        self.roll(now)
        self.used += 1


class _Server(httpx.AsyncBaseTransport):
    def __init__(self, case: Case) -> None:
        self._minute = _Window(60.0, case.minute, case.phase)
        self._hour = _Window(3600.0, case.hour, case.phase)
        self._recent: deque[float] = deque(maxlen=RESULT_CALLS)
        self._loop = asyncio.get_running_loop()
        self.calls = 0
        self.limited = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(LATENCY / 2)
        now = self._loop.time()
        self.calls += 1
        over = max(self._minute.pause(now), self._hour.pause(now)) > 0
        over |= len(self._recent) == RESULT_CALLS and now - self._recent[0] < 60.0
        if over:
            self.limited += 1
        else:
            self._recent.append(now)
            self._minute.count(now)
            self._hour.count(now)
        headers = {}
        for name, window in (("Minute", self._minute), ("Hour", self._hour)):
            headers[f"X-RateLimit-Limit-{name}"] = str(window.limit)
            headers[f"X-RateLimit-Remaining-{name}"] = str(window.limit - window.used)
            headers[f"X-RateLimit-Reset-{name}"] = str(math.ceil(window.ends()))
        await asyncio.sleep(LATENCY / 2)
        if over:
            return httpx.Response(429, headers={**headers, "Retry-After": "60"}, json={"retryAfter": 60})
        body = {"requestId": request.url.path.split("/")[-2], "status": "completed", "candidates": []}
        return httpx.Response(200, headers=headers, content=json.dumps(body))


CASES = (
    Case("Trial", 120, 30, 500, 20.0),
    Case("default", 300, 60, 2_000, 20.0),
    Case("Starter", 600, 120, 5_000, 20.0),
    Case("Business", 600, 300, 15_000, 20.0),
    Case("custom", 3_000, 100, 1_000, 20.0),
)
"""The last one waits for the hour's window too. Above 120 a minute the results endpoints are the limit."""


def simulate(case: Case) -> dict[str, float]:
    """What the case came to; times in virtual seconds."""
    return virtual_time.run(_simulate(case))


async def _simulate(case: Case) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    server = _Server(case)
    # the clock's seconds are the server's: what is simulated is the limit, not clocks that disagree
    client = Client("http://api.example.com", "sk_test", transport=server, clock=Clock(lambda: 0.0), connections=16)
    requests = [Request(f"req_{uuid.UUID(int=number)}", "sourcing") for number in range(case.requests)]
    ended = 0.0

    def hand_on(_: object) -> None:
        nonlocal ended
        ended = loop.time()

    async with client:
        resolver = Resolver(client, requests, hand_on, wait=1e6, poll_interval=10.0, max_in_flight=16)
        await resolver.run()
    assert resolver.ended["completed"] == case.requests
    return {
        "requests": case.requests,
        "calls": server.calls,
        "limited": server.limited,
        "seconds": ended,
        "ideal": case.ideal(),
        "minute": case.minute,
        "hour": case.hour,
    }
