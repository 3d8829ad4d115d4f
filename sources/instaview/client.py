"""One GET, one typed answer. Nothing is retried here: the resolver decides what an answer means for the request.

Endpoints, bodies and errors as InstaView documents them (API reference: sourcing, enrichment, preview, errors).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from enum import Enum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any

import httpx

from .body import ACCEPT_ENCODING, BodyReader, BodyTooLarge, BrokenBody
from .clock import Clock
from .payload import Head, UnreadableBody, read_payload
from .rate_limit import RateLimiter
from .request_ids import Kind, Request

PATHS: dict[Kind, str] = {
    "sourcing": "/sourcing/{id}/results",
    "enrichment": "/sourcing/enrich/{id}/results",
    "preview": "/sourcing/preview/{id}/results",
}
SCOPES: dict[Kind, str] = {"sourcing": "sourcing:read", "enrichment": "enrich:write", "preview": "sourcing:read"}
"""What a key needs to read results (`enrich:write` also for reading, as documented)."""

EXCHANGE_SECONDS = 10.0
"""Longest time for one whole exchange, so that a body that drips in cannot hold a load …"""

SLOWEST_PACE = 16 * 1024
"""… and a second more for so many bytes that have come in, for slow lines …"""

LONGEST_EXCHANGE_SECONDS = 60.0
"""… up to this."""

SILENCE_SECONDS = 10.0
"""Longest silence within an exchange: connecting, and between two pieces of an answer."""

NOT_FOUND = "REQUEST_NOT_FOUND"
"""The code of InstaView's own 404."""

_CHECK_ADDRESS = "check base_url"
_MESSAGE_LENGTH = 500
_SHORTEST_KEY = 16  # a shorter key could be a word of a result
_MASK = "sk_***"


class Outcome(Enum):
    """What an answer means."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"
    """401: the key is refused for everything."""
    FORBIDDEN = "forbidden"
    """403: this kind, or this company, is not for this key."""
    RATE_LIMITED = "rate_limited"
    FAULT = "fault"
    """A fault that may pass: no connection, 5xx, a gateway's page, an unreadable body, another request's answer."""
    REJECTED = "rejected"
    """An answer that asking again will not change."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API, or what stood in its place."""

    outcome: Outcome
    http_status: int | None = None
    """None where there was no HTTP answer at all."""
    error_code: str | None = None
    error_message: str | None = None
    body: bytes | None = None
    """The result without an envelope, of a completed or failed run."""
    retry_after: float | None = None
    """Seconds to wait after a 429; None where it names no time in the future."""
    stale: bool = False
    """Whether the call went out on a kept connection that the server had closed meanwhile: no fault of the request."""


class Client:
    """Reads results over one HTTP connection pool, within one rate limit.

    Use it as an async context manager. `transport` takes the place of the network, as in httpx. `limiter` is what
    another client, which has ended, learnt of the same key.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        limiter: RateLimiter | None = None,
        connections: int = 16,
    ) -> None:
        self.clock = clock or Clock()
        self.limiter = limiter or RateLimiter(self.clock.epoch)
        self.calls = 0
        """HTTP requests sent."""
        self._base_url = base_url.rstrip("/")
        self._key = api_key if len(api_key) >= _SHORTEST_KEY else None
        self._bodies = BodyReader()
        self._http = httpx.AsyncClient(
            headers={
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            timeout=httpx.Timeout(SILENCE_SECONDS),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            transport=transport,
            follow_redirects=False,  # the key goes to no other host
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # those of gateways would grow with each answer
        )

    async def __aenter__(self) -> Client:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get_result(self, request: Request) -> Answer:
        """Looks at one request, once. The call must have been reserved with the limiter."""
        response = await self._get(PATHS[request.kind].format(id=request.id), request.company_id)
        if isinstance(response, Answer):
            return response
        status, headers, body = response
        if 200 <= status < 300:
            return _result(request, status, body)
        return _refusal(status, headers, body, self.clock)

    async def get_usage(
        self, first: date | None = None, last: date | None = None, company_id: str | None = None
    ) -> Answer:
        """Looks at what was billed from one day to another; of the last 30 days where none is given."""
        days = {"start": first.isoformat(), "end": last.isoformat()} if first and last else {}
        response = await self._get("/billing/usage", company_id, days)
        if isinstance(response, Answer):
            return response
        status, headers, body = response
        if status != 200:
            return _refusal(status, headers, body, self.clock)
        return Answer(Outcome.COMPLETED, status, body=body)

    async def _get(
        self, path: str, company_id: str | None, more: Mapping[str, str] | None = None
    ) -> tuple[int, httpx.Headers, bytes] | Answer:
        self.calls += 1
        answered, status = False, 0
        connection = _Connection()
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS) as bound:
                params = {**(more or {}), **({"companyId": company_id} if company_id else {})}
                async with self._http.stream(
                    "GET", self._base_url + path, params=params or None, extensions={"trace": connection.trace}
                ) as response:
                    self.limiter.answered(
                        response.headers,
                        limited=response.status_code == 429,
                        server_time=_date(response.headers.get("date")),
                    )
                    answered, status = True, response.status_code
                    body = await self._bodies.read(response, _more_time(bound))
                    if self._key:  # an API that repeats the key must not bring it into a message or a table
                        body = body.replace(self._key.encode(), _MASK.encode())
                    return status, response.headers, body
        except BodyTooLarge as error:
            return Answer(Outcome.REJECTED, status, "BODY_TOO_LARGE", str(error))
        except TimeoutError:
            return Answer(Outcome.FAULT, None, "TIMEOUT", "no whole answer in time")
        except httpx.TimeoutException:
            return Answer(Outcome.FAULT, None, "TIMEOUT", f"silent for {SILENCE_SECONDS:g} s")
        except (BrokenBody, httpx.RemoteProtocolError) as error:
            stale = connection.kept and not answered and "without sending a response" in str(error)
            return Answer(Outcome.FAULT, None, "BROKEN_ANSWER", self._told(error), stale=stale)
        except (httpx.TransportError, OSError) as error:  # the latter: TLS that breaks in the middle
            stale = connection.kept and not answered
            return Answer(Outcome.FAULT, None, "NO_CONNECTION", self._told(error), stale=stale)
        finally:
            if not answered:
                self.limiter.failed()

    def _told(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        return _cut(text.replace(self._key, _MASK) if self._key else text)


class _Connection:
    """What a call goes out on, as httpx traces it."""

    def __init__(self) -> None:
        self.kept = False
        """Whether it was there before the call."""
        self._made = False

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Takes note of an event."""
        if event == "connection.connect_tcp.started":
            self._made = True
        elif event == "http11.send_request_headers.started":
            self.kept = not self._made


def _more_time(bound: asyncio.Timeout) -> Callable[[int], None]:
    """What gives an exchange more time with each piece of its body."""
    began = asyncio.get_running_loop().time()

    def came_in(size: int) -> None:
        bound.reschedule(began + min(EXCHANGE_SECONDS + size / SLOWEST_PACE, LONGEST_EXCHANGE_SECONDS))

    return came_in


def _result(request: Request, status: int, body: bytes) -> Answer:
    """The answer in a 200 or 202. The status in the body decides; an unknown one is a fault, not silence."""
    try:
        head, result = read_payload(body)
    except UnreadableBody as error:
        return Answer(Outcome.FAULT, status, "UNREADABLE_BODY", str(error))
    if head.request_id is not None and str(head.request_id).lower() != request.id:
        return Answer(Outcome.FAULT, status, "WRONG_REQUEST", "the answer is for another request")
    state = head.status.lower() if isinstance(head.status, str) else None
    if state == "processing":
        return Answer(Outcome.PROCESSING, status)
    if state == "completed":
        return Answer(Outcome.COMPLETED, status, body=result)
    if state == "failed":
        return Answer(Outcome.FAILED, status, _text(head.error_code), _text(head.error_message), result)
    if isinstance(head.error, dict):
        return Answer(Outcome.FAULT, status, *_error(head))
    return Answer(Outcome.FAULT, status, "UNKNOWN_STATUS", f"the answer has status {_cut(ascii(head.status))}")


def _refusal(status: int, headers: httpx.Headers, body: bytes, clock: Clock) -> Answer:
    """The answer in any other status."""
    try:
        head, _ = read_payload(body)
    except UnreadableBody:
        head = None
    said, message = _error(head or Head())
    code = said or f"HTTP_{status}"
    if status == 429:
        told = [_retry_after(text, clock) for text in headers.get_list("retry-after")]
        waits = (*told, _seconds(head.retry_after if head else None))
        return Answer(
            Outcome.RATE_LIMITED, status, code, message, retry_after=max((w for w in waits if w), default=None)
        )
    if body.lstrip()[:1] == b"<" and status != 401:  # whoever refuses the key, it is refused for everything
        hint = f"; {_CHECK_ADDRESS}" if status == 404 else ""
        return Answer(Outcome.FAULT, status, code, f"a page, as a gateway sends it, and not the API's answer{hint}")
    if 300 <= status < 400:
        message = f"a redirect, which is not followed: {_CHECK_ADDRESS}"
    if status == 404 and (head is None or said not in (None, NOT_FOUND)):  # nobody said that there is no such request
        message = _cut(f"no results are served at this address: {_CHECK_ADDRESS}{f' ({message})' if message else ''}")
        return Answer(Outcome.REJECTED, status, code, message)
    by_status = {401: Outcome.UNAUTHORIZED, 403: Outcome.FORBIDDEN, 404: Outcome.NOT_FOUND, 408: Outcome.FAULT}
    outcome = by_status.get(status, Outcome.REJECTED if 400 <= status < 500 else Outcome.FAULT)
    return Answer(outcome, status, code, message)


def _error(head: Head) -> tuple[str | None, str | None]:
    """Code and message from either envelope: `error: {code, message, details}`, or flat."""
    if isinstance(head.error, dict):
        code, message = _text(head.error.get("code")), _text(head.error.get("message"))
        details = head.error.get("details")
        return code, _cut(f"{message or ''} {details if details else ''}".strip()) or None
    return _text(head.error_code), _text(head.error_message) or _text(head.message)


def _retry_after(text: str, clock: Clock) -> float | None:
    """Seconds from a `Retry-After` header, which is a number of seconds or an HTTP date."""
    number = _seconds(text)
    if number is not None:
        return number
    date = _date(text)
    return max(0.0, date - clock.epoch()) or None if date is not None else None


def _seconds(value: Any) -> float | None:
    """A number of seconds in the future; None for anything else, also for 0 and the past."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _date(text: str | None) -> float | None:
    try:
        at = parsedate_to_datetime(text) if text else None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() if at else None  # without a zone it is UTC
    except (ValueError, OverflowError):  # the latter for a time zone of many digits
        return None


def _text(value: Any) -> str | None:
    return _cut(value) if isinstance(value, str) and value else None


def _cut(value: object) -> str:
    """Text for a message or a column: one line, bounded, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))[:_MESSAGE_LENGTH]
