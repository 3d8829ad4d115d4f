"""Asks `GET /billing/usage` for what is due: whole stretches first, single days where these tell something new."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx
import pyarrow as pa

from .answer import Answer, Outcome
from .billing_held import LOOK_BACK_DAYS, Held
from .client import Client
from .clock import Clock
from .exceptions import KeyRefused
from .payload import UnreadableBody
from .rate_limit import RateLimiter
from .resolver import FAULT_TRIES, KEY_REFUSED, LAST_ANSWERS_SECONDS
from .settings import InstaviewSettings
from .usage import Json, companies_of, company_id_of, usage_rows

FIRST_DAYS = 30
"""How many days are asked for where none is held and no other beginning is named: the API's own default."""
LEAST_SECONDS = 60.0
"""For which days are asked for even where `wait` leaves less; but then nothing is waited for."""
_MONTH = 30
_DAY = timedelta(days=1)


@dataclass
class Usage:
    """What was billed, as far as the API told: the companies of each day's answer."""

    days: dict[date, list[Json]] = field(default_factory=dict)
    problem: str | None = None
    """Why it is not all, in one line."""
    http_requests: int = 0
    rate_limited: int = 0
    companies: set[str] = field(default_factory=set)
    """All that occurred, or were asked for: on a day whose answer leaves one of them out, it has no bookings."""

    def rows(self, asked_for: str | None) -> pa.Table:
        """The rows of `billing_usage`; `asked_for` is the company asked for, where one was."""
        return usage_rows(self.days, asked_for, self.companies)


class BillingReader:
    """Asks for the usage of one day after another, within the rate limit.

    Args:
        settings: where, with which key, for which company, for how long.
        held: the bookings that are held already.
        since: the first day to ask for; None goes on where the last load was.
        wait: for how many seconds it may wait for the rate limit; as the settings say if not given. It ends with it,
            but not before `LEAST_SECONDS`, and 2 seconds more for a call under way.
        limiter: what is known of the key's limits already.
        transport: takes the place of the network, as in httpx.
        wall: the time of day, in Unix seconds.
    """

    def __init__(
        self,
        settings: InstaviewSettings,
        held: Held,
        *,
        since: date | None = None,
        wait: float | None = None,
        limiter: RateLimiter | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._settings, self._held, self._since = settings, held, since
        self._wait = settings.wait if wait is None else wait
        self._limiter, self._transport = limiter, transport
        self._usage = Usage()
        self._stopped = False
        self._ends = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._chance = random.Random()

    def read(self) -> Usage:
        """Asks for everything that is due.

        What was answered before a fault, or before `stop`, is whole up to some day: the next load goes on there.

        Raises:
            KeyRefused: the API answered 401.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="instaview-billing") as pool:
            return pool.submit(asyncio.run, self.run()).result()

    def stop(self) -> None:
        """Asks for nothing more. Safe in a signal handler, and twice."""
        self._stopped = True
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def run(self) -> Usage:
        """`read`, on the running event loop."""
        settings, clock = self._settings, Clock(self._wall)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ends = clock.now() + self._wait
        client = Client(
            settings.base_url, settings.key(), transport=self._transport, clock=clock, limiter=self._limiter
        )
        try:
            async with client, asyncio.timeout(max(self._wait, LEAST_SECONDS) + LAST_ANSWERS_SECONDS):
                await self._read_days(client, clock.utc().date())
        except TimeoutError:
            self._usage.problem = self._usage.problem or "no time is left within --wait"
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            self._usage.problem = "stopped"
        finally:
            self._usage.http_requests = client.calls
        return self._usage

    async def _read_days(self, client: Client, today: date) -> None:
        self._usage.companies.update(filter(None, [self._settings.company_id]))
        newest = await self._ask(client, today, today)
        if newest is None:
            return
        first, recent = self._first_day(today), today - LOOK_BACK_DAYS * _DAY
        if not await self._read_stretch(client, first, recent - _DAY):
            return
        for day in _days(max(first, recent), today - _DAY):
            if not await self._read_day(client, day):
                return
        self._usage.days[today] = newest  # last of all: with it the warehouse says that all before is there

    async def _read_stretch(self, client: Client, first: date, last: date) -> bool:
        """Reads the days of a stretch, unless one question shows that all of it is held; False where asking ended.

        So the calls of a load grow neither with the days since a company was billed last, nor with those of a company
        that is never billed.
        """
        if first < last and self._since is None and await self._is_held(client, first, last):
            return True
        if (last - first).days < _MONTH or self._since is not None:
            for day in _days(first, last):
                if not await self._read_day(client, day):
                    return False
            return True
        for start in _days(first, last, _MONTH):
            if not await self._read_stretch(client, start, min(last, start + (_MONTH - 1) * _DAY)):
                return False
        return True

    async def _read_day(self, client: Client, day: date) -> bool:
        companies = await self._ask(client, day, day)
        if companies is not None:
            self._usage.days[day] = companies
        return companies is not None

    async def _is_held(self, client: Client, first: date, last: date) -> bool:
        companies = await self._ask(client, first, last)
        if companies is None:  # the days will tell why
            return False
        answer = usage_rows({first: companies}, self._settings.company_id)
        return self._held.tells(answer, first, last, self._usage.companies)

    def _first_day(self, today: date) -> date:
        """Where to begin. It is up to the companies that this key can see, not to others in the same warehouse."""
        if self._since is not None:
            return self._since
        seen, held = self._usage.companies or self._held.companies, self._held.companies
        begins = [self._held.due(company_id) for company_id in seen & held]
        if not seen or seen - held:
            begins.append(today - (FIRST_DAYS - 1) * _DAY)
        return min(begins)

    async def _ask(self, client: Client, first: date, last: date) -> list[Json] | None:
        """The companies of one answer; None where there is no more to be had, and `problem` says why."""
        failures = 0
        while await self._may_send(client):
            client.limiter.reserve()
            answer = await client.get_usage(first, last, self._settings.company_id)
            if answer.outcome is Outcome.COMPLETED:
                try:
                    return self._answered(companies_of(answer.body or b""))
                except UnreadableBody as error:
                    answer = Answer(Outcome.FAULT, answer.http_status, "UNREADABLE_BODY", str(error))
            if answer.outcome is Outcome.UNAUTHORIZED:
                raise KeyRefused(KEY_REFUSED.format(code=answer.error_code))
            if answer.outcome is Outcome.RATE_LIMITED:
                self._usage.rate_limited += 1
                client.limiter.pause(answer.retry_after or self._backoff(self._usage.rate_limited))
                continue
            failures += 1
            self._usage.problem = _told(answer, first)
            if answer.outcome is not Outcome.FAULT or failures >= FAULT_TRIES:
                return None
            client.limiter.pause(self._backoff(failures))
        return None

    def _answered(self, companies: list[Json]) -> list[Json]:
        self._usage.problem = None
        self._usage.companies.update(company_id_of(company, self._settings.company_id) for company in companies)
        return companies

    async def _may_send(self, client: Client) -> bool:
        """Waits until the rate limit lets a call through; False where that is too late, or after `stop`."""
        while not self._stopped:
            pause = client.limiter.delay()
            if pause <= 0:
                return True
            if client.clock.now() + pause > self._ends:
                self._usage.problem = self._usage.problem or "the rate limit leaves no more calls within --wait"
                return False
            await asyncio.sleep(pause)
        self._usage.problem = "stopped"
        return False

    def _backoff(self, times: int) -> float:
        """Seconds to wait after the n-th trouble: 1, 2, 4, 8 … with jitter."""
        return float(min(2.0 ** min(times - 1, 10), 60.0) * self._chance.uniform(0.8, 1.0))


def _told(answer: Answer, day: date) -> str:
    if answer.outcome is Outcome.FORBIDDEN and answer.error_code == "INSUFFICIENT_PERMISSIONS":
        return "the key lacks the scope read:billing; give it that scope, or load without --billing"
    return f"{day}: {answer.error_code}: {answer.error_message or 'no more was said'}"


def _days(first: date, last: date, step: int = 1) -> Iterator[date]:
    while first <= last:
        yield first
        first += step * _DAY
