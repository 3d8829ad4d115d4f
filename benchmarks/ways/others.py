"""What a user would pick instead, within one process: DuckDB itself, plain dlt, a pandas script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bodies import Bodies
from child import count_rows, timed
from harness import Measured


def floor(folder: Path, work: Path) -> Measured:
    """DuckDB's own `read_json` and `UNNEST`."""
    import duckdb

    result = Measured()
    script = (Path(__file__).parent / "floor.sql").read_text().replace("$path", f"'{folder / 'bodies.ndjson'}'")
    with timed(result), duckdb.connect(work / "warehouse.duckdb") as connection:
        connection.execute(script)
    return result | count_rows(work / "warehouse.duckdb")


def plain_dlt(folder: Path, work: Path) -> Measured:
    """The bodies as dicts through a plain dlt resource, as Parquet: dlt nests the tables and merges by request."""
    return _plain_dlt(folder, work, "parquet")


def dlt_by_default(folder: Path, work: Path) -> Measured:
    """The same with no format asked for, which into DuckDB is `INSERT … VALUES`."""
    return _plain_dlt(folder, work, None)


def _plain_dlt(folder: Path, work: Path, file_format: Any) -> Measured:
    import dlt
    import orjson

    bodies, result = Bodies(folder), Measured()

    @dlt.resource(primary_key="requestId", write_disposition="merge", name="sourcing_runs")
    def runs() -> Iterator[Any]:
        for request_id in bodies.ids:
            yield orjson.loads(bodies.read(request_id))

    with timed(result):
        pipeline = dlt.pipeline(
            "plain",
            pipelines_dir=str(work / "pipelines"),
            destination=dlt.destinations.duckdb(str(work / "warehouse.duckdb")),
            dataset_name="results",
        )
        pipeline.run(runs(), loader_file_format=file_format)
    return result | count_rows(work / "warehouse.duckdb")


def pandas_script(folder: Path, work: Path) -> Measured:
    """A script: `json`, `json_normalize`, `explode`, and each frame inserted into a table."""
    import duckdb
    import pandas as pd

    bodies, result = Bodies(folder), Measured()
    with timed(result), duckdb.connect(work / "warehouse.duckdb") as connection:
        connection.execute("CREATE SCHEMA results")
        answers = [json.loads(bodies.read(request_id)) for request_id in bodies.ids]
        for name, frame in _frames(pd, answers):
            connection.register("frame", frame)
            connection.execute(f"CREATE TABLE results.{name} AS SELECT * FROM frame")
            connection.unregister("frame")
    return result | count_rows(work / "warehouse.duckdb")


def _frames(pd: Any, answers: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    runs = pd.json_normalize(answers).drop(columns=["candidates"])
    for column in ("createdAt", "completedAt"):
        runs[column] = pd.to_datetime(runs[column])
    yield "sourcing_runs", runs
    yield "requests", runs[["requestId", "status"]]

    profiles = pd.json_normalize(answers, "candidates", meta=["requestId", "completedAt"])
    profiles["candidate_id"] = profiles["requestId"] + "/" + profiles["profileId"]
    profiles["completedAt"] = pd.to_datetime(profiles["completedAt"])
    profiles["position"] = profiles.groupby("requestId").cumcount() + 1
    lists = ["skills", "aiFitPoints", "aiRedFlags", "emails", "aiDetailedRationale", "detailedExperience"]
    yield "candidates", profiles.drop(columns=lists)

    keys = ["candidate_id", "requestId", "profileId"]
    texts = {"skills": "skills", "aiFitPoints": "fit_points", "aiRedFlags": "red_flags", "emails": "emails"}
    for field, name in texts.items():
        yield f"profile_{name}", _exploded(profiles[[*keys, field]], field, keys[:1], "position")
    for field, name in (("aiDetailedRationale", "rationales"), ("detailedExperience", "experiences")):
        rows = _exploded(profiles[[*keys, field]], field, keys[:1], "position").reset_index(drop=True)
        items = rows.drop(columns=[field]).join(pd.json_normalize(rows[field].tolist()))
        if "highlights" in items:
            inner = items[[*keys, "position", "highlights"]].rename(columns={"position": "experience_position"})
            highlights = _exploded(inner, "highlights", ["candidate_id", "experience_position"], "position")
            yield "profile_experience_highlights", highlights
            items = items.drop(columns=["highlights"])
        yield f"profile_{name}", items


def _exploded(frame: Any, field: str, owner: list[str], position: str) -> Any:
    rows = frame.explode(field).dropna(subset=[field])
    return rows.assign(**{position: rows.groupby(owner).cumcount() + 1})
