"""`status`, `check`, `--dry-run`, `sandbox`, `demo`, and how quickly `--help` answers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from instaview.cli import app
from instaview_sandbox import Fault


def test_status_of_an_empty_warehouse_says_so(api, machine):
    done = machine(api()).run("status")
    assert done.returncode == 0
    assert "nothing is loaded yet" in done.stdout


@pytest.mark.slow
def test_status_counts_requests_and_names_the_oldest_unfinished(api, machine):
    sandbox = api()
    m = machine(sandbox)
    never = sandbox.add("enrichment", 1, state="processing")
    m.load(*never, "--no-wait")
    m.load(*sandbox.add("sourcing", 3), *sandbox.add("sourcing", 1, state="processing"), "--no-wait")
    found = json.loads(m.run("status", "--json").stdout)
    assert found["requests"] == {"processing": 2, "completed": 3, "failed": 0, "not_found": 0, "error": 0}
    assert found["oldest_unfinished"]["request_id"] == never[0]
    assert found["last_load"]["load_id"] == m.query("SELECT max(load_id) FROM _dlt_loads")[0][0]
    text = m.run("status").stdout
    assert re.search(r"3 completed", text)
    assert never[0] in text


def test_check_tells_key_scopes_budget_and_destination(api, machine):
    sandbox = api(minute_limit=50, hour_limit=900)
    found = json.loads(machine(sandbox, key="sourcing").run("check", "--json").stdout)
    assert found["key"] == "good"
    assert found["scopes"] == {"sourcing:read": True, "enrich:write": False, "read:billing": False}
    assert found["rate_limit"] == {"minute": {"limit": 50, "remaining": 47}, "hour": {"limit": 900, "remaining": 897}}
    assert found["destination"]["reachable"] is True
    text = machine(sandbox).run("check").stdout
    assert "enrich:write: yes" in text
    assert "47 of 50" in text


def test_check_goes_by_401_alone_and_needs_no_billing(api, machine):
    sandbox = api()
    m = machine(sandbox)
    sandbox.inject(Fault("status", status=503, kind="billing", times=1))
    fine = m.run("check", "--json")
    found = json.loads(fine.stdout)
    assert (fine.returncode, found["ok"], found["key"]) == (0, True, "good")
    assert found["trouble"]
    sandbox.inject(Fault("status", status=429, kind="sourcing", times=1))
    busy = json.loads(m.run("check", "--json").stdout)
    assert (busy["ok"], busy["key"], busy["scopes"]["sourcing:read"]) == (True, "good", None)
    assert busy["trouble"]
    refused = m.run("check", "--json", SOURCES__INSTAVIEW__API_KEY=sandbox.keys["suspended"])
    assert json.loads(refused.stdout)["key"].startswith("API_KEY_SUSPENDED")
    down = m.run("check", "--json", SOURCES__INSTAVIEW__BASE_URL="http://127.0.0.1:9")
    found = json.loads(down.stdout)
    assert (down.returncode, found["key"], found["trouble"][:13]) == (1, "not known", "NO_CONNECTION")
    assert "API          NO_CONNECTION" in m.run("check", SOURCES__INSTAVIEW__BASE_URL="http://127.0.0.1:9").stdout


def test_dry_run_tells_all_that_a_load_tells(api, machine):
    sandbox = api()
    m = machine(sandbox)
    done, todo = sandbox.add("sourcing", 1), sandbox.add("sourcing", 2)
    summary = m.load(*done)
    told = json.loads(m.run("load", *done, *todo, "--dry-run", "--json").stdout)
    assert told.keys() == {*summary, "to_poll"}
    assert told["rows"] == dict.fromkeys(summary["rows"], 0)
    assert (told["requested"], told["skipped"], told["processing"]) == (3, 1, 2)


@pytest.mark.slow
def test_dry_run_tells_what_a_dropped_package_left(api, machine):
    sandbox = api()
    m = machine(sandbox)
    lost = sandbox.add("sourcing", 2)
    m.load(*lost)
    noted = "import instaview, sys; from instaview.destination import target_of; from instaview.dropped import *; "
    noted += "p = instaview.open_pipeline('duckdb', 'instaview'); "
    noted += "note_dropped(p, [instaview.Request(i, 'sourcing') for i in sys.argv[1:]], target_of(p))"
    assert m.python("-c", noted, *lost).returncode == 0
    for _ in range(2):  # it takes no note away
        assert m.run("load", "--dry-run").stdout.split() == lost
    assert m.load()["completed"] == 2


def test_usage_names_the_ids_once():
    shown = CliRunner().invoke(app, ["load", "--help"]).stdout
    assert "[OPTIONS] [REQUEST_ID]..." in shown
    assert "[[" not in shown


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "65536"), ("--port", "-1"), ("--requests", "-1"), ("--minute-limit", "0"), ("--hour-limit", "0")],
)
def test_sandbox_options_have_bounds(option, value):
    done = CliRunner().invoke(app, ["sandbox", option, value])
    assert done.exit_code == 2
    assert option in done.stderr


@pytest.mark.slow
def test_dry_run_names_what_would_be_polled_and_polls_nothing(api, machine):
    sandbox = api()
    m = machine(sandbox)
    done, todo = sandbox.add("sourcing", 1), sandbox.add("sourcing", 2)
    m.load(*done)
    calls, before = len(sandbox.calls), m.tables()
    told = m.run("load", *done, *todo, "--dry-run", SOURCES__INSTAVIEW__API_KEY="")
    assert told.returncode == 0
    assert told.stdout.split() == todo
    assert json.loads(m.run("load", *done, *todo, "--dry-run", "--json").stdout)["to_poll"] == todo
    assert len(sandbox.calls) == calls
    assert m.tables() == before


def test_progress_is_told_on_stderr_and_the_summary_alone_on_stdout(api, machine):
    sandbox = api()
    done = machine(sandbox).run("load", *sandbox.add("sourcing", 2))
    assert done.stdout.startswith("2 requests: 2 completed\n")
    assert done.stderr == ""


@pytest.mark.slow
def test_a_terminal_shows_a_live_bar(api, machine):
    sandbox = api()
    ids = [*sandbox.add("sourcing", 2), *sandbox.add("sourcing", 1, state="processing")]
    m = machine(sandbox)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "instaview", "load", *ids, "--wait", "2", "--json"],
        cwd=m.folder,
        env=m.env(TERM="xterm-256color", COLUMNS="120"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the other end closes when the process ends
        while piece := os.read(ours, 4096):
            shown += piece
    stdout, _ = process.communicate(timeout=30)
    os.close(ours)
    assert json.loads(stdout)["completed"] == 2
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    for part in ("2/3", "1 still processing", "budget left", "next look in", "s left"):
        assert part in text


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    from instaview import display
    from instaview.polling import Progress

    monkeypatch.setattr(display, "LINE_EVERY", 0.0)
    progress = Progress(9, 4, 1, 0, 0, 4, 7, 0, 53, 60, 1993, 2000, 3.2, 800.0)
    with display.LoadDisplay() as shown:
        shown.show(progress)
    line = capsys.readouterr().err
    assert line == (
        "instaview: 5 of 9 done; 4 completed, 1 failed, 4 still processing, budget left 53/60 a minute, "
        "1993/2000 an hour, next look in 3 s, at most 800 s left\n"
    )


def test_help_needs_no_heavy_import():
    code = (
        "import sys, instaview.cli; "
        "heavy = {'dlt', 'pandas', 'pyarrow', 'httpx', 'duckdb', 'numpy', 'msgspec', 'starlette'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    shown = subprocess.run([sys.executable, "-m", "instaview", "--help"], capture_output=True, text=True, check=True)
    assert all(command in shown.stdout for command in ("load", "status", "check", "demo", "sandbox"))


def test_sandbox_serves_until_stopped(api, machine):
    process = machine(api()).start("sandbox", "--port", "0", "--requests", "5")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        url = re.search(r"http://127\.0\.0\.1:\d+", lines[0])
        assert url is not None, lines
        assert len(httpx.get(f"{url[0]}/_sandbox/requests").text.split()) == 5
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


@pytest.mark.slow
def test_demo_loads_and_shows_the_tables(api, machine):
    m = machine(api())
    of_a_real_account = {
        "SOURCES__INSTAVIEW__COMPANY_ID": "somebody-else",
        "SOURCES__INSTAVIEW__MAX_IN_FLIGHT": "1",
        "SOURCES__INSTAVIEW__COMMIT_RESULTS": "1",
    }
    done = m.process("demo", DESTINATION__DUCKDB__CREDENTIALS="", **of_a_real_account)
    assert done.returncode == 0, done.stderr
    for part in ("300 requests", "Match scores", "Top skills", "Credits:", "What failed", "Try next", "█"):
        assert part in done.stdout
    assert (m.folder / "instaview_demo.duckdb").exists()
    assert done.stdout.rstrip().endswith("The report, to open in a browser: instaview_demo.html")
    assert "from 191 runs" in (m.folder / "instaview_demo.html").read_text(encoding="utf-8")
    status = m.run("status", "--json", DESTINATION__DUCKDB__CREDENTIALS="instaview_demo.duckdb")
    assert sum(json.loads(status.stdout)["requests"].values()) == 300


def test_demo_is_1_when_nothing_was_loaded(api, machine):
    nothing = "import instaview.demo as d, instaview.cli as c, sys; d._SETTINGS['company_id'] = 'nobody'; "
    nothing += "d.REQUESTS = 30; sys.argv[1:] = ['demo']; c.main()"
    done = machine(api()).script(nothing)
    assert done.returncode == 1
    assert "could not be resolved" in done.stderr
