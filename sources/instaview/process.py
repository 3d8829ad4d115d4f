"""One process among others: one load at a time on a pipeline, and leaving well when asked to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import dlt
from filelock import FileLock, Timeout

from .exceptions import AlreadyRunning
from .working_folder import keep_private, unusable


class Stoppable(Protocol):
    """Something under way that a signal ends."""

    def stop(self) -> None:
        """Ends it soon; called in a signal handler."""


@contextmanager
def only_one(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Holds the pipeline's working folder for this process; the system lets go of it however the process ends."""
    folder = Path(pipeline.pipelines_dir)
    lock = FileLock(folder / f"{pipeline.pipeline_name}.instaview.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keep_private(pipeline)
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyRunning(
            f"another load is running on pipeline {pipeline.pipeline_name!r}: let it end, it takes up whatever is "
            "unfinished; give cron jobs a --wait shorter than their interval"
        ) from None
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


class Signals:
    """SIGINT and SIGTERM end the polling; what is resolved is loaded first. A second one ends the process at once."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self.received: int | None = None
        self._runtime = pipeline.runtime_config
        self._polling: Stoppable | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self._intercepted, self._runtime.intercept_signals = self._runtime.intercept_signals, False
        if threading.current_thread() is threading.main_thread():
            self._previous = {s: signal.signal(s, self._receive) for s in self._SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._runtime.intercept_signals = self._intercepted
        self._restore()

    def stop_on_signal(self, polling: Stoppable) -> None:
        """Names what to stop; stops it now if a signal came before it began."""
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
