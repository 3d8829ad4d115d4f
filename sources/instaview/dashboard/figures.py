"""All figures of the dashboard and the report, computed from a snapshot of the warehouse for a choice of rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from .choice import Choice, choice_of, still_within
from .chosen import KINDS, Unit, of_company, ratio
from .credits import CreditFigures
from .quality import QualityFigures, Step
from .warehouse import Snapshot

__all__ = [
    "KINDS",
    "Choice",
    "Figures",
    "Headline",
    "Step",
    "Unit",
    "choice_of",
    "run_label",
    "run_names",
    "still_within",
]


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


class Figures(QualityFigures, CreditFigures):
    """All figures for one choice."""

    @cached_property
    def headline(self) -> Headline:
        """The numbers on top."""
        quality, health = self.quality, self.chosen(self.snapshot.health)
        delivered, scored = int(quality["delivered"].sum()), quality["with_score"].sum()
        strong, with_email = int(quality["strong"].sum()), int(quality["email_known"].sum())
        return Headline(
            runs=len(quality),
            candidates=delivered,
            score_average=ratio((quality["score_average"] * quality["with_score"]).sum(), scored),
            strong=strong,
            share_strong=ratio(strong, scored),
            with_email=with_email,
            share_with_email=ratio(with_email, delivered),
            red_flags_per_candidate=ratio(quality["red_flags"].sum(), delivered),
            credits=float(self.credits["used"].sum()),
            computed_credits=float(self.credits["computed_credits"].sum()),
            other_credits=float(self.credits["by_bill"].sum()),
            budget=self.budget(),
            requests=int(health["requests"].sum()),
            completed=int(health["completed"].sum()),
            open=len(self.open_requests),
        )

    @cached_property
    def failures(self) -> pd.DataFrame:
        """What failed by cause, the most frequent first: what (request, profile), cause, count."""
        requests = self.snapshot.unsuccessful
        requests = requests.assign(day=requests["asked_at"].dt.tz_localize(None).dt.normalize())
        requests = self.chosen(requests[requests["state"] != "processing"])
        causes = requests["error_code"].where(requests["error_code"].notna(), requests["state"].str.upper())
        profiles = self.chosen(self.snapshot.profile_failures)
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
        requests = of_company(requests[requests["state"] == "processing"], self.choice.company_id)
        requests = requests.sort_values(["first_seen_at", "request_id"]).reset_index(drop=True)
        return requests.assign(waiting=pd.Timestamp(self.now) - requests["first_seen_at"])[
            ["request_id", "kind", "first_seen_at", "waiting", "polls"]
        ]


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
