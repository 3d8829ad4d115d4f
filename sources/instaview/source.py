"""The dlt source: results of request ids as tables.

`instaview_source` is what a pipeline runs. `rows_source` is the same set of tables, fed with rows that are there
already: it is how `load` commits a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource
from dlt.extract.items import TableNameMeta
from dlt.extract.source import DltSource

from . import settings as defaults
from .destination import POSTGRES, keep_no_copies, prepare
from .dropped import left_behind
from .duckdb_load import is_duckdb
from .exceptions import AlreadyRunning, KeyRefused
from .ledger import request_rows
from .pending import drop_packages, note_package
from .plan import Plan, make_plan
from .polling import Batch, Polling
from .process import only_one
from .request_ids import requests_from
from .rows import RESULTS_AT_ONCE
from .settings import SECTIONS, InstaviewSettings, resolve_settings
from .tables import REQUESTS, RESULT_TABLES, TABLES, Table
from .working_folder import SCHEMA, keep_private

logger = logging.getLogger("instaview")

RESOURCE = "results"
_SECONDS_AT_ONCE = 10.0

Rows = Iterator[tuple[str, pa.Table]]
"""Rows for tables of the model, by table name."""


@dlt.source(name=SCHEMA, section=SECTIONS[1])
def instaview_source(
    request_ids: Iterable[Any] | None,
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

    All of a run is one load here. For hours of polling use `instaview.load`, which commits as it goes. It is also the
    safest way to read finished requests again: it marks them as unfinished before it replaces their rows, so a load
    that is killed in between is noticed on any machine. Create the pipeline before the source: what that pipeline left
    unloaded is dropped when the source is made, and read again.

    Where the API refuses the key midway, what was resolved before is loaded and the run ends like any other, with a
    line in the log (logger `instaview`, level ERROR): an error would have dlt throw those results away. The next run
    takes up the rest, and fails if the key is still refused. `load` raises `KeyRefused` in both cases.

    Args:
        request_ids: what the POSTs answered. Any iterable of ids, of rows with `request_id` (and `company_id`), or of
            webhook deliveries; another dlt resource too. None is no list: what is unfinished is taken up.
        api_key: the key, `sk_…`; from `SOURCES__INSTAVIEW__API_KEY` or `.dlt/secrets.toml` if not given.
        base_url: where the API is served.
        company_id: the company to read for, with an ATS key that manages several.
        wait: how many seconds to wait for runs that are still processing; 0 looks once.
        poll_interval: shortest time between two looks at the same request, in seconds.
        max_in_flight: how many calls may be under way at once.
        refresh: read finished requests again, e.g. after a re-run (PATCH): those given or, without a list, every one;
            safest with `load`.

    Returns:
        One resource, `results`, that feeds all tables of the model.

    Raises:
        UsageError: an id is malformed or a setting is wrong. Nothing was sent.
        KeyRefused: the API refused the key before anything was resolved (inside dlt's `PipelineStepFailed`).
    """
    given = None if request_ids is None else requests_from(request_ids)
    settings = resolve_settings(
        api_key=api_key,
        base_url=base_url,
        company_id=company_id,
        wait=wait,
        poll_interval=poll_interval,
        max_in_flight=max_in_flight,
    )
    settings.key()
    make_ready(settings)

    def results() -> Iterator[Any]:
        pipeline = pipeline_of_run(settings)
        left = left_behind(pipeline)
        plan = make_plan(pipeline, given, left_behind=left, company_id=settings.company_id, refresh=refresh)
        yield from _marked(_resolve(plan, settings))

    return _with_hints(dlt.resource(results, name=RESOURCE))


def rows_source(pipeline: dlt.Pipeline, rows: Rows, *, new: bool = False) -> DltSource:
    """The source with rows that are there already, for a pipeline whose begun packages are never gone on with.

    `new` says that the warehouse holds no row of these results, so that they can be appended.
    """
    # in one process with DuckDB, nothing else copies a file twice; elsewhere a lost connection can, and dlt tries again
    deduplicated = is_duckdb(pipeline)

    @dlt.source(name=SCHEMA, section=SECTIONS[1])
    def instaview() -> DltResource:
        marked = _marked(_without_absent(rows) if new else rows)
        return _with_hints(dlt.resource(marked, name=RESOURCE), deduplicated=deduplicated, new=new)

    return instaview()


def batch_rows(batch: Batch, plan: Plan, first_seen_at: datetime) -> Rows:
    """All rows of a batch: the results, and what became of the requests."""
    if batch.rows is not None:
        yield from batch.rows.read(None if batch.whole else [tracked.request.id for tracked in batch.ended])
    if news := [tracked for tracked in batch.ended if not plan.keeps(tracked)]:
        yield REQUESTS.name, request_rows(news, plan.known, first_seen_at)


def make_ready(settings: InstaviewSettings) -> None:
    """Makes the active pipeline ready for a source of ours, and drops what dlt would load twice in its place."""
    if not Container()[PipelineContext].is_active():
        return
    pipeline = dlt.current.pipeline()
    prepare(pipeline)
    # where a load is under way, the packages are its own
    with suppress(AlreadyRunning), only_one(pipeline):
        drop_packages(pipeline, settings.concealment)


def pipeline_of_run(settings: InstaviewSettings) -> dlt.Pipeline:
    """The pipeline that runs a source of ours; it may be younger than the source, and nothing is written yet."""
    pipeline = dlt.current.pipeline()
    prepare(pipeline)
    keep_private(pipeline)
    keep_no_copies(pipeline)
    note_package(pipeline, dlt.current.load_package_state()["load_id"], settings.concealment)
    return pipeline


def _resolve(plan: Plan, settings: InstaviewSettings) -> Rows:
    """Polls what the plan says and yields rows as results come in."""
    if not plan.to_poll:
        return
    started = datetime.now(UTC)
    resolved = 0
    with Polling(plan.to_poll, settings, Path(dlt.current.pipeline().working_dir)) as polling:
        for batch in polling.batches(RESULTS_AT_ONCE, _SECONDS_AT_ONCE):
            resolved += len(batch.ended)
            yield from batch_rows(batch, plan, started)
            batch.close()
    if polling.failure is not None:
        # raised here, dlt would throw away what was resolved
        if not isinstance(polling.failure, KeyRefused) or not resolved:
            raise polling.failure
        logger.error(str(polling.failure))
    if waiting := [t for t in polling.unfinished if plan.is_news(t)]:
        yield REQUESTS.name, request_rows(waiting, plan.known, started)


def _with_hints(resource: DltResource, *, deduplicated: bool = False, new: bool = False) -> DltResource:
    # last of all: calling or renaming a resource drops the variants, and merging would silently become appending
    for table in TABLES:
        hints = table.hints(deduplicated=deduplicated, new=new and table in RESULT_TABLES)
        resource.apply_hints(table_name=table.name, create_table_variant=True, **hints)
    return resource


def _without_absent(rows: Rows) -> Rows:
    """Rows that are appended: what would only widen the scope of a merge is left out."""
    tables = {table.name: table for table in RESULT_TABLES if table.replaced}
    for name, found in rows:
        if name in tables and found[tables[name].key[-1]].null_count:
            found = found.filter(found[tables[name].key[-1]].is_valid())
        yield name, found


def _marked(rows: Rows) -> Iterator[Any]:
    """Sends rows to their tables, and creates the tables that the warehouse does not have yet."""
    load_id = dlt.current.load_package_state()["load_id"]
    tables = {table.name: table for table in TABLES}
    schema = dlt.current.source_schema()
    missing = tables.keys() - schema.tables.keys()
    without_rows = set(tables)
    for name, found in rows:
        without_rows.discard(name)
        yield dlt.mark.with_table_name(tables[name].in_load(found, load_id), name)
    for name in sorted(without_rows & missing):
        yield few_rows(tables[name], tables[name].in_load(tables[name].empty(), load_id))
    # the other tables get the hints of this load, too: dlt keeps each mixture as a version of the schema, for ever
    resource = dlt.current.source().resources[RESOURCE]
    for name in without_rows - missing:
        schema.update_table(resource.compute_table_schema(meta=TableNameMeta(name)), merge_compound_props=False)


def few_rows(table: Table, rows: pa.Table) -> Any:
    """Rows of a table, which is created where there are none."""
    destination = dlt.current.pipeline().destination
    if destination is None or destination.destination_type != POSTGRES:
        return dlt.mark.with_table_name(rows, table.name)
    # Postgres takes Parquet with rows alone
    hints = dlt.mark.make_hints(table_name=table.name, **{**table.hints(), "file_format": "preferred"})
    return dlt.mark.with_hints(rows, hints, create_table_variant=True)
