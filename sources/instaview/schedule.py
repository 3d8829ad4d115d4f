"""When to look again at a run that is still processing.

The pause between two looks at a request grows to twice `poll_interval`, and from there in proportion to how long the
run takes, so that a short run is seen soon and a long one costs few calls.

Where many runs of a kind are awaited, most looks before the first of them ends would be in vain. So a few, the scouts,
are looked at as above, and the others seldom. Once one was seen to end, runs of that kind have begun to end, and all
are looked at like scouts.
"""

from __future__ import annotations

import random
from collections import Counter

from .request_ids import Kind

SCOUTS = 40
"""Runs of a kind that are looked at often before any of that kind was seen to end."""

_GROWTH = 1.5
_STEADY = 1.7
"""The pause that it grows to, in poll intervals; half of it is how long a result lies there unseen."""
_LONGEST = 6.0
_SELDOM = (4.5, 6.0)


class Schedule:
    """Pauses between looks, in seconds; never less than `poll_interval`."""

    def __init__(self, poll_interval: float, chance: random.Random) -> None:
        self.poll_interval, self._chance = poll_interval, chance
        self._scouts: Counter[Kind] = Counter()
        self._ending: set[Kind] = set()

    def makes_scout(self, kind: Kind) -> bool:
        """Whether one more run of this kind, seen processing for the first time, is to be a scout."""
        self._scouts[kind] += 1
        return self._scouts[kind] <= SCOUTS

    def pause(self, kind: Kind, *, scout: bool, looks: int, age: float) -> float:
        """The pause after a look that was in vain.

        Args:
            kind: of the request.
            scout: whether it is one.
            looks: how often it was looked at.
            age: seconds since the polling began.
        """
        if not scout and kind not in self._ending:
            return self.poll_interval * self._chance.uniform(*_SELDOM)
        grown = self.poll_interval * _GROWTH ** min(looks - 1, 20)
        cap = min(max(_STEADY * self.poll_interval, age / 8), _LONGEST * self.poll_interval)
        return min(grown, cap) * self._chance.uniform(1.0, 1.1)

    def ends_begin(self, kind: Kind) -> bool:
        """Takes note that a run, seen processing before, has ended; whether it is the first of its kind."""
        first = kind not in self._ending
        self._ending.add(kind)
        return first

    def sooner(self, now: float, due: float, looked_at: float) -> float:
        """When a run that was put off is due now that its kind has begun to end: soon, but not all at one moment."""
        soon = max(looked_at + self.poll_interval, now + self._chance.uniform(0.0, _STEADY) * self.poll_interval)
        return min(due, soon)
