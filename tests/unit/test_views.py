"""The views: their files, and their numbers on DuckDB beside a slow reference over tables made by chance."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
import sqlglot
from random_tables import create_tables, random_tables
from sqlglot import exp
from view_checks import check_views
from view_reference import REFERENCE

from instaview.tables import LOAD_ID, TABLES
from instaview.views import View, in_dialect, parse_view, views

Row = dict[str, Any]
NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)
every_view = pytest.mark.parametrize("view", views(), ids=lambda view: view.name)


def read_views(tables: dict[str, list[Row]], time_zone: str = "UTC") -> dict[str, list[Row]]:
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{time_zone}'")
        create_tables(connection, tables)
        found = {}
        for view in views():
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
            found[view.name] = connection.execute(f"SELECT * FROM {view.name}").to_arrow_table().to_pylist()
        return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(50), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(50, 150))])
def test_the_views_hold_what_the_reference_says(seed):
    tables = random_tables(seed)
    check_views(tables, read_views(tables))


def rows_of(view: str, **tables: list[Row]) -> list[Row]:
    """What a view holds over these rows; columns that are not given are null."""
    filled = {
        table.name: [
            {**{column.name: None for column in table.columns}, LOAD_ID: "1", **row}
            for row in tables.get(table.name, [])
        ]
        for table in TABLES
    }
    return read_views(filled)[view]


def test_failures_that_are_only_counted_are_rows_and_credits_are_computed_from_counts():
    """An answer without its list, and one whose failed profiles have no id."""
    counted = {"status": "completed", "completed_at": NOON, "enriched_count": 3, "failure_count": 2}
    runs = [{"request_id": "enr_1", **counted}, {"request_id": "enr_2", **counted, "credits_consumed": 3}]
    keys = {"request_id": "enr_2", "position": 1}
    listed = [{**keys, "candidate_id": f"enr_2/{n}", "profile_id": f"{n}", "success": n > 0} for n in range(4)]
    rows = rows_of("enrichment_outcomes", enrichment_runs=runs, enrichment_profiles=listed)
    failed = [row for row in rows if row["outcome"] == "profile failed"]
    assert [(row["error_code"], row["runs"], row["failed"]) for row in failed] == [("UNKNOWN", 2, 4)]
    [succeeded] = [row for row in rows if row["outcome"] == "succeeded"]
    assert (succeeded["succeeded"], succeeded["credits"], succeeded["computed_credits"]) == (6, 6.0, 3.0)
    [spent] = rows_of("credit_usage_daily", enrichment_runs=runs[:1])
    assert (spent["credits"], spent["basis"]) == (3.0, "computed")


def test_a_run_that_was_started_again_weeks_later_took_no_weeks():
    created = {"created_at": NOON, "status": "completed"}
    again, once = NOON + timedelta(days=29), NOON + timedelta(seconds=90)
    runs = [
        {"request_id": "req_1", **created, "completed_at": again},
        {"request_id": "req_2", **created, "completed_at": once},
    ]
    people = [
        {"candidate_id": f"{r}/{n}", "request_id": r, "profile_id": n, "position": 1, "run_completed_at": at}
        for r, n, at in (("req_1", "a", once), ("req_1", "b", again), ("req_2", "a", once))
    ]
    requests = [{"request_id": r["request_id"], "kind": "sourcing", "state": "completed"} for r in runs]
    [row] = rows_of("run_health", sourcing_runs=runs, candidates=people, requests=requests)
    assert (row["completed"], row["with_time"], row["seconds_to_complete_longest"]) == (2, 1, 90.0)


@pytest.mark.parametrize(
    ("cost_key", "kind"),
    [
        ("resource_storage", "other"),
        ("sourcing_candidates", "sourcing"),
        ("ai-sourcing", "sourcing"),
        ("candidateSourcing", "sourcing"),
        ("PROFILE_ENRICHMENT", "enrichment"),
        ("sourcing.preview", "preview"),
        ("interview_minutes", "other"),
    ],
)
def test_a_cost_key_is_of_the_kind_that_one_of_its_words_begins_with(cost_key, kind):
    booked = {"company_id": "a", "billing_system": "credits", "day": NOON.date(), "cost_key": cost_key}
    [row] = rows_of("credit_usage_daily", billing_usage=[{**booked, "credits_used": 1.0}])
    assert row["kind"] == kind


def test_minutes_are_compared_for_previews_and_a_day_without_bookings_is_said_to_have_none():
    booked = {"company_id": "a", "billing_system": "minutes", "cost_key": "preview_pages"}
    days = [NOON.date() + timedelta(days=n) for n in range(4)]
    billed = [{**booked, "day": days[n], "minutes_used": used} for n, used in ((0, 0.8), (2, 0.8))]
    run = {"company_id": "a", "candidate_count": 40}
    runs = [{**run, "request_id": f"req_prev_{n}", "completed_at": NOON + timedelta(days=n)} for n in (0, 1, 3)]
    found = {row["day"]: row for row in rows_of("credit_usage_daily", billing_usage=billed, preview_runs=runs)}
    assert [found[day]["billed_minutes"] for day in days] == [0.8, 0.0, 0.8, None]
    told = [found[day]["explanation"].split(":")[0] for day in days]
    but = "billed in minutes, but not 0.4 a preview page"
    nothing = "nothing billed for this day yet, or no billing loaded for it"
    assert told == ["billed in minutes as expected", but, but, nothing]


def test_an_empty_text_is_no_address_no_red_flag_and_no_skill():
    keys = {"candidate_id": "req_1/p", "request_id": "req_1", "profile_id": "p", "position": 1}
    tables = {
        "sourcing_runs": [{"request_id": "req_1"}],
        "candidates": [keys],
        "profile_emails": [{**keys, "email": ""}, {**keys, "position": 2, "email": " "}],
        "profile_red_flags": [{**keys, "red_flag": ""}],
        "profile_skills": [{**keys, "skill": ""}, {**keys, "position": 2, "skill": " "}],
    }
    [row] = rows_of("candidate_quality", **tables)
    assert (row["with_email"], row["email_known"], row["red_flags"]) == (0, 0, 0)
    [person] = rows_of("people", **tables)
    assert (person["emails"], person["email"]) == (0, None)
    assert rows_of("skill_demand", **tables) == []


def test_an_enrichment_while_the_run_was_under_way_is_none_of_its_candidates():
    keys = {"request_id": "req_1", "profile_id": "p", "candidate_id": "req_1/p", "position": 1}
    run = {"request_id": "req_1", "created_at": NOON, "completed_at": NOON + timedelta(minutes=2)}
    enriched = {**keys, "candidate_id": "enr_1/p", "request_id": "enr_1", "success": True}
    for minutes, later in ((1, 0), (3, 1)):
        at = {"run_completed_at": NOON + timedelta(minutes=minutes)}
        [row] = rows_of(
            "candidate_quality", sourcing_runs=[run], candidates=[keys], enrichment_profiles=[{**enriched, **at}]
        )
        assert row["enriched_later"] == later


def test_a_run_that_was_started_again_keeps_what_was_enriched_before():
    """A later pass, also one that failed, says nothing of candidates that an earlier one delivered."""
    run = {"request_id": "req_1", "status": "failed", "created_at": NOON, "completed_at": NOON + timedelta(days=9)}
    people = [
        {"candidate_id": f"req_1/{n}", "request_id": "req_1", "profile_id": n, "position": 1, "run_completed_at": at}
        for n, at in (("a", NOON + timedelta(minutes=2)), ("b", NOON + timedelta(days=9)))
    ]
    enriched = [
        {**person, "candidate_id": f"enr_1/{n}", "request_id": "enr_1", "success": True}
        | {"run_completed_at": NOON + timedelta(days=1)}
        for n, person in zip("ab", people, strict=True)
    ]
    [row] = rows_of("candidate_quality", sourcing_runs=[run], candidates=people, enrichment_profiles=enriched)
    assert (row["delivered"], row["enriched_later"]) == (2, 1)


@pytest.mark.parametrize("time_zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_days_are_those_of_utc_whatever_the_session_says(time_zone):
    tables = random_tables(40)
    found = read_views(tables, time_zone)
    check_views(tables, found)


def test_without_rows_the_views_have_none():
    assert set(map(len, read_views({table.name: [] for table in TABLES}).values())) == {0}


def test_chance_reaches_every_corner():
    """The comparison above would mean little if what it compares never occurred."""
    results = [{name: reference(random_tables(seed)) for name, reference in REFERENCE.items()} for seed in range(60)]
    quality = [row for r in results for row in r["candidate_quality"]]
    assert {row["delivered"] == 0 for row in quality} == {True, False}
    assert any(row["delivered"] and not row["with_score"] for row in quality)
    assert any(row["enriched_later"] and row["enriched_later"] < row["delivered"] for row in quality)
    assert any(row["email_known"] > row["with_email"] for row in quality)
    assert any(row["runs"] > 3 and row["emails"] > 1 for r in results for row in r["people"])
    usage = [row for r in results for row in r["credit_usage_daily"]]
    assert {row["basis"] for row in usage} == {"reported", "computed", "partly computed", "billed only"}
    assert len({row["explanation"] for row in usage}) == 8
    assert {row["kind"] for row in usage} == {"sourcing", "preview", "enrichment", "other"}
    assert {row["outcome"] for r in results for row in r["enrichment_outcomes"]} == {
        "succeeded",
        "profile failed",
        "run failed",
    }
    assert any(row["processing"] > 1 for r in results for row in r["run_health"])
    assert any(0 < row["with_time"] < row["completed"] for r in results for row in r["run_health"])


@every_view
def test_every_column_is_described_in_order(view: View):
    with duckdb.connect() as connection:
        create_tables(connection, {table.name: [] for table in TABLES})
        connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        described = connection.execute(f"DESCRIBE {view.name}").fetchall()
    assert [row[0] for row in described] == list(view.columns)
    assert {row[1] for row in described} <= {"VARCHAR", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP WITH TIME ZONE"}


@every_view
def test_every_description_is_a_sentence(view: View):
    for text in (view.description, *view.columns.values()):
        assert re.fullmatch(r"[\w'][^\n|]*\w\)?\.", text), text
    assert re.fullmatch(r"[A-Z][^\n|]*\w\?", view.question)


@every_view
@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake", "bigquery"])
def test_a_view_is_written_for_each_warehouse(view: View, dialect: str):
    written = in_dialect(view.sql, dialect, lambda name: exp.table_(f"t_{name}", db="ds"))
    tables = {t.sql() for t in sqlglot.parse_one(written, read=dialect).find_all(exp.Table)}
    models = {table.name for table in TABLES}
    assert not models & tables, "a table without its dataset"
    assert {f"ds.t_{name}" for name in models} & tables


@pytest.mark.parametrize("seed", range(10))
def test_a_key_never_repeats(seed):
    found = read_views(random_tables(seed))
    for view in views():
        assert set(view.key) <= set(view.columns)
        keys = [tuple(row[name] for name in view.key) for row in found[view.name]]
        assert len(keys) == len(set(keys)), view.name


def test_a_file_is_read_with_its_meanings():
    head = "-- One row a thing\n-- of many.\n--\n-- question: How many?\n-- key: a, b\n--\n"
    text = head + "-- a: The first.\n-- b: The second,\n--   which is long.\n\nSELECT 1"
    columns = {"a": "The first.", "b": "The second, which is long."}
    assert parse_view("x", text) == View(
        "x", "One row a thing of many.", "How many?", ("a", "b"), columns, "SELECT 1\n"
    )
    with pytest.raises(ValueError, match="name: meaning"):
        parse_view("x", head + "-- nonsense\nSELECT 1")
