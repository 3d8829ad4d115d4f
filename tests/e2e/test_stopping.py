"""Signals, `kill -9`, two loads at once, a package that cannot be loaded."""

from __future__ import annotations

import json
import random
import signal
import time

import duckdb
import pytest
from machine import Machine
from oracle import expected_tables, without_requests

from instaview_sandbox import Sandbox


def wait_for_calls(sandbox: Sandbox, calls: int) -> None:
    for _ in range(600):
        if len(sandbox.calls) >= calls:
            return
        time.sleep(0.05)  # the other process is real, and so is its clock
    raise AssertionError("the load did not get going")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loads_what_is_resolved_and_leaves(api, machine, signum, code):
    sandbox = api()
    done, never = sandbox.add("sourcing", 5), sandbox.add("sourcing", 3, state="processing")
    m = machine(sandbox)
    process = m.start("load", *done, *never, "--json")
    wait_for_calls(sandbox, 12)
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    summary = json.loads(stdout)
    assert (summary["completed"], summary["processing"]) == (5, 3)
    assert without_requests(m.tables()) == expected_tables(sandbox, done)
    assert m.load("--no-wait")["requested"] == 3


def test_a_signal_before_anything_began_leaves_with_its_code(api, machine):
    sandbox = api()
    process = machine(sandbox).start("load", *sandbox.add("sourcing", 3, state="processing"), fresh=True)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (143, -signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", ["typer", "dlt", "pyarrow", "instaview.runner"])
def test_a_signal_during_imports_leaves_no_traceback(api, machine, module, signum, code):
    """And where JSON was asked for, a summary all the same."""
    sandbox = api()
    strikes = (
        "import os, sys\n"
        "class Strike:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(signum)})\n"
        "sys.meta_path.insert(0, Strike())\n"
        "from instaview.__main__ import main\n"
        f"sys.argv[1:] = ['load', {sandbox.add('sourcing', 1)[0]!r}, '--json']\n"
        "main()"
    )
    done = machine(sandbox).python("-c", strikes, fresh=True)
    assert (done.returncode, done.stderr) == (code, "")
    if module != "typer":  # before it, nobody knows what was asked for
        assert json.loads(done.stdout)["requested"] == 0
    assert not sandbox.calls


@pytest.mark.slow  # tests/faults/test_crash.py has a shorter one, which knows what was going on
def test_kill_9_at_any_moment_loses_and_duplicates_nothing(api, machine):
    sandbox = api()
    ids = [i for kind in ("sourcing", "enrichment", "preview") for i in sandbox.add(kind, 6, seconds=3)]
    m = machine(sandbox)
    moments = random.Random(5)
    for _ in range(4):
        process = m.start("load", *ids, SOURCES__INSTAVIEW__COMMIT_SECONDS="0.5")
        time.sleep(moments.uniform(0.05, 2.0))
        process.kill()
        process.communicate()
    m.load(*ids, "--strict")
    assert without_requests(m.tables()) == expected_tables(sandbox, ids)
    assert len(m.tables()["requests"]) == len(ids)


def test_two_loads_at_once_get_a_clear_line(api, machine):
    sandbox = api()
    never = sandbox.add("sourcing", 1, state="processing")
    m = machine(sandbox)
    process = m.start("load", *never)
    try:
        wait_for_calls(sandbox, 2)
        second = m.process("load", *never)
        assert second.returncode == 1
        assert "another load is running" in second.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert m.load("--no-wait")["requested"] == 1


def breaks_on_loading(m: Machine, table: str = "candidates") -> None:
    """The table is not what dlt believes, so the merge into it fails for good."""
    connection = duckdb.connect(str(m.database))
    connection.execute(f"ALTER TABLE instaview.{table} RENAME TO hidden")
    connection.close()


def mend(m: Machine, table: str = "candidates") -> None:
    connection = duckdb.connect(str(m.database))
    connection.execute(f"ALTER TABLE instaview.hidden RENAME TO {table}")
    connection.close()


@pytest.mark.slow
def test_a_load_that_fails_is_1_and_the_next_one_goes_on(api, machine):
    sandbox = api()
    first, second = sandbox.add("sourcing", 2), sandbox.add("sourcing", 2)
    m = machine(sandbox)
    m.load(*first)
    breaks_on_loading(m)
    done = m.run("load", *second)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    mend(m)
    m.load(*second)
    assert without_requests(m.tables()) == expected_tables(sandbox, first + second)


@pytest.mark.slow
def test_a_package_that_never_loads_does_not_wedge_the_next_load(api, machine):
    sandbox = api()
    first, second = sandbox.add("sourcing", 2), sandbox.add("sourcing", 2)
    m = machine(sandbox)
    m.load(*first)
    breaks_on_loading(m)
    assert m.run("load", *second).returncode == 1
    mend(m)
    jobs = [p for p in m.home.rglob("*_jobs/*") if p.parent.name in ("new_jobs", "started_jobs") and p.is_file()]
    assert jobs, "the scenario needs a package left behind"
    for job in jobs:
        job.write_bytes(b"spoilt for good")
    done = m.process("load", *second, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == 2
    assert without_requests(m.tables()) == expected_tables(sandbox, first + second)


@pytest.mark.slow
def test_a_refresh_of_all_means_all_also_after_a_load_that_broke_off(api, machine):
    sandbox = api()
    first, second = sandbox.add("sourcing", 2), sandbox.add("sourcing", 1)
    m = machine(sandbox)
    m.load(*first)
    breaks_on_loading(m)
    assert m.run("load", *second).returncode == 1
    mend(m)
    assert m.load("--refresh")["completed"] == 3


@pytest.mark.slow
def test_requests_of_a_dropped_package_outlive_a_second_kill(api, machine):
    sandbox = api()
    first, second = sandbox.add("sourcing", 2), sandbox.add("sourcing", 2)
    m = machine(sandbox)
    m.load(*first)
    breaks_on_loading(m, "requests")  # so that the ledger does not know them
    assert m.run("load", *second).returncode == 1
    mend(m, "requests")
    killed = m.script(
        "import os, signal, dlt, instaview\n"
        "pipeline = dlt.pipeline('instaview', destination='duckdb', dataset_name='instaview')\n"
        "instaview.load(pipeline, on_progress=lambda _: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert m.load()["completed"] == 2
    assert without_requests(m.tables()) == expected_tables(sandbox, first + second)
    assert m.load()["requested"] == 0


@pytest.mark.slow
def test_a_plain_pipeline_goes_on_after_a_load_that_was_killed_while_copying(api, machine):
    sandbox = api()
    first = sandbox.add("sourcing", 2)
    m = machine(sandbox)
    m.load(*first)
    m.load(*first, "--refresh")  # from now on dlt believes that it knows the tables to be merged into
    breaks_on_loading(m, "profile_skills")  # in its merge, so it was copied
    assert m.run("load", *first, "--refresh").returncode == 1
    mend(m, "profile_skills")
    copied = next(m.home.rglob("completed_jobs/profile_skills.*.parquet"))
    copied.rename(copied.parent.parent / "started_jobs" / copied.name)  # killed before dlt noted that it was copied
    done = m.script(
        "import dlt, instaview\n"
        "pipeline = dlt.pipeline('instaview', destination='duckdb', dataset_name='instaview')\n"
        "pipeline.run(instaview.instaview_source([]))\n"
    )
    assert done.returncode == 0, done.stderr
    assert without_requests(m.tables()) == expected_tables(sandbox, first)


@pytest.mark.slow
def test_a_load_goes_on_where_dlt_was_killed_between_its_state_and_its_schema(api, machine):
    sandbox = api()
    first, second = sandbox.add("sourcing", 2), sandbox.add("sourcing", 2)
    m = machine(sandbox)
    m.load(*first)
    for schema in m.home.rglob("schemas/*.json"):
        schema.unlink()
    m.load(*second)
    sandbox.rerun(first[0], seconds=0.0, state="completed")
    m.load("--refresh")
    assert m.load()["requested"] == 0
    assert m.query("SELECT count(*), count(DISTINCT request_id) FROM sourcing_runs") == [(4, 4)]


@pytest.mark.slow
def test_a_package_left_for_one_warehouse_never_reaches_another(api, machine, tmp_path, caplog):
    sandbox = api()
    first, second = sandbox.add("sourcing", 1), sandbox.add("sourcing", 1)
    m = machine(sandbox)
    m.load(*first)
    breaks_on_loading(m, "requests")  # so that the ledger does not know them
    assert m.run("load", *second).returncode == 1
    other = str(tmp_path / "other.duckdb")
    summary = m.load(DESTINATION__DUCKDB__CREDENTIALS=other)
    assert "for another warehouse; dropped" in caplog.text
    assert summary["requested"] == 0
    connection = duckdb.connect(other)
    assert connection.execute("SELECT count(*) FROM instaview.requests").fetchone() == (0,)
    connection.close()
    mend(m, "requests")
    assert m.load()["completed"] == 1
    assert without_requests(m.tables()) == expected_tables(sandbox, first + second)
