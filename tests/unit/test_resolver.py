"""The resolver under virtual time: when it asks, what becomes of each request, and how it ends."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fake_api import (
    START,
    FakeApi,
    FixedWindow,
    Quota,
    Scripted,
    a_request,
    answering,
    breaking,
    flat,
    refusal,
    some_requests,
    too_many,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview.client import Client
from instaview.clock import Clock
from instaview.exceptions import KeyRefused
from instaview.request_ids import Request
from instaview.resolver import FAULT_TRIES, LAST_ANSWERS_SECONDS, Resolver, Tracked
from virtual_time import block, now, run

KEY = "sk_test_0123456789abcdefghijklmnopqrstuvwxyz01"
NEVER = 1e9
INTERVAL = 10.0


@dataclass
class Played:
    """What a resolver did."""

    api: FakeApi
    handed_on: list[tuple[float, Tracked]] = field(default_factory=list)
    unfinished: list[Tracked] = field(default_factory=list)
    rate_limited: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    raised: BaseException | None = None

    @property
    def order(self) -> list[str]:
        return [tracked.request.id for _, tracked in self.handed_on]

    def at(self, request: Request) -> float:
        """When a request was handed on."""
        return next(at for at, tracked in self.handed_on if tracked.request == request)

    def one(self, request: Request) -> Tracked:
        """A request as it was handed on, which is once."""
        (tracked,) = [tracked for _, tracked in self.handed_on if tracked.request == request]
        return tracked

    def states(self) -> dict[str, str]:
        return {tracked.request.id: tracked.state for _, tracked in self.handed_on}

    def gaps(self, request: Request) -> list[float]:
        """Seconds between the calls for one request."""
        times = self.api.times(request.id)
        return [later - earlier for earlier, later in itertools.pairwise(times)]


Meanwhile = Callable[[Resolver, Played], Coroutine[Any, Any, None]]


def resolve(
    api: FakeApi,
    requests: Iterable[Request],
    *,
    wait: float = 900.0,
    poll_interval: float = INTERVAL,
    max_in_flight: int = 16,
    look_once: bool = False,
    seed: int = 0,
    room: Callable[[Played], bool] = lambda played: True,
    hand_on: Callable[[Tracked], None] = lambda tracked: None,
    meanwhile: Meanwhile | None = None,
) -> Played:
    """Resolves requests against an API under virtual time."""
    played = Played(api)

    def take(tracked: Tracked) -> None:
        played.handed_on.append((now(), tracked))
        hand_on(tracked)

    async def play() -> None:
        clock = Clock(lambda: START + now())
        async with Client("https://api.example.test", KEY, transport=api, clock=clock) as client:
            resolver = Resolver(
                client,
                requests,
                take,
                wait=wait,
                poll_interval=poll_interval,
                max_in_flight=max_in_flight,
                look_once=look_once,
                room=lambda: room(played),
                chance=random.Random(seed),
            )
            beside = asyncio.create_task(meanwhile(resolver, played)) if meanwhile else None
            try:
                await resolver.run()
            except BaseException as error:
                played.raised = error
            played.seconds = now()
            if beside is not None:
                await beside
            played.unfinished = resolver.unfinished
            played.rate_limited = resolver.rate_limited
            played.ended = {str(state): count for state, count in resolver.ended.items()}

    run(play())
    return played


def ids(requests: Iterable[Request]) -> set[str]:
    return {request.id for request in requests}


def ids_of(tracked: Iterable[Tracked]) -> set[str]:
    return {one.request.id for one in tracked}


def always(answer: Scripted) -> Iterable[Scripted]:
    return itertools.repeat(answer)


# ---------------------------------------------------------------------------- looking


def test_nothing_to_resolve_sends_nothing_and_ends_at_once() -> None:
    played = resolve(FakeApi(), [])
    assert (played.api.calls, played.seconds, played.unfinished) == ([], 0, [])


def test_the_first_look_at_each_is_at_once() -> None:
    requests = some_requests(12)
    played = resolve(FakeApi(completes=dict.fromkeys(ids(requests), 5.0)), requests)
    assert all(played.api.times(request.id)[0] < 0.2 for request in requests)


def test_the_first_call_goes_alone_until_the_key_is_known() -> None:
    played = resolve(FakeApi(latency=lambda _: 2.0), some_requests(10))
    first, *others = played.api.times()
    assert first == 0
    assert min(others) >= 2.0


def test_a_completed_run_is_handed_on_with_its_result() -> None:
    request = a_request(1)
    played = resolve(FakeApi(completes={request.id: 15.0}), [request])
    tracked = played.one(request)
    assert (tracked.state, tracked.http_status, tracked.polls) == ("completed", 200, len(played.api.calls))
    assert tracked.body is not None
    assert json.loads(tracked.body) == flat(request.id)
    assert tracked.resolved_at is not None
    assert tracked.resolved_at.timestamp() == pytest.approx(START + played.at(request), abs=0.001)
    assert tracked.last_polled_at == tracked.resolved_at
    assert (played.ended, played.unfinished) == ({"completed": 1}, [])


def test_a_failed_run_is_handed_on_with_its_reason() -> None:
    request = a_request(1)
    failed = answering(200, flat(request.id, "failed", errorCode="AGENT_ERROR", errorMessage="Gave up."))
    tracked = resolve(FakeApi(scripts={request.id: [failed]}), [request]).one(request)
    assert (tracked.state, tracked.error_code, tracked.error_message) == ("failed", "AGENT_ERROR", "Gave up.")
    assert tracked.body is not None


@pytest.mark.parametrize("poll_interval", [1.0, 10.0, 30.0])
def test_a_request_is_never_looked_at_again_sooner_than_the_interval(poll_interval: float) -> None:
    requests = some_requests(5)
    played = resolve(
        FakeApi(completes={r.id: 37.0 * n for n, r in enumerate(requests)}),
        requests,
        wait=600,
        poll_interval=poll_interval,
    )
    gaps = [gap for request in requests for gap in played.gaps(request)]
    assert len(gaps) >= 8
    assert min(gaps) >= poll_interval
    assert played.ended == {"completed": 5}


def test_the_pause_between_looks_grows_up_to_a_cap() -> None:
    request = a_request(1)
    gaps = resolve(FakeApi(completes={request.id: NEVER}), [request], wait=4000).gaps(request)
    assert gaps[0] <= 1.2 * INTERVAL
    assert gaps[-1] >= 3 * INTERVAL
    assert max(gaps) <= 7 * INTERVAL
    assert all(later > 0.85 * earlier for earlier, later in itertools.pairwise(gaps))


def test_a_run_is_seen_soon_after_it_completes() -> None:
    """The pause is in proportion to how long the run has taken."""
    for completes in (*range(20, 300, 10), 400, 600, 850):
        request = a_request(1)
        played = resolve(FakeApi(completes={request.id: completes}), [request], wait=1200)
        assert played.at(request) - completes <= max(2.3 * INTERVAL, completes / 6)


def test_requests_of_one_moment_do_not_stay_in_step() -> None:
    requests = some_requests(40)
    played = resolve(FakeApi(completes=dict.fromkeys(ids(requests), NEVER)), requests, wait=30)
    first_gaps = [played.gaps(request)[0] for request in requests]
    assert max(first_gaps) - min(first_gaps) > 0.5
    assert max(first_gaps) <= 1.2 * INTERVAL


def test_the_jitter_comes_from_the_given_source() -> None:
    request = a_request(1)

    def times(seed: int) -> list[float]:
        return resolve(FakeApi(completes={request.id: 300.0}), [request], seed=seed).api.times()

    assert times(1) == times(1)
    assert times(1) != times(2)


def test_under_a_small_budget_the_longest_due_goes_first() -> None:
    requests = some_requests(25)
    api = FakeApi(Quota(minute=10), completes=dict.fromkeys(ids(requests), NEVER))
    played = resolve(api, requests, wait=400)
    called = [call.request_id for call in api.calls]
    assert called[:25] == [request.id for request in requests]
    counts = [called.count(request.id) for request in requests]
    assert max(counts) - min(counts) <= 1
    assert played.rate_limited == 0


def test_a_slow_run_holds_up_no_other() -> None:
    requests = some_requests(20)
    slow, *quick = requests
    played = resolve(FakeApi(completes={slow.id: NEVER} | dict.fromkeys(ids(quick), 5.0)), requests, wait=300)
    assert max(played.at(request) for request in quick) < 5 + 1.2 * INTERVAL
    assert ids_of(played.unfinished) == {slow.id}


def test_a_slow_answer_holds_up_no_other() -> None:
    requests = some_requests(20)
    slow = requests[1]
    played = resolve(FakeApi(latency=lambda name: 8.0 if name == slow.id else 0.05), requests, max_in_flight=2)
    assert max(played.at(request) for request in requests if request is not slow) < 2
    assert played.at(slow) > 8


def test_results_are_handed_on_in_the_order_in_which_they_complete() -> None:
    requests = some_requests(30)
    chance = random.Random(7)
    completes = {request.id: chance.uniform(0, 300) for request in requests}
    played = resolve(FakeApi(completes=completes), requests)
    assert len(played.order) == 30
    times = [at for at, _ in played.handed_on]
    assert times == sorted(times)
    for earlier, later in itertools.pairwise(played.order):
        assert completes[later] > completes[earlier] - 7 * INTERVAL
    by_answer = [
        call.request_id for call in sorted(played.api.calls, key=lambda c: c.answered_at) if call.status == 200
    ]
    assert played.order == by_answer


@pytest.mark.parametrize("max_in_flight", [1, 3, 16])
def test_no_more_calls_are_under_way_than_allowed_and_no_fewer_than_there_is_work_for(max_in_flight: int) -> None:
    api = FakeApi(latency=lambda _: 1.0)
    played = resolve(api, some_requests(60), max_in_flight=max_in_flight)
    assert api.most_under_way == max_in_flight
    assert played.seconds <= 1 + 60 / max_in_flight + 1
    assert played.ended == {"completed": 60}


# ---------------------------------------------------------------------------- the end of `wait`


def test_it_leaves_when_no_call_would_come_before_the_end_of_wait() -> None:
    request = a_request(1)
    played = resolve(FakeApi(completes={request.id: NEVER}), [request], wait=35)
    assert len(played.api.calls) == 3
    assert played.seconds < played.api.calls[-1].sent_at + 1
    assert ids_of(played.unfinished) == {request.id}


@given(
    wait=st.floats(0.1, 300),
    poll_interval=st.floats(0.5, 40),
    latency=st.floats(0.01, 12),
    perminute=st.integers(1, 60),
    trouble=st.sampled_from([None, 429, 503]),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nothing_is_sent_and_nothing_slept_after_the_end_of_wait(
    wait: float, poll_interval: float, latency: float, perminute: int, trouble: int | None, seed: int
) -> None:
    chance = random.Random(seed)
    requests = some_requests(15)
    troubled = always(answering(trouble or 200, too_many(20))) if trouble else ()
    api = FakeApi(
        Quota(minute=perminute),
        completes={request.id: chance.choice([0, 50, NEVER]) for request in requests},
        scripts={requests[0].id: troubled},
        latency=lambda _: latency,
    )
    played = resolve(api, requests, wait=wait, poll_interval=poll_interval, seed=seed)
    assert max(api.times()) <= wait
    assert (
        played.seconds <= wait + min(latency, LAST_ANSWERS_SECONDS) + 0.001
    )  # what is under way may still be answered
    assert len(played.handed_on) + len(played.unfinished) == 15


def test_nothing_is_sent_once_the_end_of_wait_was_slept_through() -> None:
    requests = some_requests(20)
    api = FakeApi(completes={request.id: 5.0 for request in requests})
    played = resolve(api, requests, wait=100, max_in_flight=1, hand_on=lambda tracked: block(1000))
    assert len(played.handed_on) == 1
    assert max(api.times()) < 100


def test_a_pause_longer_than_wait_is_not_slept() -> None:
    requests = some_requests(5)
    limited = answering(429, too_many(3600), {"Retry-After": "3600"})
    played = resolve(FakeApi(scripts={requests[0].id: [limited]}), requests, wait=100)
    assert played.seconds < 1
    assert ids_of(played.unfinished) == ids(requests)


def test_a_budget_that_comes_back_only_after_the_end_of_wait_is_not_slept_for() -> None:
    played = resolve(FakeApi(Quota(minute=10)), some_requests(30), wait=40)
    assert played.seconds < 2
    assert (len(played.handed_on), len(played.unfinished), played.rate_limited) == (10, 20, 0)


def test_a_call_under_way_at_the_end_of_wait_is_still_taken() -> None:
    first, late = some_requests(2)
    api = FakeApi(completes={late.id: 11.0}, latency=lambda name: 1.9 if name == late.id and now() > 5 else 0.05)
    played = resolve(api, [first, late], wait=12)
    assert played.one(late).state == "completed"
    assert 12 < played.at(late) < 16


def test_calls_that_are_not_answered_soon_after_the_end_of_wait_are_given_up() -> None:
    first, hanging = some_requests(2)
    played = resolve(FakeApi(latency=lambda name: 55.0 if name == hanging.id else 0.05), [first, hanging], wait=5)
    assert played.seconds <= 5 + LAST_ANSWERS_SECONDS + 0.001
    assert ids_of(played.unfinished) == {hanging.id}


def test_without_waiting_each_is_looked_at_once_and_nothing_is_slept() -> None:
    requests = some_requests(30)
    running, broken = requests[3], requests[5]
    api = FakeApi(completes={running.id: NEVER}, scripts={broken.id: always(answering(503))})
    played = resolve(api, requests, wait=0)
    assert sorted(call.request_id for call in api.calls) == sorted(ids(requests))
    assert played.seconds < 1
    assert played.ended == {"completed": 28}
    assert ids_of(played.unfinished) == {running.id, broken.id}


def test_without_waiting_nothing_is_looked_at_again_while_another_is_slow_to_answer() -> None:
    running, slow = some_requests(2)
    api = FakeApi(completes={running.id: NEVER}, latency=lambda name: 8.0 if name == slow.id else 0.05)
    played = resolve(api, [running, slow], wait=0, poll_interval=1.0)
    assert [call.request_id for call in api.calls] == [running.id, slow.id]
    assert (played.order, ids_of(played.unfinished)) == ([slow.id], {running.id})


def test_without_waiting_a_used_up_budget_ends_it() -> None:
    played = resolve(FakeApi(Quota(minute=20)), some_requests(50), wait=0)
    assert (len(played.handed_on), len(played.unfinished), len(played.api.calls)) == (20, 30, 20)
    assert played.seconds < 1


def test_looking_once_leaves_what_is_processing_and_waits_for_the_budget() -> None:
    requests = some_requests(50)
    running = requests[::5]
    api = FakeApi(Quota(minute=20), completes=dict.fromkeys(ids(running), NEVER))
    played = resolve(api, requests, look_once=True)
    assert sorted(call.request_id for call in api.calls) == sorted(ids(requests))
    assert ids_of(played.unfinished) == ids(running)
    assert len(played.handed_on) == 40
    assert 120 <= played.seconds < 130


def test_looking_once_tries_again_after_a_fault() -> None:
    request = a_request(1)
    played = resolve(FakeApi(scripts={request.id: [answering(503)]}), [request], look_once=True)
    assert played.one(request).state == "completed"


# ---------------------------------------------------------------------------- the budget


@pytest.mark.parametrize("floored", [True, False])
@pytest.mark.parametrize("phase", [0.0, 7.25, 20.0, 59.5, None])
def test_300_finished_requests_take_300_calls_no_429_and_nearly_the_ideal_time(
    phase: float | None, floored: bool
) -> None:
    chance = random.Random(1)
    api = FakeApi(Quota(minute=60, phase=phase, floored=floored), latency=lambda _: chance.uniform(0.02, 0.3))
    played = resolve(api, some_requests(300))
    ideal = _ideal_seconds(300, FixedWindow(60.0, 60, phase))
    assert played.ended == {"completed": 300}
    assert (len(api.calls), api.limited, played.rate_limited) == (300, 0, 0)
    assert played.seconds <= 1.1 * ideal


def _ideal_seconds(calls: int, window: FixedWindow) -> float:
    """When the last of so many calls can be sent under a window, with a network that takes no time."""
    at = START
    for _ in range(calls):
        window.roll(at)
        if window.full:
            at = window.ends
            window.roll(at)
        window.used += 1
    return at - START


def test_runs_that_take_their_time_meet_no_429_either() -> None:
    chance = random.Random(3)
    requests = some_requests(150)
    api = FakeApi(
        Quota(minute=30),
        completes={request.id: chance.uniform(0, 600) for request in requests},
        latency=lambda _: chance.choice([0.05, 0.4, 3.0]),
    )
    played = resolve(api, requests, wait=3600)
    assert (api.limited, played.ended) == (0, {"completed": 150})


def test_a_used_up_hour_is_waited_for() -> None:
    api = FakeApi(Quota(minute=600, hour=100))
    played = resolve(api, some_requests(150), wait=4000)
    assert (api.limited, played.ended) == (0, {"completed": 150})
    assert sum(at < 60 for at in api.times()) == 100
    assert 3600 <= played.seconds < 3610


def test_the_limit_of_the_results_endpoints_is_kept_on_a_larger_plan() -> None:
    api = FakeApi(Quota(minute=300, hour=15_000, untold=120))
    played = resolve(api, some_requests(360))
    assert (api.limited, played.ended) == (0, {"completed": 360})
    assert played.seconds < 135


def test_the_calls_of_others_on_the_key_are_left_to_them() -> None:
    api = FakeApi(Quota(minute=60))

    async def others(resolver: Resolver, played: Played) -> None:
        for _ in range(20):
            await asyncio.sleep(2)
            api.quota.take(START + now())

    played = resolve(api, some_requests(200), max_in_flight=1, meanwhile=others)
    assert played.ended == {"completed": 200}
    assert played.rate_limited <= 3
    assert played.seconds < 6 * 60


@pytest.mark.parametrize(("header", "in_body"), [("20", 45), ("45", 20), ("45", None), (None, 45)])
def test_after_a_429_nothing_is_sent_for_the_longer_of_header_and_body(header: str | None, in_body: int | None) -> None:
    requests = some_requests(40)
    limited = answering(429, too_many(in_body), {"Retry-After": header} if header else {})
    api = FakeApi(scripts={requests[20].id: [limited]})
    played = resolve(api, requests)
    met = next(call for call in api.calls if call.status == 429)
    assert not [at for at in api.times() if met.answered_at < at < met.answered_at + 45]
    assert played.ended == {"completed": 40}
    assert (played.rate_limited, played.one(requests[20]).polls) == (1, 2)
    assert played.seconds < 50


def test_after_the_pause_the_key_is_tried_with_one_call_first() -> None:
    requests = some_requests(40)
    limited = answering(429, too_many(30), {"Retry-After": "30"})
    api = FakeApi(scripts={requests[0].id: [limited]}, latency=lambda _: 1.0)
    resolve(api, requests)
    after = [at for at in api.times() if at > 1]
    assert len([at for at in after if at < after[0] + 0.9]) == 1


def test_429s_of_calls_under_way_together_are_one_trouble_and_the_longest_counts() -> None:
    requests = some_requests(16)
    scripts = {
        request.id: [answering(429, too_many(seconds))]
        for request, seconds in zip(requests[1:4], (5, 60, 20), strict=True)
    }
    played = resolve(FakeApi(scripts=scripts, latency=lambda _: 0.5), requests)
    assert played.rate_limited == 3
    assert not [at for at in played.api.times() if 1.1 < at < 60.9]
    assert played.ended == {"completed": 16}


@pytest.mark.parametrize("header", ["0", "-1", "Mon, 15 Jan 2024 11:00:00 GMT", "soon", None])
def test_429s_that_name_no_time_are_met_with_backoff_and_no_storm(header: str | None) -> None:
    requests = some_requests(20)
    limited = answering(429, too_many(0), {"Retry-After": header} if header else {})
    api = FakeApi(scripts={request.id: always(limited) for request in requests})
    played = resolve(api, requests, wait=900)
    assert played.rate_limited == len(api.calls) <= 25
    gaps = [later - earlier for earlier, later in itertools.pairwise(api.times())]
    assert gaps[0] >= 0.8
    assert all(later > 1.3 * earlier for earlier, later in itertools.pairwise(gaps[:5]))
    assert 40 <= max(gaps) <= 61
    assert len(played.unfinished) == 20


def test_429s_of_calls_under_way_together_do_not_make_the_backoff_grow() -> None:
    requests = some_requests(16)
    limited = answering(429, too_many(0), {"Retry-After": "0"})
    api = FakeApi(scripts={request.id: [limited] for request in requests[1:]})
    played = resolve(api, requests)
    assert played.rate_limited == 15
    assert 0.8 < min(at for at in api.times() if at > 0.2) < 1.3
    assert played.seconds < 2


def test_a_good_answer_ends_the_growth_of_the_backoff() -> None:
    request = a_request(1)
    limited = answering(429, too_many(0), {"Retry-After": "0"})
    running = answering(202, flat(request.id, "processing"))
    script = [limited, limited, limited, running, limited]
    played = resolve(FakeApi(scripts={request.id: script}), [request])
    assert played.gaps(request)[-1] <= 1.2
    assert played.one(request).state == "completed"


def test_429s_are_no_faults_and_never_make_a_request_an_error() -> None:
    request = a_request(1)
    played = resolve(FakeApi(scripts={request.id: [answering(429, too_many(20))] * 12}), [request])
    assert (played.one(request).state, played.rate_limited) == ("completed", 12)


# ---------------------------------------------------------------------------- faults

FAULTS: dict[str, Scripted] = {
    "500": answering(500, refusal("INTERNAL_ERROR", "Sorry.")),
    "502": answering(502, b"<html>"),
    "503": answering(503, b""),
    "504": answering(504, b""),
    "reset": breaking(httpx.ReadError),
    "no connection": breaking(httpx.ConnectError),
    "protocol": breaking(httpx.RemoteProtocolError),
    "not json": answering(200, b"<html>"),
    "cut short": answering(200, b'{"success": true, "requestId": "req_'),
    "another request": answering(200, flat(a_request(99).id)),
    "unknown status": answering(200, flat(a_request(1).id, "paused")),
}


@pytest.mark.parametrize(("seconds", "tries"), [(0.05, 5), (3.0, 4), (5.9, 3), (6.0, 2), (10.0, 2)])
def test_a_fault_that_lasts_is_an_error_in_about_15_seconds_however_slow_it_is(seconds: float, tries: int) -> None:
    request = a_request(1)
    api = FakeApi(scripts={request.id: always(answering(504, b""))}, latency=lambda _: seconds)
    played = resolve(api, [request])
    assert (played.one(request).state, played.one(request).polls) == ("error", tries)
    assert 12 <= played.at(request) <= 21


each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())


@each_fault
def test_a_fault_that_lasts_makes_an_error_soon_and_spares_the_others(fault: Scripted) -> None:
    requests = some_requests(10)
    broken = requests[0]
    played = resolve(FakeApi(scripts={broken.id: always(fault)}), requests)
    tracked = played.one(broken)
    assert (tracked.state, tracked.body) == ("error", None)
    assert tracked.error_code
    assert 2 <= tracked.polls <= FAULT_TRIES
    assert tracked.polls == len(played.api.times(broken.id))
    assert 5 < played.at(broken) <= 17
    assert played.ended == {"completed": 9, "error": 1}
    assert max(played.at(request) for request in requests[1:]) < 1.5


@each_fault
def test_a_fault_that_passes_leaves_no_trace(fault: Scripted) -> None:
    request = a_request(1)
    played = resolve(FakeApi(scripts={request.id: [fault, fault]}), [request])
    tracked = played.one(request)
    assert (tracked.state, tracked.polls, tracked.http_status) == ("completed", 3, 200)
    assert (tracked.error_code, tracked.error_message) == (None, None)
    assert tracked.body is not None


def test_the_pause_after_a_fault_doubles() -> None:
    request = a_request(1)
    gaps = resolve(FakeApi(scripts={request.id: always(FAULTS["503"])}), [request]).gaps(request)
    assert 0.8 <= gaps[0] <= 1.2
    assert len(gaps) >= 3
    assert all(1.5 < later / earlier < 2.7 for earlier, later in itertools.pairwise(gaps))


def test_faults_with_good_answers_between_them_are_not_added_up() -> None:
    request = a_request(1)
    running = answering(202, flat(request.id, "processing"))
    script = [FAULTS["503"], FAULTS["reset"], FAULTS["not json"], running] * 4
    played = resolve(FakeApi(scripts={request.id: script}), [request])
    assert (played.one(request).state, played.one(request).polls) == ("completed", 17)


def test_a_slow_fault_is_not_tried_for_minutes() -> None:
    """No answer within ten seconds, again and again, as a host that drops packets gives."""
    request = a_request(1)
    api = FakeApi(scripts={request.id: always(breaking(httpx.ReadTimeout))}, latency=lambda _: 20.0)
    played = resolve(api, [request])
    assert played.one(request).state == "error"
    assert played.one(request).polls >= 2
    assert played.at(request) < 40


def test_an_api_that_is_down_makes_every_request_an_error_and_ends() -> None:
    requests = some_requests(40)
    played = resolve(FakeApi(scripts={r.id: always(breaking(httpx.ConnectError)) for r in requests}), requests)
    assert played.ended == {"error": 40}
    assert played.unfinished == []
    assert len(played.api.calls) <= 40 * FAULT_TRIES


# ---------------------------------------------------------------------------- answers that end a request


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_that_will_not_change_is_an_error_at_once(status: int) -> None:
    requests = some_requests(3)
    refused = requests[1]
    played = resolve(FakeApi(scripts={refused.id: always(answering(status, refusal("NO", "Never.")))}), requests)
    tracked = played.one(refused)
    assert (tracked.state, tracked.http_status, tracked.polls) == ("error", status, 1)
    assert (tracked.error_code, tracked.error_message) == ("NO", "Never.")
    assert played.ended == {"completed": 2, "error": 1}


def test_an_unknown_request_is_not_found_at_once() -> None:
    requests = some_requests(3)
    missing = requests[1]
    script = always(answering(404, refusal("REQUEST_NOT_FOUND")))
    played = resolve(FakeApi(scripts={missing.id: script}), requests)
    assert (played.one(missing).state, played.one(missing).polls) == ("not_found", 1)
    assert played.ended == {"completed": 2, "not_found": 1}


# ---------------------------------------------------------------------------- a key that may not


@pytest.mark.parametrize("code", ["INVALID_API_KEY", "API_KEY_SUSPENDED"])
def test_a_refused_key_ends_it_after_what_was_resolved_is_handed_on(code: str) -> None:
    requests = some_requests(30)
    suspended = answering(401, refusal(code, "No."))
    api = FakeApi(scripts={request.id: always(suspended) for request in requests[10:]})
    played = resolve(api, requests, max_in_flight=4)
    assert isinstance(played.raised, KeyRefused)
    assert code in str(played.raised)
    assert KEY not in str(played.raised)
    assert set(played.order) >= ids(requests[:9])
    assert set(played.order) <= ids(requests[:10])
    assert ids_of(played.unfinished) == ids(requests) - set(played.order)
    first = next(call.answered_at for call in api.calls if call.status == 401)
    assert max(api.times()) <= first
    assert played.seconds < first + 1


def test_a_key_refused_at_the_first_call_costs_only_that_call() -> None:
    requests = some_requests(30)
    api = FakeApi(scripts={request.id: always(answering(401, refusal("INVALID_API_KEY"))) for request in requests})
    played = resolve(api, requests)
    assert isinstance(played.raised, KeyRefused)
    assert len(api.calls) == 1
    assert ids_of(played.unfinished) == ids(requests)


def test_a_missing_scope_marks_its_kind_and_spares_the_others() -> None:
    sourcing, enrichments, previews = (some_requests(15, kind) for kind in ("sourcing", "enrichment", "preview"))
    denied = answering(403, refusal("INSUFFICIENT_PERMISSIONS", "Missing scope."))
    api = FakeApi(scripts={request.id: always(denied) for request in enrichments})
    mixed = [request for three in zip(sourcing, enrichments, previews, strict=True) for request in three]
    played = resolve(api, mixed, max_in_flight=4)
    assert played.raised is None
    assert {played.one(request).state for request in enrichments} == {"error"}
    assert {played.one(request).state for request in sourcing + previews} == {"completed"}
    assert 1 <= api.statuses().count(403) <= 4  # those under way when the first was answered
    for request in enrichments:
        tracked = played.one(request)
        assert (tracked.http_status, tracked.error_code) == (403, "INSUFFICIENT_PERMISSIONS")
        assert "enrich:write" in (tracked.error_message or "")


def test_a_request_that_was_never_asked_for_because_of_its_kind_has_no_polls() -> None:
    first, second = some_requests(2, "enrichment")
    denied = always(answering(403, refusal("INSUFFICIENT_PERMISSIONS")))
    played = resolve(FakeApi(scripts={first.id: denied}), [first, second])
    assert (played.one(first).polls, played.one(second).polls) == (1, 0)
    assert played.one(second).state == "error"


def test_a_company_that_is_not_for_this_key_spares_other_companies() -> None:
    theirs = [a_request(n, company_id="theirs") for n in range(1, 6)]
    ours = [a_request(n, company_id="ours") for n in range(6, 11)]
    without = [a_request(n) for n in range(11, 14)]
    denied = always(answering(403, refusal("FORBIDDEN", "Wrong company.")))
    api = FakeApi(scripts={request.id: denied for request in theirs})
    played = resolve(api, [*theirs, *ours, *without], max_in_flight=2)
    assert {played.one(request).state for request in theirs} == {"error"}
    assert {played.one(request).state for request in ours + without} == {"completed"}
    assert api.statuses().count(403) <= 2


# ---------------------------------------------------------------------------- from outside


def test_stopping_sends_nothing_more_and_returns() -> None:
    requests = some_requests(30)

    async def stop(resolver: Resolver, played: Played) -> None:
        await asyncio.sleep(25)
        resolver.stop()

    api = FakeApi(completes=dict.fromkeys(ids(requests[:20]), NEVER))
    played = resolve(api, requests, meanwhile=stop)
    assert 25 <= played.seconds < 26
    assert max(api.times()) <= 25
    assert played.raised is None
    assert (set(played.order), ids_of(played.unfinished)) == (ids(requests[20:]), ids(requests[:20]))


def test_stopping_does_not_wait_for_calls_under_way() -> None:
    requests = some_requests(5)

    async def stop(resolver: Resolver, played: Played) -> None:
        await asyncio.sleep(3)
        resolver.stop()

    played = resolve(FakeApi(latency=lambda _: 30.0), requests, meanwhile=stop)
    assert played.seconds < 4
    assert ids_of(played.unfinished) == ids(requests)
    assert played.api.under_way == 0


def test_while_there_is_no_room_nothing_is_sent() -> None:
    async def make_room(resolver: Resolver, played: Played) -> None:
        await asyncio.sleep(100)
        rooms.append(1000)
        resolver.wake()

    rooms = [5]
    api = FakeApi()
    played = resolve(
        api,
        some_requests(30),
        max_in_flight=1,
        room=lambda played: len(played.handed_on) < sum(rooms),
        meanwhile=make_room,
    )
    assert len([at for at in api.times() if at < 100]) == 5
    assert played.ended == {"completed": 30}
    assert 100 <= played.seconds < 103


def test_without_room_it_still_ends_with_wait() -> None:
    played = resolve(FakeApi(), some_requests(5), wait=60, room=lambda played: False)
    assert (played.api.calls, len(played.unfinished)) == ([], 5)
    assert played.seconds == pytest.approx(60, abs=0.1)


def test_a_receiver_that_breaks_ends_it_with_its_own_error() -> None:
    def refuse(tracked: Tracked) -> None:
        raise ZeroDivisionError("no place for it")

    played = resolve(FakeApi(), some_requests(20), hand_on=refuse)
    assert isinstance(played.raised, ZeroDivisionError)
    assert len(played.api.calls) == 1


def test_the_time_left_and_the_next_look_can_be_asked_for() -> None:
    request = a_request(1)
    seen: list[tuple[float, float | None]] = []

    async def watch(resolver: Resolver, played: Played) -> None:
        await asyncio.sleep(4)
        seen.append((resolver.time_left(), resolver.next_look_in()))

    resolve(FakeApi(completes={request.id: 20.0}), [request], wait=100, meanwhile=watch)
    ((time_left, next_look),) = seen
    assert time_left == pytest.approx(96)
    assert next_look is not None
    assert 6 <= next_look <= 7.2


def test_every_request_is_either_handed_on_once_or_unfinished_whatever_happens() -> None:
    for seed in range(12):
        chance = random.Random(seed)
        requests = [a_request(n, chance.choice(["sourcing", "enrichment", "preview"])) for n in range(1, 41)]
        choices = [*FAULTS.values(), answering(404), answering(400), answering(403), answering(429, too_many(3))]
        scripts = {request.id: chance.choices(choices, k=chance.randint(0, 6)) for request in requests}
        completes = {request.id: chance.choice([0.0, 30.0, NEVER]) for request in requests}
        api = FakeApi(Quota(minute=50), scripts=scripts, completes=completes)
        played = resolve(api, requests, wait=chance.choice([0, 20, 300]), seed=seed)
        assert sorted([*played.order, *ids_of(played.unfinished)]) == sorted(ids(requests))
        assert sum(played.ended.values()) == len(played.handed_on)
        assert played.raised is None


def test_a_request_whose_look_raised_is_unfinished() -> None:
    request = a_request(1)

    def hand_on(tracked: Tracked) -> None:
        raise OSError("no room")

    played = resolve(FakeApi(), [request], hand_on=hand_on)
    assert isinstance(played.raised, OSError)
    (unfinished,) = played.unfinished
    assert (unfinished.request, unfinished.state, unfinished.body) == (request, "processing", None)
