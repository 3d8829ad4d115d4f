"""Refusals, odd headers and faults without end, under virtual time: every wait ends, the budget is kept."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from fake_api import START, FakeApi, Quota, a_request, id_in, result_of, some_requests, too_many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instaview.client import Client
from instaview.clock import Clock
from instaview.request_ids import Request
from instaview.resolver import LAST_ANSWERS_SECONDS, SLOW_FAULT_TRIES, Resolver, Tracked
from virtual_time import now, run

KEY = "sk_test_0123456789abcdefghijklmnopqrstuvwxyz01"
HOUR = 3600.0
HTML = b"<html><body>Bad gateway</body></html>"

Headers = list[tuple[str, str]]


@dataclass
class Played:
    """What became of a load."""

    ended: dict[str, Tracked] = field(default_factory=dict)
    unfinished: list[Tracked] = field(default_factory=list)
    seconds: float = 0.0

    def states(self) -> Counter[str]:
        return Counter([t.state for t in self.ended.values()] + ["processing"] * len(self.unfinished))


def play(api: httpx.AsyncBaseTransport, requests: Iterable[Request], *, wait: float, seed: int = 0) -> Played:
    """Resolves requests under virtual time; a loop that hangs or spins raises `Stuck`."""
    played = Played()

    def take(tracked: Tracked) -> None:
        assert tracked.request.id not in played.ended
        played.ended[tracked.request.id] = tracked

    async def resolve() -> None:
        async with Client("https://api.example.test", KEY, transport=api, clock=Clock(lambda: START + now())) as client:
            resolver = Resolver(
                client,
                requests,
                take,
                wait=wait,
                poll_interval=10.0,
                max_in_flight=16,
                chance=random.Random(seed),
            )
            await resolver.run()
            played.unfinished, played.seconds = resolver.unfinished, now()

    run(resolve())
    return played


class Odd(FakeApi):
    """The API behind something that changes the headers of its answers."""

    def __init__(self, quota: Quota, change: Callable[[float, Headers], Headers], **options: Any) -> None:
        super().__init__(quota, **options)
        self._change = change

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        changed = self._change(START + now(), response.headers.multi_items())
        response.headers = httpx.Headers([(name.encode(), value.encode()) for name, value in changed])
        return response


# ---------------------------------------------------------------------------- 429


def in_seconds(seconds: float) -> str:
    return formatdate(START + seconds, usegmt=True)


RETRY_AFTER: dict[str, list[str]] = {
    "none": [],
    "seconds": ["30"],
    "a fraction": ["0.5"],
    "a date": [in_seconds(30)],
    "a date in another zone": ["Mon, 15 Jan 2024 13:00:30 +0100"],
    "a date that has passed": [in_seconds(-HOUR)],
    "0": ["0"],
    "negative": ["-1"],
    "garbage": ["soon"],
    "empty": [""],
    "nan": ["nan"],
    "infinite": ["inf"],
    "not ASCII digits": ["٣٠"],
    "a century": ["3153600000"],
    "a date in a century": ["Fri, 15 Jan 2124 12:00:00 GMT"],
    "hundreds of digits": ["9" * 400],
    "two": ["5", "40"],
    "two, one of them garbage": ["soon", "40"],
    "a number and a date": ["5", in_seconds(40)],
    "two in one": ["5, 40"],
}
IN_BODY: list[Any] = [None, 0, -1, 20, 1e300, "20", "soon", [], {"seconds": 20}, True]


def limited(headers: list[str], in_body: Any) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        named = [(b"Retry-After", header.encode()) for header in headers]
        return httpx.Response(429, json=too_many(in_body), headers=named)

    return answer


@pytest.mark.parametrize("in_body", IN_BODY, ids=str)
@pytest.mark.parametrize("shape", RETRY_AFTER)
def test_a_storm_of_429s_ends_with_wait_and_takes_few_calls(shape: str, in_body: Any) -> None:
    """Nothing but 429, to 100 requests, for a quarter of an hour."""
    requests = some_requests(100)
    api = FakeApi(scripts={r.id: itertools.repeat(limited(RETRY_AFTER[shape], in_body)) for r in requests})
    played = play(api, requests, wait=900)
    assert played.states() == {"processing": 100}
    assert played.seconds <= 900 + LAST_ANSWERS_SECONDS
    assert len(api.calls) <= 40


@pytest.mark.parametrize("shape", RETRY_AFTER)
def test_when_a_storm_of_429s_is_over_every_request_completes(shape: str) -> None:
    """The first 50 calls meet 429."""
    requests = some_requests(100)
    storm = iter(range(50))

    def answer(request: httpx.Request) -> httpx.Response:
        if next(storm, None) is not None:
            return limited(RETRY_AFTER[shape], None)(request)
        return result_of(request)

    api = FakeApi(scripts={r.id: itertools.repeat(answer) for r in requests})
    played = play(api, requests, wait=24 * HOUR)
    far = shape in ("a century", "a date in a century")
    assert played.states() == ({"processing": 100} if far else {"completed": 100})


@pytest.mark.parametrize(
    ("headers", "seconds"), [(["5", "40"], 40), (["40", "5"], 40), (["soon", "40"], 40), (["5", in_seconds(40)], 39)]
)
def test_of_two_retry_afters_the_longer_counts(headers: list[str], seconds: float) -> None:
    requests = some_requests(5)
    api = FakeApi(scripts={requests[0].id: [limited(headers, None)]})
    assert play(api, requests, wait=900).states() == {"completed": 5}
    assert api.times()[1] >= seconds


# ---------------------------------------------------------------------------- headers of the rate limit

ABSURD = ["", "-1", "0", "nan", "inf", "-inf", "1e300", "9" * 400, "soon", "60; w=60", "1.5", "0x10", "٣٠"]
PARTS = [f"x-ratelimit-{part}-{window}" for part in ("limit", "remaining", "reset") for window in ("minute", "hour")]


def without(*names: str) -> Callable[[float, Headers], Headers]:
    return lambda at, headers: [(n, v) for n, v in headers if not any(n.startswith(name) for name in names)]


def setting(**values: Any) -> Callable[[float, Headers], Headers]:
    """Puts values in the place of headers; a callable is given the Unix time."""

    def change(at: float, headers: Headers) -> Headers:
        names = {name.replace("_", "-"): str(v(at) if callable(v) else v) for name, v in values.items()}
        return [(n, v) for n, v in headers if n not in names] + list(names.items())

    return change


def doubling(extra: Callable[[str], str]) -> Callable[[float, Headers], Headers]:
    """Each of the headers a second time, with another value."""
    return lambda at, headers: headers + [(n, extra(v)) for n, v in headers if n.startswith("x-ratelimit")]


CHANGES: dict[str, Callable[[float, Headers], Headers]] = {
    "none": without("x-ratelimit"),
    "no limits": without("x-ratelimit-limit"),
    "no remaining": without("x-ratelimit-remaining"),
    "no resets": without("x-ratelimit-reset"),
    "only the hour": without("x-ratelimit-limit-minute", "x-ratelimit-remaining-minute", "x-ratelimit-reset-minute"),
    "twice, alike": doubling(lambda value: value),
    "twice, contradicting": doubling(lambda value: "7"),
    "always nothing left": setting(x_ratelimit_remaining_minute=0),
    "always nothing left in the hour": setting(
        x_ratelimit_remaining_hour=0, x_ratelimit_reset_hour=lambda at: int(at) + 90
    ),
    "always all left": setting(x_ratelimit_remaining_minute=60),
    "more left than the limit": setting(x_ratelimit_remaining_minute=10_000),
    "hour used up, minute not, reset past": setting(x_ratelimit_remaining_hour=0, x_ratelimit_reset_hour=1),
    "reset far away": setting(x_ratelimit_reset_minute=2**53),
    "reset in milliseconds": setting(x_ratelimit_reset_minute=lambda at: int(at * 1000)),
    "reset past": setting(x_ratelimit_reset_minute=0),
    "reset now": setting(x_ratelimit_reset_minute=lambda at: at),
    "seconds left and not a time": setting(x_ratelimit_reset_minute=30, x_ratelimit_reset_hour=1800),
    "another clock, behind": setting(date=lambda at: formatdate(at - 10**9, usegmt=True)),
    "another clock, ahead": setting(date=lambda at: formatdate(at + 10**9, usegmt=True)),
    "a clock that jumps": setting(
        date=lambda at: formatdate(at + random.Random(at).uniform(-(10**9), 10**9), usegmt=True)
    ),
    "a date that is none": setting(date="yesterday"),
    **{f"{part} {value[:6]}": setting(**{part.replace("-", "_"): value}) for part in PARTS for value in ABSURD},
}


NOTHING_LEFT = {"hour used up, minute not, reset past", "x-ratelimit-remaining-hour 0"}
"""Then there is a call an hour, and most is left to later loads."""


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_the_headers_say_the_budget_is_kept_and_every_request_completes(change: str) -> None:
    requests = some_requests(200)
    api = Odd(Quota(minute=60, hour=2000), CHANGES[change])
    played = play(api, requests, wait=10 * HOUR)
    print(f"{change}: {api.limited} × 429, {len(api.calls)} calls, {played.seconds:.0f} s")
    assert api.limited <= 25
    if change in NOTHING_LEFT:
        assert set(played.states()) == {"completed", "processing"}
        assert played.seconds <= 10 * HOUR + LAST_ANSWERS_SECONDS
    else:
        assert played.states() == {"completed": 200}
        assert played.seconds <= HOUR


@pytest.mark.slow
@settings(deadline=None, max_examples=30, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_headers_that_change_with_every_answer_neither_hang_it_nor_break_the_budget(data: st.DataObject) -> None:
    assert_survives_headers_of_chance(data)


@pytest.mark.long
@settings(deadline=None, max_examples=300, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_headers_that_change_with_every_answer_at_length(data: st.DataObject) -> None:
    assert_survives_headers_of_chance(data)


def assert_survives_headers_of_chance(data: st.DataObject) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    share = data.draw(st.floats(0.05, 1.0))
    names = data.draw(st.lists(st.sampled_from([*PARTS, "date", "retry-after"]), min_size=1, unique=True))

    def odd(at: float) -> str:
        number = chance.choice(
            [0, 1, 7, 59, 60, 61, 10_000, at - 1, at, at + 30, at + 90, at + HOUR, at * 1000, 10**18]
        )
        return chance.choice([*ABSURD, str(int(number)), str(number), formatdate(min(number, 10**10), usegmt=True)])

    def change(at: float, headers: Headers) -> Headers:
        for name in names:
            if chance.random() < share:
                headers = [(n, v) for n, v in headers if n != name or chance.random() < 0.3]
                headers += [(name, odd(at)) for _ in range(chance.choice([0, 1, 1, 2]))]
        return headers

    requests = some_requests(100)
    api = Odd(Quota(minute=60, hour=2000, phase=chance.uniform(0, 60)), change)
    played = play(api, requests, wait=4 * HOUR)
    assert sum(played.states().values()) == 100
    assert set(played.states()) <= {"completed", "processing"}
    assert played.seconds <= 4 * HOUR + LAST_ANSWERS_SECONDS
    assert api.limited <= 40


# ---------------------------------------------------------------------------- faults for an hour


class Failing(FakeApi):
    """The API behind a network that breaks a share of all exchanges, until some time."""

    def __init__(self, quota: Quota, *, share: float, until: float, chance: random.Random, **options: Any) -> None:
        super().__init__(quota, **options)
        self._share, self._until, self._chance = share, until, chance
        self._run: Counter[str] = Counter()
        self.longest_run: Counter[str] = Counter()
        """The most faults in a row that each request met."""
        self.broken = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        name = id_in(request)
        if response.status_code == 429 or now() >= self._until or self._chance.random() >= self._share:
            self._run[name] = 0
            return response
        self.broken += 1
        self._run[name] += 1
        self.longest_run[name] = max(self.longest_run[name], self._run[name])
        what = self._chance.choice(["reset", "silent", b"", HTML, b'{"status": "comp', 502, 503])
        if what == "reset":
            raise httpx.ReadError("reset", request=request)
        if what == "silent":
            await asyncio.sleep(10.0)
            raise httpx.ReadTimeout("silent", request=request)
        status, body = (200, what) if isinstance(what, bytes) else (what, HTML)
        return httpx.Response(int(status), content=body, headers=response.headers)


@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.long), pytest.param(4, marks=pytest.mark.long)]
)
def test_three_in_ten_answers_failing_for_an_hour(seed: int) -> None:
    """Runs that take up to an hour, on the smallest plan. Only what was struck again and again is an error."""
    chance = random.Random(seed)
    requests = [a_request(n, ("sourcing", "enrichment", "preview")[n % 3]) for n in range(1, 301)]
    completes = {request.id: chance.choice([0.0, chance.uniform(0, HOUR)]) for request in requests}
    api = Failing(Quota(minute=60, hour=2000), completes=completes, share=0.3, until=HOUR, chance=chance)
    played = play(api, requests, wait=2 * HOUR, seed=seed)
    states = played.states()
    struck = {name for name, faults in api.longest_run.items() if faults >= SLOW_FAULT_TRIES}
    print(f"seed {seed}: {dict(states)}, {len(api.calls)} calls, {api.limited} × 429, {played.seconds:.0f} s")
    assert {t.request.id for t in played.ended.values() if t.state == "error"} <= struck
    assert states["completed"] + states["error"] == 300
    assert states["error"] <= 12  # five faults in a row, or two of ten seconds, are one in 240 looks
    assert api.broken > 400
    assert api.limited == 0
