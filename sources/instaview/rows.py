"""Results become rows in the background: while the warehouse takes one batch, the next is normalised."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from .normalize import Result, Tables, normalize
from .resolver import Tracked

logger = logging.getLogger("instaview")

RESULTS_AT_ONCE = 50
"""Results normalised together: fewer are slow, more take memory and gain nothing."""


class RowBuilder:
    """Takes results one by one and gives their rows in batches. Its methods are not to be called at the same time."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, "instaview-rows")
        self._waiting: list[Tracked] = []
        self._parts: list[Future[Tables]] = []

    def add(self, tracked: Tracked) -> None:
        """Takes the result of a request that has ended, if it has one."""
        if tracked.body is not None:
            self._waiting.append(tracked)
        if len(self._waiting) >= RESULTS_AT_ONCE:
            self._send()

    def cut(self) -> list[Future[Tables]]:
        """Everything added since the cut before, for `rows_of`."""
        self._send()
        parts, self._parts = self._parts, []
        return parts

    def close(self) -> None:
        """Ends the thread, after what it was given."""
        self._worker.shutdown()

    def _send(self) -> None:
        if self._waiting:
            self._parts.append(self._worker.submit(_rows, self._waiting))
            self._waiting = []


def rows_of(parts: Iterable[Future[Tables]]) -> Tables:
    """The rows of all parts, once they are there; a request whose result cannot be made into rows is `error` then."""
    return _together(part.result() for part in parts)


def _together(parts: Iterable[Tables]) -> Tables:
    tables: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, rows in part.items():
            tables.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(pieces) for name, pieces in tables.items()}


def _rows(ended: list[Tracked]) -> Tables:
    try:
        rows = _normalized(ended)
    except Exception:  # one result that nobody foresaw must not end every load
        rows = _together(map(_rows_or_error, ended))
    for tracked in ended:
        tracked.body = None  # its rows take its place in memory
    return rows


def _rows_or_error(tracked: Tracked) -> Tables:
    """The rows of one result; where it has none, the request is an error."""
    try:
        return _normalized([tracked])
    except Exception as error:
        kind = type(error).__name__  # and not its message, which may show people's data
        tracked.state, tracked.error_code = "error", "UNREADABLE_RESULT"
        tracked.error_message = f"the result cannot be made into rows ({kind}); please report it"
        logger.error("%s: %s", tracked.request.id, tracked.error_message)
        return {}


def _normalized(ended: list[Tracked]) -> Tables:
    return normalize(Result(tracked.request, tracked.body) for tracked in ended if tracked.body is not None)
