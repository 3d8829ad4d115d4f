"""Rate limits: six headers on every answer, 429 when a window is used up, nothing charged for a 429."""

from __future__ import annotations

import pytest

from instaview_sandbox import EXAMPLES, Fault

MIDNIGHT = 1_705_320_000  # a whole hour
EXAMPLE = next(iter(EXAMPLES))


def budget(answer):
    return {name[len("x-ratelimit-") :]: int(answer.headers[name]) for name in answer.headers if "ratelimit" in name}


def test_every_answer_carries_the_six_headers(make):
    api = make(minute_limit=60, hour_limit=2000)
    api.clock.now += 61.25
    assert budget(api.results(EXAMPLE)) == {
        "limit-minute": 60,
        "limit-hour": 2000,
        "remaining-minute": 59,
        "remaining-hour": 1999,
        "reset-minute": MIDNIGHT + 120,
        "reset-hour": MIDNIGHT + 3600,
    }


def test_errors_carry_them_too_and_count(make):
    api = make(minute_limit=60)
    [enrichment] = api.sandbox.add("enrichment")
    answers = [
        api.call("GET", "/sourcing/req_unknown/results"),
        api.call("POST", "/sourcing", json={}),
        api.call("GET", "/no/such/path"),
    ]
    assert [answer.status_code for answer in answers] == [404, 400, 404]
    assert [budget(answer)["remaining-minute"] for answer in answers] == [59, 58, 57]
    assert len(budget(api.results(enrichment, "sourcing"))) == 6
    assert len(budget(api.results(enrichment, "suspended"))) == 6


def test_keys_have_budgets_of_their_own(make):
    api = make(minute_limit=3)
    for _ in range(3):
        api.results(EXAMPLE)
    assert api.results(EXAMPLE).status_code == 429
    assert api.results(EXAMPLE, "other").status_code == 200


def test_over_the_minute_the_answer_is_the_documented_429(make):
    api = make(minute_limit=2)
    api.clock.now += 20.5
    assert [api.results(EXAMPLE).status_code for _ in range(3)] == [200, 200, 429]
    answer = api.results(EXAMPLE)
    assert answer.json() == {
        "statusCode": 429,
        "message": "Rate limit exceeded",
        "error": "Too Many Requests",
        "retryAfter": 20,
        "limit": 2,
        "remaining": 0,
        "reset": MIDNIGHT + 60,
    }
    assert answer.headers["Retry-After"] == "40"  # the header says when, the body half of it: as documented
    assert budget(answer)["remaining-minute"] == 0
    api.clock.now += 39.4
    assert api.results(EXAMPLE).status_code == 429
    api.clock.now += 0.2
    assert api.results(EXAMPLE).status_code == 200


def test_the_hour_holds_when_minutes_pass(make):
    api = make(minute_limit=3, hour_limit=5)
    statuses = []
    for _ in range(3):
        statuses += [api.results(EXAMPLE).status_code for _ in range(2)]
        api.clock.now += 60
    assert statuses == [200] * 5 + [429]
    answer = api.results(EXAMPLE)
    assert (answer.json()["limit"], answer.json()["reset"]) == (5, MIDNIGHT + 3600)
    assert answer.headers["Retry-After"] == str(3600 - 180)
    api.clock.now = MIDNIGHT + 3600
    assert api.results(EXAMPLE).status_code == 200


def test_with_both_windows_used_up_the_longer_wait_is_told(make):
    api = make(minute_limit=1, hour_limit=1)
    api.results(EXAMPLE)
    answer = api.results(EXAMPLE)
    assert answer.headers["Retry-After"] == "3600"
    assert answer.json()["reset"] == MIDNIGHT + 3600


def test_a_429_costs_nothing(make):
    api = make(minute_limit=2, hour_limit=100)
    for _ in range(12):
        answer = api.results(EXAMPLE)
    assert answer.status_code == 429
    assert budget(answer)["remaining-hour"] == 98
    api.sandbox.inject(Fault("status", status=429, times=5))
    api.clock.now += 60
    assert [api.results(EXAMPLE).status_code for _ in range(5)] == [429] * 5
    assert budget(api.results(EXAMPLE))["remaining-hour"] == 97


def test_windows_can_be_short(make):
    api = make(minute_limit=1, minute_seconds=0.5, hour_seconds=2)
    assert api.results(EXAMPLE).status_code == 200
    answer = api.results(EXAMPLE)
    assert answer.status_code == 429
    assert budget(answer)["reset-minute"] == MIDNIGHT + 1  # rounded up to a whole second
    assert budget(answer)["reset-hour"] == MIDNIGHT + 2
    api.clock.now += 0.5
    assert api.results(EXAMPLE).status_code == 200


@pytest.mark.parametrize(("cap", "allowed"), [(120, 120), (7, 7), (None, 200)])
def test_reading_results_has_a_limit_of_its_own(make, cap, allowed):
    api = make(minute_limit=1000, results_per_minute=cap)
    statuses = [api.results(EXAMPLE).status_code for _ in range(200)]
    assert statuses.count(200) == allowed
    if cap:
        assert api.results(EXAMPLE).json()["limit"] == cap
    assert api.call("GET", "/billing/usage").status_code == 200
    api.clock.now += 60
    assert api.results(EXAMPLE).status_code == 200


def test_the_limit_on_results_does_not_raise_a_smaller_minute_limit(make):
    api = make(minute_limit=5, results_per_minute=120)
    statuses = [api.results(EXAMPLE).status_code for _ in range(8)]
    assert statuses == [200] * 5 + [429] * 3


def test_the_date_is_the_sandboxs(make):
    api = make()
    assert api.results(EXAMPLE).headers["Date"] == "Mon, 15 Jan 2024 12:00:00 GMT"
