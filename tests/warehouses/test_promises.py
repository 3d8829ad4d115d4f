"""What the README promises, on every warehouse that is chosen with `--warehouse`."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.destinations.sql_jobs import SqlMergeFollowupJob
from oracle import expected_tables, without_requests

from instaview import billing_usage, instaview_source, normalize, runner, source, tables
from instaview.tables import CANDIDATES, PROFILE_EMAILS, PROFILE_SKILLS, REQUESTS, SOURCING_RUNS, TABLES, Column
from instaview.tables import PROFILE_EXPERIENCE_HIGHLIGHTS as HIGHLIGHTS
from instaview_sandbox import Fault


def mixed(sandbox, count=2, **options):
    return [i for kind in ("sourcing", "enrichment", "preview") for i in sandbox.add(kind, count, **options)]


def test_all_kinds_become_the_tables_that_the_payloads_say_once(sandbox, machine):
    ids = mixed(sandbox, 3) + sandbox.add("sourcing", 1, state="failed")
    summary = machine.load(*ids)
    tables = machine.tables()
    assert (summary["completed"], summary["failed"]) == (9, 1)
    assert without_requests(tables) == expected_tables(sandbox, ids)
    assert summary["rows"] == {name: len(rows) for name, rows in tables.items()}
    calls = len(sandbox.calls)
    again = machine.load(*ids)
    assert (again["skipped"], again["http_requests"], again["load_ids"]) == (10, 0, [])
    assert machine.tables() == tables
    assert len(sandbox.calls) == calls


@pytest.mark.slow
def test_reading_everything_again_changes_nothing(sandbox, machine):
    ids = mixed(sandbox)
    machine.load(*ids)
    assert machine.load("--refresh")["completed"] == 6
    assert without_requests(machine.tables()) == expected_tables(sandbox, ids)


def test_the_first_load_makes_all_tables_however_little_it_brings(machine):
    assert machine.load()["requested"] == 0
    assert {name: rows for name, rows in machine.tables().items() if rows} == {}
    assert len(machine.tables()) == len(TABLES)
    assert machine.load()["load_ids"] == []
    assert json.loads(machine.run("status", "--json").stdout)["requests"]["completed"] == 0


@pytest.mark.slow
def test_both_sources_run_together_in_a_plain_pipeline_also_where_nothing_was_billed(sandbox, machine):
    ids = [*sandbox.add("sourcing", 1, candidates=2), *sandbox.add("sourcing", 1, candidates=2)]
    for given, key in zip(ids, ("full", "sourcing"), strict=True):  # the latter has no scope for it
        with machine.pipeline(SOURCES__INSTAVIEW__API_KEY=sandbox.keys[key]) as pipeline:
            pipeline.run([instaview_source([given]), billing_usage()])
    found = machine.tables()
    assert len(found["billing_usage"]) == 1
    assert {**without_requests(found), "billing_usage": []} == expected_tables(sandbox, ids)
    assert machine.load(*ids)["skipped"] == 2


def test_a_fresh_machine_goes_on_from_the_warehouse_alone(sandbox, machine):
    ids, later = mixed(sandbox), sandbox.add("sourcing", 2, seconds=300)
    machine.load(*ids, *later, "--no-wait")
    shutil.rmtree(machine.home)
    machine.home.mkdir()
    sandbox.advance(301)
    summary = machine.load(*ids)
    assert (summary["skipped"], summary["completed"], summary["http_requests"]) == (6, 2, 2)
    assert without_requests(machine.tables()) == expected_tables(sandbox, ids + later)


def test_a_drifting_payload_loses_nothing(sandbox, machine):
    ids = mixed(sandbox)
    drift = Fault("drift")
    sandbox.inject(drift)
    assert machine.load(*ids)["completed"] == 6
    tables = machine.tables()
    assert any(row["extra"] for row in tables["candidates"])
    assert without_requests(tables) == expected_tables(sandbox, ids, drift)


def listing(request_id, *profiles):
    """The answer of a sourcing run that lists these profiles."""
    return {
        "requestId": request_id,
        "status": "completed",
        "createdAt": "2026-01-05T10:00:00Z",
        "completedAt": "2026-01-05T12:00:00.123456+02:00",
        "candidates": list(profiles),
    }


SOURCING = "req_00000000-0000-4000-8000-000000000001"
ODD = {
    "empty": "",
    "quotes": 'it\'s "quoted" with a \\ and \\n, and NULL',
    "lines": "first\nsecond\r\n\tthird",
    "people": "Żółć 名前 👩‍💻 e\u0301",
    "megabyte": "é" * 524_288,
    "template": "{table} %s %(x)s $1 ${x} ; DROP TABLE candidates; --",
}


def test_odd_texts_numbers_and_times_come_back_as_they_are(machine):
    profiles = [{"profileId": key, "name": text, "skills": [text]} for key, text in ODD.items()]
    profiles.append({"profileId": "numbers", "matchScore": 87.123456789012345})
    profiles.append({"profileId": "nothing"})
    machine.load_payloads({SOURCING: listing(SOURCING, *profiles)})
    candidates = {row["profile_id"]: row for row in machine.rows(CANDIDATES)}
    assert {key: candidates[key]["name"] for key in ODD} == ODD
    assert {row["profile_id"]: row["skill"] for row in machine.rows(PROFILE_SKILLS)} == ODD
    assert candidates["numbers"]["match_score"] == 87.123456789012345
    nothing = candidates["nothing"]
    assert {nothing[name] for name in ("name", "match_score", "headline", "extra")} == {None}
    run = machine.rows(SOURCING_RUNS)[0]
    assert run["completed_at"] == datetime(2026, 1, 5, 10, 0, 0, 123456, UTC)
    assert (run["created_at"], run["found_count"]) == (datetime(2026, 1, 5, 10, tzinfo=UTC), None)
    assert nothing["run_completed_at"] == run["completed_at"]


def test_a_text_that_some_warehouse_cannot_hold_is_in_extra_and_spoils_no_load(machine):
    profile = {"profileId": "p", "name": "nul\x00inside", "skills": ["a\x00b", "c"]}
    answer = {**listing(SOURCING, profile), "errorMessage": "nul\x00inside"}
    assert machine.load_payloads({SOURCING: {**answer, "status": "failed"}}).failed == 1
    row = machine.rows(CANDIDATES)[0]
    assert row["name"] is None
    assert json.loads(row["extra"]) == {"name": "nul\x00inside", "skills": ["a\x00b", "c"]}
    assert [row["skill"] for row in machine.rows(PROFILE_SKILLS)] == ["c"]


def test_lists_that_shrink_and_empty_are_replaced_as_a_whole_and_others_stay(machine):
    experience = {"role": "CFO", "highlights": ["x", "y"]}
    full = {"skills": ["a", "b", "c"], "emails": ["a@example.com"], "detailedExperience": [experience, experience]}
    first = listing(SOURCING, {"profileId": "p", **full}, {"profileId": "q", **full})
    machine.load_payloads({SOURCING: first})
    shrunk = {"skills": ["b"], "emails": [], "detailedExperience": [{"role": "CEO", "highlights": ["z"]}]}
    machine.load_payloads({SOURCING: listing(SOURCING, {"profileId": "p", **shrunk})}, refresh=True)

    def lists_of(profile):
        rows = {table.name: machine.rows(table) for table in (PROFILE_SKILLS, PROFILE_EMAILS, HIGHLIGHTS)}
        column = {"profile_skills": "skill", "profile_emails": "email", HIGHLIGHTS.name: "highlight"}
        return [[r[column[name]] for r in found if r["profile_id"] == profile] for name, found in rows.items()]

    assert lists_of("p") == [["b"], [], ["z"]]
    assert lists_of("q") == [["a", "b", "c"], ["a@example.com"], ["x", "y", "x", "y"]]
    machine.load_payloads({SOURCING: listing(SOURCING, {"profileId": "p"})}, refresh=True)
    assert lists_of("p") == [[], [], []]
    assert [row["profile_id"] for row in machine.rows(CANDIDATES)] == ["p", "q"], "none is doubled, none is lost"


def test_a_rerun_with_other_candidates_keeps_the_earlier_ones(sandbox, machine):
    ids = sandbox.add("sourcing", 2, candidates=6)
    machine.load(*ids)
    old = machine.tables()
    for request_id in ids:
        sandbox.rerun(request_id, seconds=0)
    sandbox.advance(1)
    assert machine.load(*ids, "--refresh")["completed"] == 2
    expected, now = expected_tables(sandbox, ids), machine.tables()
    delivered = {row["candidate_id"] for row in expected["candidates"]}
    assert {row["candidate_id"] for row in old["candidates"]} - delivered, "the scenario needs some that are gone"
    assert now["sourcing_runs"] == expected["sourcing_runs"]
    for table in (CANDIDATES, PROFILE_SKILLS, HIGHLIGHTS):
        kept = [row for row in old[table.name] if row["candidate_id"] not in delivered]
        by_key = {tuple(row[k] for k in table.key): row for row in (*kept, *expected[table.name])}
        assert now[table.name] == [by_key[key] for key in sorted(by_key)], table.name


GEN_MERGE_SQL = SqlMergeFollowupJob.gen_merge_sql.__func__


def broken_for_candidates(cls, table_chain, sql_client):
    if table_chain[0]["name"] != "candidates":
        return GEN_MERGE_SQL(cls, table_chain, sql_client)
    return [f"DELETE FROM {sql_client.make_qualified_table_name('candidates')} WHERE no_such_column = 1;"]


COPY = DuckDbCopyJob.run


def copied_but_candidates(job):
    if job._load_table["name"] == "candidates":
        raise duckdb.ConversionException("broken")
    COPY(job)


@pytest.mark.slow
def test_a_load_that_broke_between_two_tables_does_not_count_and_is_made_good(sandbox, machine, monkeypatch):
    first, broken = mixed(sandbox), sandbox.add("sourcing", 2)
    machine.load(*first)
    with monkeypatch.context() as patched:
        patched.setattr(SqlMergeFollowupJob, "gen_merge_sql", classmethod(broken_for_candidates))
        patched.setattr(DuckDbCopyJob, "run", copied_but_candidates)  # DuckDB appends what is new
        machine.load(*broken, code=1)
    written = len(machine.rows(REQUESTS))
    counts = json.loads(machine.run("status", "--json").stdout)["requests"]
    assert counts["completed"] == 6, "what the broken load wrote does not count"
    assert counts["processing"] == written - 6
    assert machine.load(*broken)["completed"] == 2
    assert without_requests(machine.tables()) == expected_tables(sandbox, first + broken)
    assert json.loads(machine.run("status", "--json").stdout)["requests"]["completed"] == 8


def test_erased_rows_stay_erased(sandbox, machine):
    ids = sandbox.add("sourcing", 2, candidates=3)
    machine.load(*ids)
    before = machine.tables()
    gone = before["candidates"][0]["profile_id"]
    for table in TABLES:
        if "profile_id" in [column.name for column in table.columns]:
            machine.sql(f"DELETE FROM {{{table.name}}} WHERE profile_id = %s", gone)
    assert machine.load(*ids)["skipped"] == 2
    machine.load(*sandbox.add("preview", 1))
    after = machine.tables()
    for name in ("candidates", "profile_skills"):
        assert after[name] == [row for row in before[name] if row["profile_id"] != gone]


def test_a_column_can_join_the_model_and_another_leave_it(machine, monkeypatch):
    machine.load_payloads({SOURCING: listing(SOURCING, {"profileId": "p", "name": "A", "shoeSize": 44.5})})
    assert json.loads(machine.rows(CANDIDATES)[0]["extra"]) == {"shoeSize": 44.5}
    left = tuple(column for column in CANDIDATES.columns if column.name != "headline")
    joined = (
        *left,
        Column("shoe_size", "double", "Size of shoes.", "shoeSize"),
        Column("is_left", "bool", "", "isLeft"),
    )
    grown = dataclasses.replace(CANDIDATES, columns=joined)
    replace_table(monkeypatch, CANDIDATES, grown)
    other = SOURCING.replace("1", "2")
    profile = {"profileId": "p", "name": "B", "shoeSize": 38, "isLeft": True, "headline": "no column any more"}
    machine.load_payloads({other: listing(other, profile)})
    rows = machine.rows(grown)
    assert [(row["name"], row["shoe_size"], row["is_left"]) for row in rows] == [("A", None, None), ("B", 38.0, True)]
    assert json.loads(rows[1]["extra"]) == {"headline": "no column any more"}


def replace_table(monkeypatch, old, new):
    model = dataclasses.replace(tables.RUN_MODELS["sourcing"], profiles=new)
    monkeypatch.setattr(normalize, "RUN_MODELS", {**tables.RUN_MODELS, "sourcing": model})
    for module in (source, runner):
        monkeypatch.setattr(module, "TABLES", tuple(new if table is old else table for table in TABLES))


def test_status_tells_what_the_warehouse_knows(sandbox, machine):
    assert "nothing is loaded yet" in machine.run("status").stdout
    waiting = sandbox.add("enrichment", 1, state="processing")
    machine.load(*sandbox.add("sourcing", 2), *waiting, "--no-wait")
    known = json.loads(machine.run("status", "--json").stdout)
    assert {state: count for state, count in known["requests"].items() if count} == {"completed": 2, "processing": 1}
    assert known["oldest_unfinished"]["request_id"] == waiting[0]
    assert known["last_load"]["load_id"]


@pytest.mark.slow
def test_refresh_since_goes_by_the_run_s_completion(sandbox, machine):
    recent, old = sandbox.add("sourcing", 2), sandbox.add("sourcing", 1)
    machine.load(*recent, *old)
    long_ago = datetime.now(UTC) - timedelta(days=8)
    machine.sql("UPDATE {sourcing_runs} SET completed_at = %s WHERE request_id = %s", long_ago, old[0])
    assert machine.load("--refresh-since", "7d")["requested"] == 2
