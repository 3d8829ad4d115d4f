"""The machine's clock steps between loads and within them: waits, order and tables stay right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from history import History, repeated_keys
from oracle import without_requests

DAY = 86_400.0
WRAPPER = str(Path(__file__).with_name("at_another_time.py"))
WAREHOUSES = ["duckdb", pytest.param("postgres", marks=pytest.mark.long)]


def under_another_clock(machine, steps, *arguments, locked_out=False, code=0):
    wrapper = (WRAPPER, *map(str, steps), *(["locked-out"] if locked_out else []))
    process = machine.start(*arguments, command=wrapper, fresh=True)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == code, stderr


def days_off(machine, but):
    """By how many days the clocks were off that wrote loads: that of their ids, and that of `inserted_at`."""
    loads = machine.query("SELECT load_id, inserted_at FROM _dlt_loads")
    clocks = [(float(load_id), at.timestamp()) for load_id, at in loads if load_id not in but]
    return [{round((clock - time.time()) / DAY) for clock in told} for told in zip(*clocks, strict=True)]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((0.0, -DAY), marks=pytest.mark.long),
        pytest.param((0.0, 400 * DAY), marks=pytest.mark.long),
        pytest.param((-2 * DAY, 0.0), marks=pytest.mark.long),
        (400 * DAY, -400 * DAY),
    ],
)
def test_a_clock_that_steps(api, machine, steps):
    sandbox, url = api()
    history, m = History(sandbox), machine(sandbox, url)
    (first,) = sandbox.add("sourcing", 1)
    history.note([first])
    before = m.load(first)["load_ids"]
    sandbox.rerun(first, seconds=0.0, state="completed")
    new = sandbox.add("enrichment", 2, seconds=2.0)  # ends while the load waits, and the clock steps
    history.note([first, *new])
    under_another_clock(m, steps, "load", first, *new, "--refresh", "--strict")
    at_first, then = (round(seconds / DAY) for seconds in (steps[0], sum(steps)))
    assert days_off(m, but=before) == [{at_first, max(at_first, then)}, {then}], "the clocks were to be off"
    more = sandbox.add("preview", 1)
    history.note(more)
    m.load(*more)
    assert m.load()["requested"] == 0
    tables = m.tables()
    assert repeated_keys(tables) == []
    assert without_requests(tables) == history.expected()


def left_a_package(machine, days, *ids):
    """A load under a clock that is off, whose warehouse is locked when it is to load what it has normalised."""
    under_another_clock(machine, (days * DAY, 0.0), "load", *ids, "--refresh", locked_out=True, code=1)
    (package,) = {path.parent.parent for path in machine.home.rglob("load/normalized/*/new_jobs/*")}
    assert round((float(package.name) - time.time()) / DAY) == days


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", WAREHOUSES)
@pytest.mark.parametrize("days", [400, -2])
def test_a_package_left_under_a_wrong_clock_is_not_loaded_over_what_another_machine_loaded(
    api, machine, days, warehouse
):
    sandbox, url = api()
    (request_id,) = ids = sandbox.add("sourcing", 1, candidates=3)
    one, two = (machine(sandbox, url, name=name, warehouse=warehouse) for name in ("one", "two"))
    one.load(*ids)
    one.load(*ids, "--refresh")  # another machine's are those after its own
    left_a_package(one, days, *ids)
    sandbox.rerun(request_id, seconds=0.0, state="completed", candidates=3)
    two.load(*ids, "--refresh")
    newest = two.query("SELECT completed_at FROM sourcing_runs")
    calls = len(sandbox.calls)
    one.load()
    assert one.query("SELECT completed_at FROM sourcing_runs") == newest
    assert len(sandbox.calls) > calls, "what the dropped package held is read again"
    assert one.load()["requested"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", WAREHOUSES)
@pytest.mark.parametrize("days", [400, -2])
def test_a_package_left_under_a_wrong_clock_is_loaded_where_nobody_else_has_loaded(api, machine, days, warehouse):
    sandbox, url = api()
    history, m = History(sandbox), machine(sandbox, url, warehouse=warehouse)
    ids = sandbox.add("sourcing", 2, candidates=3)
    m.load(*sandbox.add("preview", 1))
    history.note(sandbox.all_request_ids)
    left_a_package(m, days, *ids)
    calls = len(sandbox.calls)
    m.load()
    assert len(sandbox.calls) == calls, "it was loaded, and not read again"
    assert without_requests(m.tables()) == history.expected()


@pytest.mark.slow
def test_a_dropped_read_is_made_good_though_the_row_was_polled_under_a_clock_ahead(api, machine):
    sandbox, url = api()
    (request_id,) = ids = sandbox.add("sourcing", 1, candidates=3)
    one, two = (machine(sandbox, url, name=name) for name in ("one", "two"))
    under_another_clock(one, (400 * DAY, 0.0), "load", *ids)
    sandbox.rerun(request_id, seconds=0.0, state="completed", candidates=3)
    left_a_package(one, 0, *ids)
    two.load(*sandbox.add("preview", 1))  # so that the package is dropped, and its requests are noted
    one.load()
    (found,) = one.query("SELECT completed_at FROM sourcing_runs")
    two.load(*ids, "--refresh")
    assert two.query("SELECT completed_at FROM sourcing_runs") == [found]
