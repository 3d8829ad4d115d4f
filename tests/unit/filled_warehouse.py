"""A DuckDB file that holds given rows, loaded the way loads do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from instaview.commit import commit
from instaview.tables import LOAD_ID, TABLES, Table
from instaview.views import create_views


def pipeline_in(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "filled",
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="instaview",
        pipelines_dir=str(folder / "pipelines"),
    )


def fill(pipeline: dlt.Pipeline, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Loads these rows, and creates the views."""
    commit(pipeline, (_arrow(table, tables[table.name]) for table in TABLES if tables.get(table.name)))
    create_views(pipeline)


def _arrow(table: Table, rows: list[dict[str, Any]]) -> tuple[str, pa.Table]:
    schema = pa.schema([field for field in table.arrow_schema if field.name != LOAD_ID])  # dlt adds that one
    return table.name, pa.Table.from_pylist(rows, schema)


def filled_warehouse(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> dlt.Pipeline:
    """A pipeline on a warehouse with these rows and the views."""
    pipeline = pipeline_in(folder)
    fill(pipeline, tables)
    return pipeline
