"""A DuckDB file that holds given rows, in tables and views that a load made."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa

from instaview.commit import commit
from instaview.tables import LOAD_ID, TABLES, Table
from instaview.views import create_views

Rows = dict[str, list[dict[str, Any]]]


def pipeline_in(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "filled",
        destination=dlt.destinations.duckdb(str(_file(folder))),
        dataset_name="instaview",
        pipelines_dir=str(folder / "pipelines"),
    )


def _file(folder: Path) -> Path:
    return folder / "warehouse.duckdb"


def fill(pipeline: dlt.Pipeline, tables: Rows) -> None:
    """Loads these rows, and creates the views."""
    commit(pipeline, ((table.name, _arrow(table, tables[table.name])) for table in TABLES if tables.get(table.name)))
    create_views(pipeline)


def _arrow(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([field for field in table.arrow_schema if field.name != LOAD_ID])  # dlt adds that one
    return pa.Table.from_pylist(rows, schema)


@cache
def _made_by_a_load() -> tempfile.TemporaryDirectory[str]:
    """A warehouse without rows. It is made once: a load takes a second, and a copy of its file takes none."""
    folder = tempfile.TemporaryDirectory()
    fill(pipeline_in(Path(folder.name)), {})
    return folder


def filled_warehouse(folder: Path, tables: Rows) -> dlt.Pipeline:
    """A pipeline on a warehouse with these rows and the views."""
    shutil.copytree(_made_by_a_load().name, folder, dirs_exist_ok=True)
    with duckdb.connect(str(_file(folder))) as warehouse:
        for table in TABLES:
            if tables.get(table.name):
                warehouse.register("rows", _arrow(table, tables[table.name]))
                select = f"SELECT *, (SELECT max(load_id) FROM instaview._dlt_loads) AS {LOAD_ID} FROM rows"
                warehouse.execute(f"INSERT INTO instaview.{table.name} BY NAME {select}")
    return pipeline_in(folder)
