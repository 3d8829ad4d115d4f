"""The life of a request: created, processing for a while, then completed or failed; perhaps run again.

A request (`Run`) goes through one or more passes (`Pass`): the first when it is created, another with every
PATCH. Everything about a pass is settled when it starts, by chance keyed with the seed, the request's id and
the number of the pass; time alone decides what of it is visible.
"""

from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

__all__ = ["KINDS", "Fate", "Kind", "Outcome", "Pass", "Run", "State", "draw_kind", "iso", "new_id"]

Kind = Literal["sourcing", "enrichment", "preview"]
Outcome = Literal["completed", "failed"]
State = Literal["processing", "completed", "failed"]

KINDS: tuple[Kind, ...] = ("sourcing", "enrichment", "preview")
_PREFIXES: dict[Kind, str] = {"sourcing": "req_", "enrichment": "enr_", "preview": "req_prev_"}


@dataclass(frozen=True, slots=True)
class Fate:
    """How a pass of a request is going to go."""

    request_id: str
    kind: Kind
    outcome: Outcome
    seconds: float  # how long it takes; inf = for ever
    size: int  # candidates, or profiles of an enrichment
    age: float  # from 0 to 1: of a request older than the sandbox, relative to the oldest there can be

    def but(self, outcome: Outcome | None, seconds: float | None, size: int | None) -> Fate:
        """The same fate, but for what is given."""
        return replace(
            self,
            outcome=outcome or self.outcome,
            seconds=self.seconds if seconds is None else seconds,
            size=self.size if size is None else size,
        )


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a request. Times are Unix seconds."""

    number: int  # 0 = the first; part of the seed of everything in the answer
    started_at: float
    done_at: float  # when the answer turns from processing to the outcome; inf = never
    completed_at: float  # what the answer says of it: done_at, but always later than the pass before
    outcome: Outcome
    size: int  # how many candidates, or profiles of an enrichment


@dataclass(frozen=True, slots=True)
class Run:
    """A request and all its passes, the current one last."""

    request_id: str
    kind: Kind
    company_id: str
    created_at: float  # Unix seconds
    passes: tuple[Pass, ...]
    profile_ids: tuple[str, ...] | None = None  # those an enrichment was asked for; None = the sandbox's choice

    @property
    def current(self) -> Pass:
        """The latest pass."""
        return self.passes[-1]

    def state(self, now: float) -> State:
        """What the results endpoint says at that time."""
        return "processing" if now < self.current.done_at else self.current.outcome

    def progress(self, now: float) -> int:
        """How many candidates the current pass has found by then, for `candidatesSourcedCount`."""
        total = self.current.done_at - self.current.started_at
        if not math.isfinite(total) or total <= 0:
            return 0
        return int(self.current.size * min(1.0, max(0.0, (now - self.current.started_at) / total)))

    def again(self, fate: Fate, now: float) -> Run:
        """The request with another pass begun, as after PATCH."""
        start = _whole_ms(now)
        done = start + fate.seconds
        # A frozen clock must not let two passes complete at the same moment: the later one says so.
        told = max(done, self.current.completed_at + 0.001)
        this = Pass(len(self.passes), start, done, told, fate.outcome, fate.size)
        return replace(self, passes=(*self.passes, this))

    @classmethod
    def begin(cls, fate: Fate, company_id: str, created_at: float, profile_ids: tuple[str, ...] | None = None) -> Run:
        """A new request and its first pass."""
        start = _whole_ms(created_at)
        done = start + fate.seconds
        first = Pass(0, start, done, done, fate.outcome, fate.size)
        return cls(fate.request_id, fate.kind, company_id, start, (first,), profile_ids)


def new_id(rng: random.Random, kind: Kind) -> str:
    """A request id: the kind's prefix and a version 4 UUID out of the generator."""
    return f"{_PREFIXES[kind]}{uuid.UUID(int=rng.getrandbits(128), version=4)}"


def draw_kind(rng: random.Random) -> Kind:
    """A kind in the mix of the seeded requests: 60 % sourcing, 25 % enrichment, 15 % preview."""
    return rng.choices(KINDS, (60, 25, 15))[0]


def iso(seconds: float) -> str:
    """Unix seconds as the API writes them: `2025-01-01T00:01:30.000Z`."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{round(moment.microsecond / 1000):03d}Z"


def _whole_ms(seconds: float) -> float:
    # Down, never up: a run that is done "now" must not read as processing for the rest of the millisecond.
    return math.floor(seconds * 1000) / 1000
