"""Payloads as the API documents them, and as they may drift: strategies for hypothesis, and single odd values."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Payload = dict[str, Any]

PREFIXES = {"sourcing": "req_", "enrichment": "enr_", "preview": "req_prev_"}
ITEMS = {"sourcing": "candidates", "enrichment": "data", "preview": "candidates"}

ODD_TEXTS = [
    "",
    " ",
    "NaN",
    "null",
    "42",
    "87.5",
    "true",
    "line\nbreak\r\ttab",
    "nul\x00inside",
    "\x1b[31mred",
    "Żółć, Łódź",
    "名前",
    "👩‍💻 engineer",
    "e\u0301 \u202e right to left",
    "\u2028\u2029\x85",
    "\ufeffmark",
    "quote ' and \" and \\",
    "a/b/../c",
    "'; DROP TABLE candidates; --",
    "\ud800",
    "\udc00 before",
    "low \udfff then \ud83d",
    "x" * 300,
]
NUMBERS = [
    0,
    -1,
    87,
    87.5,
    42.0,
    -0.0,
    0.1,
    1e-320,
    1.7976931348623157e308,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**60,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**64,
    10**25,
    10**400,
]
TIMES = [
    "2025-01-01T00:00:00.000Z",
    "2025-01-01T00:00:00Z",
    "2025-01-01T00:00:00.123456Z",
    "2025-01-01T12:30:00+05:30",
    "2025-01-01T12:30:00.5-08:00",
    "2025-01-01T00:00:00",
    "2025-01-01 00:00:00.25",
    "2025-01-01",
    "20250101T000000Z",
    "2025-W01-1",
    "2025-01-01T00:00:00.123456000+00:00",
    "2025-01-01T00:00:00.123456789Z",
    "2024-02-29T23:59:59.999999Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
]
NO_TIMES = [
    "yesterday",
    "",
    "2025-13-01T00:00:00Z",
    "2025-02-30",
    "2025-01-01T25:00:00Z",
    "2025-01-01T00:00:00 UTC",
    "1735689600",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "\ud8002025-01-01",
]
ODD_VALUES: list[Any] = [
    *ODD_TEXTS,
    *NUMBERS,
    *TIMES,
    *NO_TIMES,
    None,
    True,
    False,
    [],
    {},
    [None],
    [[]],
    ["a", "b"],
    ["a", None, "b", None],
    ["a", 1],
    [1, True, None, {}],
    ["good", "\ud800"],
    [{}],
    [{"title": "t", "role": "r", "highlights": ["h"]}, None, {"highlights": "none"}, 7],
    [{"highlights": ["h", 1]}, {"highlights": [None, "i"]}, {"highlights": []}, {"highlights": {}}],
    {"extra": {"deep": [1, {"er": None}]}, "\ud800": 1},
    {"profileId": "p1", "name": 5},
]
"""One of everything that may stand where something else was meant."""

LONE_VALUES: list[Any] = [
    "",
    "text",
    "\ud800",
    "\x00",
    0,
    87.5,
    42.0,
    2**53 + 1,
    2**60,
    2**63,
    10**400,
    "2025-01-01T00:00:00Z",
    "2025-01-01T00:00:00.123456000+00:00",
    None,
    True,
    [],
    {},
    [None],
    ["a", 1],
    ["a", "\ud800"],
]
"""Fewer of them, for where each is tried alone."""

LIST_FIELDS = ["skills", "aiFitPoints", "aiRedFlags", "aiDetailedRationale", "detailedExperience", "emails"]

UNKNOWN_FIELDS = [
    "newField",
    "extra",
    "position",
    "candidate_id",
    "candidateCount",
    "candidate_count",
    "companyId",
    "_dlt_load_id",
    "requestId",
    "success",
    "candidate",
    "candidates",
    "data",
    "skills",
    "highlights",
    "name",
    "title",
    "error",
    "",
    "a b\"c'",
    "\ud800",
]


@dataclass(frozen=True)
class Delivered:
    """A payload with what it answers."""

    kind: str
    request_id: str
    company_id: str | None
    payload: Payload


def request_id(kind: str, number: int = 0) -> str:
    """A well-formed id, another one for each number."""
    return f"{PREFIXES[kind]}550e8400-e29b-41d4-a716-{number:012x}"


# ---------------------------------------------------------------------- values

texts: SearchStrategy[str] = st.one_of(
    st.text(max_size=12),
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(categories=["Cs", "Ll", "Cc"]), max_size=4),
)
whole_numbers: SearchStrategy[int] = st.one_of(
    st.integers(-5, 100), st.integers(), st.sampled_from([n for n in NUMBERS if isinstance(n, int)])
)
numbers: SearchStrategy[int | float] = st.one_of(whole_numbers, st.floats(allow_nan=False, allow_infinity=False))
json_values: SearchStrategy[Any] = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=5,
    ),
)


@st.composite
def timestamps(draw: DrawFn) -> str:
    """A time in one of the ways of writing it; sometimes none at all."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([*TIMES, *NO_TIMES]))
    time = draw(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - the zone is added as text
    text = time.isoformat(
        sep=draw(st.sampled_from("T ")), timespec=draw(st.sampled_from(["auto", "seconds", "milliseconds"]))
    )
    if "." in text and len(text) == 26 and draw(st.booleans()):
        text += draw(st.sampled_from(["000", "001", "789"]))  # nanoseconds
    zone = draw(st.sampled_from(["Z", "", "offset", "offset"]))
    if zone == "offset":
        minutes = draw(st.integers(-23 * 60, 23 * 60))
        zone = timezone(timedelta(minutes=minutes)).tzname(None).removeprefix("UTC") or "+00:00"
    return text + zone


# ---------------------------------------------------------------------- objects


def _drifting(valid: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda n: json_values if n == 0 else st.none() if n == 1 else valid)


def _object(fields: dict[str, SearchStrategy[Any]], *, drift: bool) -> SearchStrategy[Payload]:
    """An object with these fields. With drift each may be missing, null or anything, and unknown ones may be added."""
    if not drift:
        return st.fixed_dictionaries(fields)
    known = st.fixed_dictionaries({}, optional={name: _drifting(valid) for name, valid in fields.items()})
    unknown = st.dictionaries(st.sampled_from(UNKNOWN_FIELDS), json_values, max_size=2)
    return st.tuples(known, unknown, st.integers(0, 2)).map(
        lambda parts: {**parts[1], **parts[0]} if parts[2] == 0 else parts[0]
    )


def _list(items: SearchStrategy[Any], *, drift: bool, max_size: int = 3) -> SearchStrategy[list[Any]]:
    return st.lists(_drifting(items) if drift else items, max_size=max_size)


def _text(*, drift: bool) -> SearchStrategy[str]:
    return texts if drift else st.text(max_size=12)


def _candidate_fields(*, drift: bool) -> dict[str, SearchStrategy[Any]]:
    text = _text(drift=drift)
    strings = _list(text, drift=drift)
    rationale = _object({"title": text, "company": text, "duration": text, "relevanceExplanation": text}, drift=drift)
    experience = _object({"role": text, "company": text, "duration": text, "highlights": strings}, drift=drift)
    return {
        "profileId": st.sampled_from(["p1", "p2", "p3"]),
        **dict.fromkeys(
            ["name", "linkedinUrl", "rationale", "headline", "location", "currentCompany", "currentRole"], text
        ),
        "matchScore": st.one_of(st.integers(0, 100), st.floats(0, 100)),
        **dict.fromkeys(["skills", "aiFitPoints", "aiRedFlags", "emails"], strings),
        "aiDetailedRationale": _list(rationale, drift=drift),
        "detailedExperience": _list(experience, drift=drift),
    }


def _profile(kind: str, *, drift: bool) -> SearchStrategy[Payload]:
    text = _text(drift=drift)
    ids = st.sampled_from(["p1", "p2", "p3", "p'; --", "p/../1", "ł👩‍💻\x00"])
    if drift:
        ids = st.one_of(ids, ids, st.sampled_from(["", "\ud800", " "]))
    if kind == "sourcing":
        return _object({**_candidate_fields(drift=drift), "profileId": ids}, drift=drift)
    if kind == "preview":
        fields = ["fullName", "profileUrl", "title", "headline", "location", "country", "companyName", "companyUrl"]
        return _object({"profileId": ids, **dict.fromkeys(fields, text)}, drift=drift)
    succeeded = _object(
        {
            "profileId": ids,
            "success": st.just(True),
            "candidate": _object(_candidate_fields(drift=drift), drift=drift),
        },
        drift=drift,
    )
    failed = _object(
        {"profileId": ids, "success": st.just(False), "errorCode": text, "errorMessage": text}, drift=drift
    )
    return st.one_of(succeeded, succeeded, failed)


@st.composite
def _profiles(draw: DrawFn, kind: str, *, drift: bool) -> list[Any]:
    """A list of profiles; with drift some come twice, alike, nearly alike or changed."""
    items = draw(_list(_profile(kind, drift=drift), drift=drift))
    if items and drift and draw(st.integers(0, 2)) == 0:
        again = copy.deepcopy(draw(st.sampled_from(items)))
        change = draw(st.sampled_from(["none", "field", "type"]))
        if isinstance(again, dict) and change == "field":
            again[draw(st.sampled_from(["name", "matchScore", "newField"]))] = draw(json_values)
        if isinstance(again, dict) and change == "type":
            again = {field: _nearly(value) for field, value in again.items()}
        items.insert(draw(st.integers(0, len(items))), again)
    return items


def _nearly(value: Any) -> Any:
    """A value that Python holds equal and JSON does not."""
    if isinstance(value, bool):
        return int(value)
    if value in (0, 1):
        return bool(value)
    return value


@st.composite
def payloads(draw: DrawFn, kind: str, *, drift: bool) -> Payload:
    """The answer for one request that has ended, without an envelope."""
    times = timestamps() if drift else st.sampled_from(TIMES[:3])
    counts = whole_numbers if drift else st.integers(0, 100)
    text = _text(drift=drift)
    fields: dict[str, SearchStrategy[Any]] = {
        "success": st.booleans(),
        "requestId": st.just(request_id(kind)),
        "status": st.sampled_from(["completed", "failed"]),
        "createdAt": times,
        "completedAt": times,
    }
    if draw(st.integers(0, 5)) == 0:
        fields |= {"errorCode": text, "errorMessage": text}
    else:
        names = ["enrichedCount", "failureCount", "creditsConsumed"]
        fields |= dict.fromkeys(names if kind == "enrichment" else ["foundCount", "scoredCount"], counts)
        fields[ITEMS[kind]] = _profiles(kind, drift=drift)
    return draw(_object(fields, drift=drift))


@st.composite
def batches(draw: DrawFn, max_size: int = 3) -> list[Delivered]:
    """Answers for several requests of mixed kinds, in any order; valid ones and such that drift."""
    batch = []
    for number in range(draw(st.integers(1, max_size))):
        kind = draw(st.sampled_from(sorted(PREFIXES)))
        company_id = draw(st.sampled_from([None, "acme"]))
        payload = draw(payloads(kind, drift=draw(st.sampled_from([True, True, True, False]))))
        batch.append(Delivered(kind, request_id(kind, number), company_id, payload))
    return batch
