"""What the warehouse holds of billing: where a load goes on, and whether an answer tells anything new."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import date, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from .tables import BILLING_USAGE

LOOK_BACK_DAYS = 3
"""Days before the last one held that are asked for again: bookings can be late."""

_AMOUNTS = ("events", "credits_used", "minutes_used")
_COLUMNS = ("company_id", "day", "cost_key", *_AMOUNTS)
Sums = dict[tuple[str, str], list[float]]
"""Amounts by company and cost key."""


class Held:
    """Bookings in the warehouse: company, day, cost key, events, credits, minutes."""

    def __init__(self, bookings: Iterable[Sequence[Any]] = ()) -> None:
        self._bookings = [tuple(booking) for booking in bookings]
        self._last: dict[str, date] = {}
        for company_id, day, *_ in self._bookings:
            self._last[company_id] = max(day, self._last.get(company_id, day))

    @property
    def companies(self) -> Set[str]:
        """The companies that have bookings."""
        return self._last.keys()

    def due(self, company_id: str) -> date:
        """The first day to ask for again of a company that has bookings."""
        return self._last[company_id] - timedelta(days=LOOK_BACK_DAYS)

    def tells(self, answer: pa.Table, first: date, last: date, companies: Set[str]) -> bool:
        """Whether an answer about these days and companies adds up to what is held."""
        held = [b for b in self._bookings if first <= b[1] <= last and b[0] in companies]
        told = zip(*(answer[name].to_pylist() for name in _COLUMNS), strict=True)
        return _are_same(_sums(told), _sums(held))


def read_held(pipeline: dlt.Pipeline, first_days: int) -> Held:
    """Reads the bookings that a load can come upon: of the first days it asks for, or since any company's last ones."""
    with pipeline.sql_client() as client:
        table = client.make_qualified_table_name(BILLING_USAGE.name)
        try:
            oldest = client.execute_sql(f"SELECT company_id, MAX(day) FROM {table} GROUP BY company_id") or ()
        except DestinationUndefinedEntity:
            return Held()
        if not oldest:
            return Held()
        # a little more than is needed costs less than to ask the API which companies the key sees
        days = [row[1] for row in oldest]
        since = min(min(days) - timedelta(days=LOOK_BACK_DAYS), max(days) - timedelta(days=first_days))
        return Held(client.execute_sql(f"SELECT {', '.join(_COLUMNS)} FROM {table} WHERE day >= DATE '{since}'") or ())


def _sums(bookings: Iterable[Sequence[Any]]) -> Sums:
    sums: Sums = defaultdict(lambda: [0.0] * len(_AMOUNTS))
    for company_id, _, cost_key, *amounts in bookings:
        if cost_key is not None:
            before = sums[company_id, cost_key]
            sums[company_id, cost_key] = [b + float(a or 0) for b, a in zip(before, amounts, strict=True)]
    return sums


def _are_same(told: Sums, held: Sums) -> bool:
    """Whether they are alike; floats may differ by how they were added up, and no row is one of nothing."""
    nothing = [0.0] * len(_AMOUNTS)
    return all(
        math.isclose(a, b, abs_tol=1e-6)
        for key in told.keys() | held.keys()
        for a, b in zip(told.get(key, nothing), held.get(key, nothing), strict=True)
    )
