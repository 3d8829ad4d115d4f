"""How much of the API's budget is used, and for what; in virtual time, so it comes out the same on any machine."""

from __future__ import annotations

from harness import Figure, Found, Options, note
from simulated.api import LATENCY, PLANS, Plan, allowed_calls, least_seconds
from simulated.pollers import ours, play, request_ids

_HOURS = 1.1
"""Work for a little more than the hour's window, so that waiting for it counts too."""


def measure(options: Options) -> Found:
    """Finished requests on every documented plan, from different places in the server's minute."""
    phases = [(20.0 + 17.0 * number) % 60.0 for number in range(options.repeat)]
    calls, shares, limited, rows = [], [], [], []
    for plan in PLANS:
        requests = allowed_calls(plan, 0.0, _HOURS * 3600)  # at any scale: it is the hour that counts
        for phase in phases:
            note(f"{plan.name}, from second {phase:g} …")
            played = play(ours(), plan, dict.fromkeys(request_ids(requests), (-100.0, -1.0)), phase)
            # calls come in bursts, so the share is also taken of the time
            share = min(
                played.calls / allowed_calls(plan, phase, played.seconds),
                (least_seconds(plan, phase, played.calls) + LATENCY) / played.seconds,
            )
            calls.append(played.calls / played.results)
            shares.append(100 * share)
            limited.append(float(played.limited))
            rows.append(_row(plan, phase, played.results, played.calls, played.limited, played.seconds, share))
    note("")
    return Found(
        "the budget: finished requests, alone on the key, in virtual time",
        ["plan", "a minute", "an hour", "from second", "requests", "calls", "429s", "seconds", "% of budget"],
        rows,
        [
            Figure("calls per request, all finished", [max(calls)], 1.0, 1.0),
            Figure("share of the allowed budget used, worst plan", [min(shares)], 98, 95, "%", most=False, digits=1),
            Figure("429s, all plans", [sum(limited)], 0, 0, digits=0),
        ],
    )


def _row(plan: Plan, phase: float, requests: int, calls: int, limited: int, seconds: float, share: float) -> list[str]:
    numbers = (plan.minute, plan.hour, phase, requests, calls, limited, seconds)
    return [plan.name, *(f"{number:,.0f}" for number in numbers), f"{100 * share:.1f}"]
