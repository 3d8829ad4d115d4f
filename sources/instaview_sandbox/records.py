"""What the sandbox remembers of the calls it answered."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Call", "Records"]


class Call(NamedTuple):
    """One call of the documented API."""

    time: float  # Unix seconds, by the sandbox's clock
    method: str
    path: str
    key: str | None  # the key's label; None = no key, or an unknown one
    status: int  # 0 = the connection was reset


@dataclass(slots=True)
class _Polls:
    count: int = 0
    last: float = 0.0
    min_gap: float | None = None  # seconds


class Records:
    """The latest calls, and counts of all: memory is bounded by the calls kept and the requests known."""

    def __init__(self, max_calls: int) -> None:
        self.calls: deque[Call] = deque(maxlen=max_calls)
        self._answers: dict[str, Counter[str]] = {}
        self._polls: dict[str, _Polls] = {}
        self._rate_limited = 0

    def add(self, call: Call, endpoint: str, polled: str | None) -> None:
        """Record a call; `polled` is the id of the known request whose results it asked for."""
        self.calls.append(call)
        self._answers.setdefault(endpoint, Counter())[str(call.status)] += 1
        self._rate_limited += call.status == 429
        if polled is not None:
            polls = self._polls.setdefault(polled, _Polls())
            if polls.count:
                gap = max(0.0, call.time - polls.last)  # a stalled call is recorded late
                polls.min_gap = gap if polls.min_gap is None else min(gap, polls.min_gap)
            polls.count, polls.last = polls.count + 1, max(call.time, polls.last)

    def stats(self) -> dict[str, Any]:
        """Calls by endpoint and status, 429s, how often each request was polled and how close together."""
        return {
            "calls": {endpoint: dict(answers) for endpoint, answers in sorted(self._answers.copy().items())},
            "rateLimited": self._rate_limited,
            "requests": {
                request_id: {"polls": polls.count, "minGapSeconds": polls.min_gap}
                for request_id, polls in self._polls.copy().items()
            },
        }
