"""What the tables must hold, computed from the sandbox's own answers by the slow reference."""

from __future__ import annotations

import json
from typing import Any

from reference import rows_of

from instaview.tables import TABLES
from instaview_sandbox import Fault, Sandbox

Row = dict[str, Any]


def expected_tables(sandbox: Sandbox, request_ids: list[str], fault: Fault | None = None) -> dict[str, list[Row]]:
    """The rows of all tables but `requests`, for requests that ended, in the order of their keys.

    `fault` is what befell all of their answers.
    """
    rows: dict[str, list[Row]] = {table.name: [] for table in TABLES if table.name != "requests"}
    for request_id in request_ids:
        kind = sandbox.kind(request_id)
        assert kind is not None
        for name, more in rows_of(kind, request_id, None, sandbox.payload(request_id, fault)).items():
            rows[name] += [stored(row) for row in more if row.get("position", 0) is not None]
    return {
        table.name: sorted(rows[table.name], key=lambda row, t=table: tuple(row[k] for k in t.key))
        for table in TABLES
        if table.name != "requests"
    }


def stored(row: Row) -> Row:
    """A row of the reference as a warehouse gives it back."""
    extra = row.get("extra")
    return row if extra is None else {**row, "extra": json.dumps(extra, ensure_ascii=False, sort_keys=True)}


def without_requests(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: rows for name, rows in tables.items() if name != "requests"}
