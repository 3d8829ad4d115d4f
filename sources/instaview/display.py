"""A load shown to a person: live on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from .polling import Progress
from .summary import Summary

LINE_EVERY = 30.0
"""Seconds between two lines in a log."""


class LoadDisplay:
    """Shows `Progress` on stderr. A context manager; `show` may be called from any thread."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._next_line = time.monotonic() + LINE_EVERY
        self._bar = Bar(TextColumn("results"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task("results", total=None)
        self._detail = Text("reading what the warehouse holds")
        self._live = Live(Group(self._bar, self._detail), console=self._console, transient=True, refresh_per_second=4)

    def __enter__(self) -> LoadDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        """Takes the state of the load."""
        ended = progress.total - progress.processing
        if self._console.is_terminal:
            self._bar.update(self._task, completed=ended, total=progress.total)
            self._detail.plain = detail(progress)
        elif time.monotonic() >= self._next_line and progress.processing:
            self._next_line = time.monotonic() + LINE_EVERY
            print(f"instaview: {ended} of {progress.total} done; {detail(progress)}", file=sys.stderr, flush=True)


def detail(progress: Progress) -> str:
    """What stands beside the bar: counts, budget, next look, time left."""
    parts = [f"{progress.completed} completed"]
    parts += [f"{n} {name}" for name, n in _troubles(progress.failed, progress.not_found, progress.error)]
    parts.append(f"{progress.processing} still processing")
    parts.append(
        f"budget left {progress.minute_left}/{progress.minute_limit} a minute, "
        f"{progress.hour_left}/{progress.hour_limit} an hour"
    )
    if progress.next_look_in is not None:
        parts.append(f"next look in {progress.next_look_in:.0f} s")
    parts.append(f"at most {progress.time_left:.0f} s left")
    return ", ".join(parts)


def summary_text(summary: Summary) -> str:
    """A load that has ended, in a few lines."""
    rows = sum(summary.rows.values())
    if not summary.requested and not rows:
        return "nothing to do: no request ids were given, and none is unfinished"
    states = [f"{summary.completed} completed"]
    states += [f"{n} {name}" for name, n in _troubles(summary.failed, summary.not_found, summary.error)]
    if summary.processing:
        states.append(f"{summary.processing} still processing (the next load takes them up)")
    if summary.skipped:
        again = f", {summary.not_read_again} of them not read again" if summary.not_read_again else ""
        states.append(f"{summary.skipped} loaded before{again}")
    return (
        f"{summary.requested} requests: {', '.join(states)}\n"
        f"{rows} rows in {len(summary.load_ids)} loads, {summary.http_requests} calls"
        + (f" ({summary.rate_limited} met the rate limit)" if summary.rate_limited else "")
        + f", {summary.seconds:.1f} s"
    )


def _troubles(failed: int, not_found: int, error: int) -> list[tuple[str, int]]:
    return [(name, n) for name, n in (("failed", failed), ("not found", not_found), ("in error", error)) if n]
