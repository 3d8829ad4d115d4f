"""The whole command, from its start to its end, with results that a local server sends over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

from bodies import RUNS, another, make_bodies
from harness import (
    INSTAVIEW,
    USED,
    Figure,
    Found,
    Measured,
    Options,
    child,
    command_environment,
    of,
    ratios,
    rounds,
    used,
    whole,
    work_folder,
)
from server import calls, serving

_OURS, _MORE, _FLOOR = "instaview load", "instaview load, ten times as much", "DuckDB alone, from a file (the floor)"
_TIMES = 10


def measure(options: Options) -> Found:
    """Both sizes and the floor in turn."""
    runs = options.of(RUNS)
    folder = make_bodies(runs)
    found = rounds(
        options,
        {
            _OURS: lambda: load_command(folder, 1),
            _MORE: lambda: load_command(folder, _TIMES),
            _FLOOR: lambda: child("others:floor", folder),
        },
    )
    peaks = of(found, _OURS, "peak_mb")
    return Found(
        f"the whole command with HTTP: {runs:,} finished runs, and {_TIMES * runs:,}",
        ["way", *USED],
        [[name, *used(found, name)] for name in found[0]],
        [
            Figure("whole process with HTTP, ratio to the floor", ratios(found, _OURS, _FLOOR), 2, 3),
            Figure("the same in CPU seconds", ratios(found, _OURS, _FLOOR, "cpu"), 2, 3),
            Figure("peak memory of that", peaks, 300, 450, "MB", digits=0),
            Figure("peak memory of ten times that", of(found, _MORE, "peak_mb"), 300, 450, "MB", digits=0),
            Figure("peak memory, ten times over once", ratios(found, _MORE, _OURS, "peak_mb"), 1.0, 1.2),
            Figure("calls per request, over HTTP", of(found, _OURS, "calls_per_request"), 1.0, 1.0),
        ],
        found,
    )


def load_command(folder: Path, times: int) -> Measured:
    """`instaview load` of every body, under so many ids each."""
    ids = [another(i, time) if time else i for time in range(times) for i in (folder / "ids").read_text().split()]
    with work_folder() as work, serving(folder) as address:
        (work / "ids.txt").write_text("\n".join(ids))
        environment = command_environment(work, SOURCES__INSTAVIEW__BASE_URL=address)
        arguments = ("load", "--from", "ids.txt", "--dataset", "results", "--json", "--wait", "86400")
        measured = whole([*INSTAVIEW, *arguments], work, environment)
        summary = json.loads(measured["stdout"])
        assert summary["completed"] == len(ids), summary
        return measured | {"calls_per_request": calls(address) / len(ids), "rows": sum(summary["rows"].values())}
