"""The demo: a local API with made-up people, a load over real HTTP, and a look at the tables."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
from rich.console import Console
from rich.table import Table

from instaview_sandbox import ACME, Sandbox, running
from instaview_sandbox.runs import draw_kind

from .display import LoadDisplay, summary_text
from .exceptions import LoadStopped
from .runner import load
from .settings import COMMIT_RESULTS, MAX_IN_FLIGHT
from .tables import TABLES

FILE = "instaview_demo.duckdb"
DATASET = "instaview"
REPORT = "instaview_demo.html"
REQUESTS = 300
_RUN_SECONDS = (0.0, 16.0)
_HISTORY_DAYS = 56
_JUST_NOW = 24  # requests of the last seconds
_BUDGET = 1_000
_BAR = "█"
_SETTINGS: dict[str, Any] = {
    "company_id": ACME.company_id,
    "wait": 60.0,
    "poll_interval": 1.0,
    "max_in_flight": MAX_IN_FLIGHT,
    "commit_results": COMMIT_RESULTS,
    "commit_seconds": 15.0,
}
"""All of them, so that those of a real account, in the environment or in `.dlt`, have no part in it."""


def run_demo() -> None:
    """Loads a few hundred requests into `instaview_demo.duckdb` in this folder and shows what is in the tables."""
    console = Console()
    for path in (Path(FILE), Path(f"{FILE}.wal")):
        path.unlink(missing_ok=True)
    sandbox = _sandbox()
    request_ids = sandbox.all_request_ids
    processing = sum(sandbox.state(request_id) == "processing" for request_id in request_ids)
    console.print(
        f"A local InstaView with made-up people: {REQUESTS} requests, {processing} of them still processing.\n"
        f"Loading their results into {FILE} …"
    )
    with tempfile.TemporaryDirectory(prefix="instaview_demo_") as folder, running(sandbox) as base_url:
        pipeline = dlt.pipeline(
            "instaview_demo",
            destination=dlt.destinations.duckdb(str(Path(FILE).absolute())),
            dataset_name=DATASET,
            pipelines_dir=folder,
        )
        with LoadDisplay() as display:
            summary = load(
                pipeline,
                request_ids,
                api_key=sandbox.keys["full"],
                base_url=base_url,
                **_SETTINGS,
                billing_since=(datetime.now(UTC) - timedelta(days=_HISTORY_DAYS)).date(),
                on_progress=display.show,
            )
        console.print(summary_text(summary), highlight=False)
        if not summary.completed:
            raise LoadStopped("the demo's requests could not be resolved; the table `requests` says why")
        with pipeline.sql_client() as client:
            _Contents(console, client).show()
        _next_steps(console)
        _report(console, pipeline)


def _sandbox() -> Sandbox:
    """An InstaView that was used for some weeks until this very moment, so that some runs are still processing."""
    history = timedelta(days=_HISTORY_DAYS).total_seconds()
    sandbox = Sandbox(
        seed=7,
        requests=0,
        run_seconds=_RUN_SECONDS,
        minute_limit=6_000,  # a real key allows 30 to 600 a minute; nobody wants to watch that
        hour_limit=100_000,
        results_per_minute=None,
        clock=lambda: time.time() - history - _RUN_SECONDS[1],
    )
    chance = random.Random(sandbox.seed)
    promising: list[str] = []
    for requests, seconds in ((REQUESTS - _JUST_NOW, history), (_JUST_NOW, _RUN_SECONDS[1])):
        for _ in range(requests):
            kind = draw_kind(chance)
            profiles = _best_profiles(sandbox, promising) if kind == "enrichment" else None
            run = sandbox.create(kind, ACME.company_id, profile_ids=profiles)
            if kind == "sourcing":
                promising.append(run.request_id)
            sandbox.advance(seconds / requests)
    return sandbox


def _best_profiles(sandbox: Sandbox, promising: list[str]) -> tuple[str, ...] | None:
    """The best of an earlier sourcing run that nobody was enriched of yet; None where there is none."""
    for request_id in reversed(promising):
        candidates = sandbox.payload(request_id).get("candidates")
        if candidates and sandbox.state(request_id) == "completed":
            promising.remove(request_id)
            return tuple(candidate["profileId"] for candidate in candidates[:10])
    return None


def _report(console: Console, pipeline: dlt.Pipeline) -> None:
    """Writes the report where its packages are installed, and names it."""
    try:
        from .dashboard.figures import Choice
        from .dashboard.report import write_report
    except ModuleNotFoundError:
        console.print("\nFor a report of these figures: pip install 'dlt-source-instaview[dashboard]'", markup=False)
        return
    write_report(pipeline, Path(REPORT), Choice(budget=_BUDGET))
    console.print(f"\nThe report, to open in a browser: {REPORT}")


class _Contents:
    """What is in the tables now."""

    def __init__(self, console: Console, client: Any) -> None:
        self._console, self._client = console, client

    def show(self) -> None:
        self._tables()
        self._scores()
        self._skills()
        self._credits()
        self._failures()

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._client.execute_sql(sql) or []]

    def _tables(self) -> None:
        counts = {t.name: self._rows(f"SELECT COUNT(*) FROM {t.name}")[0][0] for t in TABLES}
        table = Table(title="Tables", title_justify="left", box=None, show_header=False)
        half = (len(counts) + 1) // 2
        names = list(counts)
        for left, right in zip(names[:half], [*names[half:], ""], strict=False):
            table.add_row(left, f"{counts[left]:,}", "  ", right, f"{counts[right]:,}" if right else "")
        self._console.print("", table, sep="\n")

    def _scores(self) -> None:
        rows = self._rows(
            "SELECT CAST(LEAST(FLOOR(match_score / 10), 9) AS INTEGER) AS bin, COUNT(*) FROM candidates "
            "WHERE match_score IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        self._bars("Match scores", [(f"{10 * b:>3}–{10 * b + 9 if b < 9 else 100}", n) for b, n in rows])

    def _skills(self) -> None:
        rows = self._rows(
            "SELECT skill, COUNT(DISTINCT profile_id) FROM profile_skills GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
        )
        self._bars("Top skills (people)", rows)

    def _bars(self, title: str, rows: list[tuple[Any, ...]]) -> None:
        table = Table(title=title, title_justify="left", box=None, show_header=False)
        most = max((n for _, n in rows), default=1)
        for label, n in rows:
            table.add_row(str(label), f"{n:,}", _BAR * max(1, round(40 * n / most)))
        self._console.print("", table, sep="\n")

    def _credits(self) -> None:
        runs, enriched, failures, consumed = self._rows(
            "SELECT COUNT(*), SUM(enriched_count), SUM(failure_count), SUM(credits_consumed) FROM enrichment_runs"
        )[0]
        self._console.print(
            f"\nCredits: {consumed or 0:,} consumed by {runs} enrichment runs\n"
            f"  for {enriched or 0:,} profiles; {failures or 0:,} more could not be enriched and cost nothing",
            highlight=False,
        )

    def _failures(self) -> None:
        rows = self._rows(
            "SELECT state, error_code, COUNT(*) FROM requests WHERE state NOT IN ('completed', 'processing') "
            "GROUP BY 1, 2 UNION ALL "
            "SELECT 'profile not enriched', error_code, COUNT(*) FROM enrichment_profiles WHERE NOT success "
            "GROUP BY 1, 2 "
            "ORDER BY 3 DESC"
        )
        table = Table(title="What failed, and why", title_justify="left", box=None, show_header=False)
        for what, code, count in rows:
            table.add_row(
                "request " + what if what in ("failed", "not_found", "error") else what, code or "", f"{count:,}"
            )
        self._console.print("", table, sep="\n")


def _next_steps(console: Console) -> None:
    command = Path(sys.argv[0]).absolute()
    on_path = shutil.which(command.name) == str(command) or not command.is_relative_to(Path.cwd())
    folder = "" if on_path else f"{command.parent.relative_to(Path.cwd())}/"
    shown, python = f"{folder}instaview", f"{folder}python"
    console.print(
        "\nTry next:\n"
        f"  DESTINATION__DUCKDB__CREDENTIALS={FILE} {shown} status\n"
        f"  {python} -c \"import duckdb; print(duckdb.connect('{FILE}').sql("
        "'SELECT name, match_score, headline FROM instaview.candidates ORDER BY 2 DESC LIMIT 5'))\"\n"
        f"  DESTINATION__DUCKDB__CREDENTIALS={FILE} {shown} dashboard\n"
        f"  {shown} sandbox    # the same API, for as long as you like",
        highlight=False,
        soft_wrap=True,
    )
