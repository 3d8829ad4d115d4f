"""Measuring: every way of doing a thing in a process of its own, the ways in turns, so many rounds."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

Measured = dict[str, Any]
"""`seconds` on the clock, `cpu` seconds of all threads, `peak_mb` of memory, and whatever else a way tells."""
Round = dict[str, Measured]
"""What each way came to, by its name."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    repeat: int = 3
    scale: float = 1.0

    def of(self, count: int, least: int = 1) -> int:
        """A count at the scale asked for."""
        return max(least, round(count * self.scale))


@dataclass(frozen=True)
class Figure:
    """One number that was aimed for. Times a thing must not exceed are `most`; times it must reach are not."""

    name: str
    values: Sequence[float]
    reach: float
    must: float
    unit: str = ""
    most: bool = True
    digits: int = 2

    @property
    def median(self) -> float:
        """What stands for all rounds."""
        return statistics.median(self.values)

    def verdict(self) -> str:
        """How far it got: what was reached for, what it had to be, or neither."""
        middle = round(self.median, self.digits)
        for name, target in (("reached", self.reach), ("held", self.must)):
            if middle <= target if self.most else middle >= target:
                return name
        return "MISSED"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "least": min(self.values),
            "most": max(self.values),
            "rounds": len(self.values),
            "reach": self.reach,
            "must": self.must,
            "smaller_is_better": self.most,
            "verdict": self.verdict(),
        }


@dataclass
class Found:
    """What a case came to: a table for people, figures with their aims, and every round as it was measured."""

    title: str
    head: Sequence[str]
    rows: list[list[str]]
    figures: list[Figure] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "title": self.title,
            "figures": [figure.as_dict() for figure in self.figures],
            "table": [dict(zip(self.head, row, strict=True)) for row in self.rows],
            "rounds": self.rounds,
            "remarks": self.remarks,
        }


# ---------------------------------------------------------------------- processes


def whole(
    command: Sequence[str | Path], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Measured:
    """A process from its start to its end, measured by the system; its output is `stdout`."""
    arguments = [str(part) for part in command]
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        launcher = [sys.executable, "-ISE", str(HERE / "launch.py"), report.name]
        done = subprocess.run(
            [*launcher, *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.load(report)
    if found["status"]:
        said = f"{done.stdout}{done.stderr}"[-4_000:]
        raise SystemExit(f"{' '.join(arguments)} ended with {found['status']}:\n{said}")
    return {
        "seconds": found["seconds"],
        "cpu": found["cpu"],
        "peak_mb": megabytes(found["maxrss"]),
        "stdout": done.stdout,
    }


def megabytes(maxrss: int) -> float:
    """Peak memory, which systems give in different units."""
    return maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def child(way: str, *arguments: object) -> Measured:
    """One of the functions in `ways`, named `module:function`, measured inside its process without the imports."""
    command = [sys.executable, str(HERE / "child.py"), way, *map(str, arguments)]
    found: Measured = json.loads(whole(command)["stdout"].splitlines()[-1])
    return found


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for one measurement."""
    folder = Path(tempfile.mkdtemp(prefix="instaview-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command_environment(work: Path, **more: str) -> dict[str, str]:
    """What the command `instaview` needs to keep to a work folder."""
    return {
        "SOURCES__INSTAVIEW__API_KEY": "sk_test",
        "DLT_DATA_DIR": str(work),
        "DESTINATION__DUCKDB__CREDENTIALS": str(work / "warehouse.duckdb"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **more,
    }


INSTAVIEW = (sys.executable, "-m", "instaview")
"""The command."""


def rounds(options: Options, ways: Mapping[str, Callable[[], Measured]]) -> list[Round]:
    """All ways in turn, so many times."""
    found: list[Round] = []
    for number in range(options.repeat):
        found.append({})
        for name, way in ways.items():
            note(f"round {number + 1} of {options.repeat}: {name} …")
            measured = way()
            measured.pop("stdout", None)
            found[-1][name] = measured
    note("")
    return found


def note(text: str) -> None:
    """What is under way, on one line of a terminal that the next note takes over."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------- numbers


def of(found: Sequence[Round], way: str, what: str = "seconds") -> list[float]:
    """One thing of one way, by round."""
    return [r[way][what] for r in found]


def ratios(found: Sequence[Round], over: str, under: str, what: str = "seconds") -> list[float]:
    """One way over another within each round, so that a busy machine hurts both alike."""
    return [a / b for a, b in zip(of(found, over, what), of(found, under, what), strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median (least–most)."""
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


USED = ("seconds", "CPU seconds", "peak MB")


def used(found: Sequence[Round], way: str) -> list[str]:
    """The three columns of `USED`."""
    return [spread(of(found, way)), spread(of(found, way, "cpu")), spread(of(found, way, "peak_mb"), 0)]


BESIDE = ("way", *USED, "rows", "× the time of instaview")


def beside(found: Sequence[Round], ours: str) -> list[list[str]]:
    """A line of `BESIDE` for each way."""
    return [
        [name, *used(found, name), f"{found[0][name]['rows']:,}", spread(ratios(found, name, ours), 1)]
        for name in found[0]
    ]
