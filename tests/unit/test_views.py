"""The views: their files, and their numbers on DuckDB beside a slow reference over tables made by chance."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from random_tables import random_tables
from sqlglot import exp
from view_checks import check_views
from view_reference import REFERENCE

from instaview.tables import TABLES
from instaview.views import View, in_dialect, parse_view, views

Row = dict[str, Any]
every_view = pytest.mark.parametrize("view", views(), ids=lambda view: view.name)


def read_views(tables: dict[str, list[Row]], time_zone: str = "UTC") -> dict[str, list[Row]]:
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{time_zone}'")
        for table in TABLES:
            arrow = pa.Table.from_pylist(tables[table.name], table.arrow_schema)  # noqa: F841 - DuckDB finds it
            connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM arrow")
        found = {}
        for view in views():
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
            found[view.name] = connection.execute(f"SELECT * FROM {view.name}").to_arrow_table().to_pylist()
        return found


@pytest.mark.parametrize("seed", [*range(50), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(50, 150))])
def test_the_views_hold_what_the_reference_says(seed):
    tables = random_tables(seed)
    check_views(tables, read_views(tables))


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
    assert len({row["explanation"] for row in usage}) == 6
    assert {row["kind"] for row in usage} == {"sourcing", "preview", "enrichment", "other"}
    assert {row["outcome"] for r in results for row in r["enrichment_outcomes"]} == {
        "succeeded",
        "profile failed",
        "run failed",
    }
    assert any(row["processing"] > 1 for r in results for row in r["run_health"])


@every_view
def test_every_column_is_described_in_order(view: View):
    with duckdb.connect() as connection:
        for table in TABLES:
            arrow = table.empty()  # noqa: F841 - DuckDB finds it
            connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM arrow")
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
