"""What the tables must hold after re-runs: every pass that was loaded, laid over those before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from oracle import stored
from reference import rows_of

from instaview.tables import RUN_MODELS, TABLES
from instaview_sandbox import Sandbox

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]

_CANDIDATES = frozenset(model.profiles.name for model in RUN_MODELS.values())
_MODELS = [table for table in TABLES if table.name != "requests"]


class History:
    """The answers of the sandbox that a load was to bring, pass by pass, for each request."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._passes: dict[str, list[dict[str, Any]]] = {}

    def note(self, request_ids: Iterable[str]) -> None:
        """The present pass of these requests is to be loaded."""
        for request_id in request_ids:
            self._passes.setdefault(request_id, []).append(self._sandbox.payload(request_id))

    @property
    def request_ids(self) -> list[str]:
        return list(self._passes)

    def expected(self) -> dict[str, list[Row]]:
        """The rows of all tables but `requests`, in the order of their keys."""
        tables = empty()
        for request_id in self._passes:
            for name, rows in self.of(request_id, len(self._passes[request_id])).items():
                tables[name] |= rows
        return {name: [rows[key] for key in sorted(rows)] for name, rows in tables.items()}

    def of(self, request_id: str, passes: int) -> Tables:
        """What the tables hold of one request after so many of its passes."""
        tables = empty()
        for payload in self._passes[request_id][:passes]:
            self._lay_over(tables, request_id, payload)
        return tables

    def is_whole(self, request_id: str, found: Tables) -> bool:
        """Whether rows are those after the last pass, or those after the one before it, and no mixture."""
        count = len(self._passes[request_id])
        return any(found == self.of(request_id, passes) for passes in {count, max(count - 1, 0)})

    def _lay_over(self, tables: Tables, request_id: str, payload: dict[str, Any]) -> None:
        kind = self._sandbox.kind(request_id)
        assert kind is not None
        new = rows_of(kind, request_id, None, payload)
        delivered = {row["candidate_id"] for name in _CANDIDATES for row in new.get(name, [])}
        for table in _MODELS:
            rows = tables[table.name]
            if table.replaced:
                for key in [key for key, row in rows.items() if row["candidate_id"] in delivered]:
                    del rows[key]
            for row in new.get(table.name, []):
                if row.get("position", 0) is not None:
                    rows[tuple(row[name] for name in table.key)] = stored(row)


def empty() -> Tables:
    return {table.name: {} for table in _MODELS}


def by_request(tables: dict[str, list[Row]]) -> dict[str, Tables]:
    """Rows as a machine reads them, apart by request."""
    found: dict[str, Tables] = {}
    for table in _MODELS:
        for row in tables[table.name]:
            request = found.setdefault(row["request_id"], empty())
            request[table.name][tuple(row[name] for name in table.key)] = row
    return found


def repeated_keys(tables: dict[str, list[Row]]) -> list[tuple[Any, ...]]:
    """Keys that occur more than once, with their table: there must be none."""
    found: list[tuple[Any, ...]] = []
    for table in TABLES:
        keys = Counter(tuple(row[name] for name in table.key) for row in tables[table.name])
        found += [(table.name, *key) for key, times in keys.items() if times > 1]
    return found
