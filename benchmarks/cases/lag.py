"""How long after its run has ended a result is in DuckDB, in a long load; in real time."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import duckdb

from bodies import make_bodies
from harness import (
    INSTAVIEW,
    USED,
    Figure,
    Found,
    Measured,
    Options,
    command_environment,
    of,
    rounds,
    spread,
    used,
    whole,
    work_folder,
)
from server import serving

_REQUESTS = 1_000
_SECONDS = 240
_WAY = "instaview load"

_LAGS = """
SELECT epoch(l.inserted_at) - epoch(r.completed_at)
FROM results.sourcing_runs r JOIN results._dlt_loads l ON l.load_id = r._dlt_load_id AND l.status = 0
"""
"""From the API's completed_at to the moment dlt wrote down that the load is committed, in seconds."""


def measure(options: Options) -> Found:
    """Runs that end evenly over some minutes."""
    requests, seconds = options.of(_REQUESTS), options.of(_SECONDS, least=60)
    folder = make_bodies(requests)
    found = rounds(options, {_WAY: lambda: _load(folder, seconds)})
    medians = of(found, _WAY, "median_lag")
    return Found(
        f"from a run's end to its row: {requests:,} runs that end evenly over {seconds} s",
        ["way", *USED, "median lag, s", "95 % within, s", "calls per result", "loads"],
        [
            [
                _WAY,
                *used(found, _WAY),
                spread(medians, 1),
                spread(of(found, _WAY, "late"), 1),
                spread(of(found, _WAY, "calls_per_result")),
                spread(of(found, _WAY, "loads"), 0),
            ]
        ],
        [Figure("median lag from a completed run to its row in DuckDB", medians, 15, 25, "s", digits=1)],
        found,
    )


def _load(folder: Path, seconds: float) -> Measured:
    ids = (folder / "ids").read_text().split()
    with work_folder() as work, serving(folder, seconds) as address:
        (work / "ids.txt").write_text("\n".join(ids))
        environment = command_environment(work, SOURCES__INSTAVIEW__BASE_URL=address)
        arguments = ("load", "--from", "ids.txt", "--dataset", "results", "--json")
        measured = whole([*INSTAVIEW, *arguments], work, environment)
        summary = json.loads(measured["stdout"])
        assert summary["completed"] == len(ids), summary
        with duckdb.connect(work / "warehouse.duckdb", read_only=True) as connection:
            lags = [lag for (lag,) in connection.sql(_LAGS).fetchall()]
    assert len(lags) == len(ids)
    return measured | {
        "median_lag": statistics.median(lags),
        "late": statistics.quantiles(lags, n=20)[-1],
        "calls_per_result": summary["http_requests"] / len(ids),
        "loads": len(summary["load_ids"]),
    }
