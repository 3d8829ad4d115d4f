"""GET /billing/usage: the credits that the runs of the sandbox have cost.

The company and its totals are in the documented shape of the billing system `credits`. The cost keys are the
sandbox's own, for the documentation names only that of interviews, of which there are none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .keys import Company
from .payloads import credits_used
from .runs import Kind
from .sandbox import Sandbox

__all__ = ["usage"]

_COST_KEYS: dict[Kind, str] = {
    "sourcing": "sourcing_candidates",
    "enrichment": "profile_enrichments",
    "preview": "preview_pages",
}


def usage(sandbox: Sandbox, companies: Sequence[Company], start: float, end: float) -> dict[str, Any]:
    """What passes that completed from `start` to `end` (Unix seconds) have cost, by company and in all."""
    spent = {company.company_id: dict[Kind, tuple[int, float]]() for company in companies}
    for request_id in sandbox.all_request_ids:
        run = sandbox.run(request_id)
        if run is None or run.company_id not in spent:
            continue
        for this in run.passes:
            if start <= this.done_at <= end and (cost := credits_used(sandbox.people, run, this)):
                events, total = spent[run.company_id].get(run.kind, (0, 0.0))
                spent[run.company_id][run.kind] = (events + 1, total + cost)
    everything: dict[Kind, tuple[int, float]] = {}
    for kinds in spent.values():
        for kind, (events, total) in kinds.items():
            before = everything.get(kind, (0, 0.0))
            everything[kind] = (before[0] + events, before[1] + total)
    return {
        "companies": [
            {
                "companyId": company.company_id,
                "companyName": company.name,
                "billingSystem": "credits",
                **_totals(spent[company.company_id]),
            }
            for company in companies
        ],
        **_totals(everything),
    }


def _totals(kinds: dict[Kind, tuple[int, float]]) -> dict[str, Any]:
    return {
        "totalInterviews": 0,
        "totalCreditsUsed": sum(total for _, total in kinds.values()),
        "breakdownByCostKey": [
            {"costKey": key, "events": kinds[kind][0], "creditsUsed": kinds[kind][1]}
            for kind, key in _COST_KEYS.items()
            if kind in kinds
        ],
    }
