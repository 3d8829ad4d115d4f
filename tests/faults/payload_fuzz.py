"""Hostile payloads, made from the documented ones: as JSON text, so that it can hold what no Python value can.

An object is a list of its pairs here, so that a name can repeat, and a number is its digits.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

REQUEST_PREFIXES = {"sourcing": "req_", "enrichment": "enr_", "preview": "req_prev_"}


class Object(list[tuple[str, Any]]):
    """The pairs of a JSON object, in order."""


@dataclass(frozen=True)
class Number:
    """A JSON number as it is written."""

    digits: str


@dataclass(frozen=True)
class Nested:
    """A value within so many lists or objects."""

    levels: int
    in_lists: bool


@dataclass(frozen=True)
class Sent:
    """One answer of the API."""

    kind: str
    text: str


# ---------------------------------------------------------------------- documented payloads


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return Object((name, _from_json(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return [_from_json(inner) for inner in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(repr(value))
    return value


def candidate(number: int) -> dict[str, Any]:
    return {
        "profileId": f"p{number}",
        "name": "Jane Smith",
        "linkedinUrl": "https://www.linkedin.com/in/janesmith",
        "matchScore": 87,
        "rationale": "Strong fintech background.",
        "skills": ["Node.js", "SQL"],
        "headline": "Engineer at Stripe",
        "location": "Brno",
        "currentCompany": "Stripe",
        "currentRole": "Engineer",
        "aiFitPoints": ["5+ years Node.js"],
        "aiRedFlags": ["No cloud"],
        "aiDetailedRationale": [
            {"title": "Developer", "company": "Tech", "duration": "2 years", "relevanceExplanation": "Led a team."}
        ],
        "detailedExperience": [
            {"role": "Engineer", "company": "Tech", "duration": "2023 - Present", "highlights": ["Built.", "Ran."]},
            {"role": "Intern", "company": "Start", "duration": "2022", "highlights": []},
        ],
        "emails": ["jane@example.com"],
    }


def payload(kind: str, profiles: int) -> dict[str, Any]:
    head: dict[str, Any] = {
        "success": True,
        "requestId": "REQUEST-ID",
        "status": "completed",
        "createdAt": "2025-01-01T00:00:00.000Z",
        "completedAt": "2025-01-01T00:01:30.000Z",
    }
    numbers = range(profiles)
    if kind == "enrichment":
        data: list[dict[str, Any]] = [
            {"profileId": f"p{n}", "success": True, "candidate": candidate(n)}
            if n % 3 != 2
            else {"profileId": f"p{n}", "success": False, "errorCode": "PROFILE_TIMEOUT", "errorMessage": "Too slow."}
            for n in numbers
        ]
        return {**head, "enrichedCount": 3, "failureCount": 1, "creditsConsumed": 3, "data": data}
    found = {**head, "foundCount": 42, "scoredCount": 30}
    if kind == "sourcing":
        return {**found, "candidates": [candidate(n) for n in numbers]}
    texts = ["fullName", "profileUrl", "title", "headline", "location", "country", "companyName", "companyUrl"]
    return {**found, "candidates": [{"profileId": f"p{n}", **dict.fromkeys(texts, "text")} for n in numbers]}


# ---------------------------------------------------------------------- what is put into them

TEXTS = [
    "",
    " ",
    "null",
    "42",
    "nul\x00inside",
    "\x00",
    "\ud800",
    "low \udfff high \ud83d",
    "👩‍💻 e\u0301 \u202eright to left\u2028\u2029\x85\ufeff",
    "line\r\nbreak\ttab\x1b[31mred\x07\x7f",
    "\\.",
    "a\n\\.\nb",
    "\\N",
    '"quoted": "inside", \\" and \\\\',
    "'; DROP TABLE candidates; --",
    "1' OR '1'='1",
    "x') ; DELETE FROM requests WHERE ('1'='1",
    "../../../etc/passwd",
    "a/b//c",
    "%s %d {} {0} $1 :name ?",
    "=HYPERLINK(1)",
    "x" * 10_000,
]
NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "1",
    "87.5",
    "1.0",
    "1E2",
    "1e-7",
    "0.1",
    "0.1000000000000000055511151231257827",
    "12345678901234567.5",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1" * 400,
    "9" * 5_000,
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "1e99999999999999999999",
]
NO_JSON = ["NaN", "Infinity", "-Infinity"]
"""What some writers of JSON put for numbers, and JSON does not know: an answer with one is no answer."""
TIMES = [
    "2025-01-01T00:00:00Z",
    "2025-01-01T12:30:00.5+05:30",
    "2025-01-01T00:00:00.1234567Z",
    "2025-01-01T00:00:00.123456000-08:00",
    "2025-01-01",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "2024-12-31T23:59:60Z",
    "yesterday",
]
NAMES = [
    "newField",
    "",
    "extra",
    "position",
    "candidate_id",
    "_dlt_load_id",
    "_dlt_id",
    "requestId",
    "status#1",
    "name",
    "name#1",
    "candidate",
    "candidates",
    "data",
    "skills",
    "highlights",
    "a.b",
    "a__b",
    'quote"s and \\',
    "'; DROP TABLE requests; --",
    "nul\x00",
    "\ud800",
    "NEWFIELD",
    "Name",
]

leaves: SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, False]),
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS).map(Number),
    st.sampled_from(TIMES),
    st.text(max_size=8),
    st.integers().map(lambda n: Number(str(n))),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda n: Number(repr(n))),
    st.builds(Nested, st.sampled_from([5, 60, 400, 700]), st.booleans()),
)
values: SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=3).map(Object),
    ),
    max_leaves=4,
)


# ---------------------------------------------------------------------- how it is put into them


def containers(value: Any) -> Iterator[Any]:
    """All objects and lists in a value, itself first."""
    if isinstance(value, list):
        yield value
        for inner in value:
            yield from containers(inner[1] if isinstance(value, Object) else inner)


@st.composite
def payloads(draw: DrawFn, *, whole_head: bool = False) -> Sent:
    """An answer with up to six things wrong; with `whole_head` it is JSON of a known status and request id."""
    kind = draw(st.sampled_from(sorted(REQUEST_PREFIXES)))
    tree = _from_json(payload(kind, draw(st.integers(0, 4))))
    for _ in range(draw(st.integers(0, 6))):
        _mutate(draw, tree)
    if not whole_head and draw(st.integers(0, 19)) == 0:
        tree.append(("newField", Number(draw(st.sampled_from(NO_JSON)))))
    if whole_head:
        keep = {"status", "requestId"}
        tree[:] = [("requestId", "REQUEST-ID"), ("status", "completed"), *(p for p in tree if p[0] not in keep)]
    text = _written(tree, ascii_only=draw(st.booleans()), space=draw(st.sampled_from(["", " ", "\n\t"])))
    return Sent(kind, text)


def _mutate(draw: DrawFn, tree: Object) -> None:
    holder = draw(st.sampled_from(list(containers(tree))))
    places = len(holder)
    what = draw(st.sampled_from(["value", "alike", "alike", "add", "add", "drop", "null", "again", "swap", "case"]))
    if what == "add" or not places:
        value = draw(values)
        name = draw(st.sampled_from(NAMES))
        holder.insert(draw(st.integers(0, places)), (name, value) if isinstance(holder, Object) else value)
        return
    place = draw(st.integers(0, places - 1))
    is_object = isinstance(holder, Object)
    old = holder[place]
    if what == "drop":
        del holder[place]
    elif what == "again":  # a name, an item or a profile that repeats, with or without a difference
        again = copy.deepcopy(old)
        if draw(st.booleans()):
            again = (old[0], draw(values)) if is_object else draw(values)
        holder.insert(draw(st.integers(0, places)), again)
    elif what == "swap":
        other = draw(st.integers(0, places - 1))
        holder[place], holder[other] = holder[other], old
    elif what == "case" and is_object:
        holder[place] = (old[0].upper(), old[1])
    else:
        value = None if what == "null" else draw(_alike(old[1] if is_object else old) if what == "alike" else values)
        holder[place] = (old[0], value) if is_object else value


def _alike(value: Any) -> SearchStrategy[Any]:
    """Odd values of the same type, which go where good ones do."""
    if isinstance(value, Number):
        return st.sampled_from(NUMBERS).map(Number)
    if isinstance(value, str):
        return st.sampled_from(TIMES if value[:2] == "20" else TEXTS)
    return values


def _written(value: Any, *, ascii_only: bool, space: str) -> str:
    """A value as JSON text. Lone surrogates, which UTF-8 has no form for, are escaped in either case."""

    def write(value: Any) -> str:
        if isinstance(value, Object):
            return "{" + ",".join(f"{space}{write(n)}{space}:{space}{write(v)}" for n, v in value) + "}"
        if isinstance(value, list):
            return "[" + f",{space}".join(write(inner) for inner in value) + "]"
        if isinstance(value, Number):
            return value.digits
        if isinstance(value, Nested):
            start, end = ("[", "]") if value.in_lists else ('{"a":', "}")
            return start * value.levels + "1" + end * value.levels
        if isinstance(value, str) and not ascii_only and value.isprintable():
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value)

    return write(value)
