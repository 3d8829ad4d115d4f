"""Whether rows give a payload back: every value of it is in a column or in `extra`, and nothing else is.

Written from the documentation of the API and of the tables, without a look at how rows are made. What the tables do
not tell apart:

- null, missing and, for a list with a table, empty; nulls in such a list are gaps in `position`;
- ways to write one moment, or one number; a number that no double holds is text;
- `success: true` and the request's own id, which a run need not repeat; a profile that comes again just the same;
- of names that repeat, the last stands and the others are numbered: `name#1`;
- where a profile that can have no row (no object, no id, or one that was there before) stood among the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Path = tuple[str | int, ...]

RUNS = {"sourcing": "sourcing_runs", "enrichment": "enrichment_runs", "preview": "preview_runs"}
PROFILES = {"sourcing": "candidates", "enrichment": "enrichment_profiles", "preview": "preview_candidates"}
ITEMS = {"sourcing": "candidates", "enrichment": "data", "preview": "candidates"}
COUNTS = {"sourcing": "foundCount scoredCount", "enrichment": "enrichedCount failureCount creditsConsumed"}
COUNTS["preview"] = COUNTS["sourcing"]
RUN_FIELDS = "status createdAt completedAt errorCode errorMessage"
CANDIDATE_FIELDS = "name linkedinUrl matchScore rationale headline location currentCompany currentRole"
ITEM_FIELDS = "success errorCode errorMessage"
PREVIEW_COLUMNS = {
    "fullName": "name",
    "profileUrl": "linkedin_url",
    "companyName": "current_company",
    **{name: name for name in ("title", "headline", "location", "country")},
    "companyUrl": "company_url",
}
TEXT_LISTS = {
    "skills": ("profile_skills", "skill"),
    "aiFitPoints": ("profile_fit_points", "fit_point"),
    "aiRedFlags": ("profile_red_flags", "red_flag"),
    "emails": ("profile_emails", "email"),
}
OBJECT_LISTS = {
    "aiDetailedRationale": ("profile_rationales", "title company duration relevanceExplanation"),
    "detailedExperience": ("profile_experiences", "role company duration"),
}


def read(text: str) -> Any:
    """A payload with each number exact, and the names that repeat numbered."""

    def all_pairs(pairs: list[tuple[str, Any]]) -> Row:
        value = dict(pairs)
        left = Counter(name for name, _ in pairs)
        for name, inner in pairs:
            left[name] -= 1
            if left[name]:
                number = 1
                while f"{name}#{number}" in value:
                    number += 1
                value[f"{name}#{number}"] = inner
        return value

    return json.loads(text, parse_float=_exact, parse_int=_exact, object_pairs_hook=all_pairs)


def _exact(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond those of decimals
        return digits


def problems(kind: str, request_id: str, sent: Row, tables: Tables) -> list[str]:
    """What is wrong with the rows of one request; nothing, if they give the payload back."""
    (run,) = tables[RUNS[kind]]
    extra = json.loads(run["extra"] or "{}")
    rows = {row["position"] - 1: row for row in tables.get(PROFILES[kind], [])}
    items = sent.get(ITEMS[kind])
    found = dict(_of_run(kind, run, {k: v for k, v in extra.items() if k != ITEMS[kind]}))
    for place, row in rows.items():
        found |= {(ITEMS[kind], place, *path): value for path, value in _of_profile(kind, row, tables)}
    wrong: list[str] = []
    without_row = extra.get(ITEMS[kind], [] if isinstance(items, list) else None)
    if isinstance(items, list):
        wrong += _unplaced(items, rows, without_row)
        expected = {**sent, ITEMS[kind]: {place: items[place] for place in rows if place < len(items)}}
    else:
        expected = {k: v for k, v in sent.items() if k != ITEMS[kind]}
        if not _same(items, without_row) or rows:
            wrong.append(f"{ITEMS[kind]}: {items!r} became {without_row!r}")
    wanted = dict(_leaves(expected))
    if wanted.get(("success",)) is True:
        del wanted[("success",)]
    if wanted.get(("requestId",)) == request_id:
        del wanted[("requestId",)]
    for place, row in rows.items():
        within = (ITEMS[kind], place, "candidate", "profileId")
        if kind == "enrichment" and wanted.get(within) == row["profile_id"]:
            del wanted[within]
    for path, value in wanted.items():
        if path in found:
            if not _same(value, found[path]):
                wrong.append(f"{path}: {value!r} became {found[path]!r}")
        elif not _may_vanish(kind, path, value):
            wrong.append(f"{path}: {value!r} is lost")
    # a row of which nothing is kept but that it is there: all its object held was an empty list, or items of one
    hollow = {path[:depth] for path in wanted for depth in range(len(path))}
    invented = [path for path in found.keys() - wanted.keys() if not (found[path] == {} and path in hollow)]
    wrong += [f"{path}: {found[path]!r} was never sent" for path in invented]
    return wrong


def repeated_keys(tables: Tables) -> list[tuple[str, Any]]:
    """Keys that occur twice, by table. A row without a position only clears what was there before."""
    places = {"profile_experience_highlights": ("candidate_id", "experience_position", "position")}
    wrong: list[tuple[str, Any]] = []
    for name, rows in tables.items():
        key = ("request_id",) if name.endswith(("_runs", "requests")) else ("candidate_id",)
        if name.startswith("profile_"):
            key = places.get(name, ("candidate_id", "position"))
        counts = Counter(tuple(row[column] for column in key) for row in rows)
        wrong += [(name, key) for key, count in counts.items() if count > 1 and None not in key]
    return wrong


# ---------------------------------------------------------------------- what the rows say


def _of_run(kind: str, run: Row, extra: Row) -> Iterator[tuple[Path, Any]]:
    yield from _of_columns(f"{RUN_FIELDS} {COUNTS[kind]}", run)
    yield from _leaves(extra, inside=True)


def _of_profile(kind: str, row: Row, tables: Tables) -> Iterator[tuple[Path, Any]]:
    yield ("profileId",), row["profile_id"]
    yield from _leaves(json.loads(row["extra"] or "{}"), inside=True)
    if kind == "preview":
        for field, column in PREVIEW_COLUMNS.items():
            if row[column] is not None:
                yield (field,), row[column]
        return
    above: Path = ("candidate",) if kind == "enrichment" else ()
    if kind == "enrichment":
        yield from _of_columns(ITEM_FIELDS, row)
    for path, value in (*_of_columns(CANDIDATE_FIELDS, row), *_of_lists(row["candidate_id"], tables)):
        yield (*above, *path), value


def _of_lists(candidate_id: str, tables: Tables) -> Iterator[tuple[Path, Any]]:
    def mine(table: str) -> list[Row]:
        return [r for r in tables.get(table, []) if r["candidate_id"] == candidate_id and r["position"] is not None]

    for field, (table, column) in TEXT_LISTS.items():
        for row in mine(table):
            yield (field, row["position"] - 1), row[column]
    for field, (table, fields) in OBJECT_LISTS.items():
        for row in mine(table):
            said = [*_of_columns(fields, row), *_leaves(json.loads(row["extra"] or "{}"), inside=True)]
            for path, value in said or [((), {})]:
                yield (field, row["position"] - 1, *path), value
    for row in mine("profile_experience_highlights"):
        place = (row["experience_position"] - 1, "highlights", row["position"] - 1)
        yield ("detailedExperience", *place), row["highlight"]


def _of_columns(fields: str, row: Row) -> Iterator[tuple[Path, Any]]:
    """The fields with a column, which has the same name in another case."""
    for field in fields.split():
        value = row[re.sub("([A-Z])", r"_\1", field).lower()]
        if value is not None:
            yield (field,), value


# ---------------------------------------------------------------------- what the payload says


def _leaves(value: Any, path: Path = (), *, inside: bool = False) -> Iterator[tuple[Path, Any]]:
    """All that is no container, and containers with nothing in them, by their paths."""
    pending = [(path, value)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and (value or (inside and not path)):
            pending += [((*path, name), inner) for name, inner in value.items()]
        elif isinstance(value, list) and value:
            pending += [((*path, place), inner) for place, inner in enumerate(value)]
        else:
            yield path, value


def _unplaced(items: list[Any], rows: dict[int, Row], without_row: Any) -> list[str]:
    """Profiles without a row are kept whole, in their order; but for those that were there before, just the same."""
    if not isinstance(without_row, list):
        return [f"profiles without rows became {without_row!r}"]
    before = {_written(items[place]) for place in rows if place < len(items)}
    expected = [
        item
        for place, item in enumerate(items)
        if place not in rows and not (_is_row(item) and _written(item) in before)
    ]
    if len(expected) != len(without_row) or not all(map(_same_tree, expected, without_row)):
        return [f"profiles without rows: {expected!r} became {without_row!r}"]
    unkeyed = [place for place in rows if place >= len(items) or not _is_row(items[place])]
    ids = [items[place]["profileId"] for place in range(len(items)) if _is_row(items[place])]
    missing = set(ids) - {row["profile_id"] for row in rows.values()}
    return [f"rows at {unkeyed} for no profile"] * bool(unkeyed) + [f"no row for {missing}"] * bool(missing)


def _is_row(item: Any) -> bool:
    """Whether a profile can have a row: it has an id that every warehouse can store."""
    if not isinstance(item, dict) or not isinstance(item.get("profileId"), str):
        return False
    return re.fullmatch("[^\x00\ud800-\udfff]+", item["profileId"]) is not None


def _may_vanish(kind: str, path: Path, value: Any) -> bool:
    """Whether a value says nothing where it stands: null and, for a list or an object of the model, empty."""
    if path and path[0] == ITEMS[kind]:
        if len(path) == 1:
            return value in (None, {}, [])
        path = path[2:]
        known = PREVIEW_COLUMNS.keys() if kind == "preview" else set(ITEM_FIELDS.split()) | {"candidate"}
        if kind == "sourcing" or (kind == "enrichment" and path[:1] == ("candidate",) and len(path) > 1):
            path = path[kind == "enrichment" :]
            return _may_vanish_in_candidate(path, value)
        return len(path) == 1 and path[0] in known and (value is None or (path[0] == "candidate" and value == {}))
    known = f"{RUN_FIELDS} {COUNTS[kind]} success requestId".split()
    return (value is None and len(path) == 1 and path[0] in known) or not path


def _may_vanish_in_candidate(path: Path, value: Any) -> bool:
    field, *inner = path
    lists = {*TEXT_LISTS, *OBJECT_LISTS}
    if not inner:
        return (value is None and field in CANDIDATE_FIELDS.split()) or (field in lists and value in (None, []))
    if value is None and len(inner) == 1:
        return field in lists
    if field in OBJECT_LISTS and len(inner) == 2:
        known = OBJECT_LISTS[str(field)][1].split()
        return (value is None and inner[1] in known) or (
            field == "detailedExperience" and inner[1] == "highlights" and value in (None, [])
        )
    return value is None and field == "detailedExperience" and len(inner) == 3 and inner[1] == "highlights"


# ---------------------------------------------------------------------- sameness


def _same(sent: Any, kept: Any) -> bool:
    if isinstance(kept, datetime):
        try:
            time = datetime.fromisoformat(sent)
        except (ValueError, TypeError):
            return False
        return kept.astimezone(UTC) == (time if time.tzinfo else time.replace(tzinfo=UTC))
    if isinstance(sent, Decimal):
        if isinstance(kept, bool) or not isinstance(kept, (int, float, str)):
            return False
        # a whole number beyond 2^53 that a double holds exactly is written with fewer digits than it has
        return sent in (Decimal(kept if isinstance(kept, str) else repr(kept)), Decimal(kept))
    if isinstance(sent, (dict, list)) and sent:
        return _same_tree(sent, kept)
    return type(sent) is type(kept) and sent == kept


def _same_tree(sent: Any, kept: Any) -> bool:
    one, other = dict(_leaves(sent)), dict(_leaves(kept))
    return one.keys() == other.keys() and all(_same(value, other[path]) for path, value in one.items())


def _written(value: Any) -> str:
    """A value as one text; a number and a text are told apart, and so are true and 1."""
    return repr(sorted(((path, type(v).__name__, v) for path, v in _leaves(value)), key=repr))
