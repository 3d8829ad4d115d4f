"""What a load costs: the statements it sends, the tables they touch, the rows that travel."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from recorder import recording

from instaview.plan import make_plan
from instaview.request_ids import requests_from
from instaview.status import read_status
from instaview.tables import CANDIDATES, LOAD_ID, RESULT_TABLES

DOCS = Path(__file__).parents[2] / "docs" / "warehouses"
KNOWN = {"duckdb": 1_000_000, "postgres": 1_000_000, "snowflake": 10_000, "bigquery": 10_000}
"""How many known requests the ledger is tried with: the emulators take long for more."""
OF_SOURCING = {
    "requests",
    "sourcing_runs",
    *("candidates", "profile_skills", "profile_fit_points", "profile_red_flags", "profile_rationales"),
    *("profile_experiences", "profile_experience_highlights", "profile_emails"),
}


def known(number):
    return f"req_00000000-0000-4000-8000-{number:012d}"


def numbers(count, text_type):
    """A SELECT of the numbers below a power of ten as texts `n`, in SQL that all warehouses share."""
    digits = f"({' UNION ALL '.join(f'SELECT {digit} AS i' for digit in range(10))})"
    places = range(len(str(count)) - 1)
    number = " + ".join(f"d{place}.i * {10**place}" for place in places)
    return f"SELECT CAST({number} AS {text_type}) AS n FROM " + " CROSS JOIN ".join(f"{digits} d{p}" for p in places)


@pytest.mark.slow
def test_with_a_million_known_requests_only_the_given_and_the_unfinished_are_fetched(machine, monkeypatch):
    machine.load()
    count = KNOWN[machine.warehouse.name]
    text_type = "STRING" if machine.warehouse.name == "bigquery" else "VARCHAR"
    columns = "load_id, schema_name, status, inserted_at"
    machine.sql(f"INSERT INTO {{_dlt_loads}} ({columns}) VALUES ('1', 'x', 0, CURRENT_TIMESTAMP)")
    shape = "'req_00000000-0000-4000-8000-' || lpad(n, 12, '0')"
    unfinished = [7, count // 2 + 50, count - 1]
    listed = ", ".join(f"'{number}'" for number in unfinished)
    state = f"CASE WHEN n IN ({listed}) THEN 'processing' ELSE 'completed' END"
    machine.sql(
        f"INSERT INTO {{requests}} (request_id, kind, state, polls, {LOAD_ID}) "
        f"SELECT {shape}, 'sourcing', {state}, 1, '1' FROM ({numbers(count, text_type)}) AS s"
    )
    given = [known(number) for number in range(count // 2 + 100, count // 2 + 200)]
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        plan = make_plan(pipeline, requests_from(given))
    assert sorted(request.id for request in plan.to_poll) == [known(number) for number in unfinished]
    assert plan.skipped == 100
    assert recorder.rows == 103
    assert len(recorder.statements) == 3
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        status = read_status(pipeline)
    assert status.requests["completed"] == count - 3
    assert recorder.rows <= 5


@pytest.mark.slow
def test_a_load_touches_the_tables_it_has_rows_for_and_each_once(sandbox, machine, monkeypatch):
    for _ in range(2):  # on Postgres, the second still changes the schema: tables without rows cannot come as Parquet
        machine.load(*sandbox.add("sourcing", 1, candidates=2))
    request = sandbox.add("sourcing", 1, candidates=2)
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        machine.load(*request)
    assert recorder.kinds()["CREATE"] == recorder.kinds()["ALTER"] == 0
    assert not [s for s in recorder.statements if "_dlt_version" in s.lower() and s.startswith("INSERT")]
    appended = machine.warehouse.name == "duckdb"
    replaced = {"requests"} if appended else OF_SOURCING
    assert recorder.tables("INSERT") == recorder.uses("INSERT") == dict.fromkeys(OF_SOURCING, 1)
    assert recorder.tables("DELETE") == recorder.uses("DELETE") == dict.fromkeys(replaced, 1)
    looked_into = {table.name for table in RESULT_TABLES} if appended else set()
    assert set(recorder.uses("SELECT")) == {"requests"} | looked_into, "nothing is read but the ledger"
    assert set(recorder.uses("INSERT", staging=True)) == replaced
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as idle:
        machine.load(*request)
    assert idle.kinds() == {"SELECT": 5}, "a load that finds nothing to do"
    shown = "\n".join(_section(machine, recorder))
    path = DOCS / f"statements-{machine.warehouse.name}.md"
    if os.environ.get("INSTAVIEW_WRITE_DOCS"):
        path.write_text(shown, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == shown


def _section(machine, recorder):
    yield f"# What one load sends to {machine.warehouse.name}"
    yield ""
    yield "One sourcing request with two candidates, loaded into tables that exist. Written by `tests/warehouses`;"
    yield "files that the load uploads are no statements. Staging tables hold the rows of the load alone."
    yield ""
    yield "| statement | how many | tables of the model that they read or write | staging tables |"
    yield "|---|---|---|---|"
    for kind, count in sorted(recorder.kinds().items()):
        yield f"| {kind} | {count} | {recorder.uses(kind).total()} | {recorder.uses(kind, staging=True).total()} |"
    yield f"| together | {len(recorder.statements)} | | |"
    yield ""
    yield "The ledger, and what becomes of `candidates` and of `profile_skills`:"
    yield ""
    yield "```sql"
    for statement in recorder.statements:
        if re.match(r"SELECT r\.request_id", statement):
            yield _anonymous(machine, statement)
    for table in ("candidates", "profile_skills"):
        for statement in recorder.statements:
            merges = re.match(r"(DELETE|INSERT)", statement, re.IGNORECASE)
            if merges and re.search(
                rf"[\"`]{table}[\"`]", statement.split("WHERE")[0].split("SELECT")[0], re.IGNORECASE
            ):
                yield _anonymous(machine, statement)
    yield "```"
    yield ""


def _anonymous(machine, statement):
    def named(found):
        return "INSTAVIEW" if found[0].isupper() else "instaview"

    text = re.sub(re.escape(machine.dataset), named, statement, flags=re.IGNORECASE)
    text = re.sub(r"req_[0-9a-f-]{36}", "req_…", text)
    # first: the id of a file can be ten digits, as a load's id begins
    text = re.sub(r"\.[0-9a-f]{10}\.(?=0\.)", ".<file id>.", text)
    text = re.sub(r"\d{10}\.\d+", "<load id>", text)
    return re.sub(r"'(file:/)?/[^']*/", "'…/", text) + ";"


@pytest.mark.only_on("snowflake", "bigquery")
def test_the_first_load_creates_tables_with_descriptions_and_on_bigquery_partitions(machine, monkeypatch):
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        machine.load()
    created = [s for s in recorder.statements if s.startswith("CREATE TABLE") and "STAGING" not in s.upper()[:120]]
    candidates = next(s for s in created if re.search(r"[\"`]candidates[\"`]", s[:120], re.IGNORECASE))
    assert next(c.description for c in CANDIDATES.columns if c.name == "headline") in candidates
    by_day = "PARTITION BY DATE(`run_completed_at`) CLUSTER BY `request_id`, `candidate_id`"
    assert (by_day in candidates) == (machine.warehouse.name == "bigquery")
    assert (CANDIDATES.description in candidates) == (machine.warehouse.name == "bigquery")
