"""A client-side rate limiter with two windows, learnt from the answers' headers.

The API counts calls per key in a minute and an hour and says in every answer how many are left and when the
window ends (`X-RateLimit-Limit-Minute`, `-Remaining-`, `-Reset-`, and the same for the hour). Each call is
reserved here before it is sent, so calls under way are counted too. It is not a thing of one endpoint: every call
of a client goes through the one limiter.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

RESET_MARGIN = 1.0
"""Seconds added to a reset given in whole seconds: the window may end late within the second it names."""

RESULTS_PER_MINUTE = 120
"""The results endpoints answer 429 above 120 calls a minute, whatever the plan (instaview docs, rate limits)."""

LARGEST_PLAN = 600
"""Calls a minute of the largest documented plan (Scale). A key with more has a custom limit, taken at its word."""

_ROLLING_MINUTE = 60.5  # the server counts when a call arrives, not when it left here


@dataclass(frozen=True, slots=True)
class WindowBudget:
    """Calls allowed in a window, calls left in it, and seconds until it ends (None: it has not begun)."""

    limit: int
    remaining: int
    resets_in: float | None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a key may still do."""

    minute: WindowBudget
    hour: WindowBudget


class _Window:
    """One fixed window of the server, as far as it is known. Times are Unix seconds, UTC."""

    def __init__(self, name: str, seconds: float, limit: int) -> None:
        self.name = name
        self.seconds = seconds
        self.limit = limit
        self.remaining = limit
        self.ends: float | None = None  # None: nothing sent since the last one ended
        self._guessed = True
        self._over = -math.inf  # end of the last window that an answer named
        self._least = math.inf  # fewest calls left that an answer told of since nothing was under way

    def roll(self, now: float, under_way: int) -> None:
        """A new window begins with the next call once the old one has ended. Calls under way may count in it."""
        if self.ends is not None and now >= self.ends:
            self._over = self._over if self._guessed else self.ends
            self.ends, self._least = None, math.inf
        if self.ends is None:
            self.remaining = self.limit - under_way

    def reserve(self, now: float) -> None:
        if self.ends is None:
            self.ends, self._guessed = now + self.seconds + RESET_MARGIN, True
        self.remaining -= 1

    def learn(self, limit: float | None, remaining: float | None, reset: float | None, now: float, others: int) -> None:
        """Takes over what an answer says; `others` are the calls under way that it may not have counted."""
        if limit is not None and limit >= 1:
            self.remaining += int(limit) - self.limit
            self.limit = int(limit)
        if reset is not None and self._named(reset) <= self._over:
            return  # a late answer from a window that is over
        ends = self._end(reset, now)
        known = None if self._guessed else self.ends
        if ends is not None and known is not None and ends < known - RESET_MARGIN:
            return  # a late answer from a window that is over
        if remaining is not None:
            left = min(int(remaining), self.limit)
            if ends is not None and known is not None and ends > known + RESET_MARGIN:
                self._least, self.remaining = left, left - others  # the next window has begun already
            else:
                # answers overtake each other: only when the last one is in, the lowest count is the server's
                self._least = min(self._least, left)
                self.remaining = int(self._least) if others == 0 else min(self.remaining, left)
        if others == 0:
            self._least = math.inf
        if ends is not None:
            self.ends, self._guessed = ends, False

    def _end(self, reset: float | None, now: float) -> float | None:
        """When it is safe to say that the window is over; None where the header names a time that has passed."""
        if reset is None:
            return None
        ends = min(self._named(reset), now + self.seconds + 2 * RESET_MARGIN)
        return ends if ends > now else None

    @staticmethod
    def _named(reset: float) -> float:
        return reset + (RESET_MARGIN if reset == int(reset) else 0.0)

    def shift(self, seconds: float) -> None:
        """The server's clock turned out to differ by so much from what was thought."""
        self.ends = None if self.ends is None else self.ends + seconds
        self._over += seconds


class RateLimiter:
    """Says how long to wait before the next call, and keeps count.

    `epoch` is the wall clock in Unix seconds. Until the first answer is in, and after each 429, one call at a time
    is let through: what the key may do is not known then.
    """

    def __init__(self, epoch: Callable[[], float]) -> None:
        self._epoch = epoch
        # documented defaults, believed until an answer says otherwise
        self.minute = _Window("minute", 60.0, 60)
        self.hour = _Window("hour", 3600.0, 2000)
        self._recent: deque[float] = deque()
        self._hidden_limit = False  # a 429 came although the headers showed calls left
        self._under_way = 0
        self._careful = True
        self._paused_until = 0.0
        self._skew = 0.0  # server clock minus ours, where they disagree

    @property
    def paused(self) -> bool:
        """Whether a 429 holds everything back now."""
        return self._epoch() < self._paused_until

    def delay(self) -> float:
        """Seconds until a call may be sent; 0 is now, infinity is when a call under way has been answered."""
        now = self._epoch()
        wait = max(0.0, self._paused_until - now)
        if self._careful and self._under_way:
            return math.inf
        for window in (self.minute, self.hour):
            window.roll(now + self._skew, self._under_way)
            if window.remaining <= 0:  # without an end, calls under way may have used up the window that begins
                wait = max(wait, math.inf if window.ends is None else window.ends - now - self._skew)
        while self._recent and self._recent[0] <= now - _ROLLING_MINUTE:
            self._recent.popleft()
        if self._capped() and len(self._recent) >= RESULTS_PER_MINUTE:
            wait = max(wait, self._recent[-RESULTS_PER_MINUTE] + _ROLLING_MINUTE - now)
        return wait

    def _capped(self) -> bool:
        return self._hidden_limit or self.minute.limit <= LARGEST_PLAN

    def reserve(self) -> None:
        """Counts a call that is about to be sent."""
        now = self._epoch()
        self._recent.append(now)
        for window in (self.minute, self.hour):
            window.roll(now + self._skew, self._under_way)
            window.reserve(now + self._skew)
        self._under_way += 1

    def answered(self, headers: Mapping[str, str], *, limited: bool = False, server_time: float | None = None) -> None:
        """Learns from an answer; `limited` says that it was a 429, `server_time` is its `Date`, Unix seconds."""
        self._under_way -= 1
        if server_time is not None:
            skew = server_time - self._epoch()
            if abs(skew - self._skew) > 2.0:  # `Date` is cut to seconds: less means nothing
                for window in (self.minute, self.hour):
                    window.shift(skew - self._skew)
                self._skew = skew
        now = self._epoch() + self._skew
        told_left = math.inf
        for window in (self.minute, self.hour):
            values = [
                _number(headers.get(f"x-ratelimit-{part}-{window.name}")) for part in ("limit", "remaining", "reset")
            ]
            window.learn(values[0], values[1], values[2], now, self._under_way)
            told_left = min(told_left, 0 if values[1] is None else values[1])
        self._hidden_limit |= limited and told_left > 0
        self._careful = limited

    def failed(self) -> None:
        """A call ended without an answer: whether the server counted it is not known, so it stays counted."""
        self._under_way -= 1
        self._careful = False

    def pause(self, seconds: float) -> None:
        """Holds back every call for `seconds` from now; a longer pause under way stays."""
        self._paused_until = max(self._paused_until, self._epoch() + seconds)

    def budget(self) -> Budget:
        """What is known of both windows now."""
        return Budget(self._budget_of(self.minute), self._budget_of(self.hour))

    def _budget_of(self, window: _Window) -> WindowBudget:
        now = self._epoch() + self._skew
        window.roll(now, self._under_way)
        return WindowBudget(window.limit, max(0, window.remaining), window.ends and max(0.0, window.ends - now))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) and value >= 0 else None
