"""The figures of the dashboard, counted one row after the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

from view_reference import REFERENCE, day_of, filled

from instaview.dashboard.figures import Choice

Row = dict[str, Any]
MIDDLE = date(2025, 3, 30)
"""A day in the middle of what `random_tables` makes."""


def choices(tables: dict[str, list[Row]]) -> list[Choice]:
    runs = [row["request_id"] for row in tables["sourcing_runs"]]
    return [
        Choice(),
        Choice(since=MIDDLE),
        Choice(until=MIDDLE),
        Choice(since=MIDDLE, until=MIDDLE, budget=310.0),
        Choice(company_id="acme"),
        Choice(run_ids=frozenset(runs[::2])),
        Choice(until=MIDDLE, company_id="globex", run_ids=frozenset(runs[1::2])),
    ]


class Counted:
    """The same figures, counted one row after the other."""

    def __init__(self, tables: dict[str, list[Row]], choice: Choice) -> None:
        self.choice = choice
        billed = {row["company_id"] for row in tables["billing_usage"]}
        self.only = billed.pop() if len(billed) == 1 else None
        quality = [row for row in REFERENCE["candidate_quality"](tables) if self.counts(row)]
        self.runs = [r for r in quality if not choice.run_ids or r["request_id"] in choice.run_ids]
        ids = {row["request_id"] for row in self.runs}
        self.candidates = [row for row in tables["candidates"] if row["request_id"] in ids]
        self.scores = [c["match_score"] for c in self.candidates if c["match_score"] is not None]
        self.credits = [row for row in REFERENCE["credit_usage_daily"](tables) if self.counts(row)]
        runs = {r["request_id"]: r for n in ("sourcing_runs", "enrichment_runs", "preview_runs") for r in tables[n]}
        self.requests = [
            row | {"day": day_of(runs.get(row["request_id"], {}).get("created_at"), row["first_seen_at"])}
            for row in tables["requests"]
            if row["first_seen_at"] is not None
        ]
        self.tables = tables

    def counts(self, row: Row, *, any_day: bool = False) -> bool:
        day, choice = row["day"], self.choice
        in_period = any_day or (
            (choice.since is None or (day is not None and day >= choice.since))
            and (choice.until is None or (day is not None and day <= choice.until))
        )
        return in_period and choice.company_id in (None, row["company_id"] or self.only)

    def headline(self) -> Row:
        emails = {row["profile_id"] for row in filled(self.tables["profile_emails"], "email")}
        ids = {row["candidate_id"] for row in self.candidates}
        flags = sum(row["candidate_id"] in ids for row in filled(self.tables["profile_red_flags"], "red_flag"))
        strong = sum(score >= 80 for score in self.scores)
        with_email = sum(row["profile_id"] in emails for row in self.candidates)
        delivered, scored = len(self.candidates), len(self.scores)
        given = [row for row in self.requests if self.counts(row)]
        return {
            "runs": len(self.runs),
            "candidates": delivered,
            "score_average": sum(self.scores) / scored if scored else None,
            "strong": strong,
            "share_strong": strong / scored if scored else None,
            "with_email": with_email,
            "share_with_email": with_email / delivered if delivered else None,
            "red_flags_per_candidate": flags / delivered if delivered else None,
            "credits": self.used(),
            "computed_credits": sum(row["computed_credits"] for row in self.credits),
            "other_credits": sum(row["billed_credits"] or 0 for row in self.credits if row["kind"] == "other"),
            "requests": len(given),
            "completed": sum(row["state"] == "completed" for row in given),
            "open": len(self.open()),
        }

    def used(self, *, dated: bool = False) -> float:
        """Credits of results as these tell them, and of anything else as it was billed."""
        rows = [row for row in self.credits if row["day"] is not None or not dated]
        return float(sum((row["billed_credits"] or 0) if row["kind"] == "other" else row["credits"] for row in rows))

    def open(self) -> list[str]:
        waiting = [r for r in self.requests if r["state"] == "processing" and self.counts(r, any_day=True)]
        return [row["request_id"] for row in sorted(waiting, key=lambda r: (r["first_seen_at"], r["request_id"]))]

    def average_by_day(self) -> dict[date, float]:
        days = {row["request_id"]: row["day"] for row in self.runs}
        scores: dict[date, list[float]] = defaultdict(list)
        for row in self.candidates:
            if row["match_score"] is not None and days[row["request_id"]] is not None:
                scores[days[row["request_id"]]].append(row["match_score"])
        return {day: sum(found) / len(found) for day, found in scores.items()}

    def skills(self) -> Counter[str]:
        ids = {row["candidate_id"] for row in self.candidates}
        listed = filled(self.tables["profile_skills"], "skill")
        pairs = {(row["candidate_id"], row["skill"]) for row in listed}
        return Counter(skill for candidate_id, skill in pairs if candidate_id in ids)

    def failures(self) -> Counter[tuple[str, str]]:
        found = Counter(
            ("request", row["error_code"] or row["state"].upper())
            for row in self.requests
            if row["state"] not in ("completed", "processing") and self.counts(row)
        )
        for row in REFERENCE["enrichment_outcomes"](self.tables):
            if row["outcome"] == "profile failed" and self.counts(row):
                found["profile", row["error_code"]] += row["failed"]
        return found
