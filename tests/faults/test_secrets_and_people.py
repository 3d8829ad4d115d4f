"""Who may see the key and people's data: nobody but the warehouse, whatever goes wrong; and nobody is told of us."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import traceback

import dlt
import duckdb
import pytest
from proxy import Proxy

from instaview import DestinationFailed, instaview_source, load
from instaview_sandbox import Fault

ESCAPES = ["\x1b]0;owned\x07", "\x1b[31mred", "a\nb", "../../up", "[bold]x[/bold]"]


def pipeline_of(machine, **options):
    return dlt.pipeline(
        "people",
        pipelines_dir=str(machine.home / "dlt"),
        destination=dlt.destinations.duckdb(str(machine.database)),
        dataset_name="instaview",
        **options,
    )


def people(sandbox, ids):
    return [c["name"] for i in ids for c in sandbox.payload(i)["candidates"] if c.get("name")]


def readable_by_others(folder):
    """Files that another user of the machine could open: all folders above let them in."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if os.stat(os.path.join(root, f)).st_mode & (stat.S_IXOTH | stat.S_IXGRP)]
        found += [os.path.join(root, n) for n in names if os.stat(os.path.join(root, n)).st_mode & 0o044]
    return [path for path in found if not path.endswith((".lock", ".duckdb"))]


@pytest.fixture
def open_umask():
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.parametrize("how", ["load", "source"])
def test_no_other_user_can_read_what_dlt_writes(api, machine, open_umask, monkeypatch, how):
    sandbox, url = api()
    m = machine(sandbox, url)
    ids = sandbox.add("sourcing", 2)
    pipeline = pipeline_of(m)
    seen = []
    real = dlt.Pipeline.load

    def looking(self, *arguments, **options):
        seen.append(readable_by_others(m.home / "dlt"))  # now its packages hold people's data
        return real(self, *arguments, **options)

    monkeypatch.setattr(dlt.Pipeline, "load", looking)
    key = sandbox.keys["full"]
    if how == "load":
        load(pipeline, ids, base_url=url, api_key=key)
    else:
        pipeline.run(instaview_source(ids, base_url=url, api_key=key))
    assert seen
    assert seen == [[]] * len(seen)


def test_nothing_of_people_is_left_on_the_machine_after_a_load(api, machine):
    sandbox, url = api()
    m = machine(sandbox, url)
    ids = sandbox.add("sourcing", 3, candidates=4)
    m.load(*ids)
    kept = b"".join(p.read_bytes() for p in (m.home / "dlt").rglob("*") if p.is_file())
    assert kept
    assert [name for name in people(sandbox, ids) if name.encode() in kept] == []
    assert list((m.home / "dlt").rglob("*.parquet")) == []


def test_a_refused_row_is_in_no_exception_log_or_output(api, machine, caplog):
    sandbox, url = api()
    m = machine(sandbox, url)
    first, second = sandbox.add("sourcing", 1), sandbox.add("sourcing", 2, candidates=4)
    m.load(*first)
    with duckdb.connect(str(m.database)) as connection:  # the warehouse refuses a value, and quotes it
        connection.execute(
            "CREATE OR REPLACE TABLE instaview.candidates AS SELECT * REPLACE (0 AS name) FROM instaview.candidates"
        )
    done = m.process("load", *second)
    assert done.returncode == 1
    code = f"import instaview as i\ni.load(i.open_pipeline('duckdb', 'instaview'), {second})"
    in_python = m.script(code, RUNTIME__LOG_LEVEL="WARNING")  # dlt's default
    assert "DestinationFailed: duckdb" in in_python.stderr
    told = done.stdout + done.stderr + in_python.stdout + in_python.stderr
    with caplog.at_level(logging.DEBUG, logger="instaview"), pytest.raises(DestinationFailed) as caught:
        load(pipeline_of(m), second, base_url=url, api_key=sandbox.keys["full"])
    told += "".join(traceback.format_exception(caught.value)) + "".join(r.getMessage() for r in caplog.records)
    names = people(sandbox, second)
    assert names
    assert [name for name in names if name in told] == []
    assert sandbox.keys["full"] not in told
    kept = [path for path in m.home.rglob("*") if path.is_file() and not path.parent.name.endswith("_jobs")]
    assert [path for path in kept for name in names if name.encode() in path.read_bytes()] == []


class Sink:
    """Counts connections to a port: what telemetry would be."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.connections = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self):
        self._socket.close()


WAYS = {
    "command": "import sys; from instaview.cli import main; sys.argv = ['instaview', 'load', {id}]; main()",
    "load": "import dlt; p = dlt.pipeline('p', destination='duckdb', dataset_name='instaview'); "
    "import instaview; instaview.load(p, [{id}])",
    "source": "import dlt; p = dlt.pipeline('p', destination='duckdb', dataset_name='instaview'); "
    "import instaview; p.run(instaview.instaview_source([{id}]))",
    "source made first": "import dlt; import instaview; s = instaview.instaview_source([{id}]); "
    "dlt.pipeline('p', destination='duckdb', dataset_name='instaview').run(s)",
    "billing": "import dlt; p = dlt.pipeline('p', destination='duckdb', dataset_name='instaview'); "
    "import instaview; p.run(instaview.billing_usage())",
}
ASKED_FOR = {"RUNTIME__DLTHUB_TELEMETRY": "true"}
CONNECTIONS = """
import sys
def note(event, arguments):
    if event == "socket.connect":
        print("connected to", arguments[1], file=sys.stderr)
sys.addaudithook(note)
"""


def run_with(machine, sink, way, request_id, **settings):
    env = machine.env(RUNTIME__DLTHUB_TELEMETRY_ENDPOINT=sink.url, **settings)
    if not settings:
        env.pop("RUNTIME__DLTHUB_TELEMETRY")
    code = CONNECTIONS + WAYS[way].format(id=repr(request_id))
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=machine.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {line for line in done.stderr.splitlines() if line.startswith("connected to")}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_connected_to_but_the_api(api, machine, way):
    sandbox, url = api()
    m, sink = machine(sandbox, url), Sink()
    connected = run_with(m, sink, way, *sandbox.add("preview", 1))
    assert sink.connections == 0
    assert connected == {f"connected to ('127.0.0.1', {url.rpartition(':')[2]})"}
    sink.close()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["environment", "config.toml"])
@pytest.mark.parametrize("way", ["command", "load"])
def test_telemetry_is_sent_where_it_is_asked_for(api, machine, way, where):
    """And shows that the sink would notice."""
    sandbox, url = api()
    m, sink = machine(sandbox, url), Sink()
    if where == "config.toml":
        (m.folder / ".dlt").mkdir()
        (m.folder / ".dlt" / "config.toml").write_text("[runtime]\ndlthub_telemetry = true\n")
    run_with(m, sink, way, *sandbox.add("preview", 1), **(ASKED_FOR if where == "environment" else {}))
    assert sink.connections > 0
    sink.close()


@pytest.mark.slow
@pytest.mark.parametrize("text", ESCAPES)
@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "{}"),
        ("load", "--from", "{}"),
        ("load", "--destination", "{}"),
        ("load", "--dataset", "{}"),
        ("status", "--dataset", "{}"),
        ("check", "--dataset", "{}"),
        ("load", "--refresh-since", "{}"),
    ],
)
def test_no_argument_steers_the_terminal_or_leaves_the_folder(api, machine, text, arguments):
    sandbox, url = api()
    m = machine(sandbox, url)
    done = m.run(*(a.format(text) for a in arguments))
    told = done.stdout + done.stderr
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "a\nb" not in told
    assert "Traceback" not in told
    inside = m.home / "dlt" / "pipelines"
    assert [p for p in inside.glob("*") if not re.fullmatch(r"[a-z0-9_.]+", p.name)] == []
    outside = [p for p in m.folder.rglob("*") if "up" in p.name or "owned" in p.name]
    assert [p for p in outside if inside not in p.parents] == []


STEERS = "\x1b]0;owned\x07\x1b[31mred\u202e\x9b2J"
STEERING = "\x1b\x07\u202e\x9b"


def told_by(machine, *arguments, code=0):
    done = machine.run(*arguments)
    assert done.returncode == code, done
    told = done.stdout + done.stderr
    assert [mark for mark in STEERING if mark in told] == [], arguments
    return told


@pytest.mark.slow
def test_texts_of_payloads_do_not_steer_the_terminal(api, machine):
    """In names, statuses, codes and messages, of runs that ended well and of those that failed."""
    sandbox, url = api()
    good, failed = sandbox.add("sourcing", 2), sandbox.add("sourcing", 1, state="failed")
    escaped = json.dumps(STEERS)[1:-1].encode()

    async def strike(exchange):
        body = re.sub(
            rb'"(?:name|headline|skill|errorCode|errorMessage)": ?"', lambda found: found[0] + escaped, exchange.body
        )
        assert escaped in body
        await exchange.answer(body)

    with Proxy(url, lambda request_id, calls: strike) as proxy:
        m = machine(sandbox, proxy.url)
        told_by(m, "load", *good, *failed, "--json")
    assert m.query("SELECT count(*) FROM candidates WHERE name LIKE ?", f"{STEERS}%")[0][0] > 0
    assert m.query("SELECT error_code FROM sourcing_runs WHERE error_code IS NOT NULL")[0][0].startswith(STEERS)
    for arguments in (["status"], ["status", "--json"], ["load"], ["load", "--refresh"], ["report"], ["views"]):
        told_by(m, *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403, 404, 418, 500])
def test_errors_of_the_api_do_not_steer_the_terminal(api, machine, status):
    sandbox, url = api()
    error = {"code": f"CODE{STEERS}", "message": f"message{STEERS}", "details": STEERS}
    sandbox.inject(Fault("status", status=status, body=json.dumps({"success": False, "error": error})))
    m = machine(sandbox, url)
    told = told_by(m, "load", *sandbox.add("preview", 1), code=1 if status == 401 else 0)
    told += told_by(m, "check", code=0 if status == 403 else 1)
    for arguments in (["status"], ["status", "--json"]):
        told_by(m, *arguments)
    assert ("]0;owned" in told) is (status != 403), "what the API says is shown where it says what to do"


def test_names_in_answers_do_not_steer_the_terminal(api, machine):
    sandbox, url = api()
    m = machine(sandbox, url)
    m.load(*sandbox.add("sourcing", 1, state="processing"), "--no-wait")
    with duckdb.connect(str(m.database)) as connection:
        connection.execute("UPDATE instaview.requests SET request_id = ?", ["req_\x1b]0;owned\x07"])
    for command in ("status", "load"):
        done = m.run(command)
        assert "\x1b" not in done.stdout + done.stderr, command
