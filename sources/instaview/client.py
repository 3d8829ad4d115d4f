"""One GET, one typed answer. Nothing is retried here: the resolver decides what an answer means for the request.

Endpoints and scopes as InstaView documents them (API reference: authentication, sourcing, enrichment, preview).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any

import httpx

from .answer import Answer, Outcome, http_date, one_line, refusal_answer, result_answer
from .body import ACCEPT_ENCODING, BodyReader, BodyTooLarge, BrokenBody
from .clock import Clock
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

_SHORTEST_KEY = 16  # a shorter key could be a word of a result
_MASK = "sk_***"


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
            return result_answer(request, status, body)
        return refusal_answer(status, headers, body, self.clock)

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
            return refusal_answer(status, headers, body, self.clock)
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
                        server_time=http_date(response.headers.get("date")),
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
        return one_line(text.replace(self._key, _MASK) if self._key else text)


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
