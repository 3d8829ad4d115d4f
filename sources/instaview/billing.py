"""What InstaView billed: `GET /billing/usage`, day by day, into the table `billing_usage`.

The warehouse says where to go on. Days are asked again for as long as late bookings may change them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dlt
import httpx
import pyarrow as pa
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from . import settings as defaults
from .billing_held import read_held
from .billing_reader import FIRST_DAYS, BillingReader, Usage
from .commit import commit
from .exceptions import UsageError
from .rate_limit import RateLimiter
from .settings import SECTIONS, InstaviewSettings, resolve_settings
from .source import few_rows, make_ready, pipeline_of_run
from .tables import BILLING_USAGE
from .warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    from .summary import Summary

logger = logging.getLogger("instaview")


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
        wait: how many seconds it may wait for the rate limit; asking ends with it, or after a minute.

    Returns:
        One resource, which feeds the table `billing_usage`.

    Raises:
        UsageError: the day or a setting is wrong. Nothing was sent.
        KeyRefused: the API refused the key (inside dlt's `PipelineStepFailed`).
    """
    first = checked_since(since)
    settings = resolve_settings(api_key=api_key, base_url=base_url, company_id=company_id, wait=wait)
    settings.key()
    make_ready(settings)

    def rows() -> Iterator[pa.Table]:
        usage = BillingReader(settings, read_held(pipeline_of_run(settings), FIRST_DAYS), since=first).read()
        _warn(usage)
        load_id = dlt.current.load_package_state()["load_id"]
        yield few_rows(BILLING_USAGE, BILLING_USAGE.in_load(usage.rows(settings.company_id), load_id))

    return dlt.resource(rows, name=BILLING_USAGE.name).apply_hints(**BILLING_USAGE.hints())


def load_billing(
    pipeline: dlt.Pipeline,
    settings: InstaviewSettings,
    summary: Summary,
    stop_on_signal: Callable[[BillingReader], None],
    *,
    since: date | None = None,
    wait: float | None = None,
    limiter: RateLimiter | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Reads what is due and commits it. What keeps it from being all is told in one line, and is no error.

    `wait` is how many seconds it may take; as the settings say if not given.

    Raises:
        KeyRefused: the API answered 401.
        DestinationFailed: the warehouse cannot be reached, or refused the load.
    """
    with warehouse_errors(pipeline):
        held = read_held(pipeline, FIRST_DAYS)
    reader = BillingReader(settings, held, since=since, wait=wait, limiter=limiter, transport=transport)
    stop_on_signal(reader)
    usage = reader.read()
    summary.http_requests += usage.http_requests
    summary.rate_limited += usage.rate_limited
    _warn(usage)
    table = usage.rows(settings.company_id)
    if not len(table):
        return
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
