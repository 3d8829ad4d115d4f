"""Requests held as columns say the same as requests read one by one, also against a ledger of many."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from fake_api import some_requests
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview.exceptions import InvalidRequestId
from instaview.id_files import read_request_list, read_requests
from instaview.plan import make_plan
from instaview.request_ids import Request, parse_request, requests_from, unique
from instaview.request_list import RequestList, from_text

IDS = [request.id for request in (*some_requests(4), *some_requests(3, "enrichment"), *some_requests(3, "preview"))]

lines = st.lists(
    st.one_of(
        st.sampled_from(IDS),
        st.sampled_from(IDS).map(lambda text: f"  {text.upper()}\t"),
        st.sampled_from(["", "  ", "# a comment", f"#{IDS[0]}", "\u00a0"]),
    )
)


@given(lines, st.sampled_from(["\n", "\r\n", "\r", "\x0b", "\u2028"]))
@settings(deadline=None)
def test_a_text_read_as_columns_says_the_same_as_read_line_by_line(entries: list[str], end: str) -> None:
    text = end.join(entries)
    expected = unique(
        parse_request(line) for line in text.splitlines() if line.strip() and not line.strip().startswith("#")
    )
    found = from_text(text)
    if found is None:  # left to be read line by line
        assert end not in ("\n", "\r\n")
    else:
        assert list(found) == expected


@pytest.mark.parametrize(
    "wrong", ["req_1", IDS[0] + "x", "x" + IDS[0], IDS[0].replace("-", "/"), IDS[0] + " " + IDS[1]]
)
def test_a_line_that_is_no_id_is_named(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "ids").write_text("\n".join([*IDS, wrong]))
    with pytest.raises(InvalidRequestId, match=f"line {len(IDS) + 1}: "):
        read_request_list([str(tmp_path / "ids")])


def test_a_csv_is_read_as_columns_with_companies_and_gaps(tmp_path: Path) -> None:
    rows = [f"{request_id.upper()}, acme-{n}" if n % 2 else f"{request_id}," for n, request_id in enumerate(IDS)]
    (tmp_path / "ids").write_text("\n".join(["request_id,company_id", *rows, ",", " ,acme"]))
    found = read_request_list([str(tmp_path / "ids")])
    assert isinstance(found, RequestList)
    assert list(found) == [parse_request(i, f"acme-{n}" if n % 2 else None) for n, i in enumerate(IDS)]
    assert read_requests([str(tmp_path / "ids")]) == list(found)


def test_a_company_given_only_later_is_kept_in_columns_too(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text(f"request_id,company_id\n{IDS[0]},\n{IDS[1]},b\n{IDS[0]},a\n")
    assert read_requests([str(tmp_path / "ids")]) == [parse_request(IDS[0], "a"), parse_request(IDS[1], "b")]


def test_a_header_behind_a_long_comment_is_found(tmp_path: Path) -> None:
    comment = "# how these came to be\n" * 10_000
    (tmp_path / "ids").write_text(f"{comment}company_id;request_id\nacme;{IDS[0]}\n")
    assert read_requests([str(tmp_path / "ids")]) == [parse_request(IDS[0], "acme")]


def test_it_is_a_sequence_of_requests() -> None:
    requests = [parse_request(IDS[0], "acme"), *(parse_request(i) for i in IDS[1:])]
    found = RequestList.of(requests)
    assert (len(found), found[0], found[-1], found[2:4]) == (len(IDS), requests[0], requests[-1], requests[2:4])
    assert list(found) == requests
    assert requests_from(found) is found


# ---------------------------------------------------------------------- beside a ledger


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """A warehouse that knows nine of the ten requests, in the states of `_STATES`."""
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute(_TABLES)
        for number, (request_id, state, load_id) in enumerate(_rows()):
            connection.execute(
                "INSERT INTO results.requests VALUES (?, ?, ?, NULL, ?, NULL, ?)",
                [request_id, state, "acme" if number == 8 else None, number, load_id],
            )
        connection.execute("INSERT INTO results.sourcing_runs VALUES (?, now())", [IDS[0]])
    return dlt.pipeline(
        "ledger",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="results",
    )


_TABLES = """
CREATE SCHEMA results;
CREATE TABLE results.requests (request_id TEXT, state TEXT, company_id TEXT, first_seen_at TIMESTAMPTZ, polls BIGINT,
                               last_polled_at TIMESTAMPTZ, _dlt_load_id TEXT);
CREATE TABLE results._dlt_loads (load_id TEXT, status BIGINT);
INSERT INTO results._dlt_loads VALUES ('whole', 0), ('half', 1);
CREATE TABLE results.sourcing_runs (request_id TEXT, completed_at TIMESTAMPTZ);
CREATE TABLE results.enrichment_runs AS FROM results.sourcing_runs;
CREATE TABLE results.preview_runs AS FROM results.sourcing_runs;
"""
_STATES = ("completed", "completed", "failed", "failed", "processing", "error", "not_found", "completed", "processing")


def _rows() -> list[tuple[str, str, str]]:
    """All but the last id; the eighth was written by a load that was not committed."""
    return [(i, state, "half" if n == 7 else "whole") for n, (i, state) in enumerate(zip(IDS, _STATES, strict=False))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"refresh": True}, {"refresh_since": timedelta(days=1)}, {"company_id": "other"}], ids=str
)
@pytest.mark.parametrize("count", [0, 3, 7, 10])
def test_many_requests_are_planned_like_few(
    pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], count: int
) -> None:
    asked = [parse_request(request_id) for request_id in IDS[:count]]
    few = make_plan(pipeline, asked, **options)
    monkeypatch.setattr("instaview.plan._MANY", 1)
    for given_as in (asked, RequestList.of(asked)):
        many = make_plan(pipeline, given_as, **options)
        assert (many.skipped, many.skipped_failed) == (few.skipped, few.skipped_failed)
        assert many.to_poll[: len(asked) - few.skipped] == few.to_poll[: len(asked) - few.skipped]
        assert set(many.to_poll) == set(few.to_poll)
        assert all(many.known.get(r.id) == few.known.get(r.id) for r in many.to_poll)


def test_what_is_finished_is_skipped_and_the_rest_polled(pipeline: dlt.Pipeline) -> None:
    plan = make_plan(pipeline, [parse_request(request_id) for request_id in IDS])
    assert (plan.skipped, plan.skipped_failed, plan.requested) == (4, 2, 10)
    assert [request.id for request in plan.to_poll] == IDS[4:]
    assert plan.to_poll[4] == Request(IDS[8], "preview", "acme")


def test_a_row_with_a_malformed_id_is_passed_over_with_a_warning(
    pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    with pipeline.sql_client() as client:
        client.execute_sql("INSERT INTO results.requests (request_id, state) VALUES ('by hand', 'processing')")
    plan = make_plan(pipeline, [])
    assert "by hand" not in [request.id for request in plan.to_poll]
    assert "'by hand'" in caplog.text
