"""Speed beside DuckDB itself and plain dlt, the rate limit, and the time of a load with nothing new.

    python benchmarks/run.py [--case NAME]… [--repeat N] [--scale X]

Run by hand. Each measurement is a process of its own; the ways of one case take turns, and ratios are taken within a
round, so that a busy machine hurts all of them alike. Made-up bodies are kept in the system's folder for temporary
files; nothing else is written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bodies import RUNS, make_bodies

_HERE = Path(__file__).parent
_Round = dict[str, dict[str, Any]]

_FINISHED = 300
_KEY = {"SOURCES__INSTAVIEW__API_KEY": "sk_test"}


# ---------------------------------------------------------------------- measuring


def _child(name: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """One measurement of measure.py."""
    line = _run([sys.executable, str(_HERE / "measure.py"), name, str(folder), *arguments])
    found: dict[str, Any] = json.loads(line.splitlines()[-1])
    return found


def _whole(command: Sequence[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """A process measured from outside, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    _run(command, folder, environment)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": seconds, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _run(command: Sequence[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _rounds(repeat: int, ways: dict[str, Callable[[], dict[str, Any]]]) -> list[_Round]:
    """All ways in turn, so many times."""
    found: list[_Round] = []
    for number in range(repeat):
        found.append({})
        for name, way in ways.items():
            print(f"round {number + 1} of {repeat}: {name} …", end="\r", file=sys.stderr, flush=True)
            found[-1][name] = way()
            print(" " * 60, end="\r", file=sys.stderr, flush=True)
    return found


# ---------------------------------------------------------------------- showing


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
        print("  ".join(cells).rstrip())
    print()


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Median (least–most)."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def _ratios(rounds: list[_Round], over: str, under: str, field: str = "seconds") -> list[float]:
    return [r[over][field] / r[under][field] for r in rounds]


def _verdict(name: str, values: Sequence[float], target: float, *, most: bool = True, digits: int = 2) -> list[str]:
    middle = statistics.median(values)
    reached = middle <= target if most else middle >= target
    return [name, _spread(values, digits), f"{'≤' if most else '≥'} {target:g}", "yes" if reached else "NO"]


# ---------------------------------------------------------------------- cases


def normalize_load(repeat: int, scale: float) -> None:
    """Sourcing runs from memory to tables."""
    runs = max(1, round(RUNS * scale))
    folder = make_bodies(runs)
    names = {
        "load": "instaview.load",
        "commit": "without the client",
        "normalise": "normalising alone",
        "floor": "DuckDB alone (floor)",
        "plain_dlt": "plain dlt",
    }
    rounds = _rounds(repeat, {name: partial(_child, name, folder) for name in names})
    print(
        f"normalize_load: {runs:,} sourcing runs, {rounds[0]['load']['rows']:,} rows, {_megabytes(folder)} MB of JSON"
    )
    rows = []
    for name, title in names.items():
        of = [r[name] for r in rounds]
        rows.append(
            [
                title,
                _spread([x["seconds"] for x in of]),
                _spread([x["cpu"] for x in of]),
                _spread([x["peak_mb"] for x in of], 0),
                _spread(_ratios(rounds, name, "floor")),
                _spread(_ratios(rounds, "plain_dlt", name), 1),
            ]
        )
    _table(["", "seconds", "CPU seconds", "peak MB", "× the floor", "× faster than plain dlt"], rows)
    _table(
        ["", "median (least–most)", "target", "reached"],
        [
            _verdict("load / floor", _ratios(rounds, "load", "floor"), 2.5),
            _verdict("load / floor, CPU", _ratios(rounds, "load", "floor", "cpu"), 2.5),
            _verdict("commit / floor", _ratios(rounds, "commit", "floor"), 2.5),
            _verdict("commit / floor, CPU", _ratios(rounds, "commit", "floor", "cpu"), 2.5),
            _verdict("plain dlt / load", _ratios(rounds, "plain_dlt", "load"), 8, most=False, digits=1),
            _verdict("plain dlt / commit", _ratios(rounds, "plain_dlt", "commit"), 8, most=False, digits=1),
            _verdict("peak MB of load", [r["load"]["peak_mb"] for r in rounds], 600, digits=0),
            _verdict("peak MB of commit", [r["commit"]["peak_mb"] for r in rounds], 600, digits=0),
        ],
    )


def _megabytes(folder: Path) -> int:
    return round((folder / "bodies.ndjson").stat().st_size / 1e6)


def rate_limit(repeat: int, scale: float) -> None:
    """Finished requests under a limit, in virtual time. It is simulated once: it comes out the same each time."""
    found = _child("rate_limit", Path())
    print(f"rate_limit: simulated in {found['seconds']:.1f} s; times are virtual seconds")
    rows = []
    for name, case in found["cases"].items():
        ratio = case["seconds"] / case["ideal"]
        reached = ratio <= 1.1 and case["calls"] == case["requests"] and not case["limited"]
        rows.append(
            [
                f"{name}: {case['minute']} a minute, {case['hour']:,} an hour",
                *(f"{case[field]:,.0f}" for field in ("requests", "calls", "limited", "seconds", "ideal")),
                f"{ratio:.3f}",
                "yes" if reached else "NO",
            ]
        )
    _table(["plan", "requests", "calls", "429s", "seconds", "ideal", "ratio (≤ 1.1)", "reached"], rows)


def nothing_new(repeat: int, scale: float) -> None:
    """Loads with nothing new, as whole processes."""
    folder = make_bodies(_FINISHED)
    work = Path(tempfile.mkdtemp(prefix="instaview-benchmark-"))
    try:
        _child("finished", folder, str(work))
        environment = {
            **_KEY,
            "DLT_DATA_DIR": str(work),
            "DESTINATION__DUCKDB__CREDENTIALS": str(work / "warehouse.duckdb"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        command = [sys.executable, "-m", "instaview"]
        script = [sys.executable, str(_HERE / "measure.py"), "nothing_new", str(folder), str(work)]
        load = [*command, "load", "--from", str(work / "ids"), "--dataset", "results", "--json"]
        ways = {
            "instaview load": load,
            "a script over instaview.load": script,
            "instaview --help": [*command, "--help"],
            "python -c 'import dlt'": [sys.executable, "-c", "import dlt"],
        }
        skipped = json.loads(_run(load, work, environment))["skipped"]  # also fills the caches
        assert skipped == _FINISHED, skipped
        rounds = _rounds(repeat, {name: partial(_whole, way, work, environment) for name, way in ways.items()})
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"nothing_new: {_FINISHED} requests, all finished; seconds of the whole process")
    _table(
        ["", "seconds", "CPU seconds"],
        [[n, _spread([r[n]["seconds"] for r in rounds]), _spread([r[n]["cpu"] for r in rounds])] for n in ways],
    )
    seconds = [r["instaview load"]["seconds"] for r in rounds]
    _table(["", "median (least–most)", "target", "reached"], [_verdict("instaview load, seconds", seconds, 2.5)])


CASES: dict[str, Callable[[int, float], None]] = {
    "normalize_load": normalize_load,
    "rate_limit": rate_limit,
    "nothing_new": nothing_new,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Speed beside DuckDB itself and plain dlt.")
    parser.add_argument("--case", action="append", choices=CASES, help="only this case; may be given again")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each case (3)")
    parser.add_argument("--scale", type=float, default=1.0, help=f"share of the {RUNS:,} sourcing runs (1.0)")
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("dlt", "duckdb", "pyarrow", "msgspec"))
    print(f"python {platform.python_version()}, {packages}; {os.cpu_count()} cores, {platform.machine()}\n")
    for name in options.case or CASES:
        CASES[name](options.repeat, options.scale)


if __name__ == "__main__":
    main()
