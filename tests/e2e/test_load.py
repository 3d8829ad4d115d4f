"""The command `instaview load` against the sandbox over HTTP, into a real DuckDB file."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import pairwise

import pandas as pd
import pytest
from oracle import expected_tables, without_requests

from instaview.tables import TABLES
from instaview_sandbox import Fault

KEYS = {
    "requested",
    "skipped",
    "completed",
    "failed",
    "not_found",
    "error",
    "processing",
    "rows",
    "http_requests",
    "rate_limited",
    "seconds",
    "load_ids",
}
UNKNOWN = "req_00000000-0000-4000-8000-000000000000"


def mixed(sandbox, count=4, **options):
    return [i for kind in ("sourcing", "enrichment", "preview") for i in sandbox.add(kind, count, **options)]


def as_bag(rows):
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in rows)


def results_calls(sandbox):
    return [call for call in sandbox.calls if call.path.endswith("/results")]


def test_all_three_kinds_become_the_tables_that_the_payloads_say(api, machine):
    sandbox = api()
    ids = mixed(sandbox, 6) + sandbox.add("sourcing", 2, state="failed")
    m = machine(sandbox)
    summary = m.load("--from", m.ids_file(ids))
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)
    assert set(summary) == KEYS
    assert (summary["requested"], summary["completed"], summary["failed"]) == (20, 18, 2)
    assert summary["http_requests"] == 20
    assert summary["rate_limited"] == 0
    assert summary["rows"] == {name: len(rows) for name, rows in m.tables().items()}
    assert summary["load_ids"] == [r[0] for r in m.query("SELECT load_id FROM _dlt_loads ORDER BY 1")]


def test_requests_tells_what_became_of_each(api, machine):
    sandbox = api()
    done, broken = sandbox.add("sourcing", 1)[0], sandbox.add("enrichment", 1, state="failed")[0]
    never = sandbox.add("preview", 1, state="processing")[0]
    m = machine(sandbox)
    m.load(done, broken, never, UNKNOWN, "--no-wait")
    rows = {row["request_id"]: row for row in m.tables()["requests"]}
    assert {i: (r["kind"], r["state"], r["http_status"]) for i, r in rows.items()} == {
        done: ("sourcing", "completed", 200),
        broken: ("enrichment", "failed", 200),
        never: ("preview", "processing", 202),
        UNKNOWN: ("sourcing", "not_found", 404),
    }
    assert rows[broken]["error_code"] == sandbox.payload(broken)["errorCode"]
    assert rows[UNKNOWN]["error_code"] == "REQUEST_NOT_FOUND"
    assert rows[never]["resolved_at"] is None
    for row in rows.values():
        assert row["polls"] == 1
        assert row["first_seen_at"] <= row["last_polled_at"]
    assert rows[done]["resolved_at"] >= rows[done]["last_polled_at"]


def test_the_same_load_again_makes_no_request_and_changes_nothing(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = m.ids_file(mixed(sandbox))
    m.load("--from", ids)
    before, calls = m.tables(), len(sandbox.calls)
    summary = m.load("--from", ids)
    assert (summary["skipped"], summary["http_requests"], summary["load_ids"]) == (12, 0, [])
    assert m.tables() == before
    assert len(sandbox.calls) == calls


def test_without_ids_it_goes_on_with_what_is_unfinished(api, machine):
    sandbox = api()
    ids = mixed(sandbox, 2, seconds=60)
    m = machine(sandbox)
    first = m.load(*ids, "--no-wait")
    assert (first["processing"], first["http_requests"]) == (6, 6)
    sandbox.advance(61)
    second = m.load()
    assert (second["requested"], second["completed"], second["processing"]) == (6, 6, 0)
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)
    assert {row["polls"] for row in m.tables()["requests"]} == {2}


def test_a_wait_that_ends_leaves_the_rest_for_later_and_is_no_error(api, machine):
    sandbox = api()
    done, never = sandbox.add("sourcing", 2), sandbox.add("sourcing", 2, state="processing")
    m = machine(sandbox)
    summary = m.load(*done, *never, "--wait", "1")
    assert (summary["completed"], summary["processing"]) == (2, 2)
    assert summary["seconds"] < 10


def test_runs_that_end_while_it_waits_are_loaded(api, machine):
    sandbox = api()
    ids = mixed(sandbox, 3, seconds=1.5)
    m = machine(sandbox)
    assert m.load(*ids, "--wait", "30")["completed"] == 9
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)


def test_no_request_is_looked_at_twice_within_the_poll_interval(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 3, seconds=1.5)
    machine(sandbox).load(*ids, "--wait", "30", SOURCES__INSTAVIEW__POLL_INTERVAL="0.5")
    times: dict[str, list[float]] = {}
    for call in results_calls(sandbox):
        times.setdefault(call.path, []).append(call.time)
    gaps = [b - a for looks in times.values() for a, b in pairwise(looks)]
    assert gaps
    assert min(gaps) >= 0.48


def test_the_first_load_makes_all_tables_however_little_it_brings(api, machine):
    m = machine(api())
    summary = m.load()
    assert summary["requested"] == 0
    with m.connect() as connection:
        for table in TABLES:
            described = connection.execute(f"DESCRIBE {table.name}").fetchall()
            types = {"text": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "date": "DATE"}
            assert [(row[0], row[1]) for row in described] == [
                *((c.name, types.get(c.type, "TIMESTAMP WITH TIME ZONE")) for c in table.columns),
                ("_dlt_load_id", "VARCHAR"),
            ]
    assert m.load()["load_ids"] == []


def test_a_fresh_machine_goes_on_from_the_warehouse_alone(api, machine):
    sandbox = api()
    ids, later = mixed(sandbox, 2), sandbox.add("sourcing", 2, seconds=300)
    m = machine(sandbox)
    m.load(*ids, *later, "--no-wait")
    shutil.rmtree(m.home)
    m.home.mkdir()
    sandbox.advance(301)
    summary = m.load(*ids)
    assert (summary["skipped"], summary["completed"], summary["http_requests"]) == (6, 2, 2)
    assert without_requests(m.tables()) == expected_tables(sandbox, ids + later)


def test_a_result_whose_load_was_not_committed_is_read_again(api, machine):
    sandbox = api()
    ids = mixed(sandbox, 2)
    m = machine(sandbox)
    m.load(*ids)
    m.query("DELETE FROM _dlt_loads")  # as after a crash between two tables: rows are there, the commit is not
    m.query("DELETE FROM candidates")
    assert json.loads(m.run("status", "--json").stdout)["requests"]["processing"] == 6
    assert m.load()["completed"] == 6
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)


@pytest.mark.slow
def test_a_rerun_replaces_lists_as_a_whole_and_keeps_candidates_no_longer_listed(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 5, candidates=8)
    m = machine(sandbox)
    m.load(*ids)
    old = m.tables()
    for request_id in ids:
        sandbox.rerun(request_id, seconds=100)
    assert m.load(*ids)["skipped"] == 5
    again = m.load(*ids, "--refresh", "--no-wait")
    assert again["processing"] == 5
    assert set(m.states().values()) == {"processing"}
    assert without_requests(m.tables()) == without_requests(old)
    sandbox.advance(101)
    assert m.load()["completed"] == 5

    expected, now = expected_tables(sandbox, ids), m.tables()
    delivered = {row["candidate_id"] for row in expected["candidates"]}
    earlier = {row["candidate_id"] for row in old["candidates"]}
    assert {row["candidate_id"] for row in now["candidates"]} == delivered | earlier
    assert earlier - delivered, "the scenario needs candidates that are no longer listed"
    assert earlier & delivered, "the scenario needs candidates that are listed again"
    for name, rows in now.items():
        if name.startswith("profile_") or name == "candidates":
            kept = [row for row in old[name] if row["candidate_id"] not in delivered]
            assert as_bag(rows) == as_bag(expected[name] + kept), name
    assert now["sourcing_runs"] == expected["sourcing_runs"]


@pytest.mark.slow
def test_refresh_since_reads_those_again_that_completed_since(api, machine):
    sandbox = api()
    recent, old = sandbox.add("sourcing", 2), sandbox.add("sourcing", 1)
    m = machine(sandbox)
    m.load(*recent, *old)
    m.query("UPDATE sourcing_runs SET completed_at = now() - INTERVAL 8 DAY WHERE request_id = $1", old[0])
    summary = m.load("--refresh-since", "7d")
    assert (summary["requested"], summary["completed"]) == (2, 2)
    assert m.load(old[0], "--refresh")["completed"] == 1
    assert m.load("--refresh")["completed"] == 3
    assert m.load("--refresh-since", "999999w")["completed"] == 3


def test_a_finished_request_stays_finished_when_reading_it_again_is_refused(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 3)
    m = machine(sandbox)
    m.load(*ids)
    m.load(*ids, "--refresh", code=1, SOURCES__INSTAVIEW__API_KEY=sandbox.keys["suspended"])
    assert set(m.states().values()) == {"completed"}


@pytest.mark.usefixtures("brief_backoff")
def test_faults_that_pass_are_retried_and_those_that_last_become_a_row(api, machine):
    sandbox = api()
    good, shaky, dead = sandbox.add("sourcing", 3), sandbox.add("enrichment", 2), sandbox.add("preview", 1)
    sandbox.inject(Fault("reset", kind="enrichment", times=1))
    sandbox.inject(Fault("truncate", kind="enrichment", times=1))
    sandbox.inject(Fault("status", status=503, kind="preview"))
    m = machine(sandbox)
    summary = m.load(*good, *shaky, *dead)
    assert (summary["completed"], summary["error"]) == (5, 1)
    row = next(r for r in m.tables()["requests"] if r["request_id"] == dead[0])
    assert (row["state"], row["http_status"]) == ("error", 503)
    assert row["error_code"]
    assert 2 <= row["polls"] <= 6
    assert summary["seconds"] < 30
    sandbox.clear_faults()
    assert m.load()["requested"] == 0, "an error is asked again when it is given again"
    assert m.load(*dead)["completed"] == 1
    assert without_requests(m.tables()) == expected_tables(sandbox, good + shaky + dead)


@pytest.mark.slow
def test_a_key_without_a_scope_marks_that_kind_and_spares_the_others(api, machine):
    sandbox = api()
    sourcing, enrichment = sandbox.add("sourcing", 3), sandbox.add("enrichment", 30)
    m = machine(sandbox, key="sourcing")
    summary = m.load(*enrichment, *sourcing)
    assert (summary["completed"], summary["error"]) == (3, 30)
    assert summary["http_requests"] < 25, "the kind is not asked for again once it was refused"
    message = m.query("SELECT DISTINCT http_status, error_code, error_message FROM requests WHERE state = 'error'")
    assert [row[:2] for row in message] == [(403, "INSUFFICIENT_PERMISSIONS")]
    assert "enrich:write" in message[0][2]


@pytest.mark.slow
def test_both_envelopes_are_read(api, machine):
    sandbox = api(envelope="wrapped")
    ids = mixed(sandbox, 2)
    m = machine(sandbox)
    assert m.load(*ids)["completed"] == 6
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)


@pytest.mark.slow
def test_a_drifting_payload_loses_nothing(api, machine):
    sandbox = api()
    ids = mixed(sandbox, 2)
    fault = Fault("drift")
    sandbox.inject(fault)
    m = machine(sandbox)
    assert m.load(*ids)["completed"] == 6
    assert m.query("SELECT count(*) FROM candidates WHERE extra IS NOT NULL")[0][0] > 0
    assert without_requests(m.tables()) == expected_tables(sandbox, ids, fault)


def test_a_profile_listed_twice_counts_once(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 2, candidates=5)
    sandbox.inject(Fault("duplicate_profile"))
    m = machine(sandbox)
    m.load(*ids)
    assert m.query("SELECT count(*), count(DISTINCT candidate_id) FROM candidates") == [(10, 10)]


@pytest.mark.slow
def test_an_ats_key_reads_each_request_for_its_company(api, machine):
    sandbox = api()
    from instaview_sandbox import ACME, GLOBEX

    acme = sandbox.add("sourcing", 1, company_id=ACME.company_id)
    globex = sandbox.add("sourcing", 1, seconds=60, company_id=GLOBEX.company_id)
    m = machine(sandbox, key="ats")
    (m.folder / "ids.csv").write_text(
        f"requestId,company_id\n{acme[0]},{ACME.company_id}\n{globex[0]},{GLOBEX.company_id}\n", encoding="utf-8"
    )
    assert m.load("--from", "ids.csv", "--no-wait")["completed"] == 1
    sandbox.advance(61)
    assert m.load()["completed"] == 1, "the company is remembered with the request"
    assert m.query("SELECT company_id FROM sourcing_runs WHERE request_id = $1", globex[0]) == [(GLOBEX.company_id,)]


def test_ids_come_from_arguments_files_webhooks_and_standard_input_each_once(api, machine):
    sandbox = api()
    a, b, c, d = sandbox.add("sourcing", 4)
    m = machine(sandbox)
    pd.DataFrame({"request_id": [b, a]}).to_parquet(m.folder / "ids.parquet")
    delivery = {"event": "sourcing.completed", "deliveryId": "x", "data": {"requestId": c}}
    other = {"event": "interview.completed", "data": {"interviewId": "i"}}
    (m.folder / "hooks.jsonl").write_text("\n".join(json.dumps(v) for v in (delivery, other, delivery)))
    summary = m.load(
        a, "--from", "ids.parquet", "--from", "hooks.jsonl", "--from", "-", stdin=f"# from a pipe\n{d}\n{a}\n"
    )
    assert (summary["requested"], summary["completed"]) == (4, 4)


@pytest.mark.slow
def test_alone_on_its_key_it_meets_no_429(api, machine):
    sandbox = api(minute_limit=8, minute_seconds=1.0, hour_limit=10_000)
    ids = sandbox.add("sourcing", 20)
    summary = machine(sandbox).load(*ids)
    assert (summary["completed"], summary["http_requests"], summary["rate_limited"]) == (20, 20, 0)


@pytest.mark.slow
def test_when_others_use_the_key_it_waits_and_goes_on(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 5)
    sandbox.inject(Fault("status", status=429, retry_after=2, times=1))
    summary = machine(sandbox).load(*ids)
    assert (summary["completed"], summary["rate_limited"]) == (5, 1)
    times = [call.time for call in results_calls(sandbox)]
    limited = next(call.time for call in results_calls(sandbox) if call.status == 429)
    assert not [t for t in times if limited < t < limited + 1.95]


def test_a_long_load_commits_as_it_goes(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 12)
    m = machine(sandbox)
    summary = m.load(*ids, SOURCES__INSTAVIEW__COMMIT_RESULTS="4", SOURCES__INSTAVIEW__MAX_IN_FLIGHT="2")
    assert len(summary["load_ids"]) >= 2
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)


@pytest.mark.slow
def test_what_loads_bring_makes_no_versions_of_the_schema_without_end(api, machine):
    """dlt keeps each version, with the whole schema in it: where they append, and where they merge."""
    sandbox = api()
    m = machine(sandbox)
    versions = []
    for _ in range(2):
        for kind in ("sourcing", "enrichment", "preview"):
            (request_id,) = sandbox.add(kind, 1, state="completed")
            m.load(request_id)
            m.load(request_id, "--refresh")
            m.load(*sandbox.add(kind, 1, state="failed"))
        versions += m.query("SELECT count(*) FROM _dlt_version")
    assert versions[0] == versions[1] <= (4,)
