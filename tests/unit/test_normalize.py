"""Payloads become rows: exactly those of the reference, with nothing lost and no key twice."""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from how_many import examples
from hypothesis import HealthCheck, example, given, settings
from payloads import ITEMS, LIST_FIELDS, LONE_VALUES, ODD_VALUES, Delivered, batches, request_id
from reference import (
    CANDIDATE,
    ENRICHED_PROFILE,
    ENRICHMENT_RUN,
    EXPERIENCE,
    PREVIEW_CANDIDATE,
    RATIONALE,
    SOURCING_RUN,
    TEXT_LISTS,
    is_cut,
    moment,
    rows_of,
    same_json,
    storable,
)

from instaview.normalize import Result, normalize, to_arrow
from instaview.payload import UnreadableBody, read_payload
from instaview.request_ids import Request, parse_request
from instaview.tables import RUN_MODELS, TABLES

Row = dict[str, Any]
Tables = dict[str, list[Row]]

MODEL = {table.name: table for table in TABLES}
REPLACED = [
    "profile_skills",
    "profile_fit_points",
    "profile_red_flags",
    "profile_rationales",
    "profile_experiences",
    "profile_experience_highlights",
    "profile_emails",
]
RUN_COLUMNS = {"sourcing": SOURCING_RUN, "enrichment": ENRICHMENT_RUN, "preview": SOURCING_RUN}
RUN_TABLES = {"sourcing": "sourcing_runs", "enrichment": "enrichment_runs", "preview": "preview_runs"}
PROFILE_TABLES = {"sourcing": "candidates", "enrichment": "enrichment_profiles", "preview": "preview_candidates"}


def tried_on(number: int) -> settings:
    """Slow machines are no reason to fail."""
    return settings(
        max_examples=examples(number),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# ---------------------------------------------------------------------- helpers


def body_of(payload: Any) -> bytes:
    """A payload as an answer's body. Characters stand as they are, unless UTF-8 has none of them."""
    try:
        return json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(payload).encode()


def result_of(delivered: Delivered) -> Result:
    request = Request(delivered.request_id, parse_request(delivered.request_id).kind, delivered.company_id)
    return Result(request, body_of(delivered.payload))


def arrow_of(batch: list[Delivered]) -> dict[str, pa.Table]:
    return normalize([result_of(delivered) for delivered in batch])


def read(arrow: dict[str, pa.Table]) -> Tables:
    """All rows as Python values, `extra` read as what it says."""
    tables = {name: table.to_pylist() for name, table in arrow.items()}
    for rows in tables.values():
        for row in rows:
            if row.get("extra") is not None:
                row["extra"] = read_extra(row["extra"])
    return tables


def read_extra(text: str) -> Row:
    """`extra` is one JSON object that holds something, with sorted keys."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    extra = json.loads(text, parse_constant=refuse)
    assert isinstance(extra, dict)
    assert extra
    assert text in (json.dumps(extra, sort_keys=True), json.dumps(extra, sort_keys=True, ensure_ascii=False))
    return extra


def tables_of(kind: str, payload: Any, company_id: str | None = None) -> Tables:
    """The rows that one payload gives."""
    return read(arrow_of([Delivered(kind, request_id(kind), company_id, payload)]))


def comparable(tables: Tables) -> dict[str, Counter[str]]:
    """Rows without their order, and so that 1, 1.0 and true are three values."""

    def in_utc(time: datetime) -> str:
        assert time.tzinfo is not None
        return time.astimezone(UTC).isoformat()

    return {
        name: Counter(json.dumps(row, sort_keys=True, default=in_utc) for row in rows) for name, rows in tables.items()
    }


def expected_of(batch: list[Delivered]) -> Tables:
    """What the reference makes of what the bodies say."""
    tables: Tables = {}
    for delivered in batch:
        payload = json.loads(body_of(delivered.payload))
        for name, rows in rows_of(delivered.kind, delivered.request_id, delivered.company_id, payload).items():
            tables.setdefault(name, []).extend(rows)
    return tables


def assert_as_reference(batch: list[Delivered]) -> Tables:
    tables = read(arrow_of(batch))
    assert comparable(tables) == comparable(expected_of(batch))
    return tables


def payload_again(kind: str, tables: Tables) -> dict[str, Any]:
    """The payload, put together from the rows of one request."""
    (run,) = tables[RUN_TABLES[kind]]
    payload = object_again(RUN_COLUMNS[kind], run)
    left = run["extra"] or {}
    profiles = sorted(tables.get(PROFILE_TABLES[kind], []), key=lambda row: row["position"])
    items: list[Any] = [item_again(kind, row, tables) for row in profiles]
    without_row = left.pop(ITEMS[kind], [])
    if isinstance(without_row, list):
        payload[ITEMS[kind]] = items + without_row
    else:
        assert items == []
        payload[ITEMS[kind]] = without_row
    return disjoint(payload, left)


def item_again(kind: str, row: Row, tables: Tables) -> dict[str, Any]:
    assert row["candidate_id"] == f"{row['request_id']}/{row['profile_id']}"
    left = row["extra"] or {}
    if kind == "preview":
        return disjoint({"profileId": row["profile_id"], **object_again(PREVIEW_CANDIDATE, row)}, left)
    candidate = object_again(CANDIDATE, row)
    if kind == "sourcing":
        return disjoint({"profileId": row["profile_id"], **candidate, **lists_again(row, tables, left)}, left)
    item = {"profileId": row["profile_id"], **object_again(ENRICHED_PROFILE, row)}
    inner = left.pop("candidate", {})
    if isinstance(inner, dict):
        item["candidate"] = disjoint({**candidate, **lists_again(row, tables, inner)}, inner)
    else:
        assert candidate == {}
        item["candidate"] = inner
    return disjoint(item, left)


def lists_again(row: Row, tables: Tables, left: dict[str, Any]) -> dict[str, list[Any]]:
    """The lists of a candidate that stand in rows alone; those in `left` are whole there."""

    def mine(table: str) -> list[Row]:
        rows = [r for r in tables[table] if r["candidate_id"] == row["candidate_id"] and r["position"] is not None]
        return sorted(rows, key=lambda r: r["position"])

    lists: dict[str, list[Any]] = {}
    for field, table, column in TEXT_LISTS:
        lists[field] = in_places([(r["position"], r[column]) for r in mine(table)])
    lists["aiDetailedRationale"] = in_places(
        [(r["position"], disjoint(object_again(RATIONALE, r), r["extra"] or {})) for r in mine("profile_rationales")]
    )
    experiences = []
    highlights = mine("profile_experience_highlights")
    for r in mine("profile_experiences"):
        own = r["extra"] or {}
        experience = object_again(EXPERIENCE, r)
        if "highlights" not in own:
            experience["highlights"] = in_places(
                [(h["position"], h["highlight"]) for h in highlights if h["experience_position"] == r["position"]]
            )
        experiences.append((r["position"], disjoint(experience, own)))
    lists["detailedExperience"] = in_places(experiences)
    return {field: items for field, items in lists.items() if field not in left}


def in_places(items: list[tuple[int, Any]]) -> list[Any]:
    """A list with each item at its position, null between them."""
    places: list[Any] = [None] * max((position for position, _ in items), default=0)
    for position, item in items:
        assert places[position - 1] is None, "two rows at one position"
        places[position - 1] = item
    return places


def object_again(columns: list[tuple[str, str, str]], row: Row) -> dict[str, Any]:
    values = {field: row[column] for column, field, _ in columns if row[column] is not None}
    return {field: v.isoformat() if isinstance(v, datetime) else v for field, v in values.items()}


def disjoint(columns: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
    """Columns and `extra` together; a field stands in one of them. A time that was cut is whole in `extra` as well."""
    for field in columns.keys() & left.keys():
        assert is_cut(left[field])
        assert moment(left[field]) == moment(columns[field])
    return {**columns, **left}


def told_apart(kind: str, payload: dict[str, Any]) -> str:
    """A payload, without the differences that the tables do not keep.

    Null, an empty list and missing are the same for a field that has a column or a table. Times are what they name, in
    UTC. `requestId` and a `success` that is true are left out of a run, and so is a profile that comes again just the
    same.
    """
    run = known_fields(RUN_COLUMNS[kind], payload)
    run.pop("requestId", None)
    if run.get("success") is None or run["success"] is True:
        run.pop("success", None)
    items = run.pop(ITEMS[kind], None)
    if isinstance(items, list):
        first_of: dict[str, Any] = {}
        without_row = []
        for item in items:
            profile_id = item.get("profileId") if isinstance(item, dict) else None
            if not isinstance(profile_id, str) or not profile_id or not storable(profile_id):
                without_row.append(item)
            elif profile_id not in first_of:
                first_of[profile_id] = item
            elif not same_json(item, first_of[profile_id]):
                without_row.append(item)
        run["with rows"] = [item_told_apart(kind, item) for item in first_of.values()]
        run["without rows"] = without_row
    elif items is not None:
        run[ITEMS[kind]] = items
    else:
        run["with rows"] = run["without rows"] = []
    return json.dumps(run, sort_keys=True)


def item_told_apart(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    if kind == "preview":
        return known_fields(PREVIEW_CANDIDATE, item)
    if kind == "sourcing":
        return candidate_told_apart(item)
    item = known_fields(ENRICHED_PROFILE, item)
    candidate = item.pop("candidate", None)
    if isinstance(candidate, dict):
        candidate = candidate_told_apart(candidate)
        if candidate.get("profileId", 0) == item["profileId"]:
            del candidate["profileId"]
    return {**item, "candidate": candidate or None} if candidate != [] else {**item, "candidate": []}


def candidate_told_apart(candidate: dict[str, Any]) -> dict[str, Any]:
    candidate = known_fields(CANDIDATE, candidate)
    for field in LIST_FIELDS:
        value = candidate.get(field)
        if isinstance(value, list) and all(isinstance(item, (dict, type(None))) for item in value):
            if field == "aiDetailedRationale":
                candidate[field] = [item and known_fields(RATIONALE, item) for item in value]
            elif field == "detailedExperience":
                candidate[field] = [
                    item and without_empty(known_fields(EXPERIENCE, item), "highlights") for item in value
                ]
        without_empty(candidate, field)
    return candidate


def known_fields(columns: list[tuple[str, str, str]], holder: dict[str, Any]) -> dict[str, Any]:
    kept = dict(holder)
    for _, field, type_ in columns:
        value = kept.get(field)
        if value is None:
            kept.pop(field, None)
        elif type_ == "timestamp" and isinstance(value, str):
            time = moment(value)
            kept[field] = value if time is None or is_cut(value) else f"at {time.isoformat()}"
        elif type_ == "double" and isinstance(value, (int, float)) and not isinstance(value, bool):
            kept[field] = int(value) if value == int(value) else value
    return kept


def without_empty(holder: dict[str, Any], field: str) -> dict[str, Any]:
    """Takes off the nulls that end a list, and the field if nothing is in it."""
    value = holder.get(field)
    if isinstance(value, list):
        while value and value[-1] is None:
            value = value[:-1]
        holder[field] = value
    if value is None or value == []:
        holder.pop(field, None)
    return holder


def assert_lossless(batch: list[Delivered], tables: Tables) -> None:
    of_request: dict[str, Tables] = {}
    for name, rows in tables.items():
        for row in rows:
            of_request.setdefault(row["request_id"], {}).setdefault(name, []).append(row)
    assert of_request.keys() == {delivered.request_id for delivered in batch}
    for delivered in batch:
        sent = told_apart(delivered.kind, json.loads(body_of(delivered.payload)))
        kept = told_apart(delivered.kind, payload_again(delivered.kind, of_request[delivered.request_id]))
        assert kept == sent


# ---------------------------------------------------------------------- documented examples

JANE: dict[str, Any] = {
    "profileId": "a1b2c3d4e5f6",
    "name": "Jane Smith",
    "linkedinUrl": "https://www.linkedin.com/in/janesmith",
    "matchScore": 87,
    "rationale": "Strong fintech background with Node.js expertise.",
    "skills": ["Node.js", "TypeScript", "PostgreSQL"],
    "headline": "Senior Software Engineer at Stripe",
    "location": "San Francisco, CA",
    "currentCompany": "Stripe",
    "currentRole": "Senior Software Engineer",
    "aiFitPoints": ["5+ years Node.js", "FinTech background"],
    "aiRedFlags": ["No public cloud experience"],
    "aiDetailedRationale": [
        {
            "title": "Senior Developer",
            "company": "Tech Corp",
            "duration": "2 years",
            "relevanceExplanation": "Led a team of 5 developers using Python/Django.",
        }
    ],
    "detailedExperience": [
        {
            "role": "Staff ML Infrastructure Engineer",
            "company": "TechCorp",
            "duration": "2023 - Present",
            "highlights": [
                "Architected low-latency prompt caching server decreasing LLM inference cost by 42%.",
            ],
        }
    ],
    "emails": ["jane.smith@example.com"],
}
SOURCING: dict[str, Any] = {
    "success": True,
    "requestId": "req_550e8400-e29b-41d4-a716-446655440000",
    "status": "completed",
    "createdAt": "2025-01-01T00:00:00.000Z",
    "completedAt": "2025-01-01T00:01:30.000Z",
    "foundCount": 42,
    "scoredCount": 30,
    "candidates": [JANE],
}
ENRICHMENT: dict[str, Any] = {
    "success": True,
    "requestId": "enr_550e8400-e29b-41d4-a716-446655440000",
    "status": "completed",
    "createdAt": "2025-01-01T00:00:00.000Z",
    "completedAt": "2025-01-01T00:00:05.000Z",
    "enrichedCount": 3,
    "failureCount": 1,
    "creditsConsumed": 3,
    "data": [
        {"profileId": "a1b2c3d4e5f6", "success": True, "candidate": JANE},
        {"profileId": "b2c3d4e5f6a1", "success": False, "errorCode": "PROFILE_TIMEOUT", "errorMessage": "too slow"},
    ],
}
PREVIEW: dict[str, Any] = {
    "success": True,
    "requestId": "req_prev_550e8400-e29b-41d4-a716-446655440000",
    "status": "completed",
    "createdAt": "2025-01-01T00:00:00.000Z",
    "completedAt": "2025-01-01T00:00:20.000Z",
    "foundCount": 1,
    "scoredCount": 0,
    "candidates": [
        {
            "profileId": "a1b2c3d4e5f6",
            "fullName": "Jane Smith",
            "profileUrl": "https://www.linkedin.com/in/janesmith",
            "title": "Senior Software Engineer",
            "headline": "Senior Software Engineer at Stripe",
            "location": "San Francisco, CA",
            "country": "United States",
            "companyName": "Stripe",
            "companyUrl": "https://stripe.com",
        }
    ],
}
PAYLOADS = {"sourcing": SOURCING, "enrichment": ENRICHMENT, "preview": PREVIEW}

MIDNIGHT = datetime(2025, 1, 1, tzinfo=UTC)


def jane_in_lists(id_: str) -> Tables:
    """The rows that Jane's lists give, whichever request delivered her."""
    keys = {"candidate_id": f"{id_}/a1b2c3d4e5f6", "request_id": id_, "profile_id": "a1b2c3d4e5f6"}
    return {
        "profile_skills": [
            {**keys, "position": 1, "skill": "Node.js"},
            {**keys, "position": 2, "skill": "TypeScript"},
            {**keys, "position": 3, "skill": "PostgreSQL"},
        ],
        "profile_fit_points": [
            {**keys, "position": 1, "fit_point": "5+ years Node.js"},
            {**keys, "position": 2, "fit_point": "FinTech background"},
        ],
        "profile_red_flags": [{**keys, "position": 1, "red_flag": "No public cloud experience"}],
        "profile_rationales": [
            {
                **keys,
                "position": 1,
                "title": "Senior Developer",
                "company": "Tech Corp",
                "duration": "2 years",
                "relevance_explanation": "Led a team of 5 developers using Python/Django.",
                "extra": None,
            }
        ],
        "profile_experiences": [
            {
                **keys,
                "position": 1,
                "role": "Staff ML Infrastructure Engineer",
                "company": "TechCorp",
                "duration": "2023 - Present",
                "extra": None,
            }
        ],
        "profile_experience_highlights": [
            {
                **keys,
                "experience_position": 1,
                "position": 1,
                "highlight": "Architected low-latency prompt caching server decreasing LLM inference cost by 42%.",
            }
        ],
        "profile_emails": [{**keys, "position": 1, "email": "jane.smith@example.com"}],
    }


JANE_IN_COLUMNS = {
    "name": "Jane Smith",
    "linkedin_url": "https://www.linkedin.com/in/janesmith",
    "match_score": 87.0,
    "rationale": "Strong fintech background with Node.js expertise.",
    "headline": "Senior Software Engineer at Stripe",
    "location": "San Francisco, CA",
    "current_company": "Stripe",
    "current_role": "Senior Software Engineer",
}


def test_documented_sourcing_example() -> None:
    id_ = "req_550e8400-e29b-41d4-a716-446655440000"
    tables = read(normalize([Result(Request(id_, "sourcing"), body_of(SOURCING))]))
    expected: Tables = {
        "sourcing_runs": [
            {
                "request_id": id_,
                "company_id": None,
                "status": "completed",
                "created_at": MIDNIGHT,
                "completed_at": datetime(2025, 1, 1, 0, 1, 30, tzinfo=UTC),
                "found_count": 42,
                "scored_count": 30,
                "candidate_count": 1,
                "error_code": None,
                "error_message": None,
                "extra": None,
            }
        ],
        "candidates": [
            {
                "candidate_id": "req_550e8400-e29b-41d4-a716-446655440000/a1b2c3d4e5f6",
                "request_id": id_,
                "profile_id": "a1b2c3d4e5f6",
                "position": 1,
                **JANE_IN_COLUMNS,
                "run_completed_at": datetime(2025, 1, 1, 0, 1, 30, tzinfo=UTC),
                "extra": None,
            }
        ],
        **jane_in_lists(id_),
    }
    assert comparable(tables) == comparable(expected)


def test_documented_enrichment_example() -> None:
    id_ = "enr_550e8400-e29b-41d4-a716-446655440000"
    tables = read(normalize([Result(Request(id_, "enrichment", "acme"), body_of(ENRICHMENT))]))
    completed_at = datetime(2025, 1, 1, 0, 0, 5, tzinfo=UTC)
    failed = {"candidate_id": f"{id_}/b2c3d4e5f6a1", "request_id": id_, "profile_id": "b2c3d4e5f6a1"}
    absent: dict[str, Row] = {
        "profile_skills": {"skill": None},
        "profile_fit_points": {"fit_point": None},
        "profile_red_flags": {"red_flag": None},
        "profile_rationales": dict.fromkeys(["title", "company", "duration", "relevance_explanation", "extra"]),
        "profile_experiences": dict.fromkeys(["role", "company", "duration", "extra"]),
        "profile_experience_highlights": {"experience_position": None, "highlight": None},
        "profile_emails": {"email": None},
    }
    expected: Tables = {
        "enrichment_runs": [
            {
                "request_id": id_,
                "company_id": "acme",
                "status": "completed",
                "created_at": MIDNIGHT,
                "completed_at": completed_at,
                "enriched_count": 3,
                "failure_count": 1,
                "credits_consumed": 3,
                "error_code": None,
                "error_message": None,
                "extra": None,
            }
        ],
        "enrichment_profiles": [
            {
                "candidate_id": f"{id_}/a1b2c3d4e5f6",
                "request_id": id_,
                "profile_id": "a1b2c3d4e5f6",
                "position": 1,
                "success": True,
                "error_code": None,
                "error_message": None,
                **JANE_IN_COLUMNS,
                "run_completed_at": completed_at,
                "extra": None,
            },
            {
                **failed,
                "position": 2,
                "success": False,
                "error_code": "PROFILE_TIMEOUT",
                "error_message": "too slow",
                **dict.fromkeys(JANE_IN_COLUMNS),
                "run_completed_at": completed_at,
                "extra": None,
            },
        ],
        **{name: [*rows, {**failed, "position": None, **absent[name]}] for name, rows in jane_in_lists(id_).items()},
    }
    assert comparable(tables) == comparable(expected)


def test_documented_preview_example() -> None:
    id_ = "req_prev_550e8400-e29b-41d4-a716-446655440000"
    tables = read(normalize([Result(Request(id_, "preview"), body_of(PREVIEW))]))
    completed_at = datetime(2025, 1, 1, 0, 0, 20, tzinfo=UTC)
    expected: Tables = {
        "preview_runs": [
            {
                "request_id": id_,
                "company_id": None,
                "status": "completed",
                "created_at": MIDNIGHT,
                "completed_at": completed_at,
                "found_count": 1,
                "scored_count": 0,
                "candidate_count": 1,
                "error_code": None,
                "error_message": None,
                "extra": None,
            }
        ],
        "preview_candidates": [
            {
                "candidate_id": f"{id_}/a1b2c3d4e5f6",
                "request_id": id_,
                "profile_id": "a1b2c3d4e5f6",
                "position": 1,
                "name": "Jane Smith",
                "linkedin_url": "https://www.linkedin.com/in/janesmith",
                "title": "Senior Software Engineer",
                "headline": "Senior Software Engineer at Stripe",
                "location": "San Francisco, CA",
                "country": "United States",
                "current_company": "Stripe",
                "company_url": "https://stripe.com",
                "run_completed_at": completed_at,
                "extra": None,
            }
        ],
    }
    assert comparable(tables) == comparable(expected)


@pytest.mark.parametrize(("kind", "code"), [("sourcing", "AGENT_ERROR"), ("enrichment", "INTERNAL_ERROR")])
def test_documented_failed_run_gives_one_run_row_and_nothing_else(kind: str, code: str) -> None:
    failed = {
        "success": False,
        "requestId": request_id(kind),
        "status": "failed",
        "createdAt": "2025-01-01T00:00:00.000Z",
        "completedAt": "2025-01-01T00:01:30.000Z",
        "errorCode": code,
        "errorMessage": "The agent gave up.",
    }
    tables = tables_of(kind, failed)
    assert set(tables) == {RUN_TABLES[kind]}
    (run,) = tables[RUN_TABLES[kind]]
    assert (run["status"], run["error_code"], run["error_message"]) == ("failed", code, "The agent gave up.")
    assert (run["created_at"], run["extra"]) == (MIDNIGHT, {"success": False})


# ---------------------------------------------------------------------- properties


@tried_on(200)
@given(batches())
@example([Delivered(kind, request_id(kind), None, payload) for kind, payload in PAYLOADS.items()])
def test_rows_are_those_of_the_reference(batch: list[Delivered]) -> None:
    assert_as_reference(batch)


@tried_on(150)
@given(batches(max_size=2))
@example([Delivered(kind, request_id(kind), None, payload) for kind, payload in PAYLOADS.items()])
def test_nothing_that_a_payload_holds_is_lost(batch: list[Delivered]) -> None:
    assert_lossless(batch, read(arrow_of(batch)))


@tried_on(100)
@given(batches())
def test_keys_are_never_null_and_never_repeat(batch: list[Delivered]) -> None:
    tables = read(arrow_of(batch))
    for name, rows in tables.items():
        keys = MODEL[name].key
        present = [row for row in rows if name not in REPLACED or row["position"] is not None]
        assert all(row[key] is not None for row in present for key in keys)
        assert all(row[key] is not None for row in rows for key in keys if key in ("candidate_id", "request_id"))
        counts = Counter(tuple(row[key] for key in keys) for row in present)
        assert not [key for key, count in counts.items() if count > 1]

    delivered = Counter(
        row["candidate_id"] for name in ("candidates", "enrichment_profiles") for row in tables.get(name, [])
    )
    for name in REPLACED:
        rows = tables.get(name, [])
        present_ids = {row["candidate_id"] for row in rows if row["position"] is not None}
        absent = [row for row in rows if row["position"] is None]
        assert Counter(row["candidate_id"] for row in absent) == Counter(delivered.keys() - present_ids)
        for row in absent:
            assert {column for column, value in row.items() if value is not None} == {
                "candidate_id",
                "request_id",
                "profile_id",
            }


@tried_on(100)
@given(batches())
def test_arrow_tables_are_whole_and_have_the_schema_of_the_model(batch: list[Delivered]) -> None:
    for name, table in arrow_of(batch).items():
        table.validate(full=True)
        assert table.schema.equals(MODEL[name].row_schema)
        for field in table.schema:
            assert field.nullable or table[field.name].null_count == 0


# ---------------------------------------------------------------------- every field, every odd value


def objects_in(payload: Any) -> list[tuple[str | int, ...]]:
    """The paths of all objects in a payload, its own among them."""
    paths: list[tuple[str | int, ...]] = []

    def visit(value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, dict):
            paths.append(path)
            for name, inner in value.items():
                visit(inner, (*path, name))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                visit(inner, (*path, index))

    visit(payload, ())
    return paths


def at(payload: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        payload = payload[step]
    return payload


def changed(payload: Any, path: tuple[str | int, ...], change: Callable[[dict[str, Any]], None]) -> Any:
    """A copy of a payload with the object at a path changed."""
    new = copy.deepcopy(payload)
    change(at(new, path))
    return new


FIELDS = [
    pytest.param(kind, path, field, id=".".join([kind, *map(str, path), field]))
    for kind, payload in PAYLOADS.items()
    for path in objects_in(payload)
    for field in at(payload, path)
]
OBJECTS = [
    pytest.param(kind, path, id=".".join([kind, *map(str, path)]))
    for kind, payload in PAYLOADS.items()
    for path in objects_in(payload)
]


def with_value(kind: str, path: tuple[str | int, ...], field: str, value: Any, number: int = 0) -> Delivered:
    payload = changed(PAYLOADS[kind], path, lambda o: o.update({field: value}))
    return Delivered(kind, request_id(kind, number), None, payload)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "path", "field"), FIELDS)
def test_every_field_may_hold_anything(kind: str, path: tuple[str | int, ...], field: str) -> None:
    """Odd values alone, for what becomes of one must not hang on its neighbours; then all of them together."""
    for value in LONE_VALUES:
        assert_as_reference([with_value(kind, path, field, value)])
    batch = [with_value(kind, path, field, value, number) for number, value in enumerate(ODD_VALUES)]
    assert_lossless(batch, assert_as_reference(batch))


@pytest.mark.parametrize(("kind", "path", "field"), FIELDS)
def test_every_field_may_be_missing(kind: str, path: tuple[str | int, ...], field: str) -> None:
    payload = changed(PAYLOADS[kind], path, lambda o: o.pop(field))
    batch = [Delivered(kind, request_id(kind), None, payload)]
    assert_lossless(batch, assert_as_reference(batch))


@pytest.mark.parametrize(("kind", "path"), OBJECTS)
def test_unknown_fields_are_kept_at_every_level(kind: str, path: tuple[str | int, ...]) -> None:
    new = {"newField": {"a": [1, None, "\ud800"]}, "newNull": None, "": "", "extra": "x", "companyId": "c"}
    payload = changed(PAYLOADS[kind], path, lambda o: o.update(new))
    batch = [Delivered(kind, PAYLOADS[kind]["requestId"], None, payload)]
    tables = read(arrow_of(batch))
    extras = [row["extra"] for rows in tables.values() for row in rows if row.get("extra")]
    assert len(extras) == 1
    kept = extras[0]
    assert same_json(kept["candidate"] if kind == "enrichment" and path == ("data", 0, "candidate") else kept, new)
    assert_lossless(batch, assert_as_reference(batch))


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:40])
def test_the_items_may_be_anything(kind: str, value: Any) -> None:
    """Odd items between good ones, and an odd value in place of the list."""
    good = PAYLOADS[kind][ITEMS[kind]][0]
    batch = [
        Delivered(kind, request_id(kind, number), None, {**PAYLOADS[kind], ITEMS[kind]: items})
        for number, items in enumerate([value, [good, value], [value, good, value]])
    ]
    assert_lossless(batch, assert_as_reference(batch))


# ---------------------------------------------------------------------- rules, one by one


def candidate(**fields: Any) -> Tables:
    """The tables of a sourcing run with one candidate of these fields."""
    return tables_of("sourcing", {"status": "completed", "candidates": [{"profileId": "p1", **fields}]})


def only(tables: Tables, name: str) -> Row:
    (row,) = tables[name]
    return row


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (87, 87.0),
        (87.5, 87.5),
        (0, 0.0),
        (-3.25, -3.25),
        (2**53, 2.0**53),
        (2**60, 2.0**60),
        (-(2**70), -(2.0**70)),
    ],
)
def test_a_double_takes_each_number_that_it_holds_exactly(value: float, kept: float) -> None:
    row = only(candidate(matchScore=value), "candidates")
    assert row["match_score"] == kept
    assert isinstance(row["match_score"], float)
    assert row["extra"] is None


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 10**400, "87", "", True, False, [87], {"value": 87}])
def test_a_double_refuses_what_it_would_change(value: Any) -> None:
    row = only(candidate(matchScore=value), "candidates")
    assert row["match_score"] is None
    assert same_json(row["extra"], {"matchScore": value})


@pytest.mark.parametrize("value", [0, -1, 42, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_a_bigint_takes_64_bits(value: int) -> None:
    row = only(tables_of("sourcing", {"foundCount": value}), "sourcing_runs")
    assert (row["found_count"], row["extra"]) == (value, None)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30, 42.0, 1.5, True, False, "42", [], {}])
def test_a_bigint_refuses_all_else(value: Any) -> None:
    row = only(tables_of("sourcing", {"foundCount": value}), "sourcing_runs")
    assert row["found_count"] is None
    assert same_json(row["extra"], {"foundCount": value})


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", "", [], {}])
def test_a_bool_is_true_or_false_and_nothing_like_it(value: Any) -> None:
    row = only(tables_of("enrichment", {"data": [{"profileId": "p1", "success": value}]}), "enrichment_profiles")
    assert row["success"] is None
    assert same_json(row["extra"], {"success": value})


@pytest.mark.parametrize("zone", ["Z", "", "+05:30"])
@pytest.mark.parametrize("digits", [".1234567", ".123456001", ",0000001", ".000000000000000000001"])
def test_a_time_finer_than_microseconds_is_cut_in_its_column_and_whole_in_extra(digits: str, zone: str) -> None:
    value = f"2025-01-01T05:30:00{digits}{zone}"
    run = only(tables_of("sourcing", {"createdAt": value}), "sourcing_runs")
    assert run["created_at"] == moment(f"2025-01-01T05:30:00{digits[:7]}{zone}")
    assert run["extra"] == {"createdAt": value}


@pytest.mark.parametrize("value", ["", " ", "a\x01b", "👩‍💻", "'; DROP TABLE candidates; --", "a/b", "\u2028"])
def test_a_text_is_kept_as_it_is(value: str) -> None:
    row = only(candidate(name=value), "candidates")
    assert (row["name"], row["extra"]) == (value, None)


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", "a\x00b", "\x00", 1, 1.5, True, ["Jane"], {"first": "Jane"}])
def test_what_is_no_storable_text_goes_to_extra(value: Any) -> None:
    row = only(candidate(name=value), "candidates")
    assert row["name"] is None
    assert same_json(row["extra"], {"name": value})


@pytest.mark.parametrize("kind", PAYLOADS)
def test_no_cell_holds_a_nul_which_postgres_refuses(kind: str) -> None:
    """It is kept all the same, spelt out."""
    nul = "a\x00b"
    deep = json.loads(
        json.dumps(PAYLOADS[kind]), object_hook=lambda o: {**dict.fromkeys(o, nul), nul: nul, "profileId": "p"}
    )
    for payload in (deep, {**deep, ITEMS[kind]: PAYLOADS[kind][ITEMS[kind]]}, {ITEMS[kind]: [{"profileId": nul}]}):
        for table in arrow_of([Delivered(kind, request_id(kind), None, payload)]).values():
            assert not [v for c in table.columns for v in c.to_pylist() if isinstance(v, str) and "\x00" in v]
        assert_lossless([d := Delivered(kind, request_id(kind), None, payload)], read(arrow_of([d])))


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2025-01-01T00:00:00.000Z", MIDNIGHT),
        ("2025-01-01T00:00:00Z", MIDNIGHT),
        ("2025-01-01T00:00:00+00:00", MIDNIGHT),
        ("2025-01-01T05:30:00+05:30", MIDNIGHT),
        ("2024-12-31T19:00:00.000-05:00", MIDNIGHT),
        ("2025-01-01T00:00:00", MIDNIGHT),
        ("2025-01-01", MIDNIGHT),
        ("2025-01-01T00:00:00.000000000+00:00", MIDNIGHT),
        ("2025-01-01T00:00:00.123456Z", datetime(2025, 1, 1, microsecond=123456, tzinfo=UTC)),
    ],
)
def test_times_are_utc(value: str, time: datetime) -> None:
    row = only(tables_of("sourcing", {"createdAt": value}), "sourcing_runs")
    assert (row["created_at"], row["extra"]) == (time, None)


@pytest.mark.parametrize(
    "value",
    ["yesterday", "", "2025-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 1735689600, True, [], {}],
)
def test_what_is_no_time_goes_to_extra(value: Any) -> None:
    row = only(tables_of("sourcing", {"createdAt": value, "completedAt": "2025-01-01"}), "sourcing_runs")
    assert row["created_at"] is None
    assert row["completed_at"] == MIDNIGHT
    assert same_json(row["extra"], {"createdAt": value})


def test_a_misfit_in_one_result_leaves_its_neighbours_alone() -> None:
    batch = [
        Delivered("sourcing", request_id("sourcing", number), None, {"foundCount": count, "status": status})
        for number, (count, status) in enumerate([(1, "completed"), ("2", 3), (4, "failed")])
    ]
    rows = read(arrow_of(batch))["sourcing_runs"]
    assert [(row["found_count"], row["status"]) for row in rows] == [(1, "completed"), (None, None), (4, "failed")]
    assert [row["extra"] for row in rows] == [None, {"foundCount": "2", "status": 3}, None]


def test_null_in_a_known_field_is_as_if_it_were_missing() -> None:
    nulls = dict.fromkeys([*JANE, "profileUrl"])
    row = only(candidate(**{**nulls, "profileId": "p1"}), "candidates")
    assert row["extra"] == {"profileUrl": None}


def test_of_the_envelope_of_a_run_only_what_the_row_does_not_say_is_kept() -> None:
    told = {"success": True, "requestId": request_id("sourcing")}
    assert only(tables_of("sourcing", told), "sourcing_runs")["extra"] is None
    assert only(tables_of("sourcing", {"success": None, "requestId": None}), "sourcing_runs")["extra"] is None
    for name, value in (
        ("success", "yes"),
        ("success", False),
        ("success", 1),
        ("requestId", told["requestId"].upper()),
    ):
        assert same_json(only(tables_of("sourcing", {**told, name: value}), "sourcing_runs")["extra"], {name: value})
    # one level down they are fields like any other
    assert only(candidate(success=True, requestId="x"), "candidates")["extra"] == {"success": True, "requestId": "x"}


def test_positions_are_those_of_the_api_and_null_items_have_no_row() -> None:
    tables = candidate(skills=["a", None, "b", None])
    assert [(row["position"], row["skill"]) for row in tables["profile_skills"]] == [(1, "a"), (3, "b")]
    assert only(tables, "candidates")["extra"] is None


@pytest.mark.parametrize("field", ["skills", "aiFitPoints", "aiRedFlags", "emails"])
@pytest.mark.parametrize("odd", [1, True, [], {}, "\ud800", "nul\x00"])
def test_a_list_with_an_odd_item_is_kept_whole_beside_its_rows(field: str, odd: Any) -> None:
    items = ["a", odd, None, "b"]
    tables = candidate(**{field: items})
    ((table, column),) = [(table, column) for name, table, column in TEXT_LISTS if name == field]
    assert [(row["position"], row[column]) for row in tables[table]] == [(1, "a"), (4, "b")]
    assert same_json(only(tables, "candidates")["extra"], {field: items})


@pytest.mark.parametrize("field", ["aiDetailedRationale", "detailedExperience"])
def test_a_list_of_objects_with_an_odd_item_is_kept_whole_beside_its_rows(field: str) -> None:
    items = [{"company": "A"}, "text", None, {"company": "B"}]
    table = {"aiDetailedRationale": "profile_rationales", "detailedExperience": "profile_experiences"}[field]
    tables = candidate(**{field: items})
    assert [(row["position"], row["company"]) for row in tables[table]] == [(1, "A"), (4, "B")]
    assert only(tables, "candidates")["extra"] == {field: items}


@pytest.mark.parametrize("field", LIST_FIELDS)
@pytest.mark.parametrize("value", ["text", 1, 1.5, True, False, {}, {"0": "a"}])
def test_a_list_that_is_none_goes_to_extra(field: str, value: Any) -> None:
    tables = candidate(**{field: value})
    assert same_json(only(tables, "candidates")["extra"], {field: value})
    assert all(row["position"] is None for name in REPLACED for row in tables[name])


def test_highlights_belong_to_the_experience_at_its_own_position() -> None:
    tables = candidate(
        detailedExperience=[
            {"role": "first", "highlights": ["a", "b"]},
            None,
            {"role": "third", "highlights": None},
            {"role": "fourth", "highlights": [None, "c"]},
        ]
    )
    assert [
        (row["experience_position"], row["position"], row["highlight"])
        for row in tables["profile_experience_highlights"]
    ] == [(1, 1, "a"), (1, 2, "b"), (4, 2, "c")]
    assert [(row["position"], row["role"]) for row in tables["profile_experiences"]] == [
        (1, "first"),
        (3, "third"),
        (4, "fourth"),
    ]


def test_odd_highlights_are_kept_with_their_experience() -> None:
    tables = candidate(detailedExperience=[{"highlights": ["a", 1]}, {"highlights": "b"}, {"highlights": ["c"]}])
    assert [row["extra"] for row in tables["profile_experiences"]] == [
        {"highlights": ["a", 1]},
        {"highlights": "b"},
        None,
    ]
    assert only(tables, "candidates")["extra"] is None
    assert [
        (row["experience_position"], row["position"], row["highlight"])
        for row in tables["profile_experience_highlights"]
    ] == [(1, 1, "a"), (3, 1, "c")]


def test_misfits_within_a_station_or_an_experience_stay_with_it() -> None:
    tables = candidate(
        aiDetailedRationale=[{"title": 1, "company": "A", "score": 5}],
        detailedExperience=[{"role": [], "duration": "d"}],
    )
    assert only(tables, "profile_rationales")["extra"] == {"title": 1, "score": 5}
    assert only(tables, "profile_rationales")["company"] == "A"
    assert only(tables, "profile_experiences")["extra"] == {"role": []}
    assert only(tables, "profile_experiences")["duration"] == "d"
    assert only(tables, "candidates")["extra"] is None


@pytest.mark.parametrize("lists", [{}, dict.fromkeys(LIST_FIELDS), {field: [] for field in LIST_FIELDS}])
def test_a_candidate_with_no_lists_has_one_row_without_position_in_each_replaced_table(lists: Row) -> None:
    tables = candidate(**lists)
    for name in REPLACED:
        row = only(tables, name)
        assert row["candidate_id"] == f"{request_id('sourcing')}/p1"
        assert row["position"] is None
    assert only(tables, "candidates")["extra"] is None


def test_a_candidate_with_experiences_but_no_highlights_has_an_absent_row_among_the_highlights_only() -> None:
    tables = candidate(detailedExperience=[{"role": "r"}])
    assert only(tables, "profile_experiences")["position"] == 1
    assert only(tables, "profile_experience_highlights")["position"] is None
    assert only(tables, "profile_experience_highlights")["experience_position"] is None


def test_previews_touch_no_profile_table_and_keep_lists_in_extra() -> None:
    tables = tables_of("preview", {"candidates": [{"profileId": "p1", "skills": ["a"]}]})
    assert set(tables) == {"preview_runs", "preview_candidates"}
    assert only(tables, "preview_candidates")["extra"] == {"skills": ["a"]}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_the_better_ranked_of_two_alike_counts_and_the_other_vanishes(kind: str) -> None:
    items = [{"profileId": "p1", "newField": 1}, {"profileId": "p2"}, {"newField": 1, "profileId": "p1"}]
    tables = tables_of(kind, {ITEMS[kind]: items})
    profiles = tables[PROFILE_TABLES[kind]]
    assert [(row["profile_id"], row["position"]) for row in profiles] == [("p1", 1), ("p2", 2)]
    assert only(tables, RUN_TABLES[kind])["extra"] is None


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_later_duplicate_that_differs_is_kept_with_the_run(kind: str) -> None:
    first, other, last = {"profileId": "p1", "a": 1}, {"profileId": "p1", "a": 2}, {"profileId": "p2"}
    tables = tables_of(kind, {ITEMS[kind]: [first, other, last]})
    assert [(row["profile_id"], row["position"]) for row in tables[PROFILE_TABLES[kind]]] == [("p1", 1), ("p2", 3)]
    assert tables[PROFILE_TABLES[kind]][0]["extra"] == {"a": 1}
    assert only(tables, RUN_TABLES[kind])["extra"] == {ITEMS[kind]: [other]}


@pytest.mark.parametrize(("first", "other"), [(1, True), (0, False), ([1], [True]), ({"a": 0}, {"a": False})])
def test_a_duplicate_that_differs_in_type_alone_is_kept(first: Any, other: Any) -> None:
    items = [{"profileId": "p1", "matchScore": first}, {"profileId": "p1", "matchScore": other}]
    run = only(tables_of("sourcing", {"candidates": items}), "sourcing_runs")
    assert same_json(run["extra"], {"candidates": [items[1]]})


@pytest.mark.parametrize("kind", PAYLOADS)
def test_the_same_profile_in_two_requests_is_two_candidates(kind: str) -> None:
    payload = {ITEMS[kind]: [{"profileId": "p1"}]}
    batch = [Delivered(kind, request_id(kind, number), None, payload) for number in (0, 1)]
    tables = read(arrow_of(batch))
    assert [row["candidate_id"] for row in tables[PROFILE_TABLES[kind]]] == [
        f"{request_id(kind, 0)}/p1",
        f"{request_id(kind, 1)}/p1",
    ]


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize(
    "item",
    [
        None,
        "text",
        5,
        True,
        [],
        {},
        {"name": "keyless"},
        {"profileId": None},
        {"profileId": ""},
        {"profileId": 7},
        {"profileId": "\ud800"},
        {"profileId": "p\x00"},
    ],
    ids=ascii,
)
def test_items_without_a_key_stay_with_the_run(kind: str, item: Any) -> None:
    tables = tables_of(kind, {ITEMS[kind]: [item, {"profileId": "p1"}, item]})
    assert [(row["profile_id"], row["position"]) for row in tables[PROFILE_TABLES[kind]]] == [("p1", 2)]
    assert same_json(only(tables, RUN_TABLES[kind])["extra"], {ITEMS[kind]: [item, item]})


def test_candidate_count_counts_the_rows() -> None:
    items = [{"profileId": "p1"}, {"profileId": "p1"}, None, {"profileId": "p2"}, {}]
    for kind in ("sourcing", "preview"):
        assert only(tables_of(kind, {"candidates": items}), RUN_TABLES[kind])["candidate_count"] == 2
        assert only(tables_of(kind, {"candidates": None}), RUN_TABLES[kind])["candidate_count"] == 0


@pytest.mark.parametrize("kind", PAYLOADS)
def test_profile_ids_are_taken_as_they_are(kind: str) -> None:
    odd = ["'; DROP TABLE candidates; --", "a/b/../c", "👩‍💻", "\x01", " "]
    rows = tables_of(kind, {ITEMS[kind]: [{"profileId": id_} for id_ in odd]})[PROFILE_TABLES[kind]]
    assert [row["profile_id"] for row in rows] == odd
    assert [row["candidate_id"] for row in rows] == [f"{request_id(kind)}/{id_}" for id_ in odd]


@pytest.mark.parametrize("kind", PAYLOADS)
def test_profiles_know_when_their_run_was_completed(kind: str) -> None:
    payload = {"completedAt": "2025-01-01T01:00:00+01:00", ITEMS[kind]: [{"profileId": "p1"}, {"profileId": "p2"}]}
    unknown = {**payload, "completedAt": "soon"}
    batch = [
        Delivered(kind, request_id(kind, number), None, sent) for number, sent in enumerate([payload, unknown, payload])
    ]
    rows = read(arrow_of(batch))[PROFILE_TABLES[kind]]
    assert [row["run_completed_at"] for row in rows] == [MIDNIGHT] * 2 + [None] * 2 + [MIDNIGHT] * 2


def test_what_an_enriched_candidate_has_left_is_nested_in_the_extra_of_its_item() -> None:
    item = {
        "profileId": "p1",
        "success": True,
        "billed": True,
        "candidate": {"profileId": "p1", "name": 5, "skills": "many", "phone": None, "success": False},
    }
    tables = tables_of("enrichment", {"data": [item]})
    assert only(tables, "enrichment_profiles")["extra"] == {
        "billed": True,
        "candidate": {"name": 5, "skills": "many", "phone": None, "success": False},
    }
    assert only(tables, "enrichment_profiles")["success"] is True


@pytest.mark.parametrize("inner", ["p2", "", 1, ["p1"]])
def test_another_profile_id_within_an_enriched_profile_is_kept(inner: Any) -> None:
    tables = tables_of("enrichment", {"data": [{"profileId": "p1", "candidate": {"profileId": inner}}]})
    row = only(tables, "enrichment_profiles")
    assert row["profile_id"] == "p1"
    assert row["extra"] == {"candidate": {"profileId": inner}}


@pytest.mark.parametrize("value", ["text", 5, True, False, [], [JANE]])
def test_an_enriched_candidate_that_is_no_object_goes_to_extra(value: Any) -> None:
    tables = tables_of("enrichment", {"data": [{"profileId": "p1", "candidate": value}]})
    assert same_json(only(tables, "enrichment_profiles")["extra"], {"candidate": value})
    assert all(row["position"] is None for name in REPLACED for row in tables[name])


def test_candidate_fields_beside_an_enriched_candidate_are_unknown_fields() -> None:
    tables = tables_of("enrichment", {"data": [{"profileId": "p1", "name": "Jane", "skills": ["a"]}]})
    assert only(tables, "enrichment_profiles")["name"] is None
    assert only(tables, "enrichment_profiles")["extra"] == {"name": "Jane", "skills": ["a"]}


def test_extra_is_json_with_sorted_keys_and_readable_characters() -> None:
    arrow = arrow_of(
        [
            Delivered(
                "sourcing", request_id("sourcing"), None, {"z": 1, "ä": "Žilina 👩‍💻", "a": {"y": None, "b": [True]}}
            )
        ]
    )
    assert arrow["sourcing_runs"]["extra"].to_pylist() == [
        '{"a": {"b": [true], "y": null}, "z": 1, "ä": "Žilina 👩‍💻"}',
    ]


def test_whole_numbers_keep_every_digit_in_extra() -> None:
    number = 123456789012345678901234567890123456789
    assert only(tables_of("sourcing", {"newField": number}), "sourcing_runs")["extra"] == {"newField": number}


def test_results_of_all_kinds_go_together_and_rows_keep_the_order_given() -> None:
    batch = [
        Delivered(kind, request_id(kind, number), f"company-{number}", PAYLOADS[kind])
        for number, kind in enumerate(["preview", "sourcing", "enrichment", "sourcing", "preview"])
    ]
    tables = read(arrow_of(batch))
    assert set(tables) == {*RUN_TABLES.values(), *PROFILE_TABLES.values(), *REPLACED}
    assert [(row["request_id"], row["company_id"]) for row in tables["sourcing_runs"]] == [
        (request_id("sourcing", 1), "company-1"),
        (request_id("sourcing", 3), "company-3"),
    ]
    assert [row["request_id"] for row in tables["preview_candidates"]] == [
        request_id("preview", 0),
        request_id("preview", 4),
    ]


def test_no_results_give_no_tables() -> None:
    assert normalize([]) == {}


def test_results_may_come_one_by_one_from_a_generator() -> None:
    batch = [Delivered(kind, request_id(kind), None, payload) for kind, payload in PAYLOADS.items()]
    assert comparable(read(normalize(result_of(d) for d in batch))) == comparable(read(arrow_of(batch)))


def test_to_arrow_puts_columns_in_the_order_of_the_model() -> None:
    model = MODEL["profile_skills"]
    arrays = {
        "skill": pa.array(["a", "b"]),
        "position": pa.array([1, None], pa.int64()),
        **{name: pa.array(["x", "y"]).dictionary_encode() for name in ("profile_id", "request_id", "candidate_id")},
    }
    table = to_arrow(model, arrays)
    assert table.schema.equals(model.row_schema)
    assert table["skill"].to_pylist() == ["a", "b"]


def test_the_kinds_of_the_model_are_the_kinds_of_requests() -> None:
    assert {kind: (model.runs.name, model.profiles.name) for kind, model in RUN_MODELS.items()} == {
        kind: (RUN_TABLES[kind], PROFILE_TABLES[kind]) for kind in PAYLOADS
    }


# ---------------------------------------------------------------------- bodies that are taken for results


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"newField": "\xff\xfe"}', id="no UTF-8"),
        pytest.param(b'{"newField": "\xed\xa0\x80"}', id="half a surrogate in UTF-8"),
        pytest.param(b'{"newField": "cut \xe2\x82"}', id="half a character"),
        pytest.param(b'{"newField": "\\ud83d\\ude00"}', id="a surrogate pair as escapes"),
        pytest.param(b'\xef\xbb\xbf{"newField": 1}', id="a byte order mark"),
        pytest.param('{"newField": "ž"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"newField": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(b'{"newField": [-1e400]}', id="a number past all doubles"),
        pytest.param(b'{"newField": ' + b"[" * 500 + b"]" * 500 + b"}", id="500 lists in each other"),
    ],
)
def test_a_body_is_refused_when_it_comes_in_or_gives_rows_and_never_ends_a_load(body: bytes) -> None:
    """What is refused at once can be asked for again; what is found out only while rows are made cannot."""
    try:
        _, result = read_payload(body)
    except UnreadableBody:
        return
    run = only(read(normalize([Result(Request(request_id("sourcing"), "sourcing"), result)])), "sourcing_runs")
    assert run["extra"].keys() == {"newField"}
    assert run["extra"]["newField"]


def test_a_number_past_all_doubles_is_kept_and_does_not_become_infinite() -> None:
    body = b'{"candidates": [{"profileId": "p1", "matchScore": 1e400}, {"profileId": "p2", "matchScore": -1e400}]}'
    rows = read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)]))["candidates"]
    assert [row["match_score"] for row in rows] == [None, None]
    assert ["1e400" in json.dumps(row["extra"]) for row in rows] == [True, True]


@pytest.mark.parametrize("number", ["0.1", "1E5", "-1.50e-3", "87.1234567890123", "1e22", "0.30000000000000004"])
def test_a_number_that_a_double_holds_is_one(number: str) -> None:
    body = f'{{"candidates": [{{"profileId": "p1", "matchScore": {number}, "new": {number}}}]}}'.encode()
    row = only(read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)])), "candidates")
    assert row["match_score"] == float(number)
    assert row["extra"] == {"new": float(number)}


@pytest.mark.parametrize(
    "number",
    [
        "0.1000000000000000055511151231257827",
        "87.12345678901234567",
        "1234567890123456.75",
        "9007199254740993.0",
        "1e-400",
        "-1e400",
        "1e-99999999999999999999",
    ],
)
def test_a_number_that_no_double_holds_keeps_every_digit_in_extra(number: str) -> None:
    body = f'{{"candidates": [{{"profileId": "p1", "matchScore": {number}, "new": [{number}]}}]}}'.encode()
    row = only(read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)])), "candidates")
    assert row["match_score"] is None
    assert row["extra"] == {"matchScore": number, "new": [number]}


@pytest.mark.parametrize("number", ["1e400", "0.1000000000000000055511151231257827", "9" * 5_000])
def test_a_number_that_is_read_as_its_digits_is_no_text(number: str) -> None:
    profiles = f'{{"profileId": {number}}}, {{"profileId": "p1", "name": {number}, "skills": ["a", {number}]}}'
    body = f'{{"createdAt": {number}, "candidates": [{profiles}]}}'.encode()
    tables = read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)]))
    assert only(tables, "sourcing_runs")["extra"] == {"candidates": [{"profileId": number}], "createdAt": number}
    row = only(tables, "candidates")
    assert (row["name"], row["extra"]) == (None, {"name": number, "skills": ["a", number]})
    assert [row["skill"] for row in tables["profile_skills"]] == ["a"]


@pytest.mark.parametrize("space", ["", " ", "\n\t"])
@pytest.mark.parametrize("text", ["plain", 'quoted "name": value', "\ud800"])
def test_of_a_name_that_repeats_the_last_value_counts_and_those_before_it_are_kept(space: str, text: str) -> None:
    profile = {"profileId": "p1", "skills": ["last"]}
    names = (
        '"foundCount": 1, "foundCount": 2, "foundCount#1": "taken", "foundCount": 3, '
        '"new": {"a": 1, "a": true, "a": TEXT}, '
        f'"candidates": ["first"], "candidates": [{{"skills": ["first"], {json.dumps(profile)[1:]}]'
    )
    body = f"{{{names}}}".replace('":', f'"{space}:').replace("TEXT", json.dumps(text)).encode()
    tables = read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)]))
    run = only(tables, "sourcing_runs")
    assert run["found_count"] == 3
    assert run["extra"] == {
        "foundCount#1": "taken",
        "foundCount#2": 1,
        "foundCount#3": 2,
        "new": {"a": text, "a#1": 1, "a#2": True},
        "candidates#1": ["first"],
    }
    assert [row["skill"] for row in tables["profile_skills"]] == ["last"]
    assert only(tables, "candidates")["extra"] == {"skills#1": ["first"]}


def test_a_name_that_repeats_many_times_takes_no_time() -> None:
    body = b'{"new": {' + b'"a": 1, ' * 100_000 + b'"b": 1}}'
    run = only(read(normalize([Result(Request(request_id("sourcing"), "sourcing"), body)])), "sourcing_runs")
    assert len(run["extra"]["new"]) == 100_001


@pytest.mark.parametrize("nested", ["[", '{"a":'])
@pytest.mark.parametrize("place", ["run", "profile", "twice"])
def test_what_could_be_read_is_kept_however_deep_it_is_nested_and_the_stack_it_is_normalised_on(
    nested: str, place: str
) -> None:
    def deepest_read() -> tuple[str, bytes]:
        """The deepest value that is taken where answers come in, on a thread of its own."""
        for levels in range(1_000, 0, -1):
            value = nested * levels + "1" + ("]" if nested == "[" else "}") * levels
            profiles = {
                "run": "[]",
                "profile": f'[{{"profileId": "p1", "deep": {value}}}]',
                "twice": f'[{{"profileId": "p1"}}, {{"profileId": "p1", "deep": {value}}}, {{"profileId": "p1"}}]',
            }[place]
            run = f', "deep": {value}' if place == "run" else ""
            body = f'{{"status": "completed", "candidates": {profiles}{run}}}'.encode()
            try:
                return value, read_payload(body)[1]
            except UnreadableBody:
                continue
        raise AssertionError("nothing nested is read")

    def rows_from_a_full_stack(frames: int, body: bytes) -> dict[str, pa.Table]:
        if frames:
            return rows_from_a_full_stack(frames - 1, body)
        return normalize([Result(Request(request_id("sourcing"), "sourcing"), body)])

    with ThreadPoolExecutor(1) as polling:
        value, body = polling.submit(deepest_read).result()
    assert len(value) > 1_500
    limit = sys.getrecursionlimit()
    tables = rows_from_a_full_stack(200, body)
    (extra,) = [e for t in tables.values() if "extra" in t.column_names for e in t["extra"].to_pylist() if e]
    assert value.replace(" ", "") in extra.replace(" ", "")
    assert sys.getrecursionlimit() == limit
