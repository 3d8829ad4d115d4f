"""Calls per result, and how long a result lies there unseen, when runs take their time; in virtual time."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

from harness import Figure, Found, Options, Round, note, spread
from simulated.api import PLANS, UNLIMITED, Plan
from simulated.pollers import Played, Runs, blocking, fixed, ours, play, request_ids

_REQUESTS = 300


def _runs(count: int, least: float, most: float, asked_over: float = 0.0) -> Callable[[int], Runs]:
    """Runs that take between two times, asked for during so many seconds before the polling begins."""

    def make(seed: int) -> Runs:
        chance = random.Random(seed)
        asked = [-chance.uniform(0, asked_over) for _ in range(count)]
        return {i: (a, a + chance.uniform(least, most)) for i, a in zip(request_ids(count), asked, strict=True)}

    return make


def measure(options: Options) -> Found:
    """The figure's runs, then others, so that the schedule is not made for these alone."""
    count = _REQUESTS  # at any scale: fewer would be another question
    scenes = {
        "60–180 s, asked for together": (_runs(count, 60, 180), UNLIMITED),
        "60–180 s, asked for over 3 minutes": (_runs(count, 60, 180, 180), UNLIMITED),
        "60–180 s together, on the plan Scale": (_runs(count, 60, 180), PLANS[-1]),
        "5–20 s": (_runs(count, 5, 20), UNLIMITED),
        "10–60 minutes": (_runs(count, 600, 3600), UNLIMITED),
        "60–180 s, 5 requests": (_runs(5, 60, 180), UNLIMITED),
    }
    rows: list[list[str]] = []
    figures: list[Figure] = []
    draws: list[Round] = []
    for name, (make, plan) in scenes.items():
        note(f"{name} …")
        found = _pollers(options, make, plan)
        rows += [_row(name, poller, played) for poller, played in found.items()]
        figures = figures or _figures(found)
        draws = draws or [_of_draw(found, number) for number in range(options.repeat)]
    note("")
    return Found(
        f"polling: {count} requests, in virtual time; medians over {options.repeat} draws",
        ["runs take", "poller", "calls per result", "median lag, s", "95 % seen within, s", "429s"],
        rows,
        figures,
        draws,
    )


def _of_draw(found: dict[str, list[Played]], number: int) -> Round:
    return {
        name: {"calls_per_result": played[number].calls_per_result, "median_lag": played[number].median_lag}
        for name, played in found.items()
    }


def _pollers(options: Options, make: Callable[[int], Runs], plan: Plan) -> dict[str, list[Played]]:
    draws = range(options.repeat)
    pollers = {"instaview": ours}
    if plan is UNLIMITED:  # the others know of no limit
        pollers |= {
            "every 10 s, all": lambda seed: fixed(10.0),
            "every 5 s, all": lambda seed: fixed(5.0),
            "one after the other, as facebook_ads": lambda seed: blocking(),
        }
    return {name: [play(poller(seed), plan, make(seed)) for seed in draws] for name, poller in pollers.items()}


def _row(scene: str, poller: str, played: list[Played]) -> list[str]:
    late = [statistics.quantiles(p.lags, n=20)[-1] for p in played]
    return [
        scene,
        poller,
        spread([p.calls_per_result for p in played]),
        spread([p.median_lag for p in played], 1),
        spread(late, 0),
        spread([float(p.limited) for p in played], 0),
    ]


def _figures(found: dict[str, list[Played]]) -> list[Figure]:
    mine, ten = found["instaview"], found["every 10 s, all"]
    calls = [a.calls_per_result / b.calls_per_result for a, b in zip(mine, ten, strict=True)]
    lags = [p.median_lag for p in mine]
    return [
        Figure("calls per result, runs of 60–180 s, of those of a fixed 10 s poll", calls, 1 / 2, 2 / 3),
        Figure("median lag from completion to result", lags, 10, 12, "s", digits=1),
    ]
