"""The warehouse fails: a clear line, and the next load ends with the right tables."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import re
import resource
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dlt
import pytest
from history import repeated_keys
from killing import Killer
from oracle import expected_tables, without_requests
from proxy import Cable
from warm_python import Python

from instaview import views
from instaview.destination import prepare

KINDS = ("sourcing", "enrichment", "preview")


def mixed(sandbox, count, **options):
    return [i for kind in KINDS for i in sandbox.add(kind, count, **options)]


def ended(process):
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr


def assert_one_clear_line(code, stderr):
    assert code == 1, stderr
    assert stderr.startswith("instaview: "), stderr
    assert stderr.count("\n") == 1, stderr
    assert len(stderr) < 600


def assert_right(machine, sandbox, ids):
    tables = machine.tables()
    assert repeated_keys(tables) == []
    assert without_requests(tables) == expected_tables(sandbox, ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kilobytes", "requests"),
    [(1_000, 10), *(pytest.param(size, 30, marks=pytest.mark.long) for size in (300, 1_000, 1_800))],
)
def test_a_full_disk(api, machine, kilobytes, requests):
    sandbox, url = api()
    first, second = mixed(sandbox, 1), mixed(sandbox, requests)
    m = machine(sandbox, url)
    m.load(*first)
    process = m.start("load", *second)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.RLIM_INFINITY))
    code, stderr = ended(process)
    assert_one_clear_line(code, stderr)
    assert "no room on the disk of /" in stderr
    m.load(*second)
    assert_right(m, sandbox, first + second)


@contextmanager
def small_disk(folder, size):
    """A disk of its own at a folder that is there and empty, where the system lets us have one."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("only root may have a disk; the other tests limit the size of files")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["4k", pytest.param("12k", marks=pytest.mark.long), "300k"])
def test_no_room_for_dlt_s_folder(api, machine, size):
    sandbox, url = api()
    ids = mixed(sandbox, 20)
    m = machine(sandbox, url)
    with small_disk(m.home, size):
        code, stderr = ended(m.start("load", *ids))
        assert_one_clear_line(code, stderr)
        assert f"no room on the disk of {m.home}/dlt" in stderr
    m.load(*ids)
    assert_right(m, sandbox, ids)


@pytest.mark.slow
def test_no_room_for_the_warehouse(api, machine, tmp_path):
    sandbox, url = api()
    ids = mixed(sandbox, 20)
    m = machine(sandbox, url)
    disk = tmp_path / "disk"
    disk.mkdir()
    m.database = disk / "warehouse.duckdb"
    with small_disk(disk, "600k"):
        code, stderr = ended(m.start("load", *ids))
        assert_one_clear_line(code, stderr)
        assert f"no room on the disk of {disk}/warehouse.duckdb" in stderr
    m.load(*ids)
    assert_right(m, sandbox, ids)


@pytest.mark.slow
def test_no_room_for_the_views_is_not_taken_for_a_missing_grant(api, machine, caplog, monkeypatch):
    sandbox, url = api()
    m = machine(sandbox, url)

    def full(pipeline):
        raise OSError(errno.ENOSPC, "No space left on device", "/data/warehouse.duckdb.wal")

    monkeypatch.setattr(views, "_current", full)
    m.load(*sandbox.add("preview", 1))
    assert "no room on the disk of /data/warehouse.duckdb.wal. Mend it, then run" in caplog.text
    assert "Grant" not in caplog.text


def holding(database):
    """Another process with the DuckDB file open."""
    code = f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print('open', flush=True); sys.stdin.read()"
    process = Python("-c", code, cwd=".", env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


@pytest.mark.slow
def test_the_file_is_locked_by_another_process(api, machine):
    sandbox, url = api()
    first, second = mixed(sandbox, 1), mixed(sandbox, 2)
    m = machine(sandbox, url)
    m.load(*first)
    other = holding(m.database)
    calls = len(sandbox.calls)
    assert_one_clear_line(*ended(m.start("load", *second)))
    assert len(sandbox.calls) == calls, "what cannot be stored is not asked for"
    other.communicate()
    m.load(*second)
    assert_right(m, sandbox, first + second)


def wait_until_written_down(machine, process):
    """Until a load that is still polling has committed what it was given, and has let go of the file.

    dlt's folder tells: opened too early, the file would be in the load's way.
    """
    for _ in range(600):
        assert process.poll() is None, process.communicate()
        if any('"instaview_loads":1' in path.read_text() for path in machine.home.rglob("state.json")):
            time.sleep(1.0)
            return
        time.sleep(0.1)
    raise AssertionError("the load did not get going")


@pytest.mark.slow
def test_the_file_is_locked_while_a_load_polls(api, machine):
    sandbox, url = api()
    ids = mixed(sandbox, 2, seconds=3600)
    m = machine(sandbox, url)
    process = m.start("load", *ids, SOURCES__INSTAVIEW__COMMIT_SECONDS="60")
    wait_until_written_down(m, process)
    other = holding(m.database)
    sandbox.advance(3600)
    assert_one_clear_line(*ended(process))
    other.communicate()
    m.load()
    assert_right(m, sandbox, ids)


def obeys_permissions():
    """Takes root's right to write to any file; for other users it is nothing."""
    drop_from_bounding_set, dac_override = 24, 1
    ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)


@pytest.mark.slow
def test_the_file_is_read_only(api, machine):
    sandbox, url = api()
    first, second = mixed(sandbox, 1), mixed(sandbox, 1)
    m = machine(sandbox, url)
    m.load(*first)
    m.database.chmod(0o444)
    assert_one_clear_line(*ended(m.start("load", *second, preexec_fn=obeys_permissions)))
    m.database.chmod(0o644)
    m.load(*second)
    assert_right(m, sandbox, first + second)


@pytest.mark.slow
def test_a_package_is_not_loaded_over_the_newer_results_of_another_machine(api, machine):
    sandbox, url = api()
    (request_id,) = ids = sandbox.add("sourcing", 1, candidates=3)
    one, two = (machine(sandbox, url, name=name) for name in ("one", "two"))
    one.load(*ids)
    other = holding(one.database)
    other.communicate()
    left_a_package(one, *ids)
    sandbox.rerun(request_id, seconds=0.0, state="completed", candidates=3)
    two.load(*ids, "--refresh")
    newest = two.query("SELECT completed_at FROM sourcing_runs")
    one.load()
    assert one.query("SELECT completed_at FROM sourcing_runs") == newest


def left_a_package(machine, *ids):
    """A load whose warehouse is locked at the moment of loading: normalised, and not begun."""
    wrapper = Path(__file__).with_name("locked_out.py")
    code, stderr = ended(machine.start("load", *ids, "--refresh", command=(str(wrapper),)))
    assert_one_clear_line(code, stderr)
    assert [p for p in machine.home.rglob("load/normalized/*/new_jobs/*") if p.is_file()]


def test_a_file_that_is_no_database_is_told_and_not_that_there_is_nothing_to_do(api, machine):
    sandbox, url = api()
    m = machine(sandbox, url)
    m.database.write_bytes(bytes(range(256)) * 100)
    done = m.run("load", *mixed(sandbox, 1))
    assert_one_clear_line(done.returncode, done.stderr)
    assert done.stdout == ""
    assert sandbox.calls == []


@pytest.mark.parametrize("folder", ["a-file/dlt", "/proc/nowhere"])
def test_a_working_folder_that_cannot_be_made_is_told_in_a_line(api, machine, folder):
    sandbox, url = api()
    m = machine(sandbox, url)
    (m.home / "a-file").touch()
    for command in (["load", *mixed(sandbox, 1)], ["status"]):
        done = m.run(*command, DLT_DATA_DIR=str(m.home / folder))
        assert done.stdout == "" or command == ["status"]
        assert done.stderr.count("\n") == bool(done.returncode), done.stderr
        assert command == ["status"] or (done.returncode == 2 and "DLT_DATA_DIR names another" in done.stderr)
    assert sandbox.calls == []


@pytest.mark.slow
def test_what_dlt_loads_in_the_place_of_ours_is_not_counted_as_ours(api, machine, monkeypatch):
    sandbox, url = api()
    ids, m = mixed(sandbox, 1), machine(sandbox, url)
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "run", lambda self, *_, **__: SimpleNamespace(loads_ids=["1.0"]))
        done = m.run("load", *ids)
    assert_one_clear_line(done.returncode, done.stderr)
    assert "what an earlier load had left" in done.stderr
    m.load(*ids)
    assert_right(m, sandbox, ids)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_postgres_stops_in_the_middle(api, machine, postgres, mode):
    sandbox, url = api()
    m = machine(sandbox, url, warehouse="postgres")
    killer, ids, stopped, ended_before = Killer(m, random.Random(mode)), mixed(sandbox, 3), 0, 0
    killer.learn(*ids)
    while stopped < 10 and ended_before < 20:
        ids += mixed(sandbox, 3)
        process = killer.start_until(*ids, "--refresh")
        postgres.stop(mode)
        code, stderr = ended(process)
        postgres.start()
        if code:
            # the server's last word to connections that are open is printed by libpq itself, under ADBC
            told = re.sub(r"^(FATAL|WARNING):  terminating connection due to .*\n", "", stderr, flags=re.MULTILINE)
            assert_one_clear_line(code, told)
        stopped, ended_before = stopped + (code == 1), ended_before + (code == 0)
    print(f"{mode}: {stopped} loads were stopped, {ended_before} had ended")
    m.load(*ids)
    assert stopped == 10
    assert_right(m, sandbox, ids)


IMPATIENT = """
import instaview.lease as lease
lease.BEAT_SECONDS, lease.DEAD_SECONDS = 0.5, 3.0
from instaview.cli import main
main()
"""


@pytest.mark.long
@pytest.mark.parametrize("last_word", [b"UPDATE 1", b"COPY ", b"INSERT 0 "])
def test_postgres_goes_silent_in_the_middle(api, machine, last_word):
    """In the midst of taking the lease, of copying and of merging: no connection is closed, none says any more."""
    sandbox, url = api()
    first, second = mixed(sandbox, 1), mixed(sandbox, 2)
    m = machine(sandbox, url, warehouse="postgres")
    m.load(*first)
    silent = []

    def harm(number, seen, piece):
        silent.extend([True] if last_word in piece else [])
        return None if silent else piece

    with Cable(m.database_url, harm) as cable:
        port = cable.url.rpartition(":")[2]
        through = re.sub(r"@[^/]*", f"@127.0.0.1:{port}", m.database_url) + "?connect_timeout=2"
        process = m.start("load", *second, command=("-c", IMPATIENT), DESTINATION__POSTGRES__CREDENTIALS=through)
        code, stderr = ended(process)
    assert silent
    assert_one_clear_line(code, stderr)
    assert "has not answered for 3 s" in stderr
    m.load(*second)
    assert_right(m, sandbox, first + second)


def test_the_system_looks_after_connections_to_postgres_unless_the_user_says_how(tmp_path, monkeypatch):
    place = "postgresql://loader:any@127.0.0.1/data?keepalives_idle=7"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", place)
    pipeline = dlt.pipeline("watched", pipelines_dir=str(tmp_path), destination="postgres", dataset_name="instaview")
    prepare(pipeline)
    told = pipeline.destination_client().config.credentials.to_native_representation()
    assert "keepalives_idle=7" in told
    assert "tcp_user_timeout=60000" in told
