"""Whole processes beside the two other open connector frameworks, each in an environment of its own.

They are installed from PyPI into the user's cache when first asked for. What cannot be installed is said so, and left
out. They take minutes for what takes seconds here, so the size is smaller than elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bodies import make_bodies
from cases.whole import load_command
from harness import BESIDE, HERE, Found, Measured, Options, beside, note, rounds, whole, work_folder
from server import serving

_RUNS = 200
_OURS = "instaview load"
_PACKAGES = {
    "Singer: tap on singer-sdk | target-duckdb": ("singer-sdk==0.54.9", "target-duckdb==0.8.0"),
    "Airbyte: declarative CDK source, PyAirbyte": ("airbyte==0.71.3",),
}
_SINGER, _AIRBYTE = _PACKAGES


def measure(options: Options) -> Found:
    """All that can be installed, in turn, on the same bodies from the same server."""
    runs = options.of(_RUNS)
    folder = make_bodies(runs)
    ways: dict[str, Callable[[], Measured]] = {_OURS: lambda: load_command(folder, 1)}
    remarks = ["Airbyte leaves the lists of a candidate as JSON in one table; the other two make nine tables."]
    for name, way in {_SINGER: _singer, _AIRBYTE: _airbyte}.items():
        try:
            ways[name] = partial(way, _environment(name), folder)
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip().splitlines() or [str(error)])[-1]
            remarks.append(f"{name} cannot be installed here: {said}")
    found = rounds(options, ways)
    return Found(
        f"whole processes with HTTP beside other frameworks: {runs:,} finished runs",
        BESIDE,
        beside(found, _OURS),
        [],
        found,
        remarks,
    )


def _environment(name: str) -> Path:
    """The Python of a peer's environment, made if it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "instaview-benchmark"
    folder = cache / "-".join(package.replace("==", "-") for package in _PACKAGES[name])
    installed = folder / "installed"
    if not installed.exists():
        note(f"installing {', '.join(_PACKAGES[name])} into {folder} …")
        _quietly(sys.executable, "-m", "venv", "--clear", str(folder))
        _quietly(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *_PACKAGES[name])
        installed.touch()
    return folder / "bin/python"


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _singer(python: Path, folder: Path) -> Measured:
    with work_folder() as work, serving(folder) as address:
        warehouse = work / "warehouse.duckdb"
        (work / "tap.json").write_text(json.dumps({"base_url": address, "ids": str(folder / "ids")}))
        target = {"path": str(warehouse), "filepath": str(warehouse), "default_target_schema": "results"}
        (work / "target.json").write_text(json.dumps(target))
        tap = shlex.join([str(python), str(HERE / "peers/tap_instaview.py"), "tap.json"])
        into = shlex.join([str(python.parent / "target-duckdb"), "-c", "target.json"])
        measured = whole(["bash", "-c", f"set -o pipefail; {tap} | {into}"], work, _plain())
        return measured | _rows(python, warehouse)


def _airbyte(python: Path, folder: Path) -> Measured:
    with work_folder() as work, serving(folder) as address:
        warehouse = work / "warehouse.duckdb"
        config = {"base_url": address, "ids": str(folder / "ids"), "warehouse": str(warehouse)}
        (work / "config.json").write_text(json.dumps(config))
        environment = _plain(AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", HOME=str(work))
        measured = whole([python, HERE / "peers/airbyte_read.py", "config.json"], work, environment)
        return measured | _rows(python, warehouse)


def _plain(**more: str) -> dict[str, str]:
    return {"PYTHONPATH": "", "PYTHONWARNINGS": "ignore", **more}


_COUNT = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
names = connection.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'results'").fetchall()
own = [name for (name,) in names if not name.startswith("_")]
print(sum(connection.sql(f'SELECT count(*) FROM results."{name}"').fetchall()[0][0] for name in own))
"""


def _rows(python: Path, warehouse: Path) -> Measured:
    """Rows, counted by the peer's own DuckDB, whose files others may not read."""
    return {"rows": int(whole([python, "-c", _COUNT, warehouse], None, _plain())["stdout"])}
