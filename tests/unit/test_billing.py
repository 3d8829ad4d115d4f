"""Which days are asked for, and what becomes of trouble; under virtual time and without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from instaview.billing import checked_since
from instaview.billing_held import Held
from instaview.billing_reader import BillingReader, Usage
from instaview.exceptions import KeyRefused, UsageError
from instaview.settings import InstaviewSettings
from virtual_time import now, run

TODAY = date(2025, 6, 30)
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC).timestamp()
Trouble = Callable[[int], httpx.Response | None]


class Api:
    """Bookings by company and day; what was asked for is kept."""

    def __init__(self, booked: dict[str, list[date]], trouble: Trouble = lambda call: None) -> None:
        self.booked, self.trouble = booked, trouble
        self.asked: list[tuple[date, date]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        first, last = (date.fromisoformat(request.url.params[name]) for name in ("start", "end"))
        self.asked.append((first, last))
        if (answer := self.trouble(len(self.asked))) is not None:
            return answer
        return httpx.Response(200, json={"companies": [self._company(c, first, last) for c in self.booked]})

    def _company(self, company_id: str, first: date, last: date) -> dict[str, Any]:
        events = sum(first <= day <= last for day in self.booked[company_id])
        listed = [{"costKey": "x", "events": events, "creditsUsed": events}] if events else []
        return {"companyId": company_id, "billingSystem": "credits", "breakdownByCostKey": listed}


def held_of(days: dict[str, Iterable[date]]) -> Held:
    """What loads have brought of these days, with the bookings that `Api` has on one."""
    return Held((company_id, day, "x", 1, 1.0, None) for company_id, booked in days.items() for day in booked)


def read(api: Api, held: dict[str, list[date]] | None = None, **options: Any) -> Usage:
    settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example")
    known = held_of(held or {})

    async def reading() -> Usage:
        reader = BillingReader(settings, known, transport=httpx.MockTransport(api), wall=lambda: NOON, **options)
        return await reader.run()

    return run(reading())


def days_before(*numbers: int) -> list[date]:
    return [TODAY - timedelta(days=number) for number in numbers]


def whole(asked: list[tuple[date, date]]) -> list[tuple[int, int]]:
    """How many days ago the stretches began and ended that were asked for at once."""
    return [((TODAY - first).days, (TODAY - last).days) for first, last in asked if first != last]


def single(asked: list[tuple[date, date]]) -> list[int]:
    """How many days ago the days were that were asked for one by one."""
    return [(TODAY - first).days for first, last in asked if first == last]


def test_the_first_load_asks_for_thirty_days_one_by_one():
    api = Api({"c": days_before(0, 5, 29)})
    usage = read(api)
    assert single(api.asked) == [0, *range(29, 0, -1)]
    assert whole(api.asked) == [(29, 4)]
    assert usage.problem is None
    assert set(usage.days) == set(days_before(*range(30)))


@pytest.mark.parametrize(("last", "expected"), [(0, [0, 3, 2, 1]), (1, [0, 4, 3, 2, 1]), (4, [0, 3, 2, 1])])
def test_a_later_load_goes_on_three_days_before_the_last_one_held(last, expected):
    booked = days_before(*range(10))
    api = Api({"c": booked})
    read(api, {"c": booked[last:]})
    assert single(api.asked) == expected
    assert whole(api.asked) == ([(7, 4)] if last == 4 else [])


@pytest.mark.parametrize("last", [0, 1, 4, 20, 400])
@pytest.mark.parametrize("idle", [[], ["idle"]])
def test_a_load_with_nothing_new_makes_few_calls_however_long_nothing_was_billed(last, idle):
    """A company that was never billed, and one that was billed long ago, take one question for all days but a few."""
    booked = days_before(*range(last, 500))
    api = Api({"c": booked, **{company_id: [] for company_id in idle}})
    usage = read(api, {"c": booked})
    assert len(api.asked) <= 6
    assert set(usage.days) >= set(days_before(0, 1, 2, 3))


def test_a_key_that_was_never_billed_costs_five_calls():
    api = Api({})
    read(api)
    assert (single(api.asked), whole(api.asked)) == ([0, 3, 2, 1], [(29, 4)])


def test_a_booking_that_came_late_is_found_among_those_held():
    booked = days_before(*range(12, 30))
    api = Api({"c": [*booked, TODAY - timedelta(days=12)]})
    usage = read(api, {"c": booked})
    assert TODAY - timedelta(days=12) in usage.days


def test_a_company_that_an_answer_leaves_out_has_no_bookings_there():
    api = Api({"c": days_before(2)})
    usage = read(api, {"c": days_before(0, 2)})
    rows = usage.rows(None).to_pylist()
    assert ("c", TODAY, None) in [(row["company_id"], row["day"], row["cost_key"]) for row in rows]


def test_a_company_that_was_asked_for_and_is_gone_has_no_bookings():
    api = Api({})
    settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example", company_id="c")

    async def reading() -> Usage:
        held = held_of({"c": days_before(0)})
        return await BillingReader(settings, held, transport=httpx.MockTransport(api), wall=lambda: NOON).run()

    rows = run(reading()).rows("c").to_pylist()
    assert {(row["company_id"], row["day"], row["cost_key"]) for row in rows} == {
        ("c", day, None) for day in days_before(0, 1, 2, 3)
    }


def test_since_asks_from_that_day_on_whatever_is_held():
    api = Api({"c": days_before(0)})
    read(api, {"c": days_before(0)}, since=TODAY - timedelta(days=50))
    assert single(api.asked) == [0, *range(50, 0, -1)]
    api = Api({"c": []})
    read(api, since=TODAY)
    assert single(api.asked) == [0]


def test_a_long_gap_is_asked_for_day_by_day_where_something_was_billed():
    api = Api({"c": days_before(40, 60)})
    usage = read(api, {"c": days_before(60)})
    assert whole(api.asked) == [(63, 4), (63, 34), (33, 4)]
    assert single(api.asked) == [0, *range(63, 33, -1), 3, 2, 1]
    assert TODAY - timedelta(days=40) in usage.days


def test_where_a_long_stretch_is_refused_months_are_asked_for():
    booked = days_before(*range(99, 3, -1))

    def too_long(call: int) -> httpx.Response | None:
        first, last = api.asked[-1]
        return httpx.Response(400, json={"message": "too long"}) if (last - first).days > 31 else None

    api = Api({"c": booked}, too_long)
    usage = read(api, {"c": booked[:1]})
    assert usage.problem is None
    assert set(usage.days) >= set(booked[1:])


def test_where_to_begin_is_up_to_the_companies_that_the_key_sees():
    api = Api({"c": days_before(0, 5)})
    read(api, {"others": days_before(90), "c": days_before(5)})
    assert whole(api.asked) == [(8, 4)]
    assert single(api.asked) == [0, 3, 2, 1], "what others were billed is not missing here"


def test_a_company_that_is_new_is_read_from_the_beginning():
    api = Api({"c": days_before(*range(30)), "new": days_before(20)})
    usage = read(api, {"c": days_before(*range(30))})
    assert TODAY - timedelta(days=20) in usage.days


def test_without_the_scope_there_is_one_line_and_one_call():
    refused = {"success": False, "error": {"code": "INSUFFICIENT_PERMISSIONS", "message": "no", "details": None}}
    api = Api({}, lambda call: httpx.Response(403, json=refused))
    usage = read(api)
    assert usage.problem == "the key lacks the scope read:billing; give it that scope, or load without --billing"
    assert (usage.days, usage.http_requests) == ({}, 1)


def test_a_refused_key_is_refused():
    with pytest.raises(KeyRefused, match="INVALID_API_KEY"):
        read(Api({}, lambda call: httpx.Response(401, json={"error": {"code": "INVALID_API_KEY"}})))


def test_a_fault_that_passes_is_passed_over():
    broken = [httpx.Response(503), httpx.Response(200, content=b"<html>"), httpx.Response(200, json=[])]
    api = Api({"c": days_before(0)}, lambda call: broken.pop() if call > 3 and broken else None)
    usage = read(api, {"c": days_before(0)})
    assert usage.problem is None
    assert len(usage.days) == 4


def test_what_was_read_before_a_lasting_fault_is_whole_up_to_a_day():
    api = Api({"c": days_before(*range(30))}, lambda call: httpx.Response(500) if call > 10 else None)
    usage = read(api)
    assert set(usage.days) == set(days_before(*range(22, 30))), "not today: the next load would begin there"
    assert usage.problem is not None
    assert usage.problem.startswith("2025-06-09: HTTP_500")
    assert usage.http_requests == 10 + 5


def test_the_rate_limit_is_waited_for():
    def trouble(call: int) -> httpx.Response | None:
        return httpx.Response(429, headers={"Retry-After": "60"}, json={"retryAfter": 30}) if call == 3 else None

    api = Api({"c": days_before(0)}, trouble)

    async def reading() -> tuple[Usage, float]:
        settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example")
        reader = BillingReader(
            settings, held_of({"c": days_before(0)}), transport=httpx.MockTransport(api), wall=lambda: NOON
        )
        return await reader.run(), now()

    usage, seconds = run(reading())
    assert (usage.problem, usage.rate_limited, len(usage.days)) == (None, 1, 4)
    assert 60 <= seconds < 70


@pytest.mark.parametrize("wait", [10.0, 0.0])
def test_a_wait_that_is_too_long_is_not_begun(wait):
    limited = httpx.Response(429, headers={"Retry-After": "60"})
    usage = read(Api({"c": []}, lambda call: limited), wait=wait)
    assert usage.problem == "the rate limit leaves no more calls within --wait"
    assert usage.days == {}


@pytest.mark.parametrize(("wait", "ends", "days"), [(100, 102, range(12, 30)), (0, 62, range(20, 30))])
def test_slow_answers_do_not_take_it_past_the_end_of_wait_or_a_minute(wait, ends, days):
    api = Api({"c": days_before(*range(30))})

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return api(request)

    async def reading() -> tuple[Usage, float]:
        settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example")
        reader = BillingReader(settings, Held(), wait=wait, transport=httpx.MockTransport(slow), wall=lambda: NOON)
        return await reader.run(), now()

    usage, seconds = run(reading())
    assert usage.problem == "no time is left within --wait"
    assert set(usage.days) == set(days_before(*days))
    assert seconds == ends


def test_stopping_ends_it_with_what_is_whole():
    api = Api({"c": days_before(*range(30))})

    async def reading() -> Usage:
        settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example")
        reader = BillingReader(settings, Held(), transport=httpx.MockTransport(stop_at_seven), wall=lambda: NOON)
        readers.append(reader)
        return await reader.run()

    def stop_at_seven(request: httpx.Request) -> httpx.Response:
        if len(api.asked) == 7:
            readers[0].stop()
        return api(request)

    readers: list[BillingReader] = []
    usage = run(reading())
    assert usage.problem == "stopped"
    assert set(usage.days) == set(days_before(*range(24, 30)))


def test_stopping_while_it_closes_keeps_what_was_read():
    class Closing(httpx.MockTransport):
        async def aclose(self) -> None:
            readers[0].stop()
            await asyncio.sleep(1)

    async def reading() -> Usage:
        settings = InstaviewSettings(api_key="sk_test", base_url="https://api.example")
        transport = Closing(Api({"c": days_before(*range(30))}))
        readers.append(BillingReader(settings, Held(), transport=transport, wall=lambda: NOON))
        return await readers[0].run()

    readers: list[BillingReader] = []
    usage = run(reading())
    assert usage.problem == "stopped"
    assert len(usage.days) == 30


@pytest.mark.parametrize("since", ["yesterday", "2025-02-30", "9999-01-01"])
def test_a_day_that_is_none_or_still_to_come_is_refused(since):
    with pytest.raises(UsageError, match="billing since"):
        checked_since(since)
