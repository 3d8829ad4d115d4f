"""What a key of each plan brings in within an hour, and what that takes: the limits are per key, and so is a process.

The hour is simulated with the connector's own client, limiter and resolver. What a result takes beside that, to be
normalised and loaded, is measured by loading some for real.
"""

from __future__ import annotations

import time

from bodies import CANDIDATES, make_bodies
from cases.whole import load_command
from harness import Found, Options, note
from simulated.api import PLANS, Plan, allowed_calls
from simulated.pollers import ours, play, request_ids

_HOUR = 3_600.0
_LOADED = 1_000


def measure(options: Options) -> Found:
    """Every documented plan, with more finished runs than an hour can bring."""
    loaded = options.of(_LOADED, least=100)
    note(f"loading {loaded} results …")
    real = load_command(make_bodies(loaded), 1)
    a_result = real["cpu"] / loaded
    rows = []
    for plan in PLANS:
        note(f"{plan.name} …")
        results, polling = _an_hour(plan)
        cpu = polling + results * a_result
        rows.append(
            [
                plan.name,
                f"{plan.minute:,}",
                f"{plan.hour:,}",
                f"{results:,}",
                f"{results * CANDIDATES:,}",
                f"{polling:.1f}",
                f"{cpu:.1f}",
                f"{100 * cpu / _HOUR:.2f}",
                f"{real['peak_mb']:.0f}",
            ]
        )
    note("")
    head = ["plan", "a minute", "an hour", "results an hour", f"candidates ({CANDIDATES} a run)"]
    head += ["CPU s polling", "CPU s in all", "% of a core", "peak MB"]
    return Found(
        "a key of each plan for an hour, from its first minute; every run finished",
        head,
        rows,
        remarks=[
            f"in all: polling as simulated, and {1000 * a_result:.1f} ms a result as measured with {loaded:,} results."
        ],
    )


def _an_hour(plan: Plan) -> tuple[int, float]:
    """Results within the hour, and the CPU seconds that polling for them took."""
    most = allowed_calls(plan, 0.0, _HOUR) + 100
    before = time.process_time()
    played = play(ours(), plan, dict.fromkeys(request_ids(most), (-100.0, 0.0)), phase=0.0)
    spent = time.process_time() - before
    results = sum(at < _HOUR for at in played.lags)  # all had ended at 0
    return results, spent * results / played.results
