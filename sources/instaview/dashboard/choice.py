"""Which rows of the warehouse count: a period, a company, sourcing runs, and the budget they are held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from ..exceptions import UsageError


@dataclass(frozen=True)
class Choice:
    """Which rows count. Days are those of UTC, both included; None and no runs mean all.

    `budget` is how many credits a month are planned to be spent.
    """

    since: date | None = None
    until: date | None = None
    company_id: str | None = None
    run_ids: frozenset[str] = field(default_factory=frozenset)
    budget: float | None = None


def choice_of(
    since: str | None, until: str | None, company_id: str | None, run_ids: Iterable[str], budget: float | None
) -> Choice:
    """A choice from text.

    Raises:
        UsageError: a day is none, or the period ends before it begins.
    """
    days = []
    for name, text in (("since", since), ("until", until)):
        try:
            days.append(date.fromisoformat(text) if text else None)
        except ValueError:
            raise UsageError(f"--{name} {text!a}: give a day such as 2024-01-31") from None
    first, last = days
    if first and last and first > last:
        raise UsageError(f"--since {since} is after --until {until}")
    return Choice(first, last, company_id, frozenset(run_ids), budget)


def still_within(chosen: tuple[date, date] | None, everything: tuple[date, date]) -> tuple[date, date]:
    """As much of a chosen period as there are days of, or all days where there are none of it or none is chosen."""
    if chosen is None or chosen[0] > everything[1] or chosen[1] < everything[0]:
        return everything
    return max(chosen[0], everything[0]), min(chosen[1], everything[1])
