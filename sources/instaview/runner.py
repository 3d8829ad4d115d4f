"""`load`: request ids to committed tables, in batches, for as long as it takes, however it ends."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import dlt
import httpx
from dlt.pipeline.exceptions import PipelineStepFailed
from filelock import FileLock, Timeout

from .destination import destination_failed, forget_loaded, is_connection_error, prepare, target_of, warehouse_errors
from .exceptions import AlreadyRunning, LoadStopped
from .ledger import Plan, make_plan, request_rows
from .polling import Batch, Polling, Progress
from .request_ids import requests_from
from .resolver import Tracked
from .settings import resolve_settings
from .source import Rows, result_rows, rows_source
from .tables import REQUESTS, TABLES

logger = logging.getLogger("instaview")

_TARGET = "instaview_target"


@dataclass
class Summary:
    """What a load did. Counts are of requests: requested = skipped + completed + … + processing."""

    requested: int = 0
    skipped: int = 0
    completed: int = 0
    failed: int = 0
    not_found: int = 0
    error: int = 0
    processing: int = 0
    rows: dict[str, int] = field(default_factory=lambda: {table.name: 0 for table in TABLES})
    """Rows written, by table."""
    http_requests: int = 0
    rate_limited: int = 0
    """429 answers met."""
    seconds: float = 0.0
    load_ids: list[str] = field(default_factory=list)
    """The committed loads of dlt, as in `_dlt_loads`."""

    skipped_failed: int = 0
    """Of the skipped ones those whose run had failed."""

    @property
    def not_completed(self) -> int:
        """Requests given or taken up that are not `completed`."""
        return self.failed + self.not_found + self.error + self.processing + self.skipped_failed

    def as_dict(self) -> dict[str, Any]:
        """For JSON, as the command prints it."""
        values = {**asdict(self), "seconds": round(self.seconds, 3)}
        del values["skipped_failed"]
        return values


class Interrupted(SystemExit):
    """SIGINT or SIGTERM ended the load, after what was resolved was loaded.

    Uncaught, it ends the process with the exit code that shells expect: 130 or 143.
    """

    def __init__(self, signum: int, summary: Summary) -> None:
        super().__init__(128 + signum)
        self.summary = summary


def load(
    pipeline: dlt.Pipeline,
    request_ids: Iterable[Any] = (),
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    company_id: str | None = None,
    wait: float | None = None,
    poll_interval: float | None = None,
    max_in_flight: int | None = None,
    commit_results: int | None = None,
    commit_seconds: float | None = None,
    look_once: bool = False,
    refresh: bool = False,
    refresh_since: timedelta | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Resolves requests and loads their results, committing as it goes.

    What earlier loads left unfinished is taken up again, so with no ids it goes on where it was. A load that is
    stopped, by a signal, an error or `kill -9`, loses nothing that a later one would not bring.

    Args:
        pipeline: where to load to.
        request_ids: any iterable of ids, of rows with `request_id` (and `company_id`), or of webhook deliveries;
            another dlt resource too.
        api_key: the key, `sk_…`; like all settings it is resolved the dlt way where it is not given.
        base_url: where the API is served.
        company_id: the company to read for, with an ATS key that manages several.
        wait: how many seconds to wait for runs that are still processing; 0 looks once and never sleeps.
        poll_interval: shortest time between two looks at the same request, in seconds.
        max_in_flight: how many calls may be under way at once.
        commit_results: commit after this many results …
        commit_seconds: … or this many seconds.
        look_once: look at each request only once, and leave what is still processing for the next load.
        refresh: read finished requests again: those given or, where none are given, all.
        refresh_since: also read those again whose run was completed within this time.
        transport: takes the place of the network, as in httpx.
        on_progress: called about twice a second, on another thread.

    Returns:
        What was done.

    Raises:
        UsageError: an id is malformed or a setting is wrong. Nothing was sent.
        LoadStopped: the key was refused, the warehouse failed, or another load runs on this pipeline. Its `summary`
            says what was loaded before.
        Interrupted: SIGINT or SIGTERM, after loading what was resolved.
    """
    given = requests_from(request_ids)
    settings = resolve_settings(
        api_key=api_key,
        base_url=base_url,
        company_id=company_id,
        wait=wait,
        poll_interval=poll_interval,
        max_in_flight=max_in_flight,
        commit_results=commit_results,
        commit_seconds=commit_seconds,
    )
    settings.key()
    prepare(pipeline)
    started = time.monotonic()
    summary = Summary()
    with _only_one(pipeline), _Signals(pipeline) as signals:
        try:
            committer = _Committer(pipeline, summary)
            with warehouse_errors(pipeline):
                committer.free()
                plan = make_plan(
                    pipeline, given, company_id=settings.company_id, refresh=refresh, refresh_since=refresh_since
                )
            summary.requested, summary.skipped = plan.requested, len(plan.skipped)
            summary.skipped_failed = sum(plan.known[r.id].state == "failed" for r in plan.skipped)
            summary.processing = len(plan.to_poll)
            with Polling(
                plan.to_poll, settings, look_once=look_once, transport=transport, on_progress=on_progress
            ) as polling:
                signals.stop_on_signal(polling)
                for batch in polling.batches(settings.commit_results, settings.commit_seconds):
                    committer.commit(batch, plan, polling.unfinished)
            summary.http_requests, summary.rate_limited = polling.http_requests, polling.rate_limited
            if polling.failure is not None:
                raise polling.failure
        except LoadStopped as error:
            error.summary = summary
            raise
        finally:
            summary.seconds = time.monotonic() - started
    if signals.received is not None:
        raise Interrupted(signals.received, summary)
    return summary


class _Committer:
    """Batches into committed loads."""

    def __init__(self, pipeline: dlt.Pipeline, summary: Summary) -> None:
        self._pipeline, self._summary = pipeline, summary
        self._started = datetime.now(UTC)
        self._written: set[str] = set()

    def free(self) -> None:
        """Loads what an earlier load left half done on this machine; if that cannot be loaded, drops it.

        Dropping loses nothing: a request counts as finished only by a committed load, so it is read again.
        """
        pipeline, target = self._pipeline, target_of(self._pipeline)
        if pipeline.has_pending_data:
            if _local_value(pipeline) != target:
                pipeline.abort_packages()  # it was meant for another warehouse
            else:
                self._load_pending()
        forget_loaded(pipeline)
        pipeline.set_local_state_val(_TARGET, target)

    def _load_pending(self) -> None:
        try:
            if self._pipeline.list_extracted_load_packages():
                self._pipeline.normalize()
            self._pipeline.load()
        except PipelineStepFailed as error:
            if is_connection_error(error):
                raise destination_failed(self._pipeline, error) from error
            logger.warning("an earlier load left a package that cannot be loaded; dropped, its requests are read again")
            self._pipeline.abort_packages()

    def commit(self, batch: Batch, plan: Plan, unfinished: list[Tracked]) -> None:
        """Loads a batch, and with it the requests that are new to the warehouse or were looked at in vain."""
        waiting = self._worth_writing(batch, plan, unfinished)
        if not batch.ended and not waiting and (plan.tables_exist or not batch.last):
            return
        counts: Counter[str] = Counter()

        def rows(load_id: str) -> Rows:
            yield from result_rows(batch.ended, plan.known, self._started, load_id)
            if waiting:
                yield REQUESTS.name, request_rows(waiting, plan.known, self._started, load_id)

        with warehouse_errors(self._pipeline):
            info = self._pipeline.run(rows_source(lambda load_id: _counted(rows(load_id), counts)))
        forget_loaded(self._pipeline)
        plan.tables_exist = True
        self._written.update(t.request.id for t in (*batch.ended, *waiting))
        self._count(batch, counts, info.loads_ids)

    def _worth_writing(self, batch: Batch, plan: Plan, unfinished: list[Tracked]) -> list[Tracked]:
        if batch.last:
            return [t for t in unfinished if plan.is_news(t) and (t.polls or t.request.id not in self._written)]
        if batch.first:
            ended = {t.request.id for t in batch.ended}
            return [Tracked(r) for r in plan.to_poll if r.id not in ended and r.id not in plan.known]
        return []

    def _count(self, batch: Batch, counts: Counter[str], load_ids: list[str]) -> None:
        summary = self._summary
        for tracked in batch.ended:
            setattr(summary, tracked.state, getattr(summary, tracked.state) + 1)
        summary.processing -= len(batch.ended)
        summary.load_ids += load_ids
        for name, count in counts.items():
            summary.rows[name] += count


def _counted(rows: Rows, counts: Counter[str]) -> Rows:
    for name, table in rows:
        # a row without a position only says that a candidate has none there
        counts[name] += len(table) - (table["position"].null_count if "position" in table.column_names else 0)
        yield name, table


def _local_value(pipeline: dlt.Pipeline) -> str | None:
    try:
        return str(pipeline.get_local_state_val(_TARGET))
    except KeyError:
        return None


@contextmanager
def _only_one(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Holds the pipeline's working folder for this process; the system lets go of it however the process ends."""
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{pipeline.pipeline_name}.instaview.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyRunning(
            f"another load is running on pipeline {pipeline.pipeline_name!r}: let it end, it takes up whatever is "
            "unfinished; give cron jobs a --wait shorter than their interval"
        ) from None
    try:
        yield
    finally:
        lock.release()


class _Signals:
    """SIGINT and SIGTERM end the polling; what is resolved is loaded first. A second one ends the process at once."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self.received: int | None = None
        self._runtime = pipeline.runtime_config
        self._polling: Polling | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        self._intercepted, self._runtime.intercept_signals = self._runtime.intercept_signals, False
        if threading.current_thread() is threading.main_thread():
            self._previous = {s: signal.signal(s, self._receive) for s in self._SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._runtime.intercept_signals = self._intercepted
        self._restore()

    def stop_on_signal(self, polling: Polling) -> None:
        """Names the polling to stop; stops it now if a signal came before it began."""
        self._polling = polling
        if self.received is not None:
            polling.stop()

    def _receive(self, signum: int, _: FrameType | None) -> None:
        self.received = signum
        self._restore()
        if self._polling is not None:
            self._polling.stop()

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        self._previous = {}
