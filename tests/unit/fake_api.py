"""The InstaView API as a transport for httpx, under the running loop's clock: no network, no sleeping.

It counts calls the way the API says it does, in fixed windows of a minute and an hour, and plays what a test scripts
for single requests. Every call is kept, with its time.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import httpx

from instaview.request_ids import Kind, Request

START = 1_705_320_000.0
"""Unix time at virtual second 0: 2024-01-15 12:00:00 UTC, where a minute and an hour begin."""

PREFIXES: dict[Kind, str] = {"sourcing": "req_", "enrichment": "enr_", "preview": "req_prev_"}

Scripted = Callable[[httpx.Request], httpx.Response]
"""Makes one answer, or raises what the network would."""


def a_request(number: int, kind: Kind = "sourcing", company_id: str | None = None) -> Request:
    """The `number`-th request of a kind."""
    return Request(f"{PREFIXES[kind]}00000000-0000-4000-8000-{number:012d}", kind, company_id)


def some_requests(count: int, kind: Kind = "sourcing") -> list[Request]:
    return [a_request(number, kind) for number in range(1, count + 1)]


# ---------------------------------------------------------------------------- counting calls


class FixedWindow:
    """Calls counted in windows of fixed length.

    With a `phase`, one window begins that many seconds after `START` and all others follow from it; without one, a
    window begins with the first call after the last has ended.
    """

    def __init__(self, seconds: float, limit: int, phase: float | None = 0.0) -> None:
        self.seconds, self.limit, self.phase = seconds, limit, phase
        self.used = 0
        self.begins = -math.inf
        self.used_before: list[int] = []
        """Calls counted in each window that has ended."""

    @property
    def ends(self) -> float:
        return self.begins + self.seconds

    def roll(self, at: float) -> None:
        """Begins the window that the Unix time `at` lies in."""
        if at < self.ends:
            return
        if self.begins > -math.inf:
            self.used_before.append(self.used)
        self.used = 0
        if self.phase is None:
            self.begins = at
        else:
            first = START + self.phase
            self.begins = first + math.floor((at - first) / self.seconds) * self.seconds

    @property
    def full(self) -> bool:
        return self.used >= self.limit


class Quota:
    """What one key may do: a minute, an hour, and a number of calls a minute that no header tells of."""

    def __init__(
        self,
        minute: int = 60,
        hour: int = 2000,
        *,
        phase: float | None = 0.0,
        floored: bool = False,
        untold: int | None = None,
    ) -> None:
        self.minute, self.hour = FixedWindow(60.0, minute, phase), FixedWindow(3600.0, hour, phase)
        self.untold = FixedWindow(60.0, untold, phase) if untold else None
        self._round = math.floor if floored else math.ceil

    def _windows(self, at: float) -> list[FixedWindow]:
        windows = [w for w in (self.minute, self.hour, self.untold) if w is not None]
        for window in windows:
            window.roll(at)
        return windows

    def take(self, at: float, calls: int = 1) -> bool:
        """Counts calls at a Unix time; False, and nothing counted, where a window is full."""
        windows = self._windows(at)
        if any(window.full for window in windows):
            return False
        for window in windows:
            window.used += calls
        return True

    def headers(self, at: float) -> dict[str, str]:
        """The six headers as the API sends them."""
        self._windows(at)
        told = {}
        for name, window in (("Minute", self.minute), ("Hour", self.hour)):
            told[f"X-RateLimit-Limit-{name}"] = str(window.limit)
            told[f"X-RateLimit-Remaining-{name}"] = str(max(0, window.limit - window.used))
            told[f"X-RateLimit-Reset-{name}"] = str(self._round(window.ends))
        return told

    def resets_at(self, at: float) -> float:
        """When the last of the full windows ends."""
        return max((window.ends for window in self._windows(at) if window.full), default=at)


# ---------------------------------------------------------------------------- answers


def flat(request_id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """The body of a results endpoint."""
    return {"success": True, "requestId": request_id, "status": status, "createdAt": "2024-01-15T12:00:00Z", **fields}


def wrapped(data: Any, error: Any = None) -> dict[str, Any]:
    """The general envelope."""
    return {"success": error is None, "data": data, "error": error, "timestamp": "2024-01-15T12:00:00Z"}


def refusal(code: str, message: str = "", details: Any = None) -> dict[str, Any]:
    """The general envelope around an error."""
    return wrapped(None, {"code": code, "message": message, "details": details})


def too_many(retry_after: Any = 30) -> dict[str, Any]:
    """The documented body of a 429, which has a shape of its own."""
    return {
        "statusCode": 429,
        "message": "Rate limit exceeded",
        "error": "Too Many Requests",
        "retryAfter": retry_after,
        "limit": 60,
        "remaining": 0,
        "reset": 1705320120,
    }


def answering(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Scripted:
    """Answers with a status and a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda request: httpx.Response(status, content=content, headers=dict(headers or {}))


def breaking(error: type[httpx.TransportError]) -> Scripted:
    """Breaks as the network would."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise error("as scripted", request=request)

    return broken


def result_of(request: httpx.Request, status: str = "completed") -> httpx.Response:
    """The result of whatever request is asked for."""
    running = status == "processing"
    return httpx.Response(202 if running else 200, json=flat(id_in(request), status))


def id_in(request: httpx.Request) -> str:
    return request.url.path.rsplit("/", 2)[-2]


# ---------------------------------------------------------------------------- the API


@dataclass(slots=True)
class Call:
    """One call as the API met it. Times are virtual seconds."""

    request_id: str
    sent_at: float
    request: httpx.Request
    answered_at: float = math.inf
    status: int | None = None


class FakeApi(httpx.AsyncBaseTransport):
    """Plays the API to one key.

    Args:
        quota: what the key may do.
        completes: virtual second at which a request completes, by id; those not named have completed.
        scripts: answers for single requests, by id, one for each call; after them the request goes its usual way.
        latency: seconds for one exchange, by request id. Half of it passes before the call is counted.
        ahead: seconds by which the API's clock is ahead. If it is not 0, answers carry a `Date`.
    """

    def __init__(
        self,
        quota: Quota | None = None,
        *,
        completes: Mapping[str, float] | None = None,
        scripts: Mapping[str, Iterable[Scripted]] | None = None,
        latency: Callable[[str], float] = lambda request_id: 0.05,
        ahead: float = 0.0,
    ) -> None:
        self.quota = quota or Quota(minute=100_000, hour=1_000_000)
        self.completes = dict(completes or {})
        self._scripts: dict[str, Iterator[Scripted]] = {name: iter(script) for name, script in (scripts or {}).items()}
        self._latency, self._ahead = latency, ahead
        self.calls: list[Call] = []
        self.under_way = 0
        self.most_under_way = 0

    def times(self, request_id: str | None = None) -> list[float]:
        """When calls were sent: all, or those for one request."""
        return [call.sent_at for call in self.calls if request_id in (None, call.request_id)]

    def statuses(self) -> list[int | None]:
        return [call.status for call in self.calls]

    @property
    def limited(self) -> int:
        """How many calls met a 429."""
        return self.statuses().count(429)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        call = Call(id_in(request), loop.time(), request)
        self.calls.append(call)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            latency = self._latency(call.request_id)
            await asyncio.sleep(latency / 2)
            response = self._answer(request, call.request_id, loop.time())
            await asyncio.sleep(latency / 2)
        finally:
            self.under_way -= 1
        call.answered_at, call.status = loop.time(), response.status_code
        return response

    def _answer(self, request: httpx.Request, request_id: str, now: float) -> httpx.Response:
        at = START + now + self._ahead
        allowed = self.quota.take(at)
        scripted = next(self._scripts.get(request_id, iter(())), None) if allowed else None
        if not allowed:
            seconds = max(1, math.ceil(self.quota.resets_at(at) - at))
            response = answering(429, too_many(seconds), {"Retry-After": str(seconds)})(request)
        elif scripted is not None:
            response = scripted(request)
        else:
            running = now < self.completes.get(request_id, 0.0)
            response = result_of(request, "processing" if running else "completed")
        for name, value in self.quota.headers(at).items():
            response.headers.setdefault(name, value)
        if self._ahead:
            response.headers.setdefault("Date", formatdate(at, usegmt=True))
        return response
