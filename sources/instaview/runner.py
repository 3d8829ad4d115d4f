"""`load`: request ids to committed tables, in batches, for as long as it takes, however it ends."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import httpx

from .apart import load_by_halves
from .billing import checked_since, load_billing
from .commit import commit
from .destination import prepare, seconds_between_commits
from .dropped import forget_dropped, left_behind
from .exceptions import DestinationFailed, LoadStopped
from .ledger import request_rows
from .pending import drop_refused, finish_packages
from .plan import Plan, make_plan
from .polling import Batch, Polling, Progress
from .process import Signals, only_one
from .request_ids import requests_from
from .resolver import Tracked
from .settings import InstaviewSettings, resolve_settings
from .source import Rows, batch_rows
from .summary import Summary
from .tables import REQUESTS, RUN_MODELS, TABLES
from .views import keep_views
from .warehouse_errors import warehouse_errors
from .working_folder import forget_failure

logger = logging.getLogger("instaview")


class Interrupted(SystemExit):
    """SIGINT or SIGTERM ended the load, after what was resolved was loaded.

    Uncaught, it ends the process with the exit code that shells expect: 130 or 143.
    """

    def __init__(self, signum: int, summary: Summary) -> None:
        super().__init__(128 + signum)
        self.summary = summary


def load(
    pipeline: dlt.Pipeline,
    request_ids: Iterable[Any] | None = None,
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
    billing: bool = False,
    billing_since: date | str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Resolves requests and loads their results, committing as it goes.

    What earlier loads left unfinished is taken up again, so with no ids it goes on where it was. A load that is
    stopped, by a signal, an error or `kill -9`, loses nothing that a later one would not bring.

    Args:
        pipeline: where to load to.
        request_ids: any iterable of ids, of rows with `request_id` (and `company_id`), or of webhook deliveries;
            another dlt resource too. Without any, what is unfinished is taken up.
        api_key: the key, `sk_…`; like all settings it is resolved the dlt way where it is not given.
        base_url: where the API is served.
        company_id: the company to read for, with an ATS key that manages several.
        wait: how many seconds to wait for runs that are still processing; 0 looks once and never sleeps.
        poll_interval: shortest time between two looks at the same request, in seconds.
        max_in_flight: how many calls may be under way at once.
        commit_results: commit after this many results …
        commit_seconds: … or this many seconds; by default 15, and 60 on Snowflake and BigQuery.
        look_once: look at each request only once, and leave what is still processing for the next load.
        refresh: read finished requests again: those given or, where no list is given at all, every one.
        refresh_since: also read those again whose run was completed within this time.
        billing: also load what was billed, from where the warehouse ends.
        billing_since: the first day of billing to ask for, in UTC, such as 2024-01-31; implies `billing`.
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
    given = None if request_ids is None else requests_from(request_ids)
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
    first_day = checked_since(billing_since)
    prepare(pipeline)
    started = time.monotonic()
    summary = Summary(rows={table.name: 0 for table in TABLES})
    committer = _Committer(pipeline, summary)
    with only_one(pipeline), Signals(pipeline) as signals:
        try:
            with warehouse_errors(pipeline):
                finish_packages(pipeline, settings.concealment)
                plan = make_plan(
                    pipeline,
                    given,
                    left_behind=left_behind(pipeline),
                    company_id=settings.company_id,
                    refresh=refresh,
                    refresh_since=refresh_since,
                )
            summary.expect(plan)
            if settings.commit_seconds is None:
                settings.commit_seconds = seconds_between_commits(pipeline)
            polling = Polling(
                plan.to_poll,
                settings,
                Path(pipeline.working_dir),
                look_once=look_once,
                transport=transport,
                on_progress=on_progress,
            )
            _poll_and_commit(polling, settings, committer, plan, signals)
            if (billing or first_day) and signals.received is None:
                load_billing(
                    pipeline,
                    settings,
                    summary,
                    signals.stop_on_signal,
                    since=first_day,
                    wait=max(0.0, settings.wait - (time.monotonic() - started)),
                    limiter=polling.limiter,
                    transport=transport,
                )
            if plan.tables_exist:
                keep_views(pipeline)
        except LoadStopped as error:
            forget_failure(pipeline)
            error.summary = summary
            raise
        finally:
            summary.seconds = time.monotonic() - started
    if signals.received is not None:
        raise Interrupted(signals.received, summary)
    return summary


def _poll_and_commit(
    polling: Polling, settings: InstaviewSettings, committer: _Committer, plan: Plan, signals: Signals
) -> None:
    if not plan.to_poll:
        committer.commit(Batch([], first=True, last=True), plan, [])
        return
    try:
        with polling:
            signals.stop_on_signal(polling)
            for batch in polling.batches(settings.commit_results, settings.commit_seconds or 0.0):
                committer.commit(batch, plan, polling.unfinished)
    finally:
        committer.summary.http_requests, committer.summary.rate_limited = polling.http_requests, polling.rate_limited
        committer.leave_the_rest(plan)
    if polling.failure is not None:
        raise polling.failure


class _Committer:
    """Batches into committed loads."""

    def __init__(self, pipeline: dlt.Pipeline, summary: Summary) -> None:
        self._pipeline, self.summary = pipeline, summary
        self._started = datetime.now(UTC)
        self._written: set[str] = set()
        self._taken: set[str] = set()

    def commit(self, batch: Batch, plan: Plan, unfinished: list[Tracked]) -> None:
        """Loads a batch, and with it the requests that are new to the warehouse or were looked at in vain."""
        waiting = self._worth_writing(batch, plan, unfinished)
        if not batch.ended and not waiting and (plan.tables_exist or not batch.last):
            return
        try:
            self._announce(batch.ended, plan)
            self._load(batch, plan, waiting)
        except DestinationFailed as failed:
            if failed.refusal is None or not batch.ended:
                raise
            self._load_apart(batch, plan, waiting, failed)
        finally:
            batch.close()

    def _load(self, batch: Batch, plan: Plan, waiting: list[Tracked]) -> None:
        counts: Counter[str] = Counter()

        def rows() -> Rows:
            yield from batch_rows(batch, plan, self._started)
            if waiting:
                yield REQUESTS.name, request_rows(waiting, plan.known, self._started)

        delivered = [tracked.request.id for tracked in batch.ended]
        largest = batch.rows.largest_bytes if batch.rows else 0
        self.summary.load_ids += commit(
            self._pipeline, _counted(rows(), counts), results_of=delivered, largest_bytes=largest
        )
        plan.tables_exist = True
        self._written.update(t.request.id for t in (*batch.ended, *waiting))
        self._taken |= {kind for kind, model in RUN_MODELS.items() if counts[model.profiles.name]}
        self._count(batch, counts)

    def _load_apart(self, batch: Batch, plan: Plan, waiting: list[Tracked], failed: DestinationFailed) -> None:
        """Loads what the warehouse takes of a refused batch. A result that it refuses alone makes an `error`.

        Where it takes no candidates of that kind in the whole load, nothing tells a result that it minds from a table
        that needs mending, unless the request was an `error` before.
        """
        logger.warning("the warehouse refuses a load of %d results; it is loaded again by halves", len(batch.ended))
        with warehouse_errors(self._pipeline):
            drop_refused(self._pipeline)

        def load_part(ended: list[Tracked]) -> None:
            try:
                self._announce(ended, plan)  # where that had been refused; else nothing is left to announce
                self._load(batch.part(ended), plan, [])
            except DestinationFailed as again:
                if again.refusal is not None:
                    with warehouse_errors(self._pipeline):
                        drop_refused(self._pipeline)
                raise
            # one that was to be read again, and could not be this time, still is
            still = {t.request.id for t in ended if t.state == "error"} & plan.left_behind
            forget_dropped(self._pipeline, {t.request.id for t in ended} - still)

        refused, stopped = load_by_halves(batch.ended, failed, load_part)
        for request in [tracked.request for tracked, _ in refused if tracked.request.kind not in self._taken]:
            held = plan.known.get(request.id)
            if held is None or held.state != "error":
                raise failed
        for tracked, told in refused:
            tracked.state, tracked.error_code = "error", "RESULT_REFUSED"
            tracked.error_message = f"the warehouse refuses this result alone: {told}"
            logger.error("%s: %s", tracked.request.id, tracked.error_message)
        rest = Batch([tracked for tracked, _ in refused], first=False, last=False)
        if rest.ended or waiting:
            self._load(rest, plan, waiting)
            forget_dropped(self._pipeline, [tracked.request.id for tracked in (*rest.ended, *waiting)])
        if stopped is not None:
            raise stopped

    def leave_the_rest(self, plan: Plan) -> None:
        """Counts finished requests that were not read again as what they are still: finished."""
        for request in plan.to_poll:
            held = plan.known.get(request.id)
            if held is not None and plan.stays_finished(held) and request.id not in self._written:
                self.summary.leave(held.state)

    def _announce(self, ended: list[Tracked], plan: Plan) -> None:
        """Marks requests as processing whose finished result is to be replaced, in a load before it.

        dlt merges table by table. Were it killed in between, the old row of the ledger would call a mixture of two
        results finished.
        """
        held = [plan.known.get(tracked.request.id) for tracked in ended]
        replaced = [
            replace(tracked, state="processing", polls=0, resolved_at=None, body=None)
            for tracked, known in zip(ended, held, strict=True)
            if tracked.state in ("completed", "failed") and known is not None and not known.open
        ]
        if replaced:
            rows = request_rows(replaced, plan.known, self._started)
            self.summary.load_ids += commit(self._pipeline, iter([(REQUESTS.name, rows)]))
            self._written.update(tracked.request.id for tracked in replaced)
            for known in [plan.known[tracked.request.id] for tracked in replaced]:
                if known.finished:  # and is no more, should the warehouse refuse its new result
                    plan.known[known.request.id] = replace(known, state="processing")

    def _worth_writing(self, batch: Batch, plan: Plan, unfinished: list[Tracked]) -> list[Tracked]:
        if batch.last:
            return [t for t in unfinished if plan.is_news(t) and (t.polls or t.request.id not in self._written)]
        if batch.first:
            ended = {t.request.id for t in batch.ended}
            return [Tracked(r) for r in plan.to_poll if r.id not in ended and r.id not in plan.known]
        return []

    def _count(self, batch: Batch, counts: Counter[str]) -> None:
        summary = self.summary
        for tracked in batch.ended:
            setattr(summary, tracked.state, getattr(summary, tracked.state) + 1)
        summary.processing -= len(batch.ended)
        for name, count in counts.items():
            summary.rows[name] += count


def _counted(rows: Rows, counts: Counter[str]) -> Rows:
    for name, table in rows:
        # a row without a position only says that a candidate has none there
        counts[name] += len(table) - (table["position"].null_count if "position" in table.column_names else 0)
        yield name, table
