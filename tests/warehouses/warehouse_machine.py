"""A machine that loads into any of the warehouses, and reads what is there through dlt's own client."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import httpx
from machine import Done, Machine, Row

from instaview import Summary, load
from instaview.destination import open_pipeline
from instaview.tables import LOAD_ID, TABLES, Table


@dataclass(frozen=True)
class Warehouse:
    """A warehouse that is up: dlt's name for it, and the settings that lead dlt to it."""

    name: str
    settings: Mapping[str, str]


class WarehouseMachine(Machine):
    """Runs `instaview` against a dataset of its own in a warehouse."""

    def __init__(self, folder: Path, base_url: str, api_key: str, warehouse: Warehouse, dataset: str) -> None:
        super().__init__(folder, base_url, api_key)
        self.warehouse, self.dataset = warehouse, dataset

    def env(self, **more: str) -> dict[str, str]:
        return super().env(**{**self.warehouse.settings, **more})

    def run(self, *arguments: str, stdin: str | None = None, **env: str) -> Done:
        return super().run(
            *arguments, "--destination", self.warehouse.name, "--dataset", self.dataset, stdin=stdin, **env
        )

    @contextmanager
    def pipeline(self, **env: str) -> Iterator[dlt.Pipeline]:
        """The pipeline that the command opens, in the surroundings that the command has."""
        before, folder = dict(os.environ), Path.cwd()
        os.chdir(self.folder)
        os.environ.update(self.env(**env))
        try:
            yield open_pipeline(self.warehouse.name, self.dataset)
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)

    def load_payloads(self, payloads: Mapping[str, Any], **options: Any) -> Summary:
        """Loads requests to which the API answers with these payloads."""

        def answer(request: httpx.Request) -> httpx.Response:
            return next(
                httpx.Response(200, content=json.dumps(p)) for i, p in payloads.items() if i in request.url.path
            )

        with self.pipeline() as pipeline:
            return load(pipeline, list(payloads), transport=httpx.MockTransport(answer), **options)

    def sql(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Runs SQL in which tables stand in braces, such as `SELECT * FROM {candidates}`; times come back in UTC."""
        with self._client() as client:
            return _fetched(client, sql, *parameters)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.sql(sql, *parameters)

    def tables(self) -> dict[str, list[Row]]:
        with self._client() as client:
            return {table.name: self._rows(client, table) for table in TABLES}

    def rows(self, table: Table) -> list[Row]:
        """The rows of a table in the order of its key, without the load id."""
        with self._client() as client:
            return self._rows(client, table)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        with self.pipeline() as pipeline, pipeline.sql_client() as client:
            yield client

    def _rows(self, client: Any, table: Table) -> list[Row]:
        names = [column.name for column in table.columns]
        found = _fetched(client, f"SELECT {', '.join(map(self._quoted, names))} FROM {{{table.name}}}")
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return sorted(rows, key=lambda row: tuple(row[name] for name in table.key))

    @property
    def load_id_column(self) -> str:
        return self._quoted(LOAD_ID)

    def states(self) -> dict[str, str]:
        return dict(self.sql("SELECT request_id, state FROM {requests}"))

    def _quoted(self, name: str) -> str:
        quote = "`" if self.warehouse.name == "bigquery" else '"'
        return f"{quote}{name.upper() if self.warehouse.name == 'snowflake' else name}{quote}"


def _fetched(client: Any, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    rows = client.execute_sql(sql.format_map(_Qualified(client)), *parameters)
    return [tuple(_plain(value) for value in row) for row in rows or ()]


class _Qualified(dict[str, str]):
    def __init__(self, client: Any) -> None:
        self._client = client

    def __missing__(self, name: str) -> str:
        qualified: str = self._client.make_qualified_table_name(name)
        return qualified


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, datetime):
        assert value.tzinfo is not None, "a time without zone"
        return value.astimezone(UTC)
    return value
