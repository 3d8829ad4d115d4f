"""JSON bodies: reading them whole, and only as far as the poller needs."""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from .exceptions import InstaviewError


class UnreadableBody(InstaviewError):
    """A body is not JSON, is cut short, or is not an object."""


class Head(msgspec.Struct, rename="camel"):
    """The fields of a body that tell what became of a request. The rest is checked to be JSON, and passed over."""

    request_id: Any = None
    status: Any = None
    error_code: Any = None
    error_message: Any = None
    error: Any = None
    message: Any = None
    retry_after: Any = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_head = msgspec.json.Decoder(Head)
_HEAD_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(Head)}


def read_payload(body: bytes) -> tuple[Head, bytes]:
    """The outer fields of a body, and the body without its envelope if it has one.

    Both shapes are taken: flat, and wrapped in `{"success", "data", "error", "timestamp"}`.

    Raises:
        UnreadableBody: it is not one JSON object.
    """
    head = _read_head(body)
    inner = bytes(head.data)
    # an enrichment has a `data` of its own, which is a list; an envelope's is an object with the status in it
    if head.status is None and inner[:1] == b"{":
        wrapped = _read_head(inner)
        if wrapped.status is not None:
            return wrapped, inner
    return head, body


def _read_head(body: bytes) -> Head:
    try:
        head = _head.decode(body)
        body.decode()  # msgspec does not look into the texts that it passes over
        return head
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        whole = read_json(body)  # what msgspec refuses may still be JSON: a lone surrogate, a huge number
    if not isinstance(whole, dict):
        raise UnreadableBody("the body is JSON, but no object")
    fields = {_HEAD_FIELDS[name]: value for name, value in whole.items() if name in _HEAD_FIELDS}
    return Head(**{**fields, "data": msgspec.Raw(json.dumps(fields.get("data")).encode())})


def read_json(body: bytes) -> Any:
    """A whole JSON document as Python values, with nothing lost.

    Numbers keep every digit: one that Python has no exact number for is text.

    Raises:
        UnreadableBody: it is not JSON, or nested deeper than any result is.
    """
    try:
        return _whole.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(
            body,
            parse_constant=_no_constant,
            parse_int=_whole_number,
            parse_float=_number,
        )
    except (ValueError, RecursionError):
        raise UnreadableBody(f"not JSON, or cut short ({len(body)} bytes)") from None


def _whole_number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # thousands of digits
        return text


def _number(text: str) -> float | str:
    number = float(text)
    if len(text) <= _EXACT_LENGTH and "e" not in text and "E" not in text:
        return number
    try:
        return number if math.isfinite(number) and Decimal(repr(number)) == Decimal(text) else text
    except InvalidOperation:  # an exponent of many digits
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_whole = msgspec.json.Decoder(float_hook=_number)
_EXACT_LENGTH = 16
"""Of numbers written with so few characters and without an exponent, no two have the same double."""
