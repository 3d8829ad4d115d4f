"""The data of the examples: the 300 requests of the demo, over a month that never changes.

Answers of the sandbox become rows the way a load makes them, but under a clock of their own: as if a load had run every
five minutes in March 2025. What the demo lacks is added: enrichment of strong candidates without an address, a second
company billed in minutes, requests that are still open or unknown, and a field that the API may add tomorrow.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from instaview.ledger import Known, request_rows
from instaview.normalize import Result, normalize
from instaview.payload import read_payload
from instaview.request_ids import parse_request
from instaview.resolver import Tracked
from instaview.source import Rows
from instaview.tables import REQUESTS, TABLES
from instaview.usage import companies_of, usage_rows
from instaview.views import views
from instaview_sandbox import Sandbox
from instaview_sandbox.billing import usage
from instaview_sandbox.keys import ACME, COMPANIES, GLOBEX
from instaview_sandbox.runs import Run

SCHEMA = "instaview"
FIRST_DAY = date(2025, 3, 1)
LAST_DAY = date(2025, 3, 31)

_NOON_OF_LAST_DAY = datetime(2025, 3, 31, 12, tzinfo=UTC).timestamp()
_FOLLOW_UP_DAYS = 5
_FOLLOWED_UP = 40
_DAY = 86_400
_LOADS_EVERY = 300
_LOAD_ID = f"{_NOON_OF_LAST_DAY}"
_UNKNOWN = "req_00000000-0000-4000-8000-000000000404"
_NEWS = {"addedTomorrow": "no column yet"}


def sample() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with all tables and views, in schema `instaview`; every call gives the same rows."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA {SCHEMA}; USE {SCHEMA}")
    month = _Month()
    parts = {table.name: [table.empty()] for table in TABLES}
    for name, rows in [*month.results(), ("billing_usage", month.billing())]:
        parts[name].append(rows)
    for table in TABLES:
        rows = table.in_load(pa.concat_tables(parts[table.name]), _LOAD_ID)
        # a replaced table is sent a row without the last part of its key for each owner that has none
        condition = f"{table.key[-1]} IS NOT NULL" if table.replaced else "TRUE"
        connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM rows WHERE {condition}")
    for view in views():
        connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
    return connection


class _Month:
    """The demo's requests over the month, then those that follow from them."""

    def __init__(self) -> None:
        follow_up = _FOLLOW_UP_DAYS * _DAY
        self._sandbox = sandbox = Sandbox(
            seed=7,
            requests=300,
            clock=lambda: _NOON_OF_LAST_DAY - follow_up,
            run_seconds=(20, 900),
            started_before=(LAST_DAY - FIRST_DAY).days * _DAY - follow_up,
        )
        sandbox.add("sourcing", 3, company_id=GLOBEX.company_id)
        self._of_others = set(sandbox.add("sourcing", 2))
        for run in sorted(self._runs("sourcing"), key=lambda run: run.created_at)[-_FOLLOWED_UP:]:
            if wanted := _strong_without_address(sandbox, run):
                sandbox.create("enrichment", ACME.company_id, profile_ids=wanted)
            sandbox.advance(follow_up / _FOLLOWED_UP)
        sandbox.add("sourcing", 2, seconds=600)

    def _runs(self, kind: str | None = None) -> list[Run]:
        runs = [run for request_id in self._sandbox.all_request_ids if (run := self._sandbox.run(request_id))]
        return [run for run in runs if run.request_id not in self._of_others and kind in (None, run.kind)]

    def results(self) -> Rows:
        """The rows of all requests, as loads have seen them that run every five minutes."""
        runs = self._runs()
        tracked = [self._tracked(run, with_news=number % 10 == 0) for number, run in enumerate(runs)]
        known = {
            t.request.id: Known(t.request, t.state, True, _next_load(run.created_at), 0)
            for t, run in zip(tracked, runs, strict=True)
        }
        unknown = Tracked(parse_request(_UNKNOWN, ACME.company_id), "not_found", polls=1, http_status=404)
        unknown.error_code, unknown.error_message = "REQUEST_NOT_FOUND", "No such request."
        unknown.last_polled_at = unknown.resolved_at = _next_load(_NOON_OF_LAST_DAY - _DAY)
        yield from normalize(Result(t.request, t.body) for t in tracked if t.body is not None).items()
        yield REQUESTS.name, request_rows([*tracked, unknown], known, unknown.resolved_at)

    def _tracked(self, run: Run, *, with_news: bool) -> Tracked:
        now = self._sandbox.now()
        ended = run.state(now) != "processing"
        first, last = _next_load(run.created_at), _next_load(run.current.done_at if ended else now)
        tracked = Tracked(parse_request(run.request_id, run.company_id), last_polled_at=last, http_status=202)
        tracked.polls = 1 + int((last - first).total_seconds()) // _LOADS_EVERY
        if ended:
            answer = self._sandbox.payload(run.request_id)
            head, tracked.body = read_payload(json.dumps(_with_news(answer) if with_news else answer).encode())
            tracked.state, tracked.resolved_at, tracked.http_status = run.current.outcome, last, 200
            tracked.error_code, tracked.error_message = head.error_code, head.error_message
        return tracked

    def billing(self) -> pa.Table:
        """What was billed on every day but the last, which is not over."""
        days = {}
        for number in range((LAST_DAY - FIRST_DAY).days):
            day = FIRST_DAY + timedelta(days=number)
            start = datetime.combine(day, time(), UTC).timestamp()
            answer = usage(self._sandbox, COMPANIES, start, start + _DAY, self._sandbox.now())
            days[day] = companies_of(json.dumps(answer if number else _with_news(answer)).encode())
        return usage_rows(days, None)


def _strong_without_address(sandbox: Sandbox, run: Run) -> tuple[str, ...]:
    listed = sandbox.payload(run.request_id).get("candidates") or []
    return tuple(c["profileId"] for c in listed if (c.get("matchScore") or 0) >= 80 and not c.get("emails"))


def _with_news(node: Any) -> Any:
    """A copy of JSON where every object has a field that nobody knows yet."""
    if isinstance(node, list):
        return [_with_news(item) for item in node]
    return {name: _with_news(value) for name, value in node.items()} | _NEWS if isinstance(node, dict) else node


def _next_load(seconds: float) -> datetime:
    return datetime.fromtimestamp(-(-seconds // _LOADS_EVERY) * _LOADS_EVERY, UTC)
