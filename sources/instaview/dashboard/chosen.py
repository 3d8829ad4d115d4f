"""The rows of a snapshot that a choice lets count, and what time is counted in.

Period and company choose everywhere. Runs choose where rows belong to a sourcing run: quality, scores, skills, funnel.
Credits, failures and open requests are not split by sourcing run, and what is open now is open in any period.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from typing import Literal

import pandas as pd

from .choice import Choice
from .warehouse import Snapshot

Unit = Literal["day", "week", "month"]
KINDS = ("sourcing", "enrichment", "preview", "other")
# how many days a chart by day, and one by week, may have
_TREND_DAYS = (21, 400)
_CREDIT_DAYS = (92, 730)


class Chosen:
    """What is there for one choice, and by which unit of time it is shown.

    Args:
        snapshot: what the warehouse holds.
        choice: which rows count.
        now: for how long requests have been open; the present if not given.
    """

    def __init__(self, snapshot: Snapshot, choice: Choice | None = None, *, now: datetime | None = None) -> None:
        self.snapshot, self.choice = snapshot, choice or Choice()
        self.now = now or datetime.now(UTC)
        self.quality = self.chosen(snapshot.quality)
        if self.choice.run_ids:
            self.quality = self.quality[self.quality["request_id"].isin(self.choice.run_ids)]
        credits_ = self.chosen(snapshot.credits)
        # what is billed under the key of something else, such as interviews, is known from the bill alone; that of
        # results is counted as these tell it, for a booking of another day would count twice
        by_bill = credits_["billed_credits"].where(credits_["kind"] == "other").fillna(0.0)
        self.credits = credits_.assign(by_bill=by_bill, used=credits_["credits"] + by_bill)

    @property
    def is_empty(self) -> bool:
        """Whether the warehouse holds no request at all."""
        return self.snapshot.health.empty and self.snapshot.quality.empty and self.snapshot.credits.empty

    @cached_property
    def period(self) -> tuple[date, date] | None:
        """The first and the last day: as chosen or, where that is open, of what there is."""
        frames = (self.quality, self.credits, self.chosen(self.snapshot.health))
        days = pd.concat([frame["day"] for frame in frames]).dropna()
        since = self.choice.since or (days.min().date() if len(days) else None)
        until = self.choice.until or (days.max().date() if len(days) else None)
        return (since, until) if since and until else None

    @cached_property
    def trend_unit(self) -> Unit:
        """What `quality_over_time` is by, for the length of the period."""
        return self._unit(_TREND_DAYS)

    @cached_property
    def credit_unit(self) -> Unit:
        """What `credits_over_time` is by, for the length of the period."""
        return self._unit(_CREDIT_DAYS)

    def _unit(self, most_days: tuple[int, int]) -> Unit:
        days = (self.period[1] - self.period[0]).days + 1 if self.period else 0
        return "day" if days <= most_days[0] else "week" if days <= most_days[1] else "month"

    def chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of the company and the period; without a period those without a day, too."""
        frame = of_company(frame, self.choice.company_id)
        if self.choice.since is not None:
            frame = frame[frame["day"] >= pd.Timestamp(self.choice.since)]
        if self.choice.until is not None:
            frame = frame[frame["day"] <= pd.Timestamp(self.choice.until)]
        return frame


def unit_starts(days: pd.Series[pd.Timestamp], unit: Unit) -> pd.Series[pd.Timestamp]:
    """The first day of the day, week (from Monday) or month that each day is in."""
    if unit == "day":
        return days
    return days.dt.to_period("W" if unit == "week" else "M").dt.start_time


LENGTHS: dict[Unit, pd.DateOffset] = {
    "day": pd.DateOffset(days=1),
    "week": pd.DateOffset(weeks=1),
    "month": pd.DateOffset(months=1),
}


def of_company(frame: pd.DataFrame, company_id: str | None) -> pd.DataFrame:
    return frame if company_id is None else frame[frame["company_id"] == company_id]


def ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None
