"""Reading finished requests again: which ones, and what a load says of those that it did not get to."""

from __future__ import annotations

import json

import pytest

from instaview_sandbox import Fault

UNKNOWN = "req_00000000-0000-4000-8000-00000000dead"


def calls_for(sandbox, request_id):
    return sum(request_id in call.path for call in sandbox.calls)


@pytest.mark.slow
def test_a_refresh_of_all_asks_for_finished_ones_alone(api, machine):
    sandbox = api()
    m = machine(sandbox)
    good, failed, broken = (sandbox.add("sourcing", 1, **o)[0] for o in ({}, {"state": "failed"}, {}))
    sandbox.inject(Fault("status", status=400, request_id=broken))
    m.load(good, failed, broken, UNKNOWN)
    assert m.states()[broken] == "error"
    before = {i: calls_for(sandbox, i) for i in (good, failed, broken, UNKNOWN)}
    assert m.load("--refresh")["requested"] == 2
    assert {i: calls_for(sandbox, i) - n for i, n in before.items()} == {good: 1, failed: 1, broken: 0, UNKNOWN: 0}
    assert m.load("--refresh", UNKNOWN, broken)["requested"] == 2, "but when they are given"
    assert calls_for(sandbox, broken) > before[broken]


@pytest.mark.slow
def test_a_refresh_of_an_empty_list_reads_nothing(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 2))
    m.ids_file([], "none.txt")
    assert m.load("--refresh", "--from", "none.txt")["requested"] == 0
    assert m.load("--refresh")["completed"] == 2


@pytest.mark.slow
def test_a_refresh_without_time_leaves_finished_requests_finished(api, machine):
    sandbox = api(hour_limit=4)
    m = machine(sandbox)
    good, failed = sandbox.add("sourcing", 2), sandbox.add("sourcing", 1, state="failed")
    m.load(*good, *failed)
    summary = m.load("--refresh", "--wait", "1", "--strict", code=3)
    assert (summary["processing"], summary["requested"]) == (0, 3)
    assert summary["skipped"] + summary["completed"] + summary["failed"] == 3
    assert summary["skipped"] >= 2
    done = m.run("load", *good, "--refresh", "--wait", "1", "--strict")
    assert done.returncode == 0
    assert "2 loaded before, 2 of them not read again" in done.stdout
    assert "the next load" not in done.stdout


@pytest.mark.slow
def test_a_refresh_with_a_refused_key_leaves_finished_requests_finished(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 2))
    refused = m.run("load", "--refresh", "--json", SOURCES__INSTAVIEW__API_KEY=sandbox.keys["suspended"])
    assert refused.returncode == 1
    assert "what is unfinished" in refused.stderr
    summary = json.loads(refused.stdout)
    assert (summary["skipped"], summary["processing"]) == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/elsewhere", "/_sandbox/nothing"])
def test_a_wrong_address_is_an_error_and_unfinished_requests_stay_unfinished(api, machine, path):
    sandbox = api()
    m = machine(sandbox)
    never = sandbox.add("sourcing", 2, state="processing")
    m.load(*never, "--no-wait")
    before = m.query("SELECT * FROM requests ORDER BY request_id")
    wrong = {"SOURCES__INSTAVIEW__BASE_URL": m.base_url + path}
    assert m.load(**wrong)["error"] == 2
    assert m.query("SELECT * FROM requests ORDER BY request_id") == before
    new = sandbox.add("sourcing", 1)
    m.load(*new, **wrong)
    ((state, message),) = m.query("SELECT state, error_message FROM requests WHERE request_id = ?", new[0])
    assert state == "error"
    assert "check base_url" in message
    checked = json.loads(m.run("check", "--json", **wrong).stdout)
    assert checked["key"] != "good"
    assert "check base_url" in checked["trouble"]


@pytest.mark.slow
def test_a_ledger_row_counts_whatever_its_company_is(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 2)
    m.load(*ids)
    with m.connect() as connection:
        connection.execute("UPDATE requests SET company_id = 'Acme, Inc. (Köln)'")
    assert m.load(*ids)["skipped"] == 2


@pytest.mark.parametrize("company", ["Acme, Inc.", "../x", "x" * 101])
def test_a_company_of_the_wrong_shape_is_refused_before_anything_is_sent(api, machine, company):
    sandbox = api()
    done = machine(sandbox).run("load", *sandbox.add("sourcing", 1), SOURCES__INSTAVIEW__COMPANY_ID=company)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "company_id" in done.stderr
    assert not sandbox.calls
