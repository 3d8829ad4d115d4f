"""The machine's clock steps between loads and within them: waits, order and tables stay right."""

from __future__ import annotations

from pathlib import Path

import pytest
from history import History, repeated_keys
from oracle import without_requests

DAY = 86_400.0


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
    wrapper = str(Path(__file__).with_name("at_another_time.py"))
    (first,) = sandbox.add("sourcing", 1)
    history.note([first])
    m.load(first)
    sandbox.rerun(first, seconds=0.0, state="completed")
    new = sandbox.add("enrichment", 2, seconds=2.0)  # ends while the load waits, and the clock steps
    history.note([first, *new])
    process = m.start("load", first, *new, "--refresh", "--strict", command=(wrapper, *map(str, steps)))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    more = sandbox.add("preview", 1)
    history.note(more)
    m.load(*more)
    assert m.load()["requested"] == 0
    tables = m.tables()
    assert repeated_keys(tables) == []
    assert without_requests(tables) == history.expected()
