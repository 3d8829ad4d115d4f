"""Is everything in order: the key, its scopes, the budget, the destination."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationException

from .answer import NOT_FOUND, Answer, Outcome
from .client import SCOPES, Client
from .destination import described, place_of
from .exceptions import InstaviewError
from .rate_limit import Budget
from .request_ids import KINDS, Request
from .settings import InstaviewSettings
from .warehouse_errors import GO_ON, warehouse_errors

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""A request that does not exist: 404 shows that the key may ask, 403 that it may not."""
_PROBES = (Request(f"req_{_NOBODY}", "sourcing"), Request(f"enr_{_NOBODY}", "enrichment"))
BILLING = "read:billing"
GOOD = "good"
_NO_VIEWS = "it may create tables, but no views: grant the loader to create views in the dataset, or do without them"


@dataclass
class Check:
    """What was found. `scopes` has None where an answer did not tell."""

    key: str
    """`good`, `not known`, or how the API refused it."""
    trouble: str | None
    """What kept the API from answering."""
    scopes: dict[str, bool | None]
    budget: Budget | None
    destination: str
    place: str
    """Where the destination is: the path of a file, or an address."""
    destination_problem: str | None
    destination_note: str | None = None
    """What a load can do without."""

    @property
    def ok(self) -> bool:
        """Whether a load could work."""
        return self.key == GOOD and self.destination_problem is None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        windows = {} if self.budget is None else {"minute": self.budget.minute, "hour": self.budget.hour}
        return {
            "ok": self.ok,
            "key": self.key,
            "trouble": self.trouble,
            "scopes": self.scopes,
            "rate_limit": {name: {"limit": w.limit, "remaining": w.remaining} for name, w in windows.items()},
            "destination": {
                "name": self.destination,
                "place": self.place,
                "reachable": self.destination_problem is None,
                "problem": self.destination_problem,
                "note": self.destination_note,
            },
        }

    def as_text(self) -> str:
        """For a person."""
        words = {True: "yes", False: "no", None: "not known"}
        kinds = {scope: ", ".join(k for k in KINDS if SCOPES[k] == scope) for scope in self.scopes}
        lines = [f"key          {self.key}"]
        if self.trouble is not None:
            lines.append(f"API          {self.trouble}")
        lines += [
            f"scope        {scope}: {words[has]} ({kinds[scope] or 'credit usage; optional'})"
            for scope, has in self.scopes.items()
        ]
        if self.budget is not None:
            minute, hour = self.budget.minute, self.budget.hour
            lines.append(
                f"budget       {minute.remaining} of {minute.limit} calls left this minute, "
                f"{hour.remaining} of {hour.limit} this hour"
            )
        where = f"{self.destination}, in {self.place}"
        lines.append(f"destination  {where}: {self.destination_problem or 'reachable and writable'}")
        if self.destination_note is not None:
            lines.append(f"note         {self.destination_note}")
        return "\n".join(lines)


def run_check(pipeline: dlt.Pipeline, settings: InstaviewSettings) -> Check:
    """Asks the API three questions that read no results, and the destination one.

    Raises:
        UsageError: there is no key.
    """
    key = settings.key()
    answers, budget = asyncio.run(_probe(settings, key))
    results = [answers[SCOPES[request.kind]] for request in _PROBES]  # what was billed is a matter of its own
    destination_problem, destination_note = _look_at_destination(pipeline)
    return Check(
        key=_key(results),
        trouble=_trouble(results) or _trouble([answers[BILLING]]),
        scopes={scope: _allowed(answer) for scope, answer in answers.items()},
        budget=budget,
        destination=described(pipeline),
        place=place_of(pipeline),
        destination_problem=destination_problem,
        destination_note=destination_note,
    )


def _key(answers: list[Answer]) -> str:
    """401 alone says that a key is bad; that it is good, only what InstaView and nobody else would answer."""
    for answer in answers:
        if answer.outcome is Outcome.UNAUTHORIZED:
            return _told(answer)
    return GOOD if any(_allowed(answer) is not None for answer in answers) else "not known"


def _trouble(answers: list[Answer]) -> str | None:
    """What kept the API from answering, if anything did."""
    silent = (a for a in answers if _allowed(a) is None)
    return next((_told(answer) for answer in silent), None)


def _told(answer: Answer) -> str:
    return f"{answer.error_code}: {answer.error_message or 'no more was said'}"


async def _probe(settings: InstaviewSettings, key: str) -> tuple[dict[str, Answer], Budget | None]:
    answers: dict[str, Answer] = {}
    async with Client(settings.base_url, key) as client:
        for request in _PROBES:
            client.limiter.reserve()
            answers[SCOPES[request.kind]] = await client.get_result(
                Request(request.id, request.kind, settings.company_id)
            )
        client.limiter.reserve()
        answers[BILLING] = await client.get_usage()
        reached = any(answer.http_status is not None for answer in answers.values())
        return answers, client.limiter.budget() if reached else None


def _allowed(answer: Answer) -> bool | None:
    if answer.outcome is Outcome.NOT_FOUND:
        return True if answer.error_code == NOT_FOUND else None
    if answer.outcome in (Outcome.COMPLETED, Outcome.PROCESSING, Outcome.FAILED):
        return True
    return False if answer.outcome in (Outcome.FORBIDDEN, Outcome.UNAUTHORIZED) else None


def _look_at_destination(pipeline: dlt.Pipeline) -> tuple[str | None, str | None]:
    """What is wrong with the destination, and what it lacks that a load can do without."""
    try:
        with warehouse_errors(pipeline), pipeline.sql_client() as client:
            views = _try_to_write(client, with_view=True)
            with client.with_staging_dataset():
                _try_to_write(client)
    except InstaviewError as error:
        return str(error).removesuffix(GO_ON), None
    return None, None if views else _NO_VIEWS


def _try_to_write(client: Any, *, with_view: bool = False) -> bool:
    """Creates a table where loads would, writes a row and drops it again; whether a view of it could be created too.

    A dataset that was not there stays, empty: a first load may have begun to fill it meanwhile. The table has a name
    that no other check uses, so that neither one at the same time nor what a killed one left is in the way.
    """
    if not client.has_dataset():
        client.create_dataset()
    probe = f"instaview_check_{secrets.token_hex(6)}"
    table, view = client.make_qualified_table_name(probe), client.make_qualified_table_name(f"{probe}_view")
    try:
        client.execute_sql(f"CREATE TABLE {table} (probe INT)")
        client.execute_sql(f"INSERT INTO {table} VALUES (1)")
        client.execute_sql(f"DELETE FROM {table} WHERE probe = 1")
        return not with_view or _can_create(client, view, table)
    finally:
        client.execute_sql(f"DROP TABLE IF EXISTS {table}")


def _can_create(client: Any, view: str, table: str) -> bool:
    try:
        client.execute_sql(f"CREATE VIEW {view} AS SELECT probe FROM {table}")
    except DestinationException:
        return False
    client.execute_sql(f"DROP VIEW {view}")
    return True
