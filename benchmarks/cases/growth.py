"""Whether loading stays as fast when the warehouse has grown."""

from __future__ import annotations

import shutil
from pathlib import Path

from bodies import make_bodies
from harness import USED, Figure, Found, Measured, Options, child, ratios, rounds, used, work_folder
from warehouses import add_children, make_tables

_RESULTS = 100
_ROWS = 10_000_000


def measure(options: Options) -> Found:
    """The same results onto empty tables and onto full ones, in turn; each time into a fresh copy."""
    folder = make_bodies(_RESULTS)
    with work_folder() as empty, work_folder() as full:
        make_tables(empty, empty=True)
        shutil.copytree(empty, full, dirs_exist_ok=True)
        rows = add_children(full / "warehouse.duckdb", options.of(_ROWS))
        found = rounds(
            options,
            {"onto empty tables": lambda: _onto(empty, folder), "onto full tables": lambda: _onto(full, folder)},
        )
    ratio = ratios(found, "onto full tables", "onto empty tables")
    return Found(
        f"loading {_RESULTS} results onto {rows:,} child rows",
        ["", *USED],
        [[name, *used(found, name)] for name in found[0]],
        [Figure("loading 100 results onto 10 M child rows, ratio to onto empty", ratio, 1.2, 1.5)],
        found,
    )


def _onto(warehouse: Path, folder: Path) -> Measured:
    with work_folder() as work:
        shutil.copytree(warehouse, work, dirs_exist_ok=True)
        return child("ours:load", folder, work)
