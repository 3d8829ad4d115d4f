"""Payloads become Arrow tables of the model, column by column.

Nothing that a payload holds is lost: a field without a column, and a value that does not fit its column, goes to the
`extra` of the nearest object that has one. What "fits" means is said once, in `_fit`.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .payload import UnreadableBody, read_json
from .request_ids import KINDS, Request
from .tables import ARROW_TYPES, RUN_MODELS, Column, ProfileList, RunModel, Table, Type

Json = dict[str, Any]
Tables = dict[str, pa.Table]
Leftovers = list[Json | None]
"""What goes to `extra`, row by row; None where nothing does."""

_SPARE_LEVELS = 200
_ENVELOPE = frozenset({"requestId", "success"})
_FINER_THAN_MICROSECONDS = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")
_PYTHON_TYPES: dict[Type, set[type]] = {"text": {str}, "bigint": {int}, "double": {int, float}, "bool": {bool}}


@dataclass(frozen=True, slots=True)
class Result:
    """The final answer for one request: the body of a completed or failed run, without an envelope."""

    request: Request
    body: bytes


def normalize(results: Iterable[Result]) -> Tables:
    """Turns results into the rows of all tables they touch, without the id of the load that is to take them.

    Of a profile that occurs twice in one result the better-ranked counts. A replaced table has one row with a null
    position for each candidate that has no rows in it; dlt deletes by it and does not insert it.
    """
    results = list(results)
    with _no_search_for_cycles():
        try:
            return _normalize(results)
        except (RecursionError, UnreadableBody):
            with ThreadPoolExecutor(1) as empty_stack:
                return empty_stack.submit(_with_room, _normalize, results).result()


def _with_room(work: Callable[..., Tables], *arguments: Any) -> Tables:
    """Does what a value nested nearly as deep as Python allows needs, for which a load's stack has no room left.

    Such a value was read when it came in, and that on a stack that was nearly empty: on another one, with something to
    spare, it can be read and written again.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + _SPARE_LEVELS)
    try:
        return work(*arguments)
    finally:
        sys.setrecursionlimit(limit)


def _normalize(results: Sequence[Result]) -> Tables:
    tables: dict[str, list[pa.Table]] = {}
    by_kind: dict[str, list[tuple[Request, Json]]] = {kind: [] for kind in KINDS}
    for result in results:
        by_kind[result.request.kind].append((result.request, read_json(result.body)))
    for kind, payloads in by_kind.items():
        if payloads:
            for table, arrays in _runs(RUN_MODELS[kind], payloads):
                tables.setdefault(table.name, []).append(to_arrow(table, arrays))
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Payloads are many new objects without cycles; Python's search for some would take a quarter of the time.

    It ends when the payloads are gone again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def to_arrow(table: Table, arrays: dict[str, pa.Array]) -> pa.Table:
    """A table of the model from its columns' arrays."""
    return pa.table([arrays[column.name] for column in table.columns], schema=table.row_schema)


def rows_of_objects(table: Table, objects: list[Json], known: Set[str] = frozenset()) -> dict[str, pa.Array]:
    """The columns of a table that take over fields of objects, and `extra` with all fields but those and `known`."""
    leftovers: Leftovers = [None] * len(objects)
    arrays = _take_over(table.columns, objects, leftovers)
    _keep_unknown(objects, table.fields | known, leftovers)
    return {**arrays, "extra": _extra(leftovers)}


# ---------------------------------------------------------------------- runs and their profiles


@dataclass(slots=True)
class _Profiles:
    """The profiles of many runs, side by side: which run each is from, its place there, and the object itself."""

    run: list[int]
    position: list[int]
    profile_id: list[str]
    item: list[Json]


def _runs(model: RunModel, payloads: list[tuple[Request, Json]]) -> Iterable[tuple[Table, dict[str, pa.Array]]]:
    bodies = [body for _, body in payloads]
    leftovers: Leftovers = [None] * len(bodies)
    known = model.runs.fields | _ENVELOPE | {model.items}
    _keep_unknown(bodies, known, leftovers)
    for index, (request, body) in enumerate(payloads):
        for name, implied in (("success", True), ("requestId", request.id)):
            value = body.get(name)
            if value is not None and (type(value) is not type(implied) or value != implied):
                _keep(leftovers, index, name, value)
    profiles = _profiles(model, bodies, leftovers)
    counts = np.bincount(np.asarray(profiles.run, dtype=np.int64), minlength=len(bodies))
    arrays = {
        "request_id": pa.array([request.id for request, _ in payloads], pa.string()),
        "company_id": pa.array([request.company_id for request, _ in payloads], pa.string()),
        "candidate_count": pa.array(counts, pa.int64()),
        **_take_over(model.runs.columns, bodies, leftovers),
    }
    arrays["extra"] = _extra(leftovers)
    yield model.runs, arrays
    yield from _profile_tables(model, profiles, arrays)


def _profiles(model: RunModel, bodies: list[Json], leftovers: Leftovers) -> _Profiles:
    """The profiles that become rows. What cannot (no object, no id, the same profile again) stays with the run."""
    found = _Profiles([], [], [], [])
    for run, body in enumerate(bodies):
        items = body.get(model.items)
        if not isinstance(items, list):
            if items is not None:
                _keep(leftovers, run, model.items, items)
            continue
        seen: dict[str, Json] = {}
        no_rows: list[Any] = []
        for position, item in enumerate(items, 1):
            profile_id = item.get("profileId") if isinstance(item, dict) else None
            if type(profile_id) is not str or not profile_id or not _is_text(profile_id):
                no_rows.append(item)
            elif profile_id not in seen:
                seen[profile_id] = item
                found.run.append(run)
                found.position.append(position)
                found.profile_id.append(profile_id)
                found.item.append(item)
            elif item != seen[profile_id] or _as_json(item) != _as_json(seen[profile_id]):  # true == 1 in Python
                no_rows.append(item)
        if no_rows:
            _keep(leftovers, run, model.items, no_rows)
    return found


def _profile_tables(
    model: RunModel, profiles: _Profiles, runs: dict[str, pa.Array]
) -> Iterable[tuple[Table, dict[str, pa.Array]]]:
    if not profiles.item:
        return
    run = pa.array(profiles.run, pa.int64())
    profile_id = pa.array(profiles.profile_id, pa.string())
    request_id = runs["request_id"].take(run)
    candidate_id = pc.binary_join_element_wise(request_id, profile_id, "/")
    keys = {"candidate_id": candidate_id, "request_id": request_id, "profile_id": profile_id}
    shared = {name: _numbered(values) for name, values in keys.items()}

    leftovers: Leftovers = [None] * len(profiles.item)
    taken = {"profileId"} | {inner.field for inner in model.lists}
    if model.within is None:
        objects, inner_leftovers = profiles.item, leftovers
        own = _take_over(model.profiles.columns, objects, leftovers)
        _keep_unknown(objects, model.profiles.fields | taken, leftovers)
    else:
        objects, inner_leftovers, own = _candidates_within(model, profiles, leftovers, taken)
    lists = [rows for inner in model.lists for rows in _list_tables(inner, objects, shared, inner_leftovers)]
    if model.within is not None:
        for index, left in enumerate(inner_leftovers):
            if left:
                _keep(leftovers, index, model.within, left)
    yield (
        model.profiles,
        {
            **keys,
            "position": pa.array(profiles.position, pa.int64()),
            **own,
            "run_completed_at": runs["completed_at"].take(run),
            "extra": _extra(leftovers),
        },
    )
    yield from lists


def _candidates_within(
    model: RunModel, profiles: _Profiles, leftovers: Leftovers, taken: set[str]
) -> tuple[list[Json], Leftovers, dict[str, pa.Array]]:
    """The candidate objects inside enriched profiles, with the columns of both."""
    within = model.within or ""
    candidate_columns = [
        c for c in model.profiles.columns if c.field and c.field in RUN_MODELS["sourcing"].profiles.fields
    ]
    own_columns = [c for c in model.profiles.columns if c not in candidate_columns]
    own_fields = {c.field for c in own_columns if c.field}
    objects: list[Json] = []
    for index, item in enumerate(profiles.item):
        candidate = item.get(within)
        if not isinstance(candidate, dict):
            if candidate is not None:
                _keep(leftovers, index, within, candidate)
            candidate = {}
        objects.append(candidate)
    inner: Leftovers = [None] * len(objects)
    arrays = {**_take_over(own_columns, profiles.item, leftovers), **_take_over(candidate_columns, objects, inner)}
    _keep_unknown(profiles.item, own_fields | {"profileId", within}, leftovers)
    _keep_unknown(objects, {c.field for c in candidate_columns if c.field} | taken, inner)
    for index, candidate in enumerate(objects):
        if "profileId" in candidate and candidate["profileId"] != profiles.profile_id[index]:
            _keep(inner, index, "profileId", candidate["profileId"])
    return objects, inner, arrays


# ---------------------------------------------------------------------- lists within a profile


def _list_tables(
    model: ProfileList, objects: list[Json], keys: dict[str, pa.Array], leftovers: Leftovers
) -> Iterable[tuple[Table, dict[str, pa.Array]]]:
    wanted: type = str if model.item else dict
    values, parents, positions = _unnest(objects, model.field, wanted, leftovers)
    if model.item:
        yield (
            model.table,
            _with_absent(keys, parents, {"position": positions, model.item: pa.array(values, pa.string())}),
        )
        return
    inner_leftovers: Leftovers = [None] * len(values)
    fields = model.table.fields | ({model.inner.field} if model.inner else set())
    own = _take_over(model.table.columns, values, inner_leftovers)
    _keep_unknown(values, fields, inner_leftovers)
    if model.inner is not None and model.inner.item is not None:
        texts, holders, places = _unnest(values, model.inner.field, str, inner_leftovers)
        yield (
            model.inner.table,
            _with_absent(
                keys,
                parents[holders],
                {
                    "experience_position": positions.take(pa.array(holders)),
                    "position": places,
                    model.inner.item: pa.array(texts, pa.string()),
                },
            ),
        )
    yield model.table, _with_absent(keys, parents, {"position": positions, **own, "extra": _extra(inner_leftovers)})


def _unnest(
    objects: list[Json], field: str, wanted: type, leftovers: Leftovers
) -> tuple[list[Any], npt.NDArray[np.int64], pa.Array]:
    """The items of a list field over all objects: values, the index of the object each is from, its position.

    A list that holds anything else than `wanted` is kept whole in `extra`, beside the rows of the items that fit.
    Null items have no row.
    """
    lists = _values(objects, field)
    if not set(map(type, lists)) <= {list, type(None)}:
        for index, value in enumerate(lists):
            if value is not None and not isinstance(value, list):
                _keep(leftovers, index, field, value)
                lists[index] = None
    filled = [value or () for value in lists]
    lengths = np.fromiter(map(len, filled), np.int64, len(filled))
    values = list(chain.from_iterable(filled))
    parents = np.repeat(np.arange(len(filled), dtype=np.int64), lengths)
    positions = np.arange(1, len(values) + 1, dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if not _all_fit(values, wanted):
        fits = np.array([type(v) is wanted and (wanted is not str or _is_text(v)) for v in values], np.bool_)
        for index in {int(parents[i]) for i in np.flatnonzero(np.logical_not(fits)) if values[i] is not None}:
            _keep(leftovers, index, field, filled[index])
        values = [value for value, fit in zip(values, fits, strict=True) if fit]
        parents, positions = parents[fits], positions[fits]
    return values, parents, pa.array(positions, pa.int64())


def _all_fit(values: list[Any], wanted: type) -> bool:
    if not set(map(type, values)) <= {wanted}:
        return False
    return wanted is not str or _is_text("".join(values))


def _numbered(values: pa.Array) -> pa.DictionaryArray:
    """Text that many rows are to share; taking from it copies numbers alone."""
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(len(values), dtype=np.int32)), values)


def _with_absent(
    keys: dict[str, pa.Array], parents: npt.NDArray[np.int64], columns: dict[str, pa.Array]
) -> dict[str, pa.Array]:
    """The rows of a replaced table, and one with nulls for each candidate that has none."""
    without = np.ones(len(keys["candidate_id"]), np.bool_)
    without[parents] = False
    absent = np.flatnonzero(without)
    owners = pa.array(np.concatenate([parents, absent]))
    return {
        **{name: values.take(owners) for name, values in keys.items()},
        **{name: pa.concat_arrays([values, pa.nulls(len(absent), values.type)]) for name, values in columns.items()},
    }


# ---------------------------------------------------------------------- values


def _take_over(columns: Sequence[Column], objects: list[Json], leftovers: Leftovers) -> dict[str, pa.Array]:
    """The columns whose values are taken from the objects' fields as they are."""
    return {
        column.name: _fit(_values(objects, column.field), column.type, column.field, leftovers)
        for column in columns
        if column.field
    }


def _values(objects: list[Json], field: str) -> list[Any]:
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
                _keep(leftovers, index, field, value)
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
            _keep(leftovers, index, field, value)
    return pa.array(fitting, ARROW_TYPES[type_])


def _fits(value: Any, type_: Type) -> bool:
    if type(value) not in _PYTHON_TYPES[type_]:
        return False
    if type_ == "text":
        return _is_text(value)
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


def _is_text(value: Any) -> bool:
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


def _keep_unknown(objects: list[Json], known: frozenset[str] | set[str], leftovers: Leftovers) -> None:
    for index, value in enumerate(objects):
        if not value.keys() <= known:
            for name in value.keys() - known:
                _keep(leftovers, index, name, value[name])


def _keep(leftovers: Leftovers, index: int, name: str, value: Any) -> None:
    kept = leftovers[index]
    if kept is None:
        kept = leftovers[index] = {}
    kept[name] = value


def _extra(leftovers: Leftovers) -> pa.Array:
    return pa.array([_as_json(left) if left else None for left in leftovers], pa.string())


def _as_json(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if _is_text(text) else json.dumps(value, sort_keys=True)
