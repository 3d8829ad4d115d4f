"""What InstaView billed: `GET /billing/usage`, asked day by day, into the table `billing_usage`.

The warehouse says where to go on. Days are asked again for as long as late bookings may change them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dlt
import httpx
import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from . import settings as defaults
from .client import Answer, Client, Outcome
from .clock import Clock
from .commit import commit
from .destination import warehouse_errors
from .exceptions import KeyRefused, UsageError
from .payload import UnreadableBody
from .rate_limit import RateLimiter
from .resolver import FAULT_TRIES, KEY_REFUSED
from .settings import SECTIONS, InstaviewSettings, resolve_settings
from .tables import BILLING_USAGE
from .telemetry import off_unless_asked
from .usage import Json, companies_of, company_id_of, entries_of, usage_rows

if TYPE_CHECKING:
    from .runner import Summary

logger = logging.getLogger("instaview")

LOOK_BACK_DAYS = 3
"""Days before the last one held that are asked for again: bookings can be late."""
FIRST_DAYS = 30
"""How many days are asked for where none is held and no other beginning is named: the API's own default."""
_DAY = timedelta(days=1)
_SHORT_STRETCH = 7


@dataclass
class Usage:
    """What was billed, as far as the API told: the companies of each day's answer."""

    days: dict[date, list[Json]] = field(default_factory=dict)
    problem: str | None = None
    """Why it is not all, in one line."""
    http_requests: int = 0
    rate_limited: int = 0


def checked_since(since: date | str | None) -> date | None:
    """The day to begin with.

    Raises:
        UsageError: it is no day, or one to come.
    """
    if isinstance(since, str):
        try:
            since = date.fromisoformat(since)
        except ValueError:
            raise UsageError(f"billing since {since!a}: give a day such as 2024-01-31") from None
    if since is not None and since > datetime.now(UTC).date():
        raise UsageError(f"billing since {since}: that day is still to come")
    return since


def last_days(pipeline: dlt.Pipeline) -> dict[str, date]:
    """The last day that the warehouse holds of each company."""
    with pipeline.sql_client() as client:
        table = client.make_qualified_table_name(BILLING_USAGE.name)
        try:
            rows = client.execute_sql(f"SELECT company_id, MAX(day) FROM {table} GROUP BY company_id")
        except DestinationUndefinedEntity:
            return {}
    return {company_id: day for company_id, day in rows or ()}  # noqa: C416 - rows need not be tuples


class BillingReader:
    """Asks for the usage of one day after another, within the rate limit.

    Args:
        settings: where, with which key, for which company, for how long.
        held: the last day that is held already of each company.
        since: the first day to ask for; None goes on where the last load was.
        look_once: never wait, neither for the rate limit nor after a fault.
        limiter: what is known of the key's limits already.
        transport: takes the place of the network, as in httpx.
        wall: the time of day, in Unix seconds.
    """

    def __init__(
        self,
        settings: InstaviewSettings,
        held: Mapping[str, date],
        *,
        since: date | None = None,
        look_once: bool = False,
        limiter: RateLimiter | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._settings, self._held, self._since = settings, held, since
        self._wait = 0.0 if look_once else settings.wait
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
        async with client:
            try:
                await self._read_days(client, clock.utc().date())
            except asyncio.CancelledError:
                if not self._stopped:
                    raise
                self._usage.problem = "stopped"
            finally:
                self._usage.http_requests = client.calls
        return self._usage

    async def _read_days(self, client: Client, today: date) -> None:
        newest = await self._ask(client, today, today)
        if newest is None:
            return
        for first, last in _stretches(self._first_day(today, newest), today - _DAY):
            if await self._nothing_due(client, first, last):
                continue
            for day in _days(first, last):
                companies = await self._ask(client, day, day)
                if companies is None:
                    return
                self._usage.days[day] = companies
        self._usage.days[today] = newest  # last of all: with it the warehouse says that all before is there

    async def _nothing_due(self, client: Client, first: date, last: date) -> bool:
        """Whether one question about a long stretch shows that none of its days needs asking.

        So it is where nothing was billed since the last load that brought any, or only what is held already.
        """
        if not self._held or self._since is not None or (last - first).days < _SHORT_STRETCH:
            return False
        companies = await self._ask(client, first, last)
        if companies is None:  # the days will tell why
            return False
        billed = {company_id_of(company, self._settings.company_id) for company in companies if entries_of(company)}
        return all(company_id in self._held and self._due(company_id) > last for company_id in billed)

    def _first_day(self, today: date, newest: list[Json]) -> date:
        """Where to begin. It is up to the companies that this key can see, not to others in the same warehouse."""
        if self._since is not None:
            return self._since
        seen = {company_id_of(company, self._settings.company_id) for company in newest}
        if not self._held or not seen <= self._held.keys():
            return today - (FIRST_DAYS - 1) * _DAY
        return min(map(self._due, seen or self._held))

    def _due(self, company_id: str) -> date:
        """The first day to ask for again of a company that is held."""
        return self._held[company_id] - LOOK_BACK_DAYS * _DAY

    async def _ask(self, client: Client, first: date, last: date) -> list[Json] | None:
        """The companies of one answer; None where there is no more to be had, and `problem` says why."""
        failures = 0
        while await self._may_send(client):
            client.limiter.reserve()
            answer = await client.get_usage(first, last, self._settings.company_id)
            if answer.outcome is Outcome.COMPLETED:
                try:
                    companies = companies_of(answer.body or b"")
                    self._usage.problem = None
                    return companies
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


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _DAY


def _stretches(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Months, more or less: what can be asked for at once. The days to look back on are in one of their own."""
    recent = last - (LOOK_BACK_DAYS - 1) * _DAY
    while first < recent:
        end = min(first + (FIRST_DAYS - 1) * _DAY, recent - _DAY)
        yield first, end
        first = end + _DAY
    if first <= last:
        yield first, last


# ---------------------------------------------------------------------- into the warehouse


@dlt.source(name="instaview", section=SECTIONS[1])
def billing_usage(
    since: date | str | None = None,
    *,
    api_key: TSecretStrValue = dlt.secrets.value,
    base_url: str = defaults.BASE_URL,
    company_id: str | None = None,
    wait: float = defaults.WAIT,
) -> DltResource:
    """Loads what was billed: a row a company, day and cost key.

        pipeline.run(billing_usage())

    It goes on where the warehouse ends, and asks again for the last days, whose bookings may have been late.

    Args:
        since: the first day to ask for, such as 2024-01-31.
        api_key: the key, `sk_…`, with the scope `read:billing`; from `SOURCES__INSTAVIEW__API_KEY` or
            `.dlt/secrets.toml` if not given.
        base_url: where the API is served.
        company_id: the company to read for; an ATS key sees all of its own without.
        wait: how many seconds it may take.

    Returns:
        One resource, which feeds the table `billing_usage`.

    Raises:
        UsageError: the day or a setting is wrong. Nothing was sent.
        KeyRefused: the API refused the key (inside dlt's `PipelineStepFailed`).
    """
    first = checked_since(since)
    settings = resolve_settings(api_key=api_key, base_url=base_url, company_id=company_id, wait=wait)
    settings.key()

    def rows() -> Iterator[pa.Table]:
        off_unless_asked()
        usage = BillingReader(settings, last_days(dlt.current.pipeline()), since=first).read()
        _warn(usage)
        load_id = dlt.current.load_package_state()["load_id"]
        yield BILLING_USAGE.in_load(usage_rows(usage.days, settings.company_id), load_id)

    return dlt.resource(rows, name=BILLING_USAGE.name).apply_hints(**BILLING_USAGE.hints())


def load_billing(
    pipeline: dlt.Pipeline,
    settings: InstaviewSettings,
    summary: Summary,
    stop_on_signal: Callable[[BillingReader], None],
    *,
    since: date | None = None,
    look_once: bool = False,
    limiter: RateLimiter | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Reads what is due and commits it. What keeps it from being all is told in one line, and is no error.

    Raises:
        KeyRefused: the API answered 401.
        DestinationFailed: the warehouse cannot be reached, or refused the load.
    """
    with warehouse_errors(pipeline):
        held = last_days(pipeline)
    reader = BillingReader(settings, held, since=since, look_once=look_once, limiter=limiter, transport=transport)
    stop_on_signal(reader)
    usage = reader.read()
    summary.http_requests += usage.http_requests
    summary.rate_limited += usage.rate_limited
    _warn(usage)
    if not any(usage.days.values()):
        return

    table = usage_rows(usage.days, settings.company_id)
    summary.load_ids += commit(pipeline, iter([(BILLING_USAGE.name, table)]))
    summary.rows[BILLING_USAGE.name] += len(table) - table["cost_key"].null_count


def _warn(usage: Usage) -> None:
    if usage.problem is None:
        return
    if usage.days:
        last = max(usage.days)
        logger.warning(f"billing is loaded up to {last} only: {usage.problem}. Go on with --billing-since {last}")
    else:
        logger.warning(f"billing is left out: {usage.problem}")
