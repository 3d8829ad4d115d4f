"""What a load asks of a warehouse: every statement that dlt's client sends, and how many rows come back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dlt

from instaview.tables import TABLES

_NAMES = "|".join(sorted((*(t.name for t in TABLES), r"_dlt_\w+"), key=len, reverse=True))
_TABLE = re.compile(rf"[\"`](iv_\w+?)[\"`]\.[\"`]({_NAMES})[\"`]", re.IGNORECASE)


@dataclass
class Recorder:
    """Statements in the order in which they were sent, and the rows that were fetched."""

    statements: list[str] = field(default_factory=list)
    rows: int = 0

    def kinds(self) -> Counter[str]:
        """How many statements there are of each kind."""
        return Counter(statement.split()[0].upper() for statement in self.statements)

    def uses(self, kind: str = "", *, staging: bool = False) -> Counter[str]:
        """The tables of the model that statements of this kind read or write anywhere, and in how many statements."""
        found: Counter[str] = Counter()
        for statement in self.statements:
            if statement.upper().startswith(kind):
                named = {(dataset.lower(), table.lower()) for dataset, table in _TABLE.findall(statement)}
                found.update(t for d, t in named if d.endswith("_staging") == staging and not t.startswith("_dlt"))
        return found

    def tables(self, kind: str, *, staging: bool = False) -> Counter[str]:
        """The tables of the model that statements of this kind name first, and how often."""
        found: Counter[str] = Counter()
        for statement in self.statements:
            match = _TABLE.search(statement) if statement.upper().startswith(kind) else None
            if match is None or match[2].lower().startswith("_dlt"):
                continue
            if match[1].lower().endswith("_staging") == staging:
                found[match[2].lower()] += 1
        return found


class _Counting:
    def __init__(self, cursor: Any, recorder: Recorder) -> None:
        self._cursor, self._recorder = cursor, recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetchmany(self, *arguments: Any) -> Any:
        return self._counted(self._cursor.fetchmany(*arguments))

    def fetchall(self) -> Any:
        return self._counted(self._cursor.fetchall())

    def _counted(self, rows: Any) -> Any:
        self._recorder.rows += len(rows)
        return rows


@contextmanager
def recording(pipeline: dlt.Pipeline, monkeypatch: Any) -> Iterator[Recorder]:
    """Records what is sent to the pipeline's warehouse meanwhile, from any thread and pipeline."""
    recorder = Recorder()
    client = type(pipeline.sql_client())
    original = client.execute_query

    @contextmanager
    def execute_query(self: Any, query: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
        for statement in str(query).split(";\n"):
            if text := " ".join(statement.split()).rstrip(";"):
                recorder.statements.append(text)
        with original(self, query, *arguments, **named) as cursor:
            yield _Counting(cursor, recorder)

    with monkeypatch.context() as patched:
        patched.setattr(client, "execute_query", execute_query)
        yield recorder
