"""GET /billing/usage: what the runs of the sandbox have cost.

The companies and their totals are in the documented shape, in credits or in minutes as each is billed. The cost keys
are the sandbox's own, for the documentation names only that of interviews, of which there are none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .keys import Company
from .payloads import credits_used
from .runs import Kind
from .sandbox import Sandbox

__all__ = ["MINUTES_PER_CREDIT", "usage"]

MINUTES_PER_CREDIT = 0.4
"""The price of a preview page is documented in both; here it holds for everything."""

_COST_KEYS: dict[Kind, str] = {
    "sourcing": "sourcing_candidates",
    "enrichment": "profile_enrichments",
    "preview": "preview_pages",
}

_Spent = dict[Kind, tuple[int, float]]  # how many passes, and their credits


def usage(sandbox: Sandbox, companies: Sequence[Company], start: float, until: float, now: float) -> dict[str, Any]:
    """What passes that completed from `start` on, before `until` and by `now` (Unix seconds), have cost."""
    spent: dict[str, _Spent] = {company.company_id: {} for company in companies}
    for request_id in sandbox.all_request_ids:
        run = sandbox.run(request_id)
        if run is None or run.company_id not in spent:
            continue
        for this in run.passes:
            if start <= this.done_at < until and this.done_at <= now:
                cost = credits_used(sandbox.people, run, this)
                if cost:
                    events, total = spent[run.company_id].get(run.kind, (0, 0.0))
                    spent[run.company_id][run.kind] = (events + 1, total + cost)
    return {
        "companies": [
            {
                "companyId": company.company_id,
                "companyName": company.name,
                "billingSystem": company.billing_system,
                **_totals([(spent[company.company_id], company.billing_system)]),
            }
            for company in companies
        ],
        **_totals([(spent[company.company_id], company.billing_system) for company in companies]),
    }


def _totals(parts: Sequence[tuple[_Spent, str]]) -> dict[str, Any]:
    """Totals and breakdown, each unit only where somebody is billed in it."""
    totals: dict[str, Any] = {"totalInterviews": 0}
    breakdown: dict[str, dict[str, Any]] = {}
    for spent, system in parts:
        unit = "minutesUsed" if system == "minutes" else "creditsUsed"
        factor = MINUTES_PER_CREDIT if system == "minutes" else 1.0
        total = f"total{unit[0].upper()}{unit[1:]}"
        totals[total] = totals.get(total, 0.0) + factor * sum(cost for _, cost in spent.values())
        for kind, key in _COST_KEYS.items():
            if kind in spent:
                events, cost = spent[kind]
                entry = breakdown.setdefault(key, {"costKey": key, "events": 0})
                entry["events"] += events
                entry[unit] = entry.get(unit, 0.0) + factor * cost
    return {**totals, "breakdownByCostKey": [breakdown[key] for key in _COST_KEYS.values() if key in breakdown]}
