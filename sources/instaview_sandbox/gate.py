"""What every call of the API passes through: the key, the limits, the faults, the headers, the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .answers import (
    GATEWAY_PAGE,
    ApiError,
    Reset,
    Truncated,
    date_header,
    error_body,
    fault_body,
    json_response,
    refusal_body,
    wrapped,
)
from .bodies import encode
from .endpoints import Answer, Ask, Endpoint
from .faults import Fault
from .keys import Company, Key, find_key
from .rate_limit import Refusal
from .records import Call
from .sandbox import Sandbox
from .spoil import can_spoil, spoil

__all__ = ["Gate"]


class Gate:
    """An endpoint as an ASGI application. Without one: every path that the API does not have."""

    def __init__(self, sandbox: Sandbox, endpoint: Endpoint | None = None) -> None:
        self.sandbox, self.endpoint = sandbox, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, and record it."""
        request = Request(scope, receive)
        arrived = self.sandbox.now()
        key = find_key(self.sandbox.known_keys, request.headers.get("authorization", ""))
        response = await self._respond(request, key, arrived)
        status = 0 if isinstance(response, Reset) else response.status_code
        call = Call(arrived, request.method, request.url.path, key.label if key else None, status)
        name = f"{request.method} {self.endpoint.path}" if self.endpoint else "unknown path"
        request_id = request.path_params.get("id", "")
        polled = self.endpoint is not None and self.endpoint.results and self.sandbox.kind(request_id)
        self.sandbox.records.add(call, name, request_id if polled else None)
        await response(scope, receive, send)

    async def _respond(self, request: Request, key: Key | None, now: float) -> Response:
        """The key, then the limits, then faults of the wire, then the answer."""
        limiter = self.sandbox.limiter
        results = self.endpoint is not None and self.endpoint.results
        if key is None:
            error = ApiError(401, "The API key is missing or not valid.")
            return json_response(401, error_body(error, now), date_header(now))
        if refusal := limiter.refusal(key.label, now, results=results):
            return self._refused(refusal, key, now)
        fault = self._pick(request, lambda fault: not fault.spoils_body)
        if fault is None or (fault.what, fault.status) != ("status", 429):
            limiter.spend(key.label, now, results=results)  # a 429 costs nothing
        if fault and fault.seconds:
            await asyncio.sleep(fault.seconds)
            now = self.sandbox.now()
        headers = limiter.headers(key.label, now) | date_header(now)
        if fault and (broken := self._broken(fault, headers, now)):
            return broken
        answer = await self._answer(request, key, now)
        if fault and fault.what == "truncate":
            return Truncated(answer.body, answer.status, headers, "application/json")
        return json_response(answer.status, answer.body, headers)

    async def _answer(self, request: Request, key: Key, now: float) -> Answer:
        """What the endpoint says, spoilt if a fault of the body strikes, in its envelope."""
        try:
            answer = self._admitted(request, key, now, await request.body())
        except ApiError as error:
            return Answer(error.status, error_body(error, now))
        if answer.final and self.sandbox.faults.in_force:
            payload = json.loads(answer.body)
            fault = self._pick(request, lambda fault: fault.spoils_body and can_spoil(fault, payload))
            if fault:
                await asyncio.sleep(fault.seconds)
                answer = replace(answer, body=encode(spoil(fault, payload)))
        if answer.results and self.sandbox.envelope == "wrapped":
            answer = replace(answer, body=wrapped(answer.body, now))
        return answer

    def _admitted(self, request: Request, key: Key, now: float, body: bytes) -> Answer:
        """What the endpoint says to a key that may ask it; ApiError if it may not."""
        endpoint = self.endpoint
        if key.suspended:
            raise ApiError(401, "This API key is suspended.", code="API_KEY_SUSPENDED")
        if endpoint is None:
            raise ApiError(404, f"Cannot {request.method} {request.url.path}", code="NOT_FOUND")
        if endpoint.scope not in key.scopes:
            raise ApiError(403, "The API key lacks a scope.", details={"missingScopes": [endpoint.scope]})
        companies = _companies(request, key, endpoint)
        request_id = request.path_params.get("id", "")
        return endpoint.answer(Ask(self.sandbox, companies, now, request_id, request.query_params, body))

    def _refused(self, refusal: Refusal, key: Key, now: float) -> Response:
        headers = self.sandbox.limiter.headers(key.label, now) | date_header(now)
        headers["Retry-After"] = str(refusal.wait)
        # The documented example has 60 in the header and 30 in the body: the header tells the truth.
        body = refusal_body(refusal.limit, refusal.reset, -(-refusal.wait // 2))
        return json_response(429, body, headers)

    def _pick(self, request: Request, suits: Callable[[Fault], bool]) -> Fault | None:
        subject = self.endpoint.subject if self.endpoint else None
        return self.sandbox.faults.pick(subject, request.path_params.get("id"), suits)

    def _broken(self, fault: Fault, headers: dict[str, str], now: float) -> Response | None:
        """The answer of a fault that replaces the good one; None for those that only change it."""
        if fault.what == "reset":
            return Reset()
        if fault.what == "not_json":
            return Response(GATEWAY_PAGE, 200, headers, "text/html")
        if fault.what == "status":
            if fault.retry_after is not None:
                headers = {**headers, "Retry-After": str(fault.retry_after)}
            window = self.sandbox.limiter.minute
            body = fault_body(fault, Refusal(window.limit, window.reset(now), 1), now)
            return json_response(fault.status, body, headers)
        return None


def _companies(request: Request, key: Key, endpoint: Endpoint) -> tuple[Company, ...]:
    """The companies that the call is about."""
    wanted = request.query_params.get("companyId")
    if wanted is None:
        if key.ats and endpoint.needs_company:
            raise ApiError(400, "An ATS key must pass companyId.", details=[{"field": "companyId"}])
        return key.companies
    found = tuple(company for company in key.companies if company.company_id == wanted)
    if not found:
        raise ApiError(403, "The API key is not for this company.", details={"companyId": wanted})
    return found
