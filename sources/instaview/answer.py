"""What an answer of the API means: an outcome, and what goes with it.

Bodies and errors as InstaView documents them (API reference: sourcing, enrichment, preview, errors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import httpx

from .clock import Clock
from .payload import Head, UnreadableBody, read_payload
from .request_ids import Request

NOT_FOUND = "REQUEST_NOT_FOUND"
"""The code of InstaView's own 404."""

_CHECK_ADDRESS = "check base_url"
_MESSAGE_LENGTH = 500


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


def result_answer(request: Request, status: int, body: bytes) -> Answer:
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
    return Answer(Outcome.FAULT, status, "UNKNOWN_STATUS", f"the answer has status {one_line(ascii(head.status))}")


def refusal_answer(status: int, headers: httpx.Headers, body: bytes, clock: Clock) -> Answer:
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
        message = one_line(
            f"no results are served at this address: {_CHECK_ADDRESS}{f' ({message})' if message else ''}"
        )
        return Answer(Outcome.REJECTED, status, code, message)
    by_status = {401: Outcome.UNAUTHORIZED, 403: Outcome.FORBIDDEN, 404: Outcome.NOT_FOUND, 408: Outcome.FAULT}
    outcome = by_status.get(status, Outcome.REJECTED if 400 <= status < 500 else Outcome.FAULT)
    return Answer(outcome, status, code, message)


def _error(head: Head) -> tuple[str | None, str | None]:
    """Code and message from either envelope: `error: {code, message, details}`, or flat."""
    if isinstance(head.error, dict):
        code, message = _text(head.error.get("code")), _text(head.error.get("message"))
        details = head.error.get("details")
        return code, one_line(f"{message or ''} {details if details else ''}".strip()) or None
    return _text(head.error_code), _text(head.error_message) or _text(head.message)


def _retry_after(text: str, clock: Clock) -> float | None:
    """Seconds from a `Retry-After` header, which is a number of seconds or an HTTP date."""
    number = _seconds(text)
    if number is not None:
        return number
    at = http_date(text)
    return max(0.0, at - clock.epoch()) or None if at is not None else None


def _seconds(value: Any) -> float | None:
    """A number of seconds in the future; None for anything else, also for 0 and the past."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def http_date(text: str | None) -> float | None:
    """Seconds since 1970 from a date in a header; None where it is none."""
    try:
        at = parsedate_to_datetime(text) if text else None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() if at else None  # without a zone it is UTC
    except (ValueError, OverflowError):  # the latter for a time zone of many digits
        return None


def _text(value: Any) -> str | None:
    return one_line(value) if isinstance(value, str) and value else None


def one_line(value: object) -> str:
    """Text for a message or a column: one line, bounded, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(value))[:_MESSAGE_LENGTH]
