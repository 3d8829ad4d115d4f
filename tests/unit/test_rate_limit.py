"""The rate limiter by itself, on a clock that a test moves, then against a simulated server."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fake_api import START, Quota
from hypothesis import example, given, settings
from hypothesis import strategies as st

from instaview.rate_limit import LARGEST_PLAN, RESULTS_PER_MINUTE, RateLimiter

Headers = dict[str, str]


class HandClock:
    """Unix time that passes when a test says so."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def limiter(clock: HandClock) -> RateLimiter:
    return RateLimiter(clock)


def minute(limit: object = 60, remaining: object = 59, reset: object = START + 60) -> Headers:
    """The headers of the minute; the hour's say that there is plenty."""
    return told("minute", limit, remaining, reset) | told("hour", 30_000, 29_000, START + 3600)


def hour(limit: object = 2000, remaining: object = 1999, reset: object = START + 3600) -> Headers:
    return told("hour", limit, remaining, reset) | told("minute", 600, 599, START + 60)


def told(window: str, limit: object, remaining: object, reset: object) -> Headers:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {
        f"x-ratelimit-{part}-{window}": f"{value:.15g}" if isinstance(value, float) else str(value)
        for part, value in values.items()
        if value is not None
    }


def call(limiter: RateLimiter, headers: Headers, *, limited: bool = False) -> None:
    """One call and its answer, at once."""
    limiter.reserve()
    limiter.answered(headers, limited=limited)


def send_all(limiter: RateLimiter) -> int:
    """Sends as many calls as may go now, none of them answered; their number."""
    sent = 0
    while limiter.delay() == 0 and sent < 5000:
        limiter.reserve()
        sent += 1
    return sent


def answer(limiter: RateLimiter, calls: int, headers: Headers) -> None:
    for _ in range(calls):
        limiter.answered(headers)


# ---------------------------------------------------------------------------- what it learns


def test_the_first_call_may_go_at_once(limiter: RateLimiter) -> None:
    assert limiter.delay() == 0


def test_until_the_first_answer_only_one_call_goes(limiter: RateLimiter) -> None:
    assert send_all(limiter) == 1
    assert limiter.delay() == math.inf


def test_the_first_answer_opens_the_way_for_all_that_it_says_is_left(limiter: RateLimiter) -> None:
    call(limiter, minute(limit=30, remaining=29))
    assert send_all(limiter) == 29


def test_documented_limits_are_believed_while_no_answer_tells_any(limiter: RateLimiter) -> None:
    call(limiter, {})
    assert send_all(limiter) == 59
    assert (limiter.budget().minute.limit, limiter.budget().hour.limit) == (60, 2000)


def test_limit_remaining_and_reset_are_learnt_for_both_windows(limiter: RateLimiter) -> None:
    call(limiter, told("minute", 120, 100, START + 42) | told("hour", 5000, 4321, START + 1234))
    budget = limiter.budget()
    assert (budget.minute.limit, budget.minute.remaining) == (120, 100)
    assert (budget.hour.limit, budget.hour.remaining) == (5000, 4321)
    assert budget.minute.resets_in == pytest.approx(42, abs=2.5)
    assert budget.hour.resets_in == pytest.approx(1234, abs=2.5)


def test_a_call_is_counted_when_it_is_reserved_not_when_it_is_answered(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=10))
    limiter.reserve()
    limiter.reserve()
    assert limiter.budget().minute.remaining == 8


def test_an_answer_does_not_give_back_what_other_calls_under_way_reserved(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=10))
    for _ in range(5):
        limiter.reserve()
    limiter.answered(minute(remaining=9))
    assert send_all(limiter) == 5


def test_with_nothing_else_under_way_the_count_of_the_server_is_taken_over(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=10))
    call(limiter, minute(remaining=40))
    assert send_all(limiter) == 40


def test_a_used_up_minute_holds_calls_back_until_it_ends(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(remaining=0, reset=START + 20))
    assert 20 <= limiter.delay() <= 22
    clock.pass_(19.9)
    assert limiter.delay() > 0
    clock.pass_(2.1)
    assert limiter.delay() == 0
    assert limiter.budget().minute.remaining == 60


def test_a_reset_cut_to_whole_seconds_is_not_taken_for_the_exact_end(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(remaining=0, reset=int(START + 20)))
    clock.pass_(20.9)  # a window that ends at 20.95 names 20
    assert limiter.delay() > 0


def test_a_used_up_hour_holds_calls_back_though_the_minute_has_calls_left(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, hour(remaining=3))
    assert send_all(limiter) == 3
    assert limiter.delay() == pytest.approx(3600, abs=2.5)
    clock.pass_(61)
    assert limiter.delay() == pytest.approx(3539, abs=2.5)


def test_of_two_used_up_windows_the_one_that_ends_later_counts(limiter: RateLimiter) -> None:
    call(limiter, told("minute", 60, 0, START + 30) | told("hour", 2000, 0, START + 900))
    assert limiter.delay() == pytest.approx(900, abs=2.5)


def test_a_limit_that_grows_gives_the_difference_at_once(limiter: RateLimiter) -> None:
    call(limiter, minute(limit=60, remaining=10))
    limiter.reserve()
    limiter.reserve()
    limiter.answered(minute(limit=100, remaining=49))
    assert limiter.budget().minute.limit == 100
    assert send_all(limiter) == 48


def test_a_limit_that_shrinks_takes_the_difference_at_once(limiter: RateLimiter) -> None:
    call(limiter, minute(limit=60, remaining=50))
    limiter.reserve()
    limiter.reserve()
    limiter.answered(minute(limit=30, remaining=19))
    assert send_all(limiter) == 18


def test_a_call_that_failed_stays_counted(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=2))
    limiter.reserve()
    limiter.failed()
    assert send_all(limiter) == 1


def test_a_first_call_that_failed_does_not_hold_back_the_next_for_ever(limiter: RateLimiter) -> None:
    limiter.reserve()
    limiter.failed()
    assert limiter.delay() == 0


def test_answers_that_overtake_each_other_give_back_no_calls(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=10))
    for _ in range(5):
        limiter.reserve()
    for remaining in (5, 6, 7, 8, 9):  # the call that was counted last is answered first
        limiter.answered(minute(remaining=remaining))
    assert send_all(limiter) == 5


# ---------------------------------------------------------------------------- other users, late answers


def test_calls_of_other_users_of_the_key_are_counted(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=50))
    call(limiter, minute(remaining=20))
    assert send_all(limiter) == 20


def test_calls_of_other_users_are_counted_while_own_calls_are_under_way(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=50))
    for _ in range(3):
        limiter.reserve()
    limiter.answered(minute(remaining=5))
    assert send_all(limiter) <= 5


def test_a_late_answer_of_a_window_that_is_over_changes_nothing(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(remaining=50))
    limiter.reserve()  # its answer is late
    clock.pass_(62)
    limiter.reserve()
    limiter.answered(minute(remaining=58, reset=START + 120))
    limiter.answered(minute(remaining=0, reset=START + 60))
    assert limiter.budget().minute.remaining >= 55
    assert limiter.delay() == 0


def test_a_late_answer_of_a_window_that_is_over_does_not_free_a_used_up_one(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, minute(remaining=50))
    limiter.reserve()  # its answer is late
    clock.pass_(62)
    limiter.reserve()
    limiter.answered(minute(remaining=0, reset=START + 120))
    limiter.answered(minute(remaining=49, reset=START + 60))
    assert limiter.delay() > 50


def test_an_answer_of_the_next_window_is_believed_before_the_margin_of_the_old_one_is_over(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, minute(remaining=1))
    limiter.reserve()
    limiter.reserve()
    clock.pass_(60.5)
    limiter.answered(minute(remaining=59, reset=START + 120))
    assert send_all(limiter) == 58  # one is still under way and may count in the new window


def test_a_late_answer_is_known_as_one_though_the_next_window_has_only_just_begun(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, minute(remaining=2))
    limiter.reserve()
    limiter.reserve()
    clock.pass_(60.5)
    limiter.answered(minute(remaining=59, reset=START + 120))
    limiter.answered(minute(remaining=0, reset=START + 60))
    assert send_all(limiter) >= 58


def test_when_calls_under_way_could_use_up_the_next_window_an_answer_is_waited_for(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, minute(limit=3, remaining=3))
    assert send_all(limiter) == 3
    clock.pass_(62)
    assert limiter.delay() == math.inf
    for remaining in (2, 1, 0):
        limiter.answered(minute(limit=3, remaining=remaining, reset=START + 120))
    assert 57 < limiter.delay() < 60


def test_calls_under_way_that_fail_do_not_hold_up_the_next_window(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(limit=3, remaining=3))
    for _ in range(send_all(limiter)):
        clock.pass_(21)
        limiter.failed()
    assert limiter.delay() == 0
    assert send_all(limiter) == 3


# ---------------------------------------------------------------------------- the limit that no header tells of


@pytest.mark.parametrize("limit", [121, 300, LARGEST_PLAN])
def test_plans_above_the_limit_of_the_results_endpoints_are_capped(
    limiter: RateLimiter, clock: HandClock, limit: int
) -> None:
    call(limiter, minute(limit=limit, remaining=limit - 1))
    sent = send_all(limiter)
    assert sent == RESULTS_PER_MINUTE - 1
    answer(limiter, sent, minute(limit=limit, remaining=limit - 1 - sent))
    assert 59 < limiter.delay() < 62
    clock.pass_(62)
    assert send_all(limiter) == RESULTS_PER_MINUTE


def test_the_cap_counts_any_sixty_seconds_not_a_window(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(limit=300, remaining=299))
    clock.pass_(50)
    sent = send_all(limiter)
    assert sent == RESULTS_PER_MINUTE - 1
    answer(limiter, sent, minute(limit=300, remaining=180))
    clock.pass_(12)  # a new window has begun
    assert send_all(limiter) == 1
    limiter.answered(minute(limit=300, remaining=299, reset=START + 120))
    clock.pass_(49)
    assert send_all(limiter) == RESULTS_PER_MINUTE - 1


@pytest.mark.parametrize("limit", [60, RESULTS_PER_MINUTE])
def test_plans_up_to_the_limit_of_the_results_endpoints_may_use_all_of_theirs(limiter: RateLimiter, limit: int) -> None:
    call(limiter, minute(limit=limit, remaining=limit - 1))
    assert send_all(limiter) == limit - 1


@pytest.mark.parametrize("limit", [LARGEST_PLAN + 1, 3000])
def test_limits_above_the_largest_plan_are_taken_at_their_word(limiter: RateLimiter, limit: int) -> None:
    call(limiter, minute(limit=limit, remaining=limit - 1))
    assert send_all(limiter) == limit - 1


def test_a_refusal_with_calls_left_shows_that_the_limit_of_the_results_endpoints_holds(
    limiter: RateLimiter, clock: HandClock
) -> None:
    call(limiter, minute(limit=3000, remaining=2900), limited=True)
    clock.pass_(62)
    call(limiter, minute(limit=3000, remaining=2999, reset=START + 120))
    assert send_all(limiter) == RESULTS_PER_MINUTE - 1


def test_a_refusal_with_nothing_left_does_not_cap_what_comes_after(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(limit=3000, remaining=0), limited=True)
    clock.pass_(62)
    call(limiter, minute(limit=3000, remaining=2999, reset=START + 120))
    assert send_all(limiter) == 2999


# ---------------------------------------------------------------------------- pauses


def test_a_pause_holds_back_every_call(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute())
    limiter.pause(30)
    assert limiter.paused
    assert limiter.delay() == 30
    clock.pass_(29)
    assert limiter.delay() == 1
    clock.pass_(1)
    assert limiter.delay() == 0
    assert not limiter.paused


@pytest.mark.parametrize("order", [(30, 5), (5, 30)])
def test_the_longest_of_several_pauses_counts(limiter: RateLimiter, order: tuple[int, int]) -> None:
    call(limiter, minute())
    for seconds in order:
        limiter.pause(seconds)
    assert limiter.delay() == 30


def test_after_a_refusal_one_call_goes_at_a_time_until_one_is_answered(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(remaining=50), limited=True)
    limiter.pause(5)
    clock.pass_(5)
    assert send_all(limiter) == 1
    limiter.answered(minute(remaining=20))
    assert send_all(limiter) == 20


def test_a_pause_and_a_used_up_window_are_both_waited_for(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=0, reset=START + 20))
    limiter.pause(45)
    assert limiter.delay() == 45
    call(limiter, minute(remaining=0, reset=START + 58))
    assert limiter.delay() > 57


# ---------------------------------------------------------------------------- headers that make no sense


@pytest.mark.parametrize("value", ["", "-1", "nan", "inf", "-inf", "1e999", "many", "60, 60;w=60", "½", None])
@pytest.mark.parametrize("part", ["limit", "remaining"])
def test_a_count_that_is_no_number_is_passed_over(limiter: RateLimiter, part: str, value: str | None) -> None:
    call(limiter, minute(limit=50, remaining=20))
    call(limiter, minute(**{"limit": 50, "remaining": 19} | {part: value}))
    budget = limiter.budget().minute
    assert (budget.limit, budget.remaining) == (50, 19)


def test_a_limit_of_zero_does_not_stop_everything_for_ever(limiter: RateLimiter, clock: HandClock) -> None:
    call(limiter, minute(limit=0, remaining=0))
    clock.pass_(63)
    assert limiter.delay() == 0


def test_more_left_than_the_limit_allows_is_not_believed(limiter: RateLimiter) -> None:
    call(limiter, minute(limit=40, remaining=999))
    assert send_all(limiter) == 40


@pytest.mark.parametrize(
    "reset",
    ["", "soon", "nan", "inf", "-5", None, "0", "30", START - 1, START - 86_400, (START + 60) * 1000, START + 86_400],
    ids=str,
)
def test_a_reset_that_makes_no_sense_neither_frees_a_used_up_minute_nor_holds_it_for_much_longer(
    limiter: RateLimiter, clock: HandClock, reset: object
) -> None:
    call(limiter, minute(remaining=0, reset=reset))
    assert 59 < limiter.delay() < 64
    clock.pass_(64)
    assert limiter.delay() == 0


def test_a_reset_in_milliseconds_does_not_hold_an_hour_for_years(limiter: RateLimiter) -> None:
    call(limiter, hour(remaining=0, reset=(START + 100) * 1000))
    assert limiter.delay() < 3700


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 40.0, -40.0])
def test_a_clock_of_the_server_that_differs_is_allowed_for(
    limiter: RateLimiter, clock: HandClock, ahead: float
) -> None:
    limiter.reserve()
    headers = told("minute", 60, 0, START + ahead + 20) | told("hour", 2000, 1900, START + ahead + 2000)
    limiter.answered(headers, server_time=START + ahead)
    assert 20 <= limiter.delay() < 23
    assert limiter.budget().minute.resets_in == pytest.approx(20, abs=2.5)
    clock.pass_(23)
    assert limiter.delay() == 0


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_a_clock_that_differs_moves_no_window_that_no_header_told_of(
    limiter: RateLimiter, clock: HandClock, ahead: float
) -> None:
    limiter.reserve()
    limiter.answered({}, server_time=START + ahead)
    assert 58 <= send_all(limiter) <= 60
    assert 59 < limiter.delay() < 64


def test_one_answer_with_another_clock_holds_nothing_back_for_longer_than_the_window(limiter: RateLimiter) -> None:
    call(limiter, minute(remaining=1))
    limiter.reserve()
    limiter.answered(minute(remaining=0), server_time=START - 3600)
    assert limiter.delay() < 64


# ---------------------------------------------------------------------------- against a server


@dataclass
class Played:
    """What became of a simulated run."""

    accepted: int
    refused: int
    used_in_full_windows: list[int]


def play(quota: Quota, *, workers: int, latency: Callable[[], float], seconds: float) -> Played:
    """A lone user with endless work and so many calls under way at once, against a server with fixed windows."""
    clock = HandClock()
    limiter = RateLimiter(clock)
    events: list[tuple[float, int, Headers | None]] = []  # an arrival has no headers yet, an answer has
    tickets = itertools.count()
    accepted = refused = under_way = 0
    while clock.at < START + seconds:
        while under_way < workers and (delay := limiter.delay()) <= 0:
            limiter.reserve()
            under_way += 1
            heapq.heappush(events, (clock.at + latency(), next(tickets), None))
        free = clock.at + max(delay, 1e-6) if under_way < workers else math.inf
        if not events or free < events[0][0]:
            clock.at = free
            continue
        clock.at, _, headers = heapq.heappop(events)
        if headers is None:
            taken = quota.take(clock.at)
            accepted, refused = accepted + taken, refused + (not taken)
            answer_headers = {name.lower(): value for name, value in quota.headers(clock.at).items()}
            heapq.heappush(events, (clock.at + latency(), next(tickets), answer_headers))
        else:
            under_way -= 1
            limiter.answered(headers)
    return Played(accepted, refused, quota.minute.used_before[1:])


@given(
    limit=st.integers(3, 120) | st.integers(601, 900),
    hourly=st.sampled_from([1.5, 3.2, 60.0]),
    phase=st.none() | st.floats(0, 60),
    floored=st.booleans(),
    workers=st.integers(1, 24),
    slowest=st.floats(0.02, 8.0),
    seed=st.integers(0, 1000),
)
@example(limit=60, hourly=60.0, phase=0.0, floored=True, workers=16, slowest=0.1, seed=0)
@example(limit=60, hourly=60.0, phase=33.3, floored=True, workers=16, slowest=2.0, seed=1)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_alone_on_its_key_it_meets_no_refusal_and_uses_the_budget(
    limit: int, hourly: float, phase: float | None, floored: bool, workers: int, slowest: float, seed: int
) -> None:
    chance = random.Random(seed)
    quota = Quota(limit, int(limit * hourly), phase=phase, floored=floored)
    played = play(quota, workers=workers, latency=lambda: chance.uniform(0.01, slowest / 2), seconds=250)
    assert played.refused == 0
    enough_work = workers * 50 / (slowest / 2 + 0.01) > 1.3 * limit  # the mean exchange takes half of the slowest
    if enough_work and hourly > 10:
        assert min(played.used_in_full_windows) >= 0.9 * limit - 1


@given(limit=st.integers(121, 600), phase=st.floats(0, 60), workers=st.integers(4, 24), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_limit_of_the_results_endpoints_is_kept_and_used(limit: int, phase: float, workers: int, seed: int) -> None:
    chance = random.Random(seed)
    quota = Quota(limit, 30_000, phase=phase, untold=RESULTS_PER_MINUTE)
    played = play(quota, workers=workers, latency=lambda: chance.uniform(0.02, 0.2), seconds=245)
    assert played.refused == 0
    assert played.accepted >= 0.9 * 4 * RESULTS_PER_MINUTE


@pytest.mark.parametrize("seed", range(5))
def test_a_call_still_under_way_when_a_window_ends_is_counted_in_the_next(seed: int) -> None:
    """A few calls are slow, and the rest so fast that they use up the next window before those arrive."""
    chance = random.Random(seed)

    def latency() -> float:
        return 4.0 if chance.random() < 0.05 else 0.1

    played = play(Quota(60, 6000), workers=6, latency=latency, seconds=1200)
    assert played.refused == 0
