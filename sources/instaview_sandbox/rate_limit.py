"""Rate limits per key: fixed windows for the minute and the hour, and one more for reading results.

Windows are aligned to the clock, as in the documented example, whose reset is a whole minute. A refused call
costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Limits", "RateLimiter", "Refusal", "Window"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a key may do. The defaults are the documented ones; shorter windows make tests quick."""

    minute_limit: int = 60
    hour_limit: int = 2000
    results_per_minute: int | None = 120  # for the results endpoints; None = no limit of their own
    minute_seconds: float = 60.0
    hour_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused: which limit, and when its window ends (Unix seconds)."""

    limit: int
    reset: int
    wait: int  # whole seconds until then, at least 1


class Window:
    """Counts calls per key in consecutive windows of `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._counts: dict[str, tuple[int, int]] = {}  # key -> (which window, calls in it)

    def remaining(self, key: str, now: float) -> int:
        """Calls that the key has left in the present window."""
        window, count = self._counts.get(key, (0, 0))
        return self.limit if window != self._window(now) else max(0, self.limit - count)

    def spend(self, key: str, now: float) -> None:
        """Count one call."""
        window, count = self._counts.get(key, (0, 0))
        current = self._window(now)
        self._counts[key] = (current, count + 1 if window == current else 1)

    def reset(self, now: float) -> int:
        """When the present window ends, in whole Unix seconds, rounded up."""
        return math.ceil((self._window(now) + 1) * self.seconds)

    def _window(self, now: float) -> int:
        return math.floor(now / self.seconds)


class RateLimiter:
    """All windows together."""

    def __init__(self, limits: Limits) -> None:
        self.minute = Window(limits.minute_limit, limits.minute_seconds)
        self.hour = Window(limits.hour_limit, limits.hour_seconds)
        cap = limits.results_per_minute
        # A cap above the minute limit could never be met.
        self.results = Window(cap, limits.minute_seconds) if cap and cap < limits.minute_limit else None

    def refusal(self, key: str, now: float, *, results: bool) -> Refusal | None:
        """Why the key may not call now: of the exhausted windows the one that ends last. None = it may."""
        spent = [w for w in self._windows(results) if w.remaining(key, now) == 0]
        if not spent:
            return None
        last = max(spent, key=lambda window: window.reset(now))
        reset = last.reset(now)
        return Refusal(last.limit, reset, max(1, math.ceil(reset - now)))

    def spend(self, key: str, now: float, *, results: bool) -> None:
        """Count a call that was answered."""
        for window in self._windows(results):
            window.spend(key, now)

    def headers(self, key: str, now: float) -> dict[str, str]:
        """The six documented headers."""
        named = (("Minute", self.minute), ("Hour", self.hour))
        return {
            f"X-RateLimit-{what}-{name}": str(value)
            for name, window in named
            for what, value in (
                ("Limit", window.limit),
                ("Remaining", window.remaining(key, now)),
                ("Reset", window.reset(now)),
            )
        }

    def _windows(self, results: bool) -> tuple[Window, ...]:
        if results and self.results is not None:
            return (self.minute, self.hour, self.results)
        return (self.minute, self.hour)
