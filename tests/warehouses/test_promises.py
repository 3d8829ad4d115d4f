"""What the README promises, on every warehouse that is chosen with `--warehouse`."""

from __future__ import annotations

import json
import shutil

from oracle import expected_tables, without_requests

from instaview.tables import TABLES
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
    sandbox.inject(Fault("drift"))
    assert machine.load(*ids)["completed"] == 6
    kept = [row["extra"] for row in machine.tables()["candidates"] if row["extra"] is not None]
    assert kept
    assert all(isinstance(json.loads(extra), dict) for extra in kept)
