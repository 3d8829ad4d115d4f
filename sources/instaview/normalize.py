"""Payloads become Arrow tables of the model, column by column.

Nothing that a payload holds is lost: a field without a column, and a value that does not fit its column, goes to the
`extra` of the nearest object that has one.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .payload import UnreadableBody, read_json
from .request_ids import KINDS, Request
from .tables import RUN_MODELS, ProfileList, RunModel, Table
from .values import Json, Leftovers, as_json, extra, is_text, keep, keep_unknown, take_over, values_of

Tables = dict[str, pa.Table]

_SPARE_LEVELS = 200
_ENVELOPE = frozenset({"requestId", "success"})


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
    arrays = take_over(table.columns, objects, leftovers)
    keep_unknown(objects, table.fields | known, leftovers)
    return {**arrays, "extra": extra(leftovers)}


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
    keep_unknown(bodies, known, leftovers)
    for index, (request, body) in enumerate(payloads):
        for name, implied in (("success", True), ("requestId", request.id)):
            value = body.get(name)
            if value is not None and (type(value) is not type(implied) or value != implied):
                keep(leftovers, index, name, value)
    profiles = _profiles(model, bodies, leftovers)
    counts = np.bincount(np.asarray(profiles.run, dtype=np.int64), minlength=len(bodies))
    arrays = {
        "request_id": pa.array([request.id for request, _ in payloads], pa.string()),
        "company_id": pa.array([request.company_id for request, _ in payloads], pa.string()),
        "candidate_count": pa.array(counts, pa.int64()),
        **take_over(model.runs.columns, bodies, leftovers),
    }
    arrays["extra"] = extra(leftovers)
    yield model.runs, arrays
    yield from _profile_tables(model, profiles, arrays)


def _profiles(model: RunModel, bodies: list[Json], leftovers: Leftovers) -> _Profiles:
    """The profiles that become rows. What cannot (no object, no id, the same profile again) stays with the run."""
    found = _Profiles([], [], [], [])
    for run, body in enumerate(bodies):
        items = body.get(model.items)
        if not isinstance(items, list):
            if items is not None:
                keep(leftovers, run, model.items, items)
            continue
        seen: dict[str, Json] = {}
        no_rows: list[Any] = []
        for position, item in enumerate(items, 1):
            profile_id = item.get("profileId") if isinstance(item, dict) else None
            if type(profile_id) is not str or not profile_id or not is_text(profile_id):
                no_rows.append(item)
            elif profile_id not in seen:
                seen[profile_id] = item
                found.run.append(run)
                found.position.append(position)
                found.profile_id.append(profile_id)
                found.item.append(item)
            elif item != seen[profile_id] or as_json(item) != as_json(seen[profile_id]):  # true == 1 in Python
                no_rows.append(item)
        if no_rows:
            keep(leftovers, run, model.items, no_rows)
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
        own = take_over(model.profiles.columns, objects, leftovers)
        keep_unknown(objects, model.profiles.fields | taken, leftovers)
    else:
        objects, inner_leftovers, own = _candidates_within(model, profiles, leftovers, taken)
    lists = [rows for inner in model.lists for rows in _list_tables(inner, objects, shared, inner_leftovers)]
    if model.within is not None:
        for index, left in enumerate(inner_leftovers):
            if left:
                keep(leftovers, index, model.within, left)
    yield (
        model.profiles,
        {
            **keys,
            "position": pa.array(profiles.position, pa.int64()),
            **own,
            "run_completed_at": runs["completed_at"].take(run),
            "extra": extra(leftovers),
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
                keep(leftovers, index, within, candidate)
            candidate = {}
        objects.append(candidate)
    inner: Leftovers = [None] * len(objects)
    arrays = {**take_over(own_columns, profiles.item, leftovers), **take_over(candidate_columns, objects, inner)}
    keep_unknown(profiles.item, own_fields | {"profileId", within}, leftovers)
    keep_unknown(objects, {c.field for c in candidate_columns if c.field} | taken, inner)
    for index, candidate in enumerate(objects):
        if "profileId" in candidate and candidate["profileId"] != profiles.profile_id[index]:
            keep(inner, index, "profileId", candidate["profileId"])
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
    own = take_over(model.table.columns, values, inner_leftovers)
    keep_unknown(values, fields, inner_leftovers)
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
    yield model.table, _with_absent(keys, parents, {"position": positions, **own, "extra": extra(inner_leftovers)})


def _unnest(
    objects: list[Json], field: str, wanted: type, leftovers: Leftovers
) -> tuple[list[Any], npt.NDArray[np.int64], pa.Array]:
    """The items of a list field over all objects: values, the index of the object each is from, its position.

    A list that holds anything else than `wanted` is kept whole in `extra`, beside the rows of the items that fit.
    Null items have no row.
    """
    lists = values_of(objects, field)
    if not set(map(type, lists)) <= {list, type(None)}:
        for index, value in enumerate(lists):
            if value is not None and not isinstance(value, list):
                keep(leftovers, index, field, value)
                lists[index] = None
    filled = [value or () for value in lists]
    lengths = np.fromiter(map(len, filled), np.int64, len(filled))
    values = list(chain.from_iterable(filled))
    parents = np.repeat(np.arange(len(filled), dtype=np.int64), lengths)
    positions = np.arange(1, len(values) + 1, dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if not _all_fit(values, wanted):
        fits = np.array([type(v) is wanted and (wanted is not str or is_text(v)) for v in values], np.bool_)
        for index in {int(parents[i]) for i in np.flatnonzero(np.logical_not(fits)) if values[i] is not None}:
            keep(leftovers, index, field, filled[index])
        values = [value for value, fit in zip(values, fits, strict=True) if fit]
        parents, positions = parents[fits], positions[fits]
    return values, parents, pa.array(positions, pa.int64())


def _all_fit(values: list[Any], wanted: type) -> bool:
    if not set(map(type, values)) <= {wanted}:
        return False
    return wanted is not str or is_text("".join(values))


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
