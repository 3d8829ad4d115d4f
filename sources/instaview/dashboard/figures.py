"""The figures of the dashboard and the report, computed from a snapshot of the warehouse for a choice of rows.

Period and company choose everywhere. Runs choose where rows belong to a sourcing run: quality, scores, skills, funnel.
Credits, failures and open requests are not split by sourcing run, and what is open now is open in any period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Literal

import pandas as pd

from ..exceptions import UsageError
from .warehouse import Snapshot

Unit = Literal["day", "week", "month"]
KINDS = ("sourcing", "enrichment", "preview", "other")
MINUTES_A_PAGE = 0.4
"""What a page of a preview costs where minutes are billed; it is the one price in minutes that is documented."""
BANDS = tuple(range(0, 100, 10))
# how many days a chart by day, and one by week, may have
_TREND_DAYS = (21, 400)
_CREDIT_DAYS = (92, 730)


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


@dataclass(frozen=True)
class Headline:
    """The numbers on top. Shares are from 0 to 1; None where there is nothing to take a share of."""

    runs: int
    candidates: int
    score_average: float | None
    strong: int
    share_strong: float | None
    with_email: int
    share_with_email: float | None
    red_flags_per_candidate: float | None
    credits: float
    """Used: what results stand for, and what was billed for anything else."""
    computed_credits: float
    other_credits: float
    """Of these the ones known from the bill alone, such as those of interviews."""
    budget: float | None
    requests: int
    completed: int
    open: int


@dataclass(frozen=True)
class Step:
    """A step of the funnel: how many candidates got so far, and which share that is of an earlier step."""

    name: str
    count: int
    base: str | None = None
    share: float | None = None
    """None where there is no earlier step, or it does not bound this one: runs may not tell it."""


class Figures:
    """All figures for one choice.

    Args:
        snapshot: what the warehouse holds.
        choice: which rows count.
        now: for how long requests have been open; the present if not given.
    """

    def __init__(self, snapshot: Snapshot, choice: Choice | None = None, *, now: datetime | None = None) -> None:
        self.snapshot, self.choice = snapshot, choice or Choice()
        self.now = now or datetime.now(UTC)
        self.quality = self._chosen(snapshot.quality)
        if self.choice.run_ids:
            self.quality = self.quality[self.quality["request_id"].isin(self.choice.run_ids)]
        credits_ = self._chosen(snapshot.credits)
        # what is billed under the key of something else, such as interviews, is known from the bill alone; that of
        # results is counted as these tell it, for a booking of another day would count twice
        by_bill = credits_["billed_credits"].where(credits_["kind"] == "other").fillna(0.0)
        self.credits = credits_.assign(by_bill=by_bill, used=credits_["credits"] + by_bill)

    # ------------------------------------------------------------------ what is there

    @property
    def is_empty(self) -> bool:
        """Whether the warehouse holds no request at all."""
        return self.snapshot.health.empty and self.snapshot.quality.empty and self.snapshot.credits.empty

    @cached_property
    def period(self) -> tuple[date, date] | None:
        """The first and the last day: as chosen or, where that is open, of what there is."""
        frames = (self.quality, self.credits, self._chosen(self.snapshot.health))
        days = pd.concat([frame["day"] for frame in frames]).dropna()
        since = self.choice.since or (days.min().date() if len(days) else None)
        until = self.choice.until or (days.max().date() if len(days) else None)
        return (since, until) if since and until else None

    @cached_property
    def headline(self) -> Headline:
        """The numbers on top."""
        quality, health = self.quality, self._chosen(self.snapshot.health)
        delivered, scored = int(quality["delivered"].sum()), quality["with_score"].sum()
        strong, with_email = int(quality["strong"].sum()), int(quality["email_known"].sum())
        return Headline(
            runs=len(quality),
            candidates=delivered,
            score_average=_ratio((quality["score_average"] * quality["with_score"]).sum(), scored),
            strong=strong,
            share_strong=_ratio(strong, scored),
            with_email=with_email,
            share_with_email=_ratio(with_email, delivered),
            red_flags_per_candidate=_ratio(quality["red_flags"].sum(), delivered),
            credits=float(self.credits["used"].sum()),
            computed_credits=float(self.credits["computed_credits"].sum()),
            other_credits=float(self.credits["by_bill"].sum()),
            budget=self._budget(),
            requests=int(health["requests"].sum()),
            completed=int(health["completed"].sum()),
            open=len(self.open_requests),
        )

    # ------------------------------------------------------------------ quality

    @cached_property
    def quality_over_time(self) -> pd.DataFrame:
        """By day, week or month (`trend_unit`): start, middle, runs, candidates, score_average, share_strong.

        Only where there are scores. `middle` is halfway between the first and the last run.
        """
        dated = self.quality[(self.quality["with_score"] > 0) & self.quality["day"].notna()]
        frame = dated.assign(
            start=unit_starts(dated["day"], self.trend_unit),
            score_sum=dated["score_average"] * dated["with_score"],
        )
        groups = frame.groupby("start")
        sums = groups[["delivered", "with_score", "score_sum", "strong"]].sum()
        first, last = groups["day"].min(), groups["day"].max()
        return pd.DataFrame(
            {
                "start": sums.index,
                "middle": first + (last - first) / 2,
                "runs": groups.size(),
                "candidates": sums["delivered"],
                "score_average": sums["score_sum"] / sums["with_score"],
                "share_strong": sums["strong"] / sums["with_score"],
            }
        ).reset_index(drop=True)

    @cached_property
    def scored_runs(self) -> pd.DataFrame:
        """Runs that have scores, the latest first: request_id, day, delivered, their average and quartiles."""
        runs = self.quality[self.quality["with_score"] > 0]
        runs = runs.sort_values(["day", "completed_at", "request_id"], ascending=False, na_position="last")
        columns = ["request_id", "day", "delivered", "score_average", "score_q1", "score_median", "score_q3"]
        return runs[columns].reset_index(drop=True)

    @cached_property
    def score_bands(self) -> pd.DataFrame:
        """The histogram: band_from, candidates for all ten bands; empty where nobody has a score."""
        counts = self._of_runs(self.snapshot.scores).groupby("band_from")["candidates"].sum()
        frame = pd.DataFrame({"band_from": BANDS, "candidates": [int(counts.get(float(b), 0)) for b in BANDS]})
        return frame if frame["candidates"].any() else frame[:0]

    @cached_property
    def without_score(self) -> int:
        """Candidates that have no score, and so are in no band."""
        scores = self._of_runs(self.snapshot.scores)
        return int(scores.loc[scores["band_from"].isna(), "candidates"].sum())

    @cached_property
    def skills(self) -> pd.DataFrame:
        """Every skill, the most frequent first: skill, candidates, share (of all delivered), score_average."""
        columns = ["candidates", "with_score", "score_sum"]
        sums = self._of_runs(self.snapshot.skills).groupby("skill")[columns].sum().reset_index()
        sums = sums.sort_values(["candidates", "skill"], ascending=[False, True]).reset_index(drop=True)
        return pd.DataFrame(
            {
                "skill": sums["skill"],
                "candidates": sums["candidates"],
                "share": sums["candidates"] / max(self.headline.candidates, 1),
                "score_average": sums["score_sum"] / sums["with_score"].where(sums["with_score"] > 0),
            }
        )

    @cached_property
    def funnel(self) -> list[Step]:
        """From found to having an e-mail address; empty where no run ended."""
        if self.quality.empty:
            return []
        return [
            Step(name, int(self.quality[column].sum()), base, self._share(part, _FUNNEL[base][0]) if base else None)
            for name, (column, base, part) in _FUNNEL.items()
        ]

    def _share(self, part: str, whole: str) -> float | None:
        """One column as a share of another, over the runs that tell both; None where it is no part of it."""
        told = self.quality[[part, whole]].dropna().sum()
        share = _ratio(told[part], told[whole])
        return share if share is not None and share <= 1 else None

    @cached_property
    def runs_with_earlier_passes(self) -> int:
        """Runs with candidates that the last pass, which tells how many were found and scored, did not deliver."""
        return int((self.quality["delivered"] > self.quality["delivered_last_pass"]).sum())

    @cached_property
    def runs_without_counts(self) -> int:
        """Runs that do not say how many candidates they found or scored, so that the funnel misses them on top."""
        return int((self.quality["found"].isna() | self.quality["scored"].isna()).sum())

    # ------------------------------------------------------------------ credits

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
        long["end"] = long["start"] + _LENGTHS[self.credit_unit]
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
        return sums.assign(end=sums["start"] + _LENGTHS[self.credit_unit])[["start", "end", "budget"]]

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
        return _ratio(self.headline.credits, (self.period[1] - self.period[0]).days + 1) if self.period else None

    @cached_property
    def billed_minutes(self) -> float:
        """Minutes billed, by companies that are billed in minutes."""
        return float(self.credits["billed_minutes"].sum())

    @cached_property
    def preview_minutes(self) -> tuple[float, float]:
        """Minutes that previews cost by the documented price, and those billed for them, where they are in minutes."""
        previews = self.credits[(self.credits["kind"] == "preview") & self.credits["billed_minutes"].notna()]
        return MINUTES_A_PAGE * float(previews["credits"].sum()), float(previews["billed_minutes"].sum())

    # ------------------------------------------------------------------ how it runs

    @cached_property
    def failures(self) -> pd.DataFrame:
        """What failed by cause, the most frequent first: what (request, profile), cause, count."""
        requests = self.snapshot.unsuccessful
        requests = requests.assign(day=requests["asked_at"].dt.tz_localize(None).dt.normalize())
        requests = self._chosen(requests[requests["state"] != "processing"])
        causes = requests["error_code"].where(requests["error_code"].notna(), requests["state"].str.upper())
        profiles = self._chosen(self.snapshot.profile_failures)
        frame = pd.concat(
            [
                pd.DataFrame({"what": "request", "cause": causes, "count": 1.0}),
                pd.DataFrame({"what": "profile", "cause": profiles["error_code"], "count": profiles["failed"]}),
            ]
        )
        sums = frame.groupby(["what", "cause"])["count"].sum().reset_index()
        return sums.sort_values(["count", "cause"], ascending=[False, True]).reset_index(drop=True)

    @cached_property
    def open_requests(self) -> pd.DataFrame:
        """Requests still open, the oldest first: request_id, kind, first_seen_at, waiting (a timedelta), polls."""
        requests = self.snapshot.unsuccessful
        requests = _of_company(requests[requests["state"] == "processing"], self.choice.company_id)
        requests = requests.sort_values(["first_seen_at", "request_id"]).reset_index(drop=True)
        return requests.assign(waiting=pd.Timestamp(self.now) - requests["first_seen_at"])[
            ["request_id", "kind", "first_seen_at", "waiting", "polls"]
        ]

    # ------------------------------------------------------------------ helpers

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

    def _chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of the company and the period; without a period those without a day, too."""
        frame = _of_company(frame, self.choice.company_id)
        if self.choice.since is not None:
            frame = frame[frame["day"] >= pd.Timestamp(self.choice.since)]
        if self.choice.until is not None:
            frame = frame[frame["day"] <= pd.Timestamp(self.choice.until)]
        return frame

    def _of_runs(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["request_id"].isin(self.quality["request_id"])]

    def _budget(self) -> float | None:
        """What the budget of a month comes to in the period."""
        if self.choice.budget is None or self.period is None:
            return self.choice.budget
        days = pd.Series(pd.date_range(*self.period, freq="D"))
        return float((self.choice.budget / days.dt.days_in_month).sum())


# each step: the column, the step that its share is of, and the column that is part of that one: found and scored are
# those of the last pass
_FUNNEL: dict[str, tuple[str, str | None, str]] = {
    "found": ("found", None, "found"),
    "scored": ("scored", "found", "scored"),
    "delivered": ("delivered", "scored", "delivered_last_pass"),
    "enriched": ("enriched_later", "delivered", "enriched_later"),
    "with e-mail": ("email_known", "delivered", "email_known"),
}


def _of_company(frame: pd.DataFrame, company_id: str | None) -> pd.DataFrame:
    return frame if company_id is None else frame[frame["company_id"] == company_id]


def _ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


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


def unit_starts(days: pd.Series[pd.Timestamp], unit: Unit) -> pd.Series[pd.Timestamp]:
    """The first day of the day, week (from Monday) or month that each day is in."""
    if unit == "day":
        return days
    return days.dt.to_period("W" if unit == "week" else "M").dt.start_time


_LENGTHS: dict[Unit, pd.DateOffset] = {
    "day": pd.DateOffset(days=1),
    "week": pd.DateOffset(weeks=1),
    "month": pd.DateOffset(months=1),
}


def run_label(request_id: str) -> str:
    """A run's id short enough for a chart: the first eight digits."""
    return request_id.rsplit("_", 1)[-1][:8]


def run_names(snapshot: Snapshot) -> dict[str, str]:
    """All sourcing runs by id, the latest first: day, label and how many candidates, for choosing among them."""
    runs = snapshot.quality.sort_values(["day", "completed_at"], ascending=False, na_position="last")
    days = runs["day"].dt.strftime("%Y-%m-%d").fillna("no date")
    return {
        request_id: f"{day} · {run_label(request_id)} · {delivered:,.0f} candidate{'' if delivered == 1 else 's'}"
        for request_id, day, delivered in zip(runs["request_id"], days, runs["delivered"], strict=True)
    }
