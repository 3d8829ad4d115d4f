"""Bodies to tables, beside what a user would pick instead; all ways read the same bodies."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bodies import RUNS, make_bodies
from harness import USED, Figure, Found, Options, Round, child, ratios, rounds, spread, used

_WAYS = {
    "instaview: normalise + load": "ours:commit",
    "instaview: normalise alone": "ours:normalise",
    "DuckDB alone: read_json + UNNEST (the floor)": "others:floor",
    "a pandas script": "others:pandas_script",
    "plain dlt, asked for Parquet": "others:plain_dlt",
}
_OURS, _, _FLOOR, _PANDAS, _DLT = _WAYS


def measure(options: Options) -> Found:
    """All ways in turn."""
    runs = options.of(RUNS)
    folder = make_bodies(runs)
    ways = {name: partial(child, way, folder) for name, way in _WAYS.items()}
    remarks = ["pandas and plain dlt make the same child tables; neither merges over more than the one load."]
    found = rounds(options, ways)
    rows_made = {r[_OURS]["rows"] for r in found}
    assert len(rows_made) == 1, rows_made
    return Found(
        f"normalise + load: {runs:,} sourcing runs, {rows_made.pop():,} rows, {_megabytes(folder)} MB of JSON",
        ["way", *USED, "rows", "× the floor", "× the time of instaview"],
        [_row(found, name) for name in ways],
        [
            Figure("normalise + load, ratio to the floor", ratios(found, _OURS, _FLOOR), 1.3, 1.8),
            Figure("the same in CPU seconds", ratios(found, _OURS, _FLOOR, "cpu"), 1.3, 1.8),
            Figure("times faster than plain dlt, Parquet", ratios(found, _DLT, _OURS), 15, 10, most=False, digits=1),
            Figure("times faster than the pandas script", ratios(found, _PANDAS, _OURS), 4, 3, most=False, digits=1),
        ],
        found,
        remarks,
    )


def _row(found: list[Round], name: str) -> list[str]:
    made = f"{found[0][name]['rows']:,}"
    return [name, *used(found, name), made, spread(ratios(found, name, _FLOOR)), spread(ratios(found, name, _OURS), 1)]


def _megabytes(folder: Path) -> int:
    return round((folder / "bodies.ndjson").stat().st_size / 1e6)
