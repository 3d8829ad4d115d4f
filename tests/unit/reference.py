"""What normalising means, slowly and obviously: one payload in, the rows of every table out.

Written from the contract alone, in plain loops over one object at a time. `extra` is a dict here (None when empty);
rows have no load id.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]

# table column, API field, type
SOURCING_RUN = [
    ("status", "status", "text"),
    ("created_at", "createdAt", "timestamp"),
    ("completed_at", "completedAt", "timestamp"),
    ("found_count", "foundCount", "bigint"),
    ("scored_count", "scoredCount", "bigint"),
    ("error_code", "errorCode", "text"),
    ("error_message", "errorMessage", "text"),
]
ENRICHMENT_RUN = [
    ("status", "status", "text"),
    ("created_at", "createdAt", "timestamp"),
    ("completed_at", "completedAt", "timestamp"),
    ("enriched_count", "enrichedCount", "bigint"),
    ("failure_count", "failureCount", "bigint"),
    ("credits_consumed", "creditsConsumed", "bigint"),
    ("error_code", "errorCode", "text"),
    ("error_message", "errorMessage", "text"),
]
CANDIDATE = [
    ("name", "name", "text"),
    ("linkedin_url", "linkedinUrl", "text"),
    ("match_score", "matchScore", "double"),
    ("rationale", "rationale", "text"),
    ("headline", "headline", "text"),
    ("location", "location", "text"),
    ("current_company", "currentCompany", "text"),
    ("current_role", "currentRole", "text"),
]
ENRICHED_PROFILE = [
    ("success", "success", "bool"),
    ("error_code", "errorCode", "text"),
    ("error_message", "errorMessage", "text"),
]
PREVIEW_CANDIDATE = [
    ("name", "fullName", "text"),
    ("linkedin_url", "profileUrl", "text"),
    ("title", "title", "text"),
    ("headline", "headline", "text"),
    ("location", "location", "text"),
    ("country", "country", "text"),
    ("current_company", "companyName", "text"),
    ("company_url", "companyUrl", "text"),
]
RATIONALE = [
    ("title", "title", "text"),
    ("company", "company", "text"),
    ("duration", "duration", "text"),
    ("relevance_explanation", "relevanceExplanation", "text"),
]
EXPERIENCE = [
    ("role", "role", "text"),
    ("company", "company", "text"),
    ("duration", "duration", "text"),
]
# API field, table, column
TEXT_LISTS = [
    ("skills", "profile_skills", "skill"),
    ("aiFitPoints", "profile_fit_points", "fit_point"),
    ("aiRedFlags", "profile_red_flags", "red_flag"),
    ("emails", "profile_emails", "email"),
]
LIST_FIELDS = ["skills", "aiFitPoints", "aiRedFlags", "aiDetailedRationale", "detailedExperience", "emails"]


def rows_of(kind: str, request_id: str, company_id: str | None, payload: dict[str, Any]) -> Rows:
    """The rows that one result gives."""
    rows: Rows = {}
    if kind == "sourcing":
        _run("sourcing_runs", SOURCING_RUN, "candidates", "candidates", kind, request_id, company_id, payload, rows)
    elif kind == "enrichment":
        _run(
            "enrichment_runs",
            ENRICHMENT_RUN,
            "data",
            "enrichment_profiles",
            kind,
            request_id,
            company_id,
            payload,
            rows,
        )
    else:
        _run(
            "preview_runs",
            SOURCING_RUN,
            "candidates",
            "preview_candidates",
            kind,
            request_id,
            company_id,
            payload,
            rows,
        )
    return rows


def _run(
    table: str,
    columns: list[tuple[str, str, str]],
    items_field: str,
    items_table: str,
    kind: str,
    request_id: str,
    company_id: str | None,
    payload: dict[str, Any],
    rows: Rows,
) -> None:
    row: Row = {"request_id": request_id, "company_id": company_id}
    extra: dict[str, Any] = {}
    _columns(columns, payload, row, extra)
    for field, value in payload.items():
        if field in (items_field, "requestId") or field in [api for _, api, _ in columns]:
            continue
        if field == "success" and (value is None or isinstance(value, bool)):
            continue
        extra[field] = value

    items = payload.get(items_field)
    count = 0
    if isinstance(items, list):
        first_of: dict[str, Any] = {}
        without_row = []
        for index, item in enumerate(items):
            profile_id = item.get("profileId") if isinstance(item, dict) else None
            if not isinstance(profile_id, str) or profile_id == "" or not storable(profile_id):
                without_row.append(item)
            elif profile_id not in first_of:
                first_of[profile_id] = item
                count += 1
                keys = {
                    "candidate_id": request_id + "/" + profile_id,
                    "request_id": request_id,
                    "profile_id": profile_id,
                }
                profile: Row = {**keys, "position": index + 1, "run_completed_at": row["completed_at"]}
                rows.setdefault(items_table, []).append(profile)
                if kind == "sourcing":
                    _sourced(item, keys, profile, rows)
                elif kind == "enrichment":
                    _enriched(item, keys, profile, rows)
                else:
                    _previewed(item, profile)
            elif not same_json(item, first_of[profile_id]):
                without_row.append(item)
        if without_row:
            extra[items_field] = without_row
    elif items is not None:
        extra[items_field] = items

    if kind != "enrichment":
        row["candidate_count"] = count
    row["extra"] = extra or None
    rows[table] = [row]


def _sourced(item: dict[str, Any], keys: Row, profile: Row, rows: Rows) -> None:
    extra: dict[str, Any] = {}
    _columns(CANDIDATE, item, profile, extra)
    _lists(item, keys, extra, rows)
    _unknown(item, ["profileId", *LIST_FIELDS, *[api for _, api, _ in CANDIDATE]], extra)
    profile["extra"] = extra or None


def _enriched(item: dict[str, Any], keys: Row, profile: Row, rows: Rows) -> None:
    extra: dict[str, Any] = {}
    _columns(ENRICHED_PROFILE, item, profile, extra)
    _unknown(item, ["profileId", "candidate", *[api for _, api, _ in ENRICHED_PROFILE]], extra)
    candidate = item.get("candidate")
    if candidate is not None and not isinstance(candidate, dict):
        extra["candidate"] = candidate
        candidate = {}
    if candidate is None:
        candidate = {}
    inner: dict[str, Any] = {}
    _columns(CANDIDATE, candidate, profile, inner)
    _lists(candidate, keys, inner, rows)
    _unknown(candidate, ["profileId", *LIST_FIELDS, *[api for _, api, _ in CANDIDATE]], inner)
    if "profileId" in candidate and candidate["profileId"] != keys["profile_id"]:
        inner["profileId"] = candidate["profileId"]
    if inner:
        extra["candidate"] = inner
    profile["extra"] = extra or None


def _previewed(item: dict[str, Any], profile: Row) -> None:
    extra: dict[str, Any] = {}
    _columns(PREVIEW_CANDIDATE, item, profile, extra)
    _unknown(item, ["profileId", *[api for _, api, _ in PREVIEW_CANDIDATE]], extra)
    profile["extra"] = extra or None


def _lists(candidate: dict[str, Any], keys: Row, extra: dict[str, Any], rows: Rows) -> None:
    """The rows of the profile_* tables; one with a null position in each table that gets none."""
    for field, table, column in TEXT_LISTS:
        found = 0
        for position, text in _items(candidate, field, str, extra):
            rows.setdefault(table, []).append({**keys, "position": position, column: text})
            found += 1
        if found == 0:
            rows.setdefault(table, []).append({**keys, "position": None, column: None})

    found = 0
    for position, station in _items(candidate, "aiDetailedRationale", dict, extra):
        row: Row = {**keys, "position": position}
        left: dict[str, Any] = {}
        _columns(RATIONALE, station, row, left)
        _unknown(station, [api for _, api, _ in RATIONALE], left)
        row["extra"] = left or None
        rows.setdefault("profile_rationales", []).append(row)
        found += 1
    if found == 0:
        empty: Row = {**keys, "position": None, "extra": None}
        for column, _, _ in RATIONALE:
            empty[column] = None
        rows.setdefault("profile_rationales", []).append(empty)

    found = 0
    found_highlights = 0
    for position, experience in _items(candidate, "detailedExperience", dict, extra):
        row = {**keys, "position": position}
        left = {}
        _columns(EXPERIENCE, experience, row, left)
        for place, highlight in _items(experience, "highlights", str, left):
            rows.setdefault("profile_experience_highlights", []).append(
                {**keys, "experience_position": position, "position": place, "highlight": highlight}
            )
            found_highlights += 1
        _unknown(experience, ["highlights", *[api for _, api, _ in EXPERIENCE]], left)
        row["extra"] = left or None
        rows.setdefault("profile_experiences", []).append(row)
        found += 1
    if found == 0:
        empty = {**keys, "position": None, "extra": None}
        for column, _, _ in EXPERIENCE:
            empty[column] = None
        rows.setdefault("profile_experiences", []).append(empty)
    if found_highlights == 0:
        rows.setdefault("profile_experience_highlights", []).append(
            {**keys, "experience_position": None, "position": None, "highlight": None}
        )


def _items(holder: dict[str, Any], field: str, wanted: type, extra: dict[str, Any]) -> list[tuple[int, Any]]:
    """Position and item of what fits in a list; what does not fit leaves the whole list in `extra` as well."""
    value = holder.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        extra[field] = value
        return []
    fitting = []
    for index, item in enumerate(value):
        if item is None:
            continue
        fitting_type = isinstance(item, dict) if wanted is dict else isinstance(item, str) and storable(item)
        if fitting_type:
            fitting.append((index + 1, item))
        else:
            extra[field] = value
    return fitting


def _columns(columns: list[tuple[str, str, str]], holder: dict[str, Any], row: Row, extra: dict[str, Any]) -> None:
    for column, field, type_ in columns:
        value = holder.get(field)
        row[column] = None
        if value is None:
            continue
        if fits(value, type_):
            row[column] = in_column(value, type_)
        else:
            extra[field] = value


def _unknown(holder: dict[str, Any], known: list[str], extra: dict[str, Any]) -> None:
    extra.update({field: value for field, value in holder.items() if field not in known})


def fits(value: Any, type_: str) -> bool:
    """Whether a JSON value, null apart, can stand in a column of this type without loss."""
    if type_ == "text":
        return isinstance(value, str) and storable(value)
    if type_ == "bool":
        return isinstance(value, bool)
    if type_ == "bigint":
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if type_ == "double":
        if isinstance(value, float):
            return True
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        try:
            return int(float(value)) == value
        except OverflowError:
            return False
    assert type_ == "timestamp"
    return isinstance(value, str) and moment(value) is not None


def in_column(value: Any, type_: str) -> Any:
    """A value that fits, as the column holds it."""
    if type_ == "timestamp":
        return moment(value)
    if type_ == "double":
        return float(value)
    return value


def moment(text: str) -> datetime | None:
    """The time that a text names, in UTC; None where it names none."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            return time.replace(tzinfo=UTC)
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def storable(text: str) -> bool:
    """Whether every warehouse holds a text: lone surrogates have no UTF-8 form, and Postgres takes no NUL."""
    return not any(character == "\x00" or 0xD800 <= ord(character) <= 0xDFFF for character in text)


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: `true` is not `1`, and the order of an object's fields is no matter."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
