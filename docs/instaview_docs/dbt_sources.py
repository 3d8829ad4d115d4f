"""The sources of dbt: tables and views with their meanings, keys and relationships."""

from __future__ import annotations

from typing import Any

import yaml

from instaview.tables import LOAD_ID, LOAD_ID_MEANING, TABLES, Personal, Relationship, Table, relationships
from instaview.views import View, views

Yaml = dict[str, Any]

SOURCE = "instaview"
_LOADS = "_dlt_loads"
_FRESHNESS = {
    "loaded_at_field": "last_polled_at",
    "freshness": {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": 3, "period": "day"}},
}
_HEAD = "# Generated from the model by `make docs`; what it offers is told in the README beside this folder.\n"


def sources() -> str:
    """The text of `sources.yml`."""
    source = {
        "name": SOURCE,
        "description": "Results of InstaView requests: candidates, enriched profiles, previews, runs and billing.",
        "database": "{{ var('instaview_database', target.database) }}",
        "schema": "{{ var('instaview_schema', 'instaview') }}",
        "tables": [*map(_table, TABLES), *map(_view, views()), _loads()],
    }
    content = {"version": 2, "sources": [source]}
    return _HEAD + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))


def _table(table: Table) -> Yaml:
    belongs = {r.columns: r for r in relationships() if r.table == table}
    columns = []
    for column in table.columns:
        tests: list[Any] = []
        if column.name in table.key or not column.nullable:
            tests.append("not_null")
        if table.key == (column.name,):
            tests.append("unique")
        if (relationship := belongs.get((column.name,))) and len(relationship.parents) == 1:
            tests.append(_relationship(belongs.pop(relationship.columns)))
        columns.append(_column(column.name, column.description, tests, column.personal))
    committed = _relationships(_LOADS, "load_id") | {"config": {"severity": "warn"}}
    columns.append(_column(LOAD_ID, LOAD_ID_MEANING, ["not_null", {"relationships": committed}]))
    tests = [*_unique(table.key), *map(_belongs_to, belongs.values())]
    return {
        "name": table.name,
        "description": f"{table.description} {table.question}",
        **({"config": _FRESHNESS} if table.name == "requests" else {}),
        **({"data_tests": tests} if tests else {}),
        "columns": columns,
    }


def _view(view: View) -> Yaml:
    unique = _unique(view.key, always=True)
    columns = [_column(name, meaning, []) for name, meaning in view.columns.items()]
    return {
        "name": view.name,
        "description": f"{view.description} {view.question}",
        "data_tests": unique,
        "columns": columns,
    }


def _loads() -> Yaml:
    columns = {"load_id": "What _dlt_load_id of a row names.", "inserted_at": "When the load was committed."}
    return {
        "name": _LOADS,
        "description": "One row a load of dlt. Rows of a load that is not in here are not whole yet.",
        "columns": [_column(name, meaning, []) for name, meaning in columns.items()],
    }


def _column(name: str, description: str, tests: list[Any], personal: Personal | None = None) -> Yaml:
    meta = {"config": {"meta": {"personal_data": personal}}} if personal else {}
    return {"name": name, "description": description, **meta, **({"data_tests": tests} if tests else {})}


def _unique(key: tuple[str, ...], *, always: bool = False) -> list[Yaml]:
    """The test of a key; dbt's own `unique` knows single columns only, and passes over nulls."""
    return [{"instaview_unique_key": {"arguments": {"columns": list(key)}}}] if always or len(key) > 1 else []


def _relationship(relationship: Relationship) -> Yaml:
    parent = relationship.parents[0]
    return {"relationships": _relationships(parent.name, parent.key[0])}


def _relationships(parent: str, field: str) -> Yaml:
    return {"arguments": {"to": _source(parent), "field": field}}


def _belongs_to(relationship: Relationship) -> Yaml:
    """The test where a key has several columns, or its row may be in one of several tables."""
    parents = [{"to": _source(parent.name), "key": list(parent.key)} for parent in relationship.parents]
    return {"instaview_belongs_to": {"arguments": {"columns": list(relationship.columns), "parents": parents}}}


def _source(name: str) -> str:
    return f"source('{SOURCE}', '{name}')"
