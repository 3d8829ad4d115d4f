"""One clock for everything that waits or writes down a time.

It reads the event loop's monotonic time and the wall clock once, at its start, so a step of the system clock
moves neither a wait nor the order of timestamps; a loop with virtual time makes both virtual.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Monotonic and wall time of the running event loop, in seconds."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoch_at_zero = wall() - self._loop.time()

    def now(self) -> float:
        """Monotonic seconds; only differences mean something."""
        return self._loop.time()

    def epoch(self) -> float:
        """Seconds since 1970, UTC."""
        return self._epoch_at_zero + self._loop.time()

    def utc(self) -> datetime:
        """The time of day, UTC."""
        return datetime.fromtimestamp(self.epoch(), UTC)
