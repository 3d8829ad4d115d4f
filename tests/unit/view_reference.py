"""What each view must hold, worked out row by row in plain Python and pandas: slow, and meant to be obvious."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def day_of(*times: datetime | None) -> date | None:
    """The day, in UTC, of the first time that is known."""
    return next((time.astimezone(UTC).date() for time in times if time is not None), None)


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def quantile(values: list[float], q: float) -> float | None:
    return float(pd.Series(values, dtype=float).quantile(q)) if values else None


def mean(values: list[float]) -> float | None:
    return float(pd.Series(values, dtype=float).mean()) if values else None


def of(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def filled(rows: list[Row], column: str) -> list[Row]:
    """The rows that have a text there."""
    return [row for row in rows if (row[column] or "").strip()]


def scores(rows: list[Row]) -> list[float]:
    return [row["match_score"] for row in rows if row["match_score"] is not None]


# ---------------------------------------------------------------------- quality


def candidate_quality(tables: Tables) -> list[Row]:
    rows = []
    for run in tables["sourcing_runs"]:
        found = of(tables["candidates"], request_id=run["request_id"])
        scored = scores(found)
        strong = [score for score in scored if score >= 80]
        emails, red_flags = filled(tables["profile_emails"], "email"), filled(tables["profile_red_flags"], "red_flag")
        with_email = [c for c in found if of(emails, candidate_id=c["candidate_id"])]
        known = [c for c in found if of(emails, profile_id=c["profile_id"])]
        flags = sum(len(of(red_flags, candidate_id=c["candidate_id"])) for c in found)
        later = [c for c in found if any(is_later(e, c, run) for e in enrichments_of(tables, c["profile_id"]))]
        rows.append(
            {
                **{n: run[n] for n in ("request_id", "company_id", "status", "created_at", "completed_at")},
                "day": day_of(run["completed_at"], run["created_at"]),
                "found": run["found_count"],
                "scored": run["scored_count"],
                "delivered": len(found),
                "delivered_last_pass": run["candidate_count"] or 0,
                "with_score": len(scored),
                "score_average": mean(scored),
                "score_q1": quantile(scored, 0.25),
                "score_median": quantile(scored, 0.5),
                "score_q3": quantile(scored, 0.75),
                "score_best": max(scored, default=None),
                "strong": len(strong),
                "share_strong": ratio(len(strong), len(scored)),
                "with_email": len(with_email),
                "share_with_email": ratio(len(with_email), len(found)),
                "email_known": len(known),
                "red_flags": flags,
                "red_flags_per_candidate": ratio(flags, len(found)),
                "enriched_later": len(later),
                "share_enriched_later": ratio(len(later), len(found)),
            }
        )
    return rows


def enrichments_of(tables: Tables, profile_id: str) -> list[Row]:
    return of(tables["enrichment_profiles"], profile_id=profile_id, success=True)


def is_later(enrichment: Row, candidate: Row, run: Row) -> bool:
    """Whether an enrichment ended after a candidate was delivered; it does where one of the times is not known."""
    ended = candidate["run_completed_at"] or run["completed_at"] or run["created_at"]
    if enrichment["run_completed_at"] is None or ended is None:
        return True
    return bool(enrichment["run_completed_at"] >= ended)


def score_distribution(tables: Tables) -> list[Row]:
    rows = []
    for request_id in {c["request_id"] for c in tables["candidates"]}:
        found = of(tables["candidates"], request_id=request_id)
        run = next(iter(of(tables["sourcing_runs"], request_id=request_id)), defaultdict(lambda: None))
        for low in (None, *range(0, 100, 10)):
            held = [c for c in found if band_of(c["match_score"]) == low]
            if held:
                rows.append(
                    {
                        "request_id": request_id,
                        "company_id": run["company_id"],
                        "completed_at": run["completed_at"],
                        "day": day_of(run["completed_at"], run["created_at"]),
                        "band": "no score" if low is None else f"{low}-{low + 10}",
                        "band_from": low,
                        "band_to": None if low is None else low + 10,
                        "candidates": len(held),
                        "share": len(held) / len(found),
                    }
                )
    return rows


def band_of(score: float | None) -> int | None:
    return None if score is None else min(90, max(0, math.floor(score / 10) * 10))


def skill_demand(tables: Tables) -> list[Row]:
    rows = []
    for skill in {s["skill"] for s in filled(tables["profile_skills"], "skill")}:
        having = {s["candidate_id"] for s in of(tables["profile_skills"], skill=skill)}
        found = [c for c in tables["candidates"] if c["candidate_id"] in having]
        if found:
            rows.append(
                {
                    "skill": skill,
                    "candidates": len(found),
                    "share_of_candidates": len(found) / len(tables["candidates"]),
                    "people": len({c["profile_id"] for c in found}),
                    "runs": len({c["request_id"] for c in found}),
                    "with_score": len(scores(found)),
                    "average_score": mean(scores(found)),
                    "strong": len([score for score in scores(found) if score >= 80]),
                }
            )
    return rows


# ---------------------------------------------------------------------- people


def people(tables: Tables) -> list[Row]:
    sources = {
        "sourcing": tables["candidates"],
        "enrichment": of(tables["enrichment_profiles"], success=True),
        "preview": tables["preview_candidates"],
    }
    deliveries = [{"match_score": None, **row, "kind": kind} for kind, rows in sources.items() for row in rows]
    rows = []
    for profile_id in {d["profile_id"] for d in deliveries}:
        own = sorted(of(deliveries, profile_id=profile_id), key=lambda d: d["candidate_id"])
        own = sorted(own, key=lambda d: d["run_completed_at"] or datetime.min.replace(tzinfo=UTC), reverse=True)
        latest = next((d for d in own if d["name"] is not None), own[0])
        times = [d["run_completed_at"] for d in own if d["run_completed_at"] is not None]
        listed = filled(of(tables["profile_emails"], profile_id=profile_id), "email")
        ids = [d["candidate_id"] for d in own]
        first = sorted(
            (e for e in listed if e["candidate_id"] in ids),
            key=lambda e: (ids.index(e["candidate_id"]), e["position"]),
        )
        rows.append(
            {
                "profile_id": profile_id,
                **{n: latest[n] for n in ("name", "linkedin_url", "headline", "location", "current_company")},
                "first_seen_at": min(times, default=None),
                "last_seen_at": max(times, default=None),
                "best_score": max(scores(own), default=None),
                "emails": len({e["email"].lower() for e in listed}),
                "email": first[0]["email"] if first else None,
                "runs": len(own),
                **{
                    f"{kind}_runs": len([d for d in own if d["kind"] == kind])
                    for kind in ("sourcing", "preview", "enrichment")
                },
            }
        )
    return rows


# ---------------------------------------------------------------------- credits


def enrichment_outcomes(tables: Tables) -> list[Row]:
    groups: dict[tuple[Any, ...], Row] = {}

    def add(run: Row, outcome: str, error_code: str | None, asked: int, spent: float = 0.0) -> None:
        day = day_of(run["completed_at"], run["created_at"])
        key = (day, run["company_id"], outcome, error_code)
        names = dict(zip(("day", "company_id", "outcome", "error_code"), key, strict=True))
        counts = dict.fromkeys(("runs", "asked", "succeeded", "failed", "credits", "computed_credits"), 0)
        row = groups.setdefault(key, {**names, **counts})
        row["runs"] += 1
        row["asked"] += asked
        row["succeeded"] += asked if outcome == "succeeded" else 0
        row["failed"] += asked if outcome == "profile failed" else 0
        row["credits"] += spent
        row["computed_credits"] += spent if run["credits_consumed"] is None else 0

    for run in tables["enrichment_runs"]:
        profiles = of(tables["enrichment_profiles"], request_id=run["request_id"])
        enriched = enriched_in(tables, run)
        failed = [p["error_code"] or "UNKNOWN" for p in profiles if p["success"] is not True]
        failed += ["UNKNOWN"] * ((run["failure_count"] or 0) - len(failed))
        spent = enriched if run["credits_consumed"] is None else run["credits_consumed"]
        if enriched or spent:
            add(run, "succeeded", None, enriched, spent)
        for error_code in set(failed):
            add(run, "profile failed", error_code, failed.count(error_code))
        if run["status"] == "failed":
            add(run, "run failed", run["error_code"] or "UNKNOWN", 0)
    return list(groups.values())


def enriched_in(tables: Tables, run: Row) -> int:
    """Profiles that a run enriched: those listed, or as many as it counts where these are more."""
    return max(
        len(of(tables["enrichment_profiles"], request_id=run["request_id"], success=True)), run["enriched_count"] or 0
    )


def credit_usage_daily(tables: Tables) -> list[Row]:
    billing = tables["billing_usage"]
    billed_companies = {b["company_id"] for b in billing}
    only = next(iter(billed_companies)) if len(billed_companies) == 1 else None
    groups: dict[tuple[Any, ...], dict[str, list[float]]] = {}

    def add(day: date | None, company_id: str | None, kind: str, what: str, amount: float) -> None:
        group = groups.setdefault(
            (day, company_id, kind), {"reported": [], "computed": [], "credits": [], "minutes": []}
        )
        group[what].append(amount)

    runs = {r["request_id"]: r for r in tables["sourcing_runs"]}
    for c in tables["candidates"]:
        run = runs.get(c["request_id"]) or {"company_id": None, "completed_at": None, "created_at": None}
        day = day_of(c["run_completed_at"], run["completed_at"], run["created_at"])
        add(day, run["company_id"] or only, "sourcing", "computed", 1)
    for run in tables["preview_runs"]:
        pages = -(-(run["candidate_count"] or 0) // 20)
        if pages:
            day = day_of(run["completed_at"], run["created_at"])
            add(day, run["company_id"] or only, "preview", "computed", pages)
    for run in tables["enrichment_runs"]:
        day, company_id = day_of(run["completed_at"], run["created_at"]), run["company_id"] or only
        enriched = enriched_in(tables, run)
        if run["credits_consumed"]:
            add(day, company_id, "enrichment", "reported", run["credits_consumed"])
        elif run["credits_consumed"] is None and enriched:
            add(day, company_id, "enrichment", "computed", enriched)
    for b in billing:
        for unit in ("credits", "minutes"):
            if b[f"{unit}_used"] is not None:
                add(b["day"], b["company_id"], kind_of(b["cost_key"]), unit, b[f"{unit}_used"])

    rows = []
    for (day, company_id, kind), group in groups.items():
        spent = sum(group["reported"]) + sum(group["computed"])
        was_asked = {unit: is_within(day, company_id, f"{unit}_used", billing) for unit in ("credits", "minutes")}
        billed = sum(group["credits"]) if group["credits"] else None
        minutes = sum(group["minutes"]) if group["minutes"] else None
        if billed is None and minutes is None:
            billed = 0.0 if was_asked["credits"] else None
            minutes = 0.0 if was_asked["minutes"] and not was_asked["credits"] else None
        rows.append(
            {
                "day": day,
                "company_id": company_id,
                "kind": kind,
                "credits": spent,
                "reported_credits": sum(group["reported"]),
                "computed_credits": sum(group["computed"]),
                "basis": basis_of(group),
                "billed_credits": billed,
                "billed_minutes": minutes,
                "difference": None if billed is None else billed - spent,
                "explanation": explanation(kind, spent, billed, minutes),
            }
        )
    return rows


def is_within(day: date | None, company_id: str | None, unit: str, billing: list[Row]) -> bool:
    """Whether a day is between those that have bookings of a company in a unit."""
    days = [b["day"] for b in billing if b["company_id"] == company_id and b[unit] is not None]
    return bool(days) and day is not None and min(days) <= day <= max(days)


def kind_of(cost_key: str) -> str:
    words = {"preview": "preview", "enrich": "enrichment", "sourc": "sourcing"}
    named = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", cost_key)]
    return next((kind for part, kind in words.items() if any(word.startswith(part) for word in named)), "other")


def basis_of(group: dict[str, list[float]]) -> str:
    if group["reported"]:
        return "partly computed" if group["computed"] else "reported"
    return "computed" if group["computed"] else "billed only"


def explanation(kind: str, spent: float, billed: float | None, minutes: float | None) -> str:
    """How an explanation begins."""
    if billed is None and minutes is None:
        return "nothing billed for this day yet, or no billing loaded"
    if billed is None:
        if kind != "preview":
            return "billed in minutes, in which only previews"
        is_expected = minutes is not None and abs(minutes - 0.4 * spent) < 0.005
        return "billed in minutes as expected" if is_expected else "billed in minutes, but not"
    if abs(billed - spent) < 0.005:
        return "billed as expected"
    if kind == "other":
        return "billed under a cost key of something else"
    return "more billed" if billed > spent else "less billed"


# ---------------------------------------------------------------------- health


def run_again(tables: Tables) -> set[str]:
    """Runs that still have a candidate of a pass before the last."""
    ends = {run["request_id"]: run["completed_at"] for run in tables["sourcing_runs"]}
    return {
        c["request_id"]
        for c in tables["candidates"]
        if c["run_completed_at"] is not None
        and ends.get(c["request_id"]) is not None
        and c["run_completed_at"] < ends[c["request_id"]]
    }


def run_health(tables: Tables) -> list[Row]:
    runs = {r["request_id"]: r for n in ("sourcing_runs", "enrichment_runs", "preview_runs") for r in tables[n]}
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for request in tables["requests"]:
        run = runs.get(request["request_id"]) or {"created_at": None}
        groups[day_of(run["created_at"], request["first_seen_at"]), request["company_id"]].append(request)
    rows = []
    for (day, company_id), own in groups.items():
        states = {s: len(of(own, state=s)) for s in ("completed", "failed", "not_found", "error", "processing")}
        seconds = []
        for request in of(own, state="completed"):
            run = runs.get(request["request_id"])
            if run is None or request["request_id"] in run_again(tables):
                continue
            if run["created_at"] is not None and run["completed_at"] is not None:
                seconds.append((run["completed_at"] - run["created_at"]).total_seconds())
        polls = sum(request["polls"] or 0 for request in own)
        unfinished = sorted(
            of(own, state="processing"),
            key=lambda r: (r["first_seen_at"] is None, r["first_seen_at"], r["request_id"]),
        )
        rows.append(
            {
                "day": day,
                "company_id": company_id,
                "requests": len(own),
                **states,
                "share_completed": ratio(states["completed"], len(own) - states["processing"]),
                "with_time": len(seconds),
                "seconds_to_complete_average": mean(seconds),
                "seconds_to_complete_median": quantile(seconds, 0.5),
                "seconds_to_complete_p95": quantile(seconds, 0.95),
                "seconds_to_complete_longest": max(seconds, default=None),
                "polls": polls,
                "polls_per_request": polls / len(own),
                "oldest_unfinished_at": unfinished[0]["first_seen_at"] if unfinished else None,
                "oldest_unfinished_request_id": unfinished[0]["request_id"] if unfinished else None,
            }
        )
    return rows


REFERENCE: dict[str, Callable[[Tables], list[Row]]] = {
    "candidate_quality": candidate_quality,
    "score_distribution": score_distribution,
    "skill_demand": skill_demand,
    "people": people,
    "enrichment_outcomes": enrichment_outcomes,
    "credit_usage_daily": credit_usage_daily,
    "run_health": run_health,
}
KEYS: dict[str, tuple[str, ...]] = {
    "candidate_quality": ("request_id",),
    "score_distribution": ("request_id", "band"),
    "skill_demand": ("skill",),
    "people": ("profile_id",),
    "enrichment_outcomes": ("day", "company_id", "outcome", "error_code"),
    "credit_usage_daily": ("day", "company_id", "kind"),
    "run_health": ("day", "company_id"),
}
"""What tells the rows of each view apart."""
