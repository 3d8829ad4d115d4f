"""The command `instaview`. Heavy imports happen in the commands that need them, so that `--help` answers at once.

Results go to stdout, messages for people to stderr. Exit codes: 0 done, 1 could not go on, 2 wrong usage (nothing was
sent), 3 with `--strict` when a request is not completed, 130 and 143 on SIGINT and SIGTERM.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exceptions import InstaviewError, LoadStopped, UsageError
from .leaving import leave_on_signals

if TYPE_CHECKING:
    from .request_ids import Request
    from .summary import Summary

app = typer.Typer(
    name="instaview",
    help="InstaView's AI-sourcing results as tables in your warehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Destination = Annotated[str, typer.Option(help="duckdb, bigquery, snowflake or any other destination of dlt.")]
Dataset = Annotated[str, typer.Option(help="Dataset (schema) that holds the tables.")]
Budget = Annotated[float | None, typer.Option(metavar="CREDITS", help="Credits a month that are planned.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, alone on stdout.")]

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command()
def load(
    request_ids: Annotated[list[str] | None, typer.Argument(metavar="REQUEST_ID", show_default=False)] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="PATH", help="File of ids (text, CSV, JSON Lines, Parquet, webhooks); - is stdin."
        ),
    ] = None,
    destination: Destination = "duckdb",
    dataset: Dataset = "instaview",
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long to wait for runs to end, plus up to 2 s for calls under way; 0 looks once and never sleeps."
            "  [default: 900]",
        ),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help="Look once at each; leave the rest for later. May wait for retries and for the budget, within --wait.",
        ),
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read finished requests again: those given or, without a list, all.")
    ] = False,
    refresh_since: Annotated[
        str | None, typer.Option(metavar="AGE", help="Read those again that completed since, e.g. 12h or 7d.")
    ] = None,
    billing: Annotated[bool, typer.Option("--billing", help="Also load what was billed, day by day.")] = False,
    billing_since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The same from this day on, e.g. 2024-01-31.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be polled; poll nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 unless every request is completed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Resolve request ids to results and load them. Without ids: go on with what is unfinished."""
    with _exit_codes(), _summary_in_any_case(as_json):
        given = _given(request_ids or [], from_ or [])
        since = _age(refresh_since) if refresh_since is not None else None
        from .billing import checked_since
        from .settings import resolve_settings

        settings = resolve_settings(wait=wait)
        first_day = checked_since(billing_since)
        if dry_run:
            _dry_run(destination, dataset, given, settings.company_id, refresh, since, as_json)
            return
        settings.key()
        from .destination import open_pipeline
        from .display import LoadDisplay
        from .runner import Interrupted
        from .runner import load as run_load

        pipeline = open_pipeline(destination, dataset)
        try:
            with LoadDisplay() as display:
                summary = run_load(
                    pipeline,
                    given,
                    wait=wait,
                    look_once=no_wait,
                    refresh=refresh,
                    refresh_since=since,
                    billing=billing,
                    billing_since=first_day,
                    on_progress=display.show,
                )
        except (LoadStopped, Interrupted) as stopped:
            if stopped.summary is not None and (as_json or stopped.summary.requested):
                _print_summary(stopped.summary, as_json)
            raise
        _print_summary(summary, as_json)
        if strict and summary.not_completed:
            raise typer.Exit(3)


@app.command()
def status(destination: Destination = "duckdb", dataset: Dataset = "instaview", as_json: AsJson = False) -> None:
    """What the warehouse knows: requests by state, the oldest unfinished one, the last load."""
    with _exit_codes():
        from .destination import open_pipeline
        from .status import read_status

        found = read_status(open_pipeline(destination, dataset))
        if as_json:
            _print_json(found.as_dict())
        else:
            _print_text(found.as_text())


@app.command()
def check(destination: Destination = "duckdb", dataset: Dataset = "instaview", as_json: AsJson = False) -> None:
    """Is the key good, which scopes has it, how much budget is left, is the destination reachable."""
    with _exit_codes():
        from .check import run_check
        from .destination import open_pipeline
        from .settings import resolve_settings

        found = run_check(open_pipeline(destination, dataset), resolve_settings())
        if as_json:
            _print_json(found.as_dict())
        else:
            _print_text(found.as_text())
        if not found.ok:
            raise typer.Exit(1)


@app.command()
def views(destination: Destination = "duckdb", dataset: Dataset = "instaview", as_json: AsJson = False) -> None:
    """Create the views anew: answers on top of the tables. Every load sees to it that they are there."""
    with _exit_codes():
        from .destination import open_pipeline
        from .views import create_views

        created = create_views(open_pipeline(destination, dataset))
        if as_json:
            _print_json({"views": created})
        else:
            typer.echo("\n".join(created) or "nothing is loaded yet: give request ids to `instaview load`")


@app.command()
def report(
    out: Annotated[Path, typer.Option(metavar="PATH", help="The HTML file to write.")] = Path("report.html"),
    since: Annotated[str | None, typer.Option(metavar="DATE", help="First day, e.g. 2024-01-31.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last day.")] = None,
    company: Annotated[str | None, typer.Option(metavar="COMPANY_ID", help="One company alone.")] = None,
    run: Annotated[list[str] | None, typer.Option(metavar="REQUEST_ID", help="Sourcing runs; repeatable.")] = None,
    budget: Budget = None,
    destination: Destination = "duckdb",
    dataset: Dataset = "instaview",
) -> None:
    """Write the dashboard's figures into one HTML file to send, of a period, a company or single runs."""
    with _exit_codes(), _extra("dashboard", "altair", "vl_convert"):
        from .dashboard.figures import choice_of
        from .dashboard.report import write_report
        from .destination import open_pipeline

        choice = choice_of(since, until, company, run or [], budget)
        write_report(open_pipeline(destination, dataset), out, choice)
        typer.echo(out)


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65_535)] = 2718,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    budget: Budget = None,
    destination: Destination = "duckdb",
    dataset: Dataset = "instaview",
) -> None:
    """Open the dashboard: candidate quality, credits and requests, by period, company and run."""
    with _exit_codes(), _extra("dashboard", "altair", "marimo"):
        from .dashboard.serve import serve_dashboard
        from .destination import open_pipeline

        open_pipeline(destination, dataset)  # what is wrong with it is told before a page opens
        raise typer.Exit(serve_dashboard(destination, dataset, port=port, headless=headless, budget=budget))


@app.command()
def demo() -> None:
    """See it work: a local API with made-up people, loaded into a DuckDB file. Needs no key and no network."""
    with _exit_codes(), _extra("sandbox", "instaview_sandbox", "starlette", "uvicorn"):
        from .demo import run_demo

        run_demo()


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65_535)] = 8080,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 7,
    requests: Annotated[int, typer.Option(help="How many requests there are from the beginning.", min=0)] = 300,
    minute_limit: Annotated[int, typer.Option(help="Calls allowed per minute and key.", min=1)] = 60,
    hour_limit: Annotated[int, typer.Option(help="Calls allowed per hour and key.", min=1)] = 2000,
) -> None:
    """Serve a local InstaView API with made-up people until stopped."""
    with _exit_codes(), _extra("sandbox", "instaview_sandbox", "starlette", "uvicorn"):
        from instaview_sandbox import Sandbox, serve

        served = Sandbox(seed=seed, requests=requests, minute_limit=minute_limit, hour_limit=hour_limit)

        def started(url: str) -> None:
            typer.echo(f"serving {requests} requests of made-up people at {url} (Ctrl-C stops); in another shell:\n")
            typer.echo(f"  export SOURCES__INSTAVIEW__BASE_URL={url}")
            typer.echo(f"  export SOURCES__INSTAVIEW__API_KEY={served.keys['full']}")
            typer.echo(f"  curl -s {url}/_sandbox/requests | instaview load --from -")

        try:
            serve(served, port=port, on_start=started)
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror}; choose another with --port") from error


def main() -> None:
    """Runs the command, of which signals end no part with a traceback."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # which gives back what is free; Arrow's own keeps it
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt logs stack traces; our errors say it in a line
    leave_on_signals()
    app()


# ---------------------------------------------------------------------- helpers


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Errors of ours end in one line on stderr and their exit code, never in a stack trace."""
    try:
        yield
    except InstaviewError as error:
        _print_text(f"instaview: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except OSError as error:  # as where stdout is a file on a full disk; a reader that has gone is typer's to leave
        if error.errno == errno.EPIPE:
            raise
        _print_text(f"instaview: {error.filename or 'the output'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def _summary_in_any_case(as_json: bool) -> Iterator[None]:
    """A signal that comes before anything is done leaves a summary too, for who reads JSON."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stopped:
        if as_json and getattr(stopped, "summary", None) is None:
            from .summary import Summary

            _print_json(Summary().as_dict())
        raise


@contextmanager
def _extra(name: str, *packages: str) -> Iterator[None]:
    """Says in one line how to install what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in packages:
            raise
        raise UsageError(f"this needs more packages: pip install 'dlt-source-instaview[{name}]'") from error


def _given(arguments: list[str], files: list[str]) -> Sequence[Request] | None:
    """The requests named; None where no list of them is given, which is not the same as an empty one."""
    if not arguments and not files:
        return None
    from .request_ids import parse_request, unique

    named = [parse_request(text, where=f"argument {number}") for number, text in enumerate(arguments, 1)]
    if files:
        from .id_files import read_request_list

        read = read_request_list(files)
        return unique([*named, *read]) if named else read
    return unique(named)


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip().lower())
    try:
        if match is not None:
            return timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        pass
    raise UsageError(f"--refresh-since {text!a}: give a number and a unit, such as 90m, 12h, 7d or 4w")


def _dry_run(
    destination: str,
    dataset: str,
    given: Sequence[Request] | None,
    company_id: str | None,
    refresh: bool,
    since: timedelta | None,
    as_json: bool,
) -> None:
    from .destination import open_pipeline
    from .dropped import left_behind
    from .plan import make_plan
    from .summary import Summary
    from .tables import TABLES
    from .warehouse_errors import warehouse_errors

    pipeline = open_pipeline(destination, dataset)
    with warehouse_errors(pipeline):
        left = left_behind(pipeline, forget=False)
        plan = make_plan(pipeline, given, left_behind=left, company_id=company_id, refresh=refresh, refresh_since=since)
    ids = [request.id for request in plan.to_poll]
    if as_json:
        summary = Summary(rows={table.name: 0 for table in TABLES})
        summary.expect(plan)
        _print_json({**summary.as_dict(), "to_poll": ids})
        return
    for request_id in ids:
        typer.echo(request_id)
    typer.echo(f"would poll {len(ids)} of {plan.requested} requests; {plan.skipped} are loaded already", err=True)


def _print_summary(summary: Summary, as_json: bool) -> None:
    if as_json:
        _print_json(summary.as_dict())
        return
    from .display import summary_text

    typer.echo(summary_text(summary))


def _print_text(text: str, *, err: bool = False) -> None:
    """Prints lines; names in them may come from anywhere, and must not steer the terminal."""
    from .request_ids import printable

    typer.echo("\n".join(map(printable, text.split("\n"))), err=err)


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, default=str))
