"""What chance decides of a request, settled by the seed and the request's serial number."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .runs import Fate, Kind, Outcome, draw_kind, new_id

__all__ = ["Chance"]

# The limits that requests are posted with; a run lists at most so many candidates.
_LIMITS: dict[Kind, tuple[int, ...]] = {
    "sourcing": (10, 20, 20, 30, 50),
    "enrichment": (10,),
    "preview": (20, 20, 40, 100),
}


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws fates. Each has a generator of its own, so that the order of draws does not matter."""

    seed: int
    run_seconds: tuple[float, float]
    failed_share: float

    def first(self, serial: int, kind: Kind | None = None, limit: int | None = None) -> Fate:
        """The first pass of request number `serial`; a kind is drawn if none is given."""
        rng = random.Random(f"{self.seed}/run/{serial}")
        drawn = draw_kind(rng)
        kind = kind or drawn
        return self._fate(rng, new_id(rng, kind), kind, limit)

    def again(self, request_id: str, kind: Kind, number: int, limit: int | None = None) -> Fate:
        """Pass `number` of a request that is run again."""
        return self._fate(random.Random(f"{self.seed}/{request_id}/{number}/life"), request_id, kind, limit)

    def _fate(self, rng: random.Random, request_id: str, kind: Kind, limit: int | None) -> Fate:
        age = rng.random()
        outcome: Outcome = "failed" if rng.random() < self.failed_share else "completed"
        seconds = rng.uniform(*self.run_seconds)
        most = limit or rng.choice(_LIMITS[kind])
        size = rng.randint(1 if kind == "enrichment" else 0, most)
        return Fate(request_id, kind, outcome, seconds, size, age)
