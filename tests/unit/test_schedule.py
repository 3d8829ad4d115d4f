"""When runs that are still processing are looked at again, under virtual time."""

from __future__ import annotations

import math
import random
import statistics

from fake_api import FakeApi, a_request, some_requests
from test_resolver import INTERVAL, NEVER, ids, resolve

from instaview.schedule import SCOUTS


def test_many_runs_cost_half_the_calls_of_a_fixed_poll_and_are_seen_as_soon_as_asked_for() -> None:
    """300 runs of 60 to 180 s: at most half the calls of a look every 10 s, and 10 s of lag in the middle."""
    chance = random.Random(5)
    requests = some_requests(300)
    completes = {request.id: chance.uniform(60, 180) for request in requests}
    api = FakeApi(completes=completes)
    played = resolve(api, requests)
    fixed = sum(1 + math.ceil(seconds / INTERVAL) for seconds in completes.values())
    lags = [at - completes[tracked.request.id] for at, tracked in played.handed_on]
    assert len(lags) == 300
    assert len(api.calls) <= fixed / 2
    assert statistics.median(lags) <= 10
    assert max(lags) < 2.5 * INTERVAL


def test_before_any_run_has_ended_a_few_are_looked_at_often_and_the_others_seldom() -> None:
    requests = some_requests(200)
    api = FakeApi(completes=dict.fromkeys(ids(requests), NEVER))
    resolve(api, requests, wait=40)
    looks = sorted(len(api.times(request.id)) for request in requests)
    assert looks == [1] * (200 - SCOUTS) + [3] * SCOUTS


def test_others_are_looked_at_within_the_longest_pause_although_no_scout_ends() -> None:
    requests = some_requests(200)
    slow = 2 * SCOUTS  # among the first, the scouts
    completes = {r.id: NEVER if n < slow else 30.0 for n, r in enumerate(requests)}
    played = resolve(FakeApi(completes=completes), requests, wait=200)
    assert played.ended == {"completed": 200 - slow}
    assert max(at for at, _ in played.handed_on) < 7 * INTERVAL


def test_once_one_has_ended_the_others_are_looked_at_soon_but_not_at_one_moment() -> None:
    first, *others = requests = some_requests(200)
    api = FakeApi(completes={first.id: 24.0} | dict.fromkeys(ids(others), 25.0))
    played = resolve(api, requests)
    seen = played.at(first)
    times = [played.at(request) for request in others]
    assert max(times) < seen + 2.2 * INTERVAL
    assert max(times) - min(times) > INTERVAL


def test_no_request_is_looked_at_sooner_than_the_interval_when_the_first_one_ends() -> None:
    chance = random.Random(1)
    requests = some_requests(200)
    played = resolve(FakeApi(completes={r.id: chance.uniform(1, 80) for r in requests}), requests)
    assert min(gap for request in requests for gap in played.gaps(request)) >= INTERVAL


def test_what_had_ended_before_the_first_look_says_nothing_of_the_others() -> None:
    ended, waiting = some_requests(100), [a_request(n) for n in range(101, 301)]
    api = FakeApi(completes=dict.fromkeys(ids(waiting), NEVER))
    resolve(api, [*ended, *waiting], wait=40)
    assert sum(len(api.times(request.id)) == 1 for request in waiting) == 200 - SCOUTS


def test_runs_of_one_kind_say_nothing_of_another_kind() -> None:
    quick, slow = some_requests(60, "enrichment"), some_requests(60, "sourcing")
    api = FakeApi(completes=dict.fromkeys(ids(quick), 5.0) | dict.fromkeys(ids(slow), NEVER))
    played = resolve(api, [*quick, *slow], wait=40)
    assert played.ended == {"completed": 60}
    assert sum(len(api.times(request.id)) == 1 for request in slow) == 60 - SCOUTS
