"""Exit codes, and that errors say in one line what happened and what to do."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

GOOD = "req_550e8400-e29b-41d4-a716-446655440000"


def only_line(text):
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def m(api, machine):
    return machine(api())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "argument 1: 'nonsense'"),
        ([GOOD, "req_../../billing"], "argument 2"),
        (["req_" + "a" * 500], "argument 1"),
        (["--from", "missing.txt"], "missing.txt: No such file"),
        (["--from", "bad.txt"], "bad.txt, line 2"),
        ([GOOD, "--refresh-since", "soon"], "--refresh-since"),
        ([GOOD, "--wait", "-1"], "wait"),
        ([GOOD, "--dry-run", "--billing-since", "nonsense"], "billing since 'nonsense'"),
        ([GOOD, "--destination", "nowhere"], "nowhere"),
        ([GOOD, "--destination", ""], "--destination"),
    ],
)
def test_wrong_usage_is_2_in_one_line_and_nothing_is_sent(api, machine, arguments, says):
    sandbox = api()
    m = machine(sandbox)
    (m.folder / "bad.txt").write_text(f"{GOOD}\nbad id\n")
    done = m.run("load", *arguments)
    assert done.returncode == 2
    assert says in only_line(done.stderr)
    assert done.stdout == ""
    assert not sandbox.calls
    assert not m.database.exists()


def test_an_unknown_option_is_2(m):
    assert m.run("load", "--bogus").returncode == 2


def test_a_missing_key_is_2_and_names_the_setting(m):
    done = m.run("load", GOOD, SOURCES__INSTAVIEW__API_KEY="")
    assert done.returncode == 2
    assert "SOURCES__INSTAVIEW__API_KEY" in only_line(done.stderr)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:99999",
        "http://localhost:x",
        "http://[::1",
        "http://xn--a.com",
        "localhost",
        "ftp://x",
        "http://a b",
        "http://localhost:0",
    ],
)
def test_an_address_to_which_nothing_can_be_sent_is_2(m, address):
    for command in (["load", GOOD], ["check"]):
        done = m.run(*command, SOURCES__INSTAVIEW__BASE_URL=address)
        assert done.returncode == 2
        assert f"base_url '{address}' is not an http(s) address" in only_line(done.stderr)


def test_secrets_that_cannot_be_read_are_2_and_the_place_is_told_but_no_part_of_them(m):
    (m.folder / ".dlt").mkdir()
    (m.folder / ".dlt" / "secrets.toml").write_text("[sources.instaview]\napi_key = zzzz_0123456789\n")
    done = m.process("load", GOOD)
    assert done.returncode == 2
    assert only_line(done.stderr).endswith("at line 2 col 10")
    assert "z" not in only_line(done.stderr)


def test_a_standard_input_that_is_closed_is_2(m, monkeypatch):
    monkeypatch.setattr("instaview.id_files.sys", SimpleNamespace(stdin=None))  # as Python has it then
    done = m.run("load", "--from", "-")
    assert done.returncode == 2
    assert only_line(done.stderr) == "instaview: standard input: closed. Nothing was sent"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_output_that_takes_nothing_is_1(m, options):
    with Path(os.devnull).open() as only_to_read:
        process = m.start("status", *options, stdout=only_to_read)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert only_line(stderr) == "instaview: the output: Bad file descriptor"


def test_a_setting_of_the_wrong_type_is_2(m):
    done = m.run("load", GOOD, SOURCES__INSTAVIEW__WAIT="long")
    assert done.returncode == 2
    assert "wait" in only_line(done.stderr)


def test_a_refused_key_is_1_and_what_was_given_is_taken_up_later(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 3)
    m = machine(sandbox)
    refused = m.run("load", *ids, "--json", SOURCES__INSTAVIEW__API_KEY=sandbox.keys["suspended"])
    assert refused.returncode == 1
    assert "API_KEY_SUSPENDED" in only_line(refused.stderr)
    assert json.loads(refused.stdout)["processing"] == 3
    assert m.load()["completed"] == 3


def test_a_destination_that_is_down_is_1_and_sends_nothing(api, machine):
    sandbox = api()
    done = machine(sandbox).run("load", GOOD, DESTINATION__DUCKDB__CREDENTIALS="/nowhere/at/all.duckdb")
    assert done.returncode == 1
    assert "duckdb" in only_line(done.stderr)
    assert not sandbox.calls


def test_a_file_that_is_no_warehouse_is_1(m):
    sqlite3.connect(m.database).execute("CREATE TABLE t (x)").connection.close()
    assert m.run("load", GOOD).returncode == 1


@pytest.mark.slow
def test_a_warehouse_held_by_another_process_is_1_and_goes_on_later(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 2)
    m = machine(sandbox)
    holder = duckdb.connect(str(m.database))
    try:
        done = m.process("load", *ids)
    finally:
        holder.close()
    assert done.returncode == 1
    assert "lock" in only_line(done.stderr).lower()
    assert m.load(*ids)["completed"] == 2


def test_strict_is_3_unless_every_request_is_completed(api, machine):
    sandbox = api()
    good, failed = sandbox.add("sourcing", 1), sandbox.add("sourcing", 1, state="failed")
    m = machine(sandbox)
    m.load(*good, "--strict", code=0)
    m.load(*good, *failed, "--strict", code=3)
    m.load(*failed, "--strict", code=3)
    m.load(*good, "--strict", code=0)
    m.load(*sandbox.add("sourcing", 1, state="processing"), "--no-wait", "--strict", code=3)


@pytest.mark.usefixtures("brief_backoff")
def test_faults_of_the_api_alone_are_no_failure_of_the_load(m):
    summary = m.load(GOOD, SOURCES__INSTAVIEW__BASE_URL="http://127.0.0.1:9")
    assert summary["error"] == 1
    assert m.query("SELECT http_status, error_code FROM requests") == [(None, "NO_CONNECTION")]


def test_check_is_1_when_something_is_wrong(api, machine):
    sandbox = api()
    m = machine(sandbox)
    assert m.run("check").returncode == 0
    refused = m.run("check", SOURCES__INSTAVIEW__API_KEY="sk_wrong")
    assert refused.returncode == 1
    assert "INVALID_API_KEY" in refused.stdout
    down = m.run("check", "--json", DESTINATION__DUCKDB__CREDENTIALS="/nowhere/at/all.duckdb")
    assert down.returncode == 1
    assert json.loads(down.stdout)["destination"]["reachable"] is False
