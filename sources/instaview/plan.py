"""What a load is to do: which of the given requests, and of those that earlier loads left unfinished, it polls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dlt
import pyarrow as pa
import pyarrow.compute as pc

from .answer import NOT_FOUND
from .ledger import Known, open_ledger
from .request_ids import Request, unique
from .request_list import RequestList
from .resolver import Tracked

_MANY = 100_000
"""With more ids than this, one pass over the ledger is cheaper than asking for them."""

_LONGEST_AGE = timedelta(days=36_500)
"""Longer ago there was no run, and soon no date."""


@dataclass(slots=True)
class Plan:
    """What a load is to do: `to_poll`, in order, and how many of the given requests it skips as finished."""

    to_poll: list[Request]
    known: dict[str, Known]
    """What the warehouse holds of them."""
    tables_exist: bool = True
    """Whether the warehouse has the tables already."""
    skipped: int = 0
    skipped_failed: int = 0
    """Of the skipped ones those whose run had failed."""
    left_behind: Set[str] = frozenset()
    """Requests of a dropped package, of which half may have arrived."""

    def add(self, request: Request, company_id: str | None) -> None:
        """Adds a request, with the company it is read for: its own, the one it was read for before, or `company_id`."""
        held = self.known.get(request.id)
        company = request.company_id or (held.request.company_id if held else None) or company_id
        self.to_poll.append(Request(request.id, request.kind, company))

    def is_news(self, unfinished: Tracked) -> bool:
        """Whether a request that did not end is worth a row.

        One that was finished stays so until it is seen processing. One that was none is to be taken up again.
        """
        held = self.known.get(unfinished.request.id)
        if held is None or held.state in ("not_found", "error"):
            return True
        return unfinished.looks > 0 if held.finished else unfinished.polls > 0

    def keeps(self, ended: Tracked) -> bool:
        """Whether the row of a known request stays as it is, because this look at it was in vain.

        That of a finished one does, as its result is there, and of an open one where a 404 may be another server's:
        with a wrong address, all that is unfinished would have to be given again.
        """
        held = self.known.get(ended.request.id)
        if held is None or ended.state not in ("not_found", "error"):
            return False
        elsewhere = ended.http_status == 404 and ended.error_code != NOT_FOUND
        return self.stays_finished(held) or (held.open and elsewhere)

    def stays_finished(self, held: Known) -> bool:
        """Whether the whole result of a request is in the warehouse, whatever becomes of reading it again."""
        return held.finished and held.request.id not in self.left_behind

    @property
    def requested(self) -> int:
        """Requests given or taken up."""
        return len(self.to_poll) + self.skipped


def make_plan(
    pipeline: dlt.Pipeline,
    given: Sequence[Request] | None,
    *,
    left_behind: Sequence[Request] = (),
    company_id: str | None = None,
    refresh: bool = False,
    refresh_since: timedelta | None = None,
) -> Plan:
    """Decides what to poll: the given requests that are not finished, then what earlier loads left unfinished.

    Args:
        pipeline: whose warehouse is asked.
        given: the requests asked for, each once; None where there is no list of them.
        left_behind: the requests of a dropped package, to be read again in any case.
        company_id: the company of requests that name none.
        refresh: read finished ones again: those given or, where there is no list, all.
        refresh_since: also read those again whose run was completed within this time.
    """
    again: Set[str] = {request.id for request in left_behind}
    plan = Plan([], {}, left_behind=again)
    every = refresh and given is None
    given = unique([*(given or ()), *left_behind]) if left_behind else given or ()
    with open_ledger(pipeline) as ledger:
        plan.tables_exist = ledger is not None
        if ledger is not None:
            if refresh_since is not None:
                again = again | ledger.completed_since(datetime.now(UTC) - min(refresh_since, _LONGEST_AGE))
            if len(given) > _MANY and not refresh:
                given = _leave_out(plan, given, ledger.finished(), again)
            asked = [request.id for request in given]
            for entry in ledger.requests([*asked, *(again - set(asked))], every=every):
                plan.known[entry.request.id] = entry
    for request in given:
        held = plan.known.get(request.id)
        if held is not None and held.finished and not refresh and request.id not in again:
            plan.skipped += 1
            plan.skipped_failed += held.state == "failed"
        else:
            plan.add(request, company_id)
    named = {request.id for request in given}
    for entry in plan.known.values():
        if entry.request.id not in named and (entry.open or entry.request.id in again or (every and entry.finished)):
            plan.add(entry.request, company_id)
    return plan


def _leave_out(
    plan: Plan, given: Sequence[Request], finished: Iterable[pa.Table], again: Set[str]
) -> Sequence[Request]:
    """The given requests without the finished ones, which are counted as skipped and never made into objects."""
    left = given if isinstance(given, RequestList) else RequestList.of(given)
    for held in finished:
        ended, failed = (held["request_id"].filter(pc.equal(held["state"], state)) for state in ("completed", "failed"))
        for ids, counted in ((ended, False), (failed, True)):
            done = left.among(ids)
            if again:
                done = pc.and_not(done, left.among(pa.array(list(again))))
            before, left = len(left), left.where(pc.invert(done))
            plan.skipped += before - len(left)
            plan.skipped_failed += counted * (before - len(left))
    return left
