"""The dlt source: results of request ids as tables.

`instaview_source` is what a pipeline runs. `rows_source` is the same set of tables, fed with rows that are there
already: it is how `load` commits a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource
from dlt.extract.source import DltSource

from . import settings as defaults
from .destination import prepare
from .exceptions import KeyRefused
from .ledger import Known, Plan, make_plan, request_rows
from .normalize import Result, normalize
from .polling import Polling
from .request_ids import requests_from
from .resolver import Tracked
from .settings import SECTIONS, InstaviewSettings, resolve_settings
from .tables import REQUESTS, TABLES
from .working_folder import keep_private

logger = logging.getLogger("instaview")

BODIES_AT_ONCE = 50
"""Results normalised together: fewer are slow, more take memory and gain nothing."""

Rows = Iterator[tuple[str, pa.Table]]
"""Rows for tables of the model, by table name."""


@dlt.source(name="instaview", section=SECTIONS[1])
def instaview_source(
    request_ids: Iterable[Any],
    *,
    api_key: TSecretStrValue = dlt.secrets.value,
    base_url: str = defaults.BASE_URL,
    company_id: str | None = None,
    wait: float = defaults.WAIT,
    poll_interval: float = defaults.POLL_INTERVAL,
    max_in_flight: int = defaults.MAX_IN_FLIGHT,
    refresh: bool = False,
) -> DltResource:
    """Loads the results of InstaView requests: candidates, enriched profiles, and how their runs went.

    A dlt source is a set of tables that fills itself when a pipeline runs it:

        pipeline = dlt.pipeline("instaview", destination="duckdb", dataset_name="instaview")
        pipeline.run(instaview_source(["req_550e8400-e29b-41d4-a716-446655440000"]))

    Each request is polled until its run has ended. Running the same line again asks only for what the warehouse does
    not hold yet, and takes up what was left unfinished.

    All of a run is one load here. For hours of polling use `instaview.load`, which commits as it goes.

    Args:
        request_ids: what the POSTs answered. Any iterable of ids, of rows with `request_id` (and `company_id`), or of
            webhook deliveries; another dlt resource too.
        api_key: the key, `sk_…`; from `SOURCES__INSTAVIEW__API_KEY` or `.dlt/secrets.toml` if not given.
        base_url: where the API is served.
        company_id: the company to read for, with an ATS key that manages several.
        wait: how many seconds to wait for runs that are still processing; 0 looks once.
        poll_interval: shortest time between two looks at the same request, in seconds.
        max_in_flight: how many calls may be under way at once.
        refresh: read finished requests again, e.g. after a re-run (PATCH).

    Returns:
        One resource, `results`, that feeds all tables of the model.

    Raises:
        UsageError: an id is malformed or a setting is wrong. Nothing was sent.
        KeyRefused: the API refused the key before anything was resolved (inside dlt's `PipelineStepFailed`).
    """
    given = requests_from(request_ids)
    settings = resolve_settings(
        api_key=api_key,
        base_url=base_url,
        company_id=company_id,
        wait=wait,
        poll_interval=poll_interval,
        max_in_flight=max_in_flight,
    )
    settings.key()
    context = Container()[PipelineContext]
    if context.is_active():
        prepare(dlt.current.pipeline())

    def results() -> Iterator[Any]:
        keep_private(dlt.current.pipeline())
        plan = make_plan(dlt.current.pipeline(), given, company_id=settings.company_id, refresh=refresh)
        yield from _marked(_resolve(plan, settings, _load_id()))

    return _with_hints(dlt.resource(results, name="results"))


def rows_source(rows: Callable[[str], Rows]) -> DltSource:
    """The source with rows that are there already; `rows` is called with the id of the load that takes them."""

    @dlt.source(name="instaview", section=SECTIONS[1])
    def instaview() -> DltResource:
        # load() drops a package whose loading had begun, so nothing is copied twice and no duplicates need removing
        return _with_hints(dlt.resource(lambda: _marked(rows(_load_id())), name="results"), deduplicated=True)

    return instaview()


def result_rows(ended: Sequence[Tracked], known: Mapping[str, Known], first_seen_at: datetime, load_id: str) -> Rows:
    """All rows that requests give that have come to their end: their results, and what became of them."""
    for start in range(0, len(ended), BODIES_AT_ONCE):
        chunk = ended[start : start + BODIES_AT_ONCE]
        results = [Result(tracked.request, tracked.body) for tracked in chunk if tracked.body is not None]
        tables = normalize(results, load_id)
        for tracked in chunk:
            tracked.body = None  # its rows take its place in memory
        yield from tables.items()
    if ended:
        yield REQUESTS.name, request_rows(ended, known, first_seen_at, load_id)
    pa.default_memory_pool().release_unused()  # Arrow keeps what it freed, and the warehouse's client has its own


def _resolve(plan: Plan, settings: InstaviewSettings, load_id: str) -> Rows:
    """Polls what the plan says and yields rows as results come in."""
    if not plan.to_poll:
        return
    started = datetime.now(UTC)
    resolved = 0
    with Polling(plan.to_poll, settings) as polling:
        for batch in polling.batches(BODIES_AT_ONCE, settings.commit_seconds):
            resolved += len(batch.ended)
            yield from result_rows(batch.ended, plan.known, started, load_id)
    if polling.failure is not None:
        # raised here, dlt would throw away what was resolved
        if not isinstance(polling.failure, KeyRefused) or not resolved:
            raise polling.failure
        logger.error(str(polling.failure))
    if waiting := [t for t in polling.unfinished if plan.is_news(t)]:
        yield REQUESTS.name, request_rows(waiting, plan.known, started, load_id)


def _with_hints(resource: DltResource, *, deduplicated: bool = False) -> DltResource:
    # last of all: calling or renaming a resource drops the variants, and merging would silently become appending
    for table in TABLES:
        resource.apply_hints(table_name=table.name, create_table_variant=True, **table.hints(deduplicated=deduplicated))
    return resource


def _marked(rows: Rows) -> Iterator[Any]:
    """Sends rows to their tables, and creates the tables that the warehouse does not have yet."""
    existing = set(dlt.current.source_schema().tables)
    for name, table in rows:
        existing.add(name)
        yield dlt.mark.with_table_name(table, name)
    for model in TABLES:
        if model.name not in existing:
            yield dlt.mark.with_table_name(model.empty(), model.name)


def _load_id() -> str:
    return dlt.current.load_package_state()["load_id"]
