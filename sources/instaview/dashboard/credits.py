"""Figures of credits: over time, against the budget, and beside what was billed."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from .chosen import KINDS, LENGTHS, Chosen, ratio, unit_starts

MINUTES_A_PAGE = 0.4
"""What a page of a preview costs where minutes are billed; it is the one price in minutes that is documented."""


class CreditFigures(Chosen):
    """How many credits were used in the period, and what was billed."""

    @cached_property
    def credits_over_time(self) -> pd.DataFrame:
        """By day, week or month, and kind: start, end (exclusive), kind, credits used, all kinds for every start."""
        spent = self.credits[(self.credits["used"] != 0) & self.credits["day"].notna()]
        if spent.empty:
            return pd.DataFrame(columns=["start", "end", "kind", "credits"])
        frame = spent.assign(start=unit_starts(spent["day"], self.credit_unit))
        sums = frame.pivot_table(index="start", columns="kind", values="used", aggfunc="sum", fill_value=0.0)
        sums = sums.reindex(columns=[kind for kind in KINDS if kind in sums])
        long = sums.reset_index().melt("start", value_name="credits", var_name="kind")
        long["end"] = long["start"] + LENGTHS[self.credit_unit]
        return long[["start", "end", "kind", "credits"]]

    @cached_property
    def budget_over_time(self) -> pd.DataFrame:
        """The budget beside `credits_over_time`: start, end, budget; empty where none is set."""
        empty = pd.DataFrame(columns=["start", "end", "budget"])
        if self.choice.budget is None or self.credits_over_time.empty or self.period is None:
            return empty
        days = pd.Series(pd.date_range(*self.period, freq="D"))
        frame = pd.DataFrame(
            {"start": unit_starts(days, self.credit_unit), "budget": self.choice.budget / days.dt.days_in_month}
        )
        sums = frame.groupby("start")["budget"].sum().reset_index()
        return sums.assign(end=sums["start"] + LENGTHS[self.credit_unit])[["start", "end", "budget"]]

    @cached_property
    def billing(self) -> pd.DataFrame:
        """Credits beside what was billed, by kind, over the days that billing is loaded for.

        Columns kind, credits, billed, difference; empty where there is nothing to compare.
        """
        compared = self.credits[self.credits["billed_credits"].notna()]
        sums = compared.groupby("kind")[["credits", "billed_credits"]].sum()
        sums = sums.reindex([kind for kind in KINDS if kind in sums.index])
        return pd.DataFrame(
            {
                "kind": sums.index,
                "credits": sums["credits"].to_numpy(),
                "billed": sums["billed_credits"].to_numpy(),
                "difference": (sums["billed_credits"] - sums["credits"]).to_numpy(),
            }
        )

    @property
    def credits_a_day(self) -> float | None:
        """Credits divided by the days of the period."""
        return ratio(self.credits["used"].sum(), (self.period[1] - self.period[0]).days + 1) if self.period else None

    @cached_property
    def billed_minutes(self) -> float:
        """Minutes billed, by companies that are billed in minutes."""
        return float(self.credits["billed_minutes"].sum())

    @cached_property
    def preview_minutes(self) -> tuple[float, float]:
        """Minutes that previews cost by the documented price, and those billed for them, where they are in minutes."""
        previews = self.credits[(self.credits["kind"] == "preview") & self.credits["billed_minutes"].notna()]
        return MINUTES_A_PAGE * float(previews["credits"].sum()), float(previews["billed_minutes"].sum())

    def budget(self) -> float | None:
        """What the budget of a month comes to in the period."""
        if self.choice.budget is None or self.period is None:
            return self.choice.budget
        days = pd.Series(pd.date_range(*self.period, freq="D"))
        return float((self.choice.budget / days.dt.days_in_month).sum())
