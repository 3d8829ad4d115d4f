"""Loads that find everything loaded, and `--help`: whole processes, from their start to their end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bodies import make_bodies
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
    rounds,
    used,
    whole,
    work_folder,
)
from warehouses import add_requests, make_tables

_MANY = 1_000_000
_FEW = 300


def measure(options: Options) -> Found:
    """Many and few known requests, `--help`, and the imports that none of them can do without."""
    many = options.of(_MANY)
    with work_folder() as large, work_folder() as small:
        add_requests(make_tables(large, empty=True), many, large / "ids.txt")
        folder = make_bodies(_FEW)
        child("ours:load", folder, small)
        (small / "ids.txt").write_text((folder / "ids").read_text())
        _nothing_new(small, _FEW)  # fills the caches of compiled modules
        found = rounds(
            options,
            {
                f"load, {many:,} known requests": lambda: _nothing_new(large, many),
                f"load, {_FEW} known requests": lambda: _nothing_new(small, _FEW),
                "--help": lambda: whole([*INSTAVIEW, "--help"], small),
                "python -c 'import dlt'": lambda: whole([sys.executable, "-c", "import dlt"], small),
                "python -c pass": lambda: whole([sys.executable, "-c", "pass"], small),
            },
        )
    a_million, few, help_ = list(found[0])[:3]
    return Found(
        "nothing new: the whole process",
        ["", *USED],
        [[name, *used(found, name)] for name in found[0]],
        [
            Figure("nothing new, 1,000,000 known requests", of(found, a_million), 3, 6, "s"),
            Figure("peak memory of that", of(found, a_million, "peak_mb"), 300, 500, "MB", digits=0),
            Figure("nothing new, few requests", of(found, few), 1.2, 2, "s"),
            Figure("instaview --help", of(found, help_), 0.15, 0.3, "s"),
        ],
        found,
    )


def _nothing_new(work: Path, count: int) -> Measured:
    command = [*INSTAVIEW, "load", "--from", "ids.txt", "--dataset", "results", "--json"]
    measured = whole(command, work, command_environment(work))
    summary = json.loads(measured["stdout"])
    assert (summary["skipped"], summary["http_requests"]) == (count, 0), summary
    return measured
