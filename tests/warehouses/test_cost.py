"""What a load costs: the statements it sends, the tables they touch, the rows that travel."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from recorder import recording

from instaview.ledger import make_plan
from instaview.request_ids import requests_from
from instaview.status import read_status
from instaview.tables import CANDIDATES, LOAD_ID

DOCS = Path(__file__).parents[2] / "docs" / "warehouses"
SERIES = {
    "duckdb": "SELECT CAST(range AS VARCHAR) AS n FROM range(1000000)",
    "postgres": "SELECT CAST(i AS VARCHAR) AS n FROM generate_series(0, 999999) AS i",
}
OF_SOURCING = {
    "requests",
    "sourcing_runs",
    *("candidates", "profile_skills", "profile_fit_points", "profile_red_flags", "profile_rationales"),
    *("profile_experiences", "profile_experience_highlights", "profile_emails"),
}


def known(number):
    return f"req_00000000-0000-4000-8000-{number:012d}"


@pytest.mark.only_on("duckdb", "postgres")
def test_with_a_million_known_requests_only_the_given_and_the_unfinished_are_fetched(machine, monkeypatch):
    machine.load()
    machine.sql("INSERT INTO {_dlt_loads} (load_id, schema_name, status, inserted_at) VALUES ('1', 'x', 0, now())")
    shape = "'req_00000000-0000-4000-8000-' || lpad(n, 12, '0')"
    state = "CASE WHEN n IN ('7', '777777', '999999') THEN 'processing' ELSE 'completed' END"
    machine.sql(
        f"INSERT INTO {{requests}} (request_id, kind, state, polls, {LOAD_ID}) "
        f"SELECT {shape}, 'sourcing', {state}, 1, '1' FROM ({SERIES[machine.warehouse.name]}) AS s"
    )
    given = [known(number) for number in range(500_000, 500_100)]
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        plan = make_plan(pipeline, requests_from(given))
    assert sorted(request.id for request in plan.to_poll) == [known(7), known(777_777), known(999_999)]
    assert plan.skipped == 100
    assert recorder.rows == 103
    assert len(recorder.statements) == 3
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        status = read_status(pipeline)
    assert status.requests["completed"] == 999_997
    assert recorder.rows <= 5


def test_a_load_touches_the_tables_it_has_rows_for_and_each_once(sandbox, machine, monkeypatch):
    machine.load(*sandbox.add("sourcing", 1, candidates=2))
    request = sandbox.add("sourcing", 1, candidates=2)
    with machine.pipeline() as pipeline, recording(pipeline, monkeypatch) as recorder:
        machine.load(*request)
    assert recorder.kinds()["CREATE"] == recorder.kinds()["ALTER"] == 0
    assert recorder.tables("INSERT") == dict.fromkeys(OF_SOURCING, 1)
    appended = machine.warehouse.name == "duckdb"
    assert recorder.tables("DELETE") == dict.fromkeys({"requests"} if appended else OF_SOURCING, 1)
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
    yield "| statement | how many | on the model's tables |"
    yield "|---|---|---|"
    for kind, count in sorted(recorder.kinds().items()):
        yield f"| {kind} | {count} | {recorder.tables(kind).total()} |"
    yield f"| together | {len(recorder.statements)} | |"
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
    text = re.sub(re.escape(machine.dataset), "instaview", statement, flags=re.IGNORECASE)
    text = re.sub(r"req_[0-9a-f-]{36}", "req_…", text)
    text = re.sub(r"\d{10}\.\d+", "<load id>", text)
    text = re.sub(r"\.[0-9a-f]{10}\.", ".<file id>.", text)
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
