"""Which values fit a column, and how what does not is kept in `extra`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import pyarrow as pa

from .tables import ARROW_TYPES, Column, Type

Json = dict[str, Any]
Leftovers = list[Json | None]
"""What goes to `extra`, row by row; None where nothing does."""

_FINER_THAN_MICROSECONDS = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")
_PYTHON_TYPES: dict[Type, set[type]] = {"text": {str}, "bigint": {int}, "double": {int, float}, "bool": {bool}}


def take_over(columns: Sequence[Column], objects: list[Json], leftovers: Leftovers) -> dict[str, pa.Array]:
    """The columns whose values are taken from the objects' fields as they are."""
    return {
        column.name: _fit(values_of(objects, column.field), column.type, column.field, leftovers)
        for column in columns
        if column.field
    }


def values_of(objects: list[Json], field: str) -> list[Any]:
    """The value of a field in each object, None where it is missing."""
    try:
        return list(map(itemgetter(field), objects))
    except KeyError:
        return [o.get(field) for o in objects]


def _fit(values: list[Any], type_: Type, field: str, leftovers: Leftovers) -> pa.Array:
    """The values as an Arrow array; those that do not fit the type are null there and go to `extra`.

    A time with more digits than a timestamp has goes to both: cut to microseconds it is still good to work with.
    """
    if type_ == "timestamp":
        times = [_timestamp(value) for value in values]
        for index, value in enumerate(values):
            if value is not None and (times[index] is None or _FINER_THAN_MICROSECONDS.search(value)):
                keep(leftovers, index, field, value)
        return pa.array(times, ARROW_TYPES[type_])
    if set(map(type, values)) <= _PYTHON_TYPES[type_] | {type(None)}:
        try:
            array = pa.array(values, ARROW_TYPES[type_])
            if type_ != "text" or not _holds_nul(array):
                return array
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass
    fitting: list[Any] = []
    for index, value in enumerate(values):
        fits = value is None or _fits(value, type_)
        # Arrow takes no integer beyond 2^53 for a double, even one that is exact
        fitting.append((float(value) if type_ == "double" and value is not None else value) if fits else None)
        if not fits:
            keep(leftovers, index, field, value)
    return pa.array(fitting, ARROW_TYPES[type_])


def _fits(value: Any, type_: Type) -> bool:
    if type(value) not in _PYTHON_TYPES[type_]:
        return False
    if type_ == "text":
        return is_text(value)
    try:
        if type_ == "double":
            return bool(float(value) == value)
        pa.scalar(value, ARROW_TYPES[type_])
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return False
    return True


def _timestamp(value: Any) -> datetime | None:
    """An ISO 8601 time with `Z`, an offset, or neither (then it is UTC); None where it is none."""
    if type(value) is not str:
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_text(value: Any) -> bool:
    """Whether every warehouse can store a string.

    JSON can spell two things that not all can: a lone surrogate, which has no UTF-8, and NUL, which Postgres refuses
    and with it the whole load. In `extra` both are spelt as in JSON.
    """
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _holds_nul(texts: pa.StringArray) -> bool:
    data = texts.buffers()[2]
    return data is not None and b"\0" in data.to_pybytes()


def keep_unknown(objects: list[Json], known: Set[str], leftovers: Leftovers) -> None:
    """Keeps the fields of each object that are not among `known`."""
    for index, value in enumerate(objects):
        if not value.keys() <= known:
            for name in value.keys() - known:
                keep(leftovers, index, name, value[name])


def keep(leftovers: Leftovers, index: int, name: str, value: Any) -> None:
    """Keeps a field of the object at `index`."""
    kept = leftovers[index]
    if kept is None:
        kept = leftovers[index] = {}
    kept[name] = value


def extra(leftovers: Leftovers) -> pa.Array:
    """The column `extra`: JSON, null where nothing was kept."""
    return pa.array([as_json(left) if left else None for left in leftovers], pa.string())


def as_json(value: Json) -> str:
    """JSON with sorted keys, in which every warehouse can store whatever the value holds."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if is_text(text) else json.dumps(value, sort_keys=True)
