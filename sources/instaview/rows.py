"""Results become rows in the background: while the warehouse takes one batch, the next is normalised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from .exceptions import DiskFull
from .normalize import Result, Tables, normalize
from .resolver import Tracked
from .spool import Spool

logger = logging.getLogger("instaview")

RESULTS_AT_ONCE = 20
"""Results normalised together: fewer are slow, more take memory and gain nothing."""
BYTES_AT_ONCE = 2 * 1024 * 1024
"""Fewer are normalised together where they are larger than this."""


class RowBuilder:
    """Takes results one by one and gives their rows in batches. Its methods are not to be called at the same time.

    Args:
        folder: where the rows wait.
        conceal: what to do with people's data in the rows.
        on_room: called, on another thread, when results have become rows, and when rows were cut.
    """

    def __init__(
        self,
        folder: Path,
        conceal: Callable[[Tables], Tables] = lambda tables: tables,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder, self._conceal, self._on_room = folder, conceal, on_room
        self._worker = ThreadPoolExecutor(1, "instaview-rows")
        self._waiting: list[Tracked] = []
        self._waiting_bytes = 0
        self._sent_bytes = 0
        self._made_bytes = 0
        self._spool = Spool(folder)
        self._failure: BaseException | None = None

    @property
    def held_bytes(self) -> int:
        """The size of the results that are not rows yet, in memory."""
        return self._waiting_bytes + self._sent_bytes - self._made_bytes

    @property
    def spooled_bytes(self) -> int:
        """The size of the rows since the cut before, on disk."""
        return self._spool.size

    def add(self, tracked: Tracked) -> None:
        """Takes the result of a request that has ended, if it has one."""
        if tracked.body is not None:
            self._waiting.append(tracked)
            self._waiting_bytes += len(tracked.body)
        if len(self._waiting) >= RESULTS_AT_ONCE or self._waiting_bytes >= BYTES_AT_ONCE:
            self._send()

    def cut(self) -> Future[Spool]:
        """The rows of everything added since the cut before, once they are there.

        A request whose result cannot be made into rows is `error` then. The future raises `DiskFull` where the disk is
        full.
        """
        self._send()
        return self._worker.submit(self._cut)

    def close(self) -> None:
        """Ends the thread, after what it was given."""
        self._worker.shutdown()
        self._spool.close()

    def _send(self) -> None:
        if self._waiting:
            self._worker.submit(self._make, self._waiting, self._waiting_bytes)
            self._sent_bytes += self._waiting_bytes
            self._waiting, self._waiting_bytes = [], 0

    # ------------------------------------------------------------------ on the worker's thread

    def _make(self, ended: list[Tracked], size: int) -> None:
        try:
            for name, rows in self._conceal(_rows(ended)).items():
                self._spool.write(name, rows)
        except BaseException as error:  # raised by `_cut`, or requests would count as completed without their rows
            self._failure = error
        finally:
            self._made_bytes += size
            self._on_room()

    def _cut(self) -> Spool:
        if self._failure is not None and not isinstance(self._failure, OSError):
            raise self._failure
        if self._failure is not None:
            raise DiskFull(
                f"no room on the disk of {self._folder} for rows on their way ({self._failure.strerror}): make room "
                "there, then run the same load again: it goes on from here"
            )
        spool, self._spool = self._spool, Spool(self._folder)
        self._on_room()
        return spool


def _rows(ended: list[Tracked]) -> Tables:
    rows: Tables | None
    try:
        rows = _normalized(ended)
    except Exception:  # one result that nobody foresaw must not end every load
        rows = None
    if rows is None:  # outside of `except`, where the error would hold all that was made in memory
        rows = _together(map(_rows_or_error, ended))
    for tracked in ended:
        tracked.body = None  # its rows take its place
    return rows


def _together(parts: Iterable[Tables]) -> Tables:
    tables: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, rows in part.items():
            tables.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(pieces) for name, pieces in tables.items()}


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
