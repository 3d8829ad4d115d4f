"""Which requests are finished, read back from the warehouse. There is no other memory.

A request is finished when `requests` says completed or failed and the load that wrote the row is committed
(`_dlt_loads.status = 0`): dlt merges table by table, so a crash between two tables leaves rows that do not count yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from .duckdb_file import is_new_file
from .exceptions import InvalidRequestId
from .normalize import to_arrow
from .request_ids import Request, parse_request
from .resolver import Tracked
from .tables import REQUESTS, RUN_MODELS
from .working_folder import SCHEMA

logger = logging.getLogger("instaview")

_IDS_PER_QUERY = 10_000
"""A list that every warehouse takes in one query; Snowflake's end is at 16,384."""

_ENDED = "r.state IN ('completed', 'failed')"
_OPEN = f"(r.state = 'processing' OR (l.load_id IS NULL AND {_ENDED}))"
"""What a load takes up again by itself: `Known.open` in SQL."""

_ROWS_AT_ONCE = 250_000
"""Of the ledger, as columns: few enough to take little memory, many enough to be looked through but a few times."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the warehouse holds of one request."""

    request: Request
    state: str
    committed: bool
    first_seen_at: datetime | None
    polls: int
    last_polled_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether its result is whole in the warehouse, so that it need not be read again."""
        return self.committed and self.state in ("completed", "failed")

    @property
    def not_found(self) -> bool:
        """Whether the API said that it knows no such request."""
        return self.committed and self.state == "not_found"

    @property
    def open(self) -> bool:
        """Whether a load takes it up again by itself."""
        return self.state == "processing" or (not self.committed and self.state in ("completed", "failed"))


@contextmanager
def open_ledger(pipeline: dlt.Pipeline) -> Iterator[LedgerReader | None]:
    """The ledger in the pipeline's warehouse; None where nothing was ever loaded."""
    if is_new_file(pipeline):  # who only looks must not leave an empty file
        yield None
        return
    with pipeline.sql_client() as client:
        ledger = LedgerReader(client)
        yield ledger if ledger.exists() else None


def committed_loads(pipeline: dlt.Pipeline) -> int:
    """How many loads of ours the pipeline's warehouse holds."""
    with pipeline.sql_client() as client:
        try:
            return LedgerReader(client).loads()
        except DestinationUndefinedEntity:
            return 0


class LedgerReader:
    """The few queries over the ledger, in SQL that every warehouse understands."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._requests = client.make_qualified_table_name(REQUESTS.name)
        self._loads = client.make_qualified_table_name("_dlt_loads")
        self._joined = (
            f"FROM {self._requests} r LEFT JOIN {self._loads} l ON l.load_id = r._dlt_load_id AND l.status = 0"
        )

    def exists(self) -> bool:
        """Whether the tables are there."""
        try:
            self._client.execute_sql(f"SELECT 1 FROM {self._requests}, {self._loads} WHERE 1 = 0")
        except DestinationUndefinedEntity:
            return False
        return True

    def counts(self) -> Iterator[tuple[str, int]]:
        """Requests by state; a result that is not whole yet counts as processing."""
        yield from self._rows(
            f"SELECT CASE WHEN {_OPEN} THEN 'processing' ELSE r.state END, COUNT(*) {self._joined} GROUP BY 1"
        )

    def oldest_open(self) -> tuple[str, datetime | None] | None:
        """The unfinished request that has been known longest, and since when."""
        rows = self._rows(
            f"SELECT r.request_id, r.first_seen_at {self._joined} WHERE {_OPEN} ORDER BY r.first_seen_at LIMIT 1"
        )
        return next(((row[0], row[1]) for row in rows), None)

    def last_load(self) -> tuple[str, datetime] | None:
        """The last committed load, and when it was."""
        rows = self._rows(
            f"SELECT load_id, inserted_at FROM {self._loads} WHERE status = 0 ORDER BY inserted_at DESC LIMIT 1"
        )
        return next(((row[0], row[1]) for row in rows), None)

    def loads(self) -> int:
        """How many loads of ours are committed."""
        ((count,),) = self._rows(f"SELECT COUNT(*) FROM {self._loads} WHERE schema_name = %s AND status = 0", SCHEMA)
        return int(count)

    def requests(self, ids: Sequence[str], *, every: bool = False) -> Iterator[Known]:
        """Every open request, and those of `ids` that are known (or simply all)."""
        if every:
            yield from self._select("1 = 1")
            return
        yield from self._select(_OPEN)
        for start in range(0, len(ids), _IDS_PER_QUERY):
            yield from self._select(f"r.request_id IN ({_literals(ids[start : start + _IDS_PER_QUERY])})")

    def finished(self) -> Iterator[pa.Table]:
        """All finished requests, as columns `request_id` and `state`, a part at a time."""
        select = f"SELECT r.request_id, r.state {self._joined} WHERE l.load_id IS NOT NULL AND {_ENDED}"
        with self._client.execute_query(select) as cursor:
            for part in cursor.iter_arrow(chunk_size=_ROWS_AT_ONCE):
                yield part.rename_columns(["request_id", "state"])

    def completed_since(self, since: datetime) -> set[str]:
        """The ids of runs completed at `since` or later."""
        found: set[str] = set()
        for model in RUN_MODELS.values():
            runs = self._client.make_qualified_table_name(model.runs.name)
            found.update(row[0] for row in self._rows(f"SELECT request_id FROM {runs} WHERE completed_at >= %s", since))
        return found

    def _select(self, condition: str) -> Iterator[Known]:
        rows = self._rows(
            "SELECT r.request_id, r.state, r.company_id, r.first_seen_at, r.polls, l.load_id, r.last_polled_at "
            f"{self._joined} WHERE {condition}"
        )
        for request_id, state, company_id, first_seen_at, polls, load_id, polled in rows:
            try:
                request = replace(parse_request(request_id), company_id=company_id)  # whatever company stands there
            except InvalidRequestId:  # put there by hand
                logger.warning("table requests: a row with a malformed id is passed over: %s", ascii(request_id)[:60])
                continue
            yield Known(request, state, load_id is not None, first_seen_at, int(polls or 0), polled)

    def _rows(self, sql: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        with self._client.execute_query(sql, *parameters) as cursor:
            while rows := cursor.fetchmany(10_000):
                yield from rows


def _literals(ids: Iterable[str]) -> str:
    # the shape of an id was checked when it was read: letters, digits, _ and - only
    return ", ".join(f"'{request_id}'" for request_id in ids)


def request_rows(tracked: Sequence[Tracked], known: Mapping[str, Known], first_seen_at: datetime) -> pa.Table:
    """Rows of the table `requests`: what is known now, added to what the warehouse knew before.

    `first_seen_at` is written for requests that are new to the warehouse.
    """

    def column(name: str, values: list[Any]) -> pa.Array:
        return pa.array(values, REQUESTS.row_schema.field(name).type)

    before = [known.get(t.request.id) for t in tracked]
    arrays: dict[str, list[Any]] = {
        "request_id": [t.request.id for t in tracked],
        "kind": [t.request.kind for t in tracked],
        "state": [t.state for t in tracked],
        "company_id": [t.request.company_id for t in tracked],
        "first_seen_at": [(b.first_seen_at if b else None) or first_seen_at for b in before],
        "last_polled_at": [t.last_polled_at for t in tracked],
        "resolved_at": [t.resolved_at for t in tracked],
        "polls": [t.polls + (b.polls if b else 0) for t, b in zip(tracked, before, strict=True)],
        "http_status": [t.http_status for t in tracked],
        "error_code": [t.error_code for t in tracked],
        "error_message": [t.error_message for t in tracked],
    }
    return to_arrow(REQUESTS, {name: column(name, values) for name, values in arrays.items()})
