"""The views: answers on top of the tables, each one SQL file in DuckDB's dialect, written for any warehouse.

A file in `views/` is the view of its name. It opens with a comment of three parts, an empty comment line between them:
what a row means; `-- question: ` that the view answers and `-- key: ` columns that together never repeat; and a line
`-- column: what it means` for each column in order. A line indented further goes on with the one before.

What is in the warehouse is told by one more view there, `_instaview_views`, which holds a digest of all others: so that
a load sees in one query that nothing is to be done.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dlt
import sqlglot
from dlt.common.destination.exceptions import DestinationException, DestinationUndefinedEntity
from sqlglot import exp

from .commit import commit
from .diagnosis import is_not_allowed
from .exceptions import InstaviewError
from .ledger import open_ledger
from .pending import finish_packages
from .process import only_one
from .settings import resolve_settings
from .tables import TABLES
from .warehouse_errors import warehouse_errors

logger = logging.getLogger("instaview")

FOLDER = Path(__file__).with_name("views")
MARKER = "_instaview_views"
_MEANING = re.compile(r"(\w+): (.+)")


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    `question` is one that it answers. The columns of `key` together never repeat, though some may be null. `columns`
    has the meaning of each column, in order; `sql` is a SELECT in DuckDB's dialect.
    """

    name: str
    description: str
    question: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    sql: str


@cache
def views() -> tuple[View, ...]:
    """All views, by name."""
    return tuple(parse_view(path.stem, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.sql")))


def parse_view(name: str, text: str) -> View:
    """A view from the text of its file."""
    lines = text.splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    comment = [line.removeprefix("--").removeprefix(" ") for line in lines[:length]]
    row, facts = (number for number, line in enumerate(comment) if not line)
    about = _meanings(name, comment[row + 1 : facts])
    return View(
        name,
        " ".join(comment[:row]),
        about["question"],
        tuple(about["key"].split(", ")),
        _meanings(name, comment[facts + 1 :]),
        "\n".join(lines[length:]).strip() + "\n",
    )


def _meanings(view: str, lines: list[str]) -> dict[str, str]:
    """Lines `name: meaning`, each perhaps with further lines, as a dict."""
    meanings: dict[str, str] = {}
    last = ""
    for line in lines:
        if line.startswith(" "):
            meanings[last] += " " + line.strip()
        elif (match := _MEANING.fullmatch(line)) is not None:
            last = match[1]
            meanings[last] = match[2]
        else:
            raise ValueError(f"view {view}: not a line 'name: meaning': {line}")
    return meanings


def in_dialect(sql: str, dialect: str, qualify: Callable[[str], exp.Table]) -> str:
    """A SELECT over tables of the model, written in another dialect of SQL.

    Args:
        sql: in DuckDB's dialect.
        dialect: sqlglot's name of the other.
        qualify: the table of the warehouse for a name of the model.
    """
    names = {table.name for table in TABLES}

    def rewrite(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Table) and node.name in names:
            table = qualify(node.name)
            table.set("alias", node.args.get("alias"))
            return table
        if isinstance(node, exp.DateDiff) and dialect == "bigquery":  # its DATE_DIFF knows no time of day
            return exp.TimestampDiff(this=node.this, expression=node.expression, unit=node.args.get("unit"))
        return node

    return sqlglot.parse_one(sql, read="duckdb").transform(rewrite).sql(dialect=dialect, comments=False)


def create_views(pipeline: dlt.Pipeline) -> list[str]:
    """Creates all views in the pipeline's dataset, in place of those that are there.

    Tables that an older version did not know are created first, for the views are made of them.

    Returns:
        Their names; none where nothing was ever loaded, so that there is nothing to look at.

    Raises:
        DestinationFailed: the warehouse cannot be reached, or refuses.
        AlreadyRunning: tables are missing, and a load runs on this pipeline.
    """
    with warehouse_errors(pipeline):
        with open_ledger(pipeline) as ledger:
            if ledger is None:
                return []
        if not _has_tables(pipeline):
            with only_one(pipeline):
                finish_packages(pipeline, resolve_settings().concealment)
                commit(pipeline, iter(()))
        _create(pipeline)
    return [view.name for view in views()]


def keep_views(pipeline: dlt.Pipeline) -> None:
    """Creates the views where one is missing or another version's; after a load, which it never fails."""
    try:
        with warehouse_errors(pipeline):
            if _current(pipeline) == _digest():
                return
            if not _has_tables(pipeline):
                commit(pipeline, iter(()))
            _create(pipeline)
    except InstaviewError as error:
        what = str(error).rpartition("; ")[0] or str(error)  # the advice behind it is for loads that failed
        first = "Grant the loader to create views in the dataset" if is_not_allowed(what) else "Mend it"
        logger.warning(
            f"the tables are loaded, but the views could not be created: {what}. {first}, then run `instaview views`"
        )


def _create(pipeline: dlt.Pipeline) -> None:
    with pipeline.sql_client() as client:
        creator = _Creator(client)
        for view in views():
            creator.create(view.name, view.sql)
        # last, so that it stands for all the others
        creator.create(MARKER, f"SELECT '{_digest()}' AS digest")


def _has_tables(pipeline: dlt.Pipeline) -> bool:
    """Whether the warehouse has all tables of the model."""
    with pipeline.sql_client() as client:
        names = ", ".join(client.make_qualified_table_name(table.name) for table in TABLES)
        try:
            client.execute_sql(f"SELECT 1 FROM {names} WHERE 1 = 0")
        except DestinationUndefinedEntity:
            return False
    return True


def _current(pipeline: dlt.Pipeline) -> str | None:
    """The digest of the views in the warehouse; None where one is missing.

    One query names them all, and reads none of them.
    """
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name
        there = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {name(view.name)} WHERE 1 = 0)" for view in views())
        try:
            rows = client.execute_sql(f"SELECT digest FROM {name(MARKER)} WHERE {there}")
        except DestinationUndefinedEntity:
            return None
    return str(rows[0][0]) if rows else None


@cache
def _digest() -> str:
    return hashlib.sha256("\n".join(f"{view.name}\n{view.sql}" for view in views()).encode()).hexdigest()


class _Creator:
    """Creates views through one of dlt's SQL clients."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._dialect = str(client.capabilities.sqlglot_dialect)

    def create(self, name: str, sql: str) -> None:
        view = self._qualify(name).sql(self._dialect)
        select = in_dialect(sql, self._dialect, self._qualify)
        grants = " COPY GRANTS" if self._dialect == "snowflake" else ""
        try:
            self._client.execute_sql(f"CREATE OR REPLACE VIEW {view}{grants} AS {select}")
        except DestinationException:
            if self._dialect != "postgres":
                raise
            # Postgres replaces a view only by one with the same columns and more
            self._client.execute_sql(f"DROP VIEW IF EXISTS {view}")
            self._client.execute_sql(f"CREATE VIEW {view} AS {select}")

    def _qualify(self, name: str) -> exp.Table:
        """A name with its dataset. Without the database: a DuckDB file may be renamed, a database cloned."""
        path = self._client.make_qualified_table_name_path(name, quote=False)
        if self._dialect != "bigquery":
            path = path[-2:]
        return exp.table_(*[exp.to_identifier(part, quoted=True) for part in reversed(path)])
