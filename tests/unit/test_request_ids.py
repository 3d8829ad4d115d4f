"""Request ids from Python: what is taken for one, what is refused, and in which shapes they may come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dlt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview.exceptions import InvalidRequestId, UsageError
from instaview.request_ids import KINDS, Request, from_mapping, parse_request, requests_from, unique

UUID = "550e8400-e29b-41d4-a716-446655440000"
SOURCING = f"req_{UUID}"
ENRICHMENT = f"enr_{UUID}"
PREVIEW = f"req_prev_{UUID}"
OTHER = "req_00000000-0000-0000-0000-000000000001"

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def ids_of(requests: Iterable[Request]) -> list[str]:
    return [request.id for request in requests]


# ---------------------------------------------------------------------- one id


@pytest.mark.parametrize(
    ("request_id", "kind"), [(SOURCING, "sourcing"), (ENRICHMENT, "enrichment"), (PREVIEW, "preview")]
)
def test_the_kind_follows_from_the_prefix(request_id: str, kind: str) -> None:
    assert parse_request(request_id) == Request(request_id, kind, None)  # type: ignore[arg-type]
    assert kind in KINDS


@settings(max_examples=examples(100), deadline=None)
@given(st.uuids(), st.sampled_from(["req_", "enr_", "req_prev_"]))
def test_every_uuid_makes_an_id(uuid: Any, prefix: str) -> None:
    assert parse_request(f"{prefix}{uuid}").id == f"{prefix}{uuid}"


def test_capitals_make_no_other_request() -> None:
    assert parse_request(f"REQ_{UUID.upper()}") == Request(f"req_{UUID}", "sourcing")


@pytest.mark.parametrize("around", ["{} ", " {}", "\t{}", "{}\n", "{}\r\n", "\u00a0{}"])
def test_white_space_around_an_id_is_no_part_of_it(around: str) -> None:
    assert parse_request(around.format(SOURCING)).id == SOURCING


MALFORMED: list[Any] = [
    "",
    " ",
    "req_",
    UUID,
    f"prev_{UUID}",
    f"req_enr_{UUID}",
    f"enr_prev_{UUID}",
    f"req-{UUID}",
    f"req_{UUID}0",
    f"0req_{UUID}",
    SOURCING[:-1],
    SOURCING.replace("-", ""),
    SOURCING.replace("5", "g", 1),
    f"req_{{{UUID}}}",
    f"{SOURCING} {SOURCING}",
    f"{SOURCING},{SOURCING}",
    f'"{SOURCING}"',
    f"req_{'5' * 36}",
    f"req_{UUID}{'0' * 10_000}",
    "req_" * 100_000,
    # paths, queries, headers
    f"{SOURCING}/",
    f"{SOURCING}/../../billing/usage",
    f"../{SOURCING}",
    f"req_..%2f{UUID[5:]}",
    f"{SOURCING}?companyId=other",
    f"{SOURCING}#",
    f"{SOURCING}%00",
    f"{SOURCING}\\",
    f"{SOURCING}\r\nHost: evil",
    # SQL
    f"{SOURCING}' OR '1'='1",
    f"{SOURCING}; DROP TABLE requests; --",
    "' UNION SELECT 1 --",
    # line ends and other control characters inside
    f"req_\n{UUID}",
    f"{SOURCING}\n{SOURCING}",
    f"{SOURCING}\nx",
    f"{SOURCING[:20]}\n{SOURCING[20:]}",
    f"{SOURCING}\x00",
    f"\x1b[31m{SOURCING}\x1b[0m",
    f"\u202e{SOURCING}",
    f"\u200b{SOURCING}",
    # look-alikes: fullwidth and Arabic digits, Cyrillic letters, another hyphen, another low line
    SOURCING.replace("5", "\uff15"),
    SOURCING.replace("0", "\u0660"),
    SOURCING.replace("a", "\u0430"),
    SOURCING.replace("e", "\u0435"),
    SOURCING.replace("-", "\u2010"),
    SOURCING.replace("_", "\uff3f"),
    # no text at all
    None,
    0,
    42,
    5.5,
    float("nan"),
    True,
    b"req_" + UUID.encode(),
    [SOURCING],
    {"request_id": SOURCING},
    object(),
]


@pytest.mark.parametrize("value", MALFORMED, ids=lambda value: re.sub(" at 0x.*", "", ascii(value)[:50]))
def test_anything_else_is_refused_with_its_place_and_without_control_characters(value: Any) -> None:
    with pytest.raises(InvalidRequestId) as caught:
        parse_request(value, where="ids.txt, line 7")
    message = str(caught.value)
    assert message.startswith("ids.txt, line 7: ")
    assert "is not a request id" in message
    assert not CONTROL.search(message)
    assert len(message) < 250


@pytest.mark.parametrize("other", ["g", "z", "-", "_", "/", ".", "\n", "\uff10"], ids=ascii)
@pytest.mark.parametrize("request_id", [SOURCING, ENRICHMENT, PREVIEW])
def test_every_character_of_an_id_counts(request_id: str, other: str) -> None:
    for index in range(len(request_id)):
        if request_id[index] != other:
            with pytest.raises(InvalidRequestId):
                parse_request(f"{request_id[:index]}{other}{request_id[index + 1 :]}")


@settings(max_examples=examples(300), deadline=None)
@given(st.text(st.characters(), max_size=80) | st.from_regex(r"(req_|enr_|req_prev_)[0-9a-fA-F-]{30,40}\W?"))
def test_what_is_taken_has_no_character_that_means_anything_elsewhere(text: str) -> None:
    taken, message = None, ""
    try:
        taken = parse_request(text).id
    except InvalidRequestId as error:
        message = str(error)
    assert not CONTROL.search(message)
    assert taken is None or re.fullmatch("[A-Za-z]+_(?:[A-Za-z]+_)?[0-9A-Fa-f-]{36}", taken)
    assert taken in (None, text.strip())


def test_a_refused_id_is_a_usage_error_and_says_that_nothing_was_sent() -> None:
    with pytest.raises(UsageError, match="Nothing was sent"):
        parse_request("nonsense")


def test_an_object_that_shows_itself_with_control_characters_does_not_bring_them_into_the_message() -> None:
    class Hostile:
        def __repr__(self) -> str:
            return "\x1b[31mred\x07\nnext line"

    with pytest.raises(InvalidRequestId) as caught:
        requests_from([Hostile()])
    assert not CONTROL.search(str(caught.value))


# ---------------------------------------------------------------------- the company beside it


@pytest.mark.parametrize("company_id", ["acme", "123e4567-e89b-12d3-a456-426614174000", "a.b_c-1", " acme "])
def test_a_company_id_is_taken_along(company_id: str) -> None:
    assert parse_request(SOURCING, company_id).company_id == company_id.strip()


@pytest.mark.parametrize("company_id", [None, "", "  "])
def test_no_company_is_none(company_id: str | None) -> None:
    assert parse_request(SOURCING, company_id).company_id is None


@pytest.mark.parametrize(
    "company_id",
    ["a/b", "../other", "a b", "a&b=c", "a\nb", "\x1b[31m", "x" * 101, "é", "a'; --", "a?b", "\uff11", ["a"], {"a": 1}],
    ids=ascii,
)
def test_a_company_id_with_odd_characters_is_refused(company_id: Any) -> None:
    with pytest.raises(InvalidRequestId) as caught:
        parse_request(SOURCING, company_id, where="ids.csv, line 2")
    assert str(caught.value).startswith("ids.csv, line 2: ")
    assert "is not a company id" in str(caught.value)
    assert not CONTROL.search(str(caught.value))


# ---------------------------------------------------------------------- shapes


def generator() -> Iterator[str]:
    yield SOURCING
    yield ENRICHMENT


@dlt.resource(name="ids")
def resource_of_texts() -> Iterator[str]:
    yield from (SOURCING, ENRICHMENT)


@dlt.resource(name="rows")
def resource_of_rows() -> Iterator[Any]:
    yield {"request_id": SOURCING}
    yield [{"request_id": ENRICHMENT, "title": "other column"}]


@dlt.resource(name="tables")
def resource_of_tables() -> Iterator[Any]:
    yield pa.table({"request_id": [SOURCING]})
    yield pd.DataFrame({"requestId": [ENRICHMENT]})


BOTH = [SOURCING, ENRICHMENT]
SHAPES: dict[str, Callable[[], Any]] = {
    "list": lambda: BOTH,
    "tuple": lambda: tuple(BOTH),
    "dictionary keys": lambda: dict.fromkeys(BOTH).keys(),
    "generator": generator,
    "array": lambda: np.array(BOTH),
    "requests": lambda: [Request(SOURCING, "sourcing"), Request(ENRICHMENT, "enrichment")],
    "rows": lambda: [{"request_id": SOURCING, "n": 1}, {"requestId": ENRICHMENT}],
    "answers to the POST": lambda: [
        {"success": True, "requestId": SOURCING, "status": "processing"},
        {"success": True, "data": {"requestId": ENRICHMENT, "status": "processing"}},
    ],
    "resource of texts": resource_of_texts,
    "resource of rows": resource_of_rows,
    "resource of tables": resource_of_tables,
    "resource made in place": lambda: dlt.resource(BOTH, name="made_in_place"),
    "pages of rows": lambda: [[{"request_id": SOURCING}], ({"request_id": ENRICHMENT},)],
    "frames": lambda: [pd.DataFrame({"request_id": BOTH, "n": [1, 2]})],
    "Arrow tables": lambda: [pa.table({"n": [1, 2], "request_id": BOTH})],
    "Arrow batches": lambda: pa.table({"request_id": BOTH}).to_batches(),
    "a column of a frame": lambda: pd.DataFrame({"request_id": BOTH})["request_id"],
    "columns of frames": lambda: [pd.Series(BOTH)],
    "a column of an Arrow table": lambda: pa.table({"request_id": BOTH})["request_id"],
    "one frame": lambda: pd.DataFrame({"request_id": BOTH, "n": [1, 2]}),
    "one Arrow table": lambda: pa.table({"n": [1, 2], "request_id": BOTH}),
    "mixed": lambda: [SOURCING, {"request_id": ENRICHMENT}],
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=name) for name, shape in SHAPES.items()])
def test_ids_may_come_in_any_shape(shape: Callable[[], Any]) -> None:
    assert requests_from(shape()) == [Request(SOURCING, "sourcing"), Request(ENRICHMENT, "enrichment")]


@pytest.mark.parametrize(
    "one",
    [SOURCING, {"requestId": SOURCING}, Request(SOURCING, "sourcing")],
    ids=["text", "answer", "request"],
)
def test_a_single_id_need_not_be_in_a_list(one: Any) -> None:
    assert requests_from(one) == [Request(SOURCING, "sourcing")]


@pytest.mark.parametrize("nothing", [[], (), iter(()), {}.keys(), pa.table({"request_id": pa.array([], pa.string())})])
def test_nothing_gives_nothing(nothing: Any) -> None:
    assert requests_from(nothing) == []


def test_an_id_comes_once_where_it_came_first() -> None:
    assert ids_of(requests_from([SOURCING, OTHER, {"request_id": SOURCING}, ENRICHMENT, OTHER])) == [
        SOURCING,
        OTHER,
        ENRICHMENT,
    ]


def test_one_uuid_under_two_prefixes_is_two_requests() -> None:
    assert ids_of(requests_from([SOURCING, PREVIEW, ENRICHMENT])) == [SOURCING, PREVIEW, ENRICHMENT]


def test_a_company_that_is_named_only_later_is_kept_at_the_first_place() -> None:
    rows = [{"request_id": SOURCING}, {"request_id": OTHER}, {"request_id": SOURCING, "company_id": "acme"}]
    assert requests_from(rows) == [Request(SOURCING, "sourcing", "acme"), Request(OTHER, "sourcing")]


def test_the_first_of_two_companies_counts() -> None:
    requests = [Request(SOURCING, "sourcing", "acme"), Request(SOURCING, "sourcing", "other")]
    assert unique(requests) == [Request(SOURCING, "sourcing", "acme")]
    assert unique([*requests, Request(SOURCING, "sourcing")]) == [Request(SOURCING, "sourcing", "acme")]


@pytest.mark.parametrize(
    "rows",
    [
        [{"request_id": SOURCING, "company_id": "acme"}, {"requestId": ENRICHMENT, "companyId": None}],
        [pa.table({"request_id": BOTH, "company_id": ["acme", None]})],
        [pd.DataFrame({"request_id": BOTH, "company_id": ["acme", None]})],
        [pd.DataFrame({"request_id": BOTH, "company_id": pd.Series(["acme", None], dtype="string")})],
        [pd.DataFrame({"request_id": BOTH, "company_id": pd.Series(["acme", float("nan")], dtype="object")})],
    ],
    ids=["rows", "Arrow table", "frame", "frame of nullable texts", "frame of objects"],
)
def test_companies_beside_ids_and_gaps_between_them(rows: list[Any]) -> None:
    assert requests_from(rows) == [Request(SOURCING, "sourcing", "acme"), Request(ENRICHMENT, "enrichment", None)]


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([SOURCING, "nonsense"], "item 2"),
        ([SOURCING, None], "item 2"),
        ([SOURCING, 42], "item 2"),
        ([{"request_id": SOURCING}, {"request_id": "nonsense"}], "item 2"),
        ([{"request_id": SOURCING}, {"other": 1}], "item 2"),
        ([{"request_id": None}], "item 1"),
        ([[SOURCING], [SOURCING, "nonsense"]], "item 2, row 2"),
        ([pa.table({"request_id": [SOURCING, "nonsense"]})], "item 1, row 2"),
        ([pd.DataFrame({"request_id": [SOURCING, "nonsense"]})], "item 1, row 2"),
        ([pd.DataFrame({"request_id": [SOURCING, None]})], "item 1, row 2"),
        ([{"request_id": SOURCING, "company_id": "a/b"}], "item 1"),
    ],
)
def test_a_malformed_id_is_named_by_its_place(items: list[Any], place: str) -> None:
    with pytest.raises(InvalidRequestId) as caught:
        requests_from(items)
    assert str(caught.value).startswith(f"{place}: ")


def test_a_malformed_id_in_a_resource_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(InvalidRequestId, match="item 2: 'nonsense'"):
        requests_from(dlt.resource([SOURCING, "nonsense"], name="with_nonsense"))


# ---------------------------------------------------------------------- webhook deliveries


def delivery(event: str, **data: Any) -> dict[str, Any]:
    return {
        "event": event,
        "timestamp": "2025-01-01T00:01:30.000Z",
        "deliveryId": "123e4567-e89b-12d3-a456-426614174000",
        "data": data,
    }


@pytest.mark.parametrize(
    "event",
    [
        "sourcing.completed",
        "sourcing.failed",
        "enrich.completed",
        "enrich.failed",
        "SOURCING_COMPLETED",
        "SOURCING_FAILED",
        "ENRICH_COMPLETED",
        "ENRICH_FAILED",
    ],
)
def test_a_delivery_names_its_request_in_both_spellings_of_events(event: str) -> None:
    assert requests_from([delivery(event, requestId=SOURCING, status="completed")]) == [Request(SOURCING, "sourcing")]


def test_a_delivery_that_comes_twice_counts_once() -> None:
    twice = [delivery("sourcing.completed", requestId=SOURCING, companyId="acme")] * 2
    assert requests_from(twice) == [Request(SOURCING, "sourcing", "acme")]


@pytest.mark.parametrize("event", ["interview.completed", "INTERVIEW_COMPLETED", "ping", ""])
def test_deliveries_of_other_events_are_passed_over(event: str) -> None:
    other = delivery(event, interviewId="int_1")
    assert requests_from([other, delivery("enrich.completed", requestId=ENRICHMENT)]) == [
        Request(ENRICHMENT, "enrichment")
    ]
    assert from_mapping(other, "here") is None


@pytest.mark.parametrize("data", [{}, {"id": SOURCING}, {"requestId": None}])
def test_a_delivery_of_ours_without_a_request_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestId, match="item 1: no request_id or requestId"):
        requests_from([delivery("sourcing.completed", **data)])


@pytest.mark.parametrize("data", [None, "text", [], [{"requestId": ENRICHMENT}]])
def test_an_id_on_the_outside_counts_whatever_data_holds(data: Any) -> None:
    """An enrichment's own result has a list for `data`."""
    assert requests_from([{"requestId": SOURCING, "data": data}]) == [Request(SOURCING, "sourcing")]
