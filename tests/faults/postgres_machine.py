"""A machine that loads into Postgres instead of a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from machine import DATASET, Machine, Row

from instaview.tables import TABLES

_WITH_WAREHOUSE = ("load", "status", "check")


class PostgresMachine(Machine):
    """Runs `instaview … --destination postgres` against one database."""

    def __init__(self, folder: Path, base_url: str, api_key: str, database_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, base_url, api_key)
        self.database_url = database_url

    def env(self, **more: str) -> dict[str, str]:
        return super().env(**{"DESTINATION__POSTGRES__CREDENTIALS": self.database_url, **more})

    def arguments(self, arguments: tuple[str, ...]) -> list[str]:
        assert arguments[0] in _WITH_WAREHOUSE
        return [*arguments, "--destination", "postgres"]

    @contextmanager
    def connect(self) -> Iterator[Any]:
        connection = psycopg2.connect(self.database_url, options=f"-csearch_path={DATASET} -ctimezone=UTC")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.connect() as cursor:
            cursor.execute(sql, parameters or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def tables(self) -> dict[str, list[Row]]:
        with self.connect() as cursor:
            return {table.name: self._select(cursor, table.name, table.key) for table in TABLES}

    @staticmethod
    def _select(cursor: Any, table: str, key: tuple[str, ...]) -> list[Row]:
        # "C" orders texts as Python does
        order = ", ".join(f'{name} COLLATE "C"' if name.endswith("_id") else name for name in key)
        cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return [{name: value for name, value in row.items() if name != "_dlt_load_id"} for row in rows]
