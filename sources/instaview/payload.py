"""JSON bodies: reading them whole, and only as far as the poller needs."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any, NoReturn

import msgspec
import numpy as np

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
            return wrapped, _without_envelope(body) or inner
    return head, body


def _without_envelope(body: bytes) -> bytes | None:
    """The result in an envelope that holds more than it is documented to, which is put beside it as `envelope`.

    None where there is no more.
    """
    envelope = read_json(body)
    result = envelope.pop("data")
    silent = {"success": (None, True), "error": (None,), "timestamp": (envelope.get("timestamp"),)}
    more = {name: value for name, value in envelope.items() if not any(value is said for said in silent.get(name, ()))}
    if not more:
        return None
    try:
        return json.dumps(_all_of_an_object([*result.items(), ("envelope", more)])).encode()
    except RecursionError:
        raise UnreadableBody("nested deeper than any result is") from None


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

    Numbers keep every digit: one that Python has no exact number for is text. Where a name occurs twice in one object
    its last value counts, as in other readers, and those before it are kept beside it, as `name#1`, `name#2` …

    Raises:
        UnreadableBody: it is not JSON, or nested deeper than any result is.
    """
    try:
        value = _whole.decode(body)
        if _count_name_ends(body) == _count_names(value):  # else names repeat, or a text looks like one
            return value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(
            body,
            parse_constant=_no_constant,
            parse_int=_whole_number,
            parse_float=_number,
            object_pairs_hook=_all_of_an_object,
        )
    except (ValueError, RecursionError):
        raise UnreadableBody(f"not JSON, or cut short ({len(body)} bytes)") from None


def _count_name_ends(body: bytes) -> int:
    """How often a quote and a colon stand together in a document, with nothing but white space between them."""
    characters = np.frombuffer(body, np.uint8)
    before_colons = characters[np.flatnonzero(characters == ord(":")) - 1]
    if (before_colons <= ord(" ")).any():
        return len(_NAME_ENDS.findall(body))
    return int(np.count_nonzero(before_colons == ord('"')))


def _count_names(value: Any) -> int:
    """How many names the objects of a document have, all together."""
    names, values = 0, [value]
    while values:
        inner = values.pop()
        if type(inner) is dict:
            names += len(inner)
            values += inner.values()
        elif type(inner) is list:
            values += inner
    return names


def _all_of_an_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    last = {name: place for place, (name, _) in enumerate(pairs)}
    numbers: dict[str, count[int]] = defaultdict(lambda: count(1))
    for place, (name, earlier) in enumerate(pairs):
        if place != last[name]:
            free = next(f"{name}#{number}" for number in numbers[name] if f"{name}#{number}" not in value)
            value[free] = earlier
    return value


class Digits(str):
    """A number as it is written, where Python has none that is equal to it. It is no text to put into a text column."""

    __slots__ = ()


def _whole_number(text: str) -> int | Digits:
    try:
        return int(text)
    except ValueError:  # thousands of digits
        return Digits(text)


def _number(text: str) -> float | Digits:
    number = float(text)
    if len(text) <= _EXACT_LENGTH and "e" not in text and "E" not in text:
        return number
    try:
        return number if math.isfinite(number) and Decimal(repr(number)) == Decimal(text) else Digits(text)
    except InvalidOperation:  # an exponent of many digits
        return Digits(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_whole = msgspec.json.Decoder(float_hook=_number)
_NAME_ENDS = re.compile(rb'"[ \t\n\r]*:')
_EXACT_LENGTH = 16
"""Of numbers written with so few characters and without an exponent, no two have the same double."""
