"""How answers are put: the envelopes of errors and results, and answers that break on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .bodies import encode
from .faults import Fault
from .rate_limit import Refusal
from .runs import iso

__all__ = [
    "GATEWAY_PAGE",
    "RESET",
    "ApiError",
    "Reset",
    "Truncated",
    "date_header",
    "error_body",
    "fault_body",
    "json_response",
    "refusal_body",
    "wrapped",
]

RESET = "instaview_sandbox.reset"
"""Where the server puts, in the ASGI scope's state, a function that resets the connection."""

GATEWAY_PAGE = b"<html><head><title>Gateway</title></head><body><h1>Please try again later</h1></body></html>"

_CODES = {
    400: "VALIDATION_ERROR",
    401: "INVALID_API_KEY",
    403: "INSUFFICIENT_PERMISSIONS",
    404: "REQUEST_NOT_FOUND",
    409: "CONFLICT",
    422: "UNPROCESSABLE_ENTITY",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}


class ApiError(Exception):
    """An answer in the general error envelope."""

    def __init__(self, status: int, message: str, *, code: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details
        self.code = code or _CODES.get(status, "ERROR")


def error_body(error: ApiError, now: float) -> bytes:
    """The general error envelope."""
    told = {"code": error.code, "message": error.message, "details": error.details}
    return encode({"success": False, "data": None, "error": told, "timestamp": iso(now)})


def refusal_body(limit: int, reset: int, retry_after: int | None) -> bytes:
    """The body of a 429, which is not the general envelope. `retry_after` in seconds; None leaves it out."""
    head = {"statusCode": 429, "message": "Rate limit exceeded", "error": "Too Many Requests"}
    wait = {} if retry_after is None else {"retryAfter": retry_after}
    return encode({**head, **wait, "limit": limit, "remaining": 0, "reset": reset})


def fault_body(fault: Fault, refusal: Refusal, now: float) -> bytes:
    """What a `status` fault says: its own body, or the documented one for its status.

    `retryAfter` in a 429's body repeats the header if that is in seconds, and is missing otherwise.
    """
    if fault.status in (204, 304):
        return b""  # these have no body on the wire
    if fault.body is not None:
        return fault.body.encode()
    if fault.status == 429:
        seconds = str(fault.retry_after)
        return refusal_body(refusal.limit, refusal.reset, int(seconds) if seconds.isdigit() else None)
    return error_body(ApiError(fault.status, f"The sandbox was told to answer {fault.status}."), now)


def wrapped(body: bytes, now: float) -> bytes:
    """A result inside the envelope that other endpoints use."""
    return b'{"success":true,"data":%b,"error":null,"timestamp":"%b"}' % (body, iso(now).encode())


def json_response(status: int, body: bytes, headers: Mapping[str, str]) -> Response:
    """A body that is JSON already."""
    return Response(body, status, headers, "application/json")


def date_header(now: float) -> dict[str, str]:
    """The Date header by the sandbox's clock, which need not be the machine's."""
    return {"Date": formatdate(now, usegmt=True)}


class Truncated(Response):
    """Half the body under a Content-Length for all of it; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first half and leave."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Reset(Response):
    """No answer: the TCP connection is reset.

    Only a server can do that; without one (`httpx.ASGITransport`) ConnectionResetError is raised instead.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection and wait until it is gone, so that the server doesn't answer after all."""
        reset: Callable[[], None] | None = scope.get("state", {}).get(RESET)
        if reset is None:
            raise ConnectionResetError("the sandbox was told to reset the connection")
        reset()
        while (await receive())["type"] != "http.disconnect":
            pass
