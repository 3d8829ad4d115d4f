"""The sandbox itself: which requests there are, how they do at this moment, and what they answer.

Everything follows from the seed and the serial number of a request; times are counted from the moment the
sandbox was made. HTTP comes on top, in `app`; tests may use both sides at once, from any thread.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from . import payloads
from .bodies import BodyCache
from .chance import Chance
from .examples import EXAMPLE_KINDS, EXAMPLES
from .faults import Fault, Faults
from .keys import ACME, DEFAULT_KEYS, Key
from .people import People
from .rate_limit import Limits, RateLimiter
from .records import Call, Records
from .runs import Fate, Kind, Outcome, Run, State
from .spoil import spoil

__all__ = ["Envelope", "Sandbox"]

Envelope = Literal["flat", "wrapped"]


class Sandbox:
    """A local InstaView with made-up people.

    Args:
        seed: decides ids, people, answers and durations.
        requests: how many requests there are from the beginning.
        run_seconds: how long a pass takes, least and most.
        started_before: the first requests were created up to so many seconds before the sandbox was made, so
            that some are finished already and some still processing.
        failed_share: the share of passes that end as failed.
        minute_limit, hour_limit: calls per key and window; the documented defaults.
        minute_seconds, hour_seconds: lengths of these windows; shorter ones make tests quick.
        results_per_minute: calls of the results endpoints per key; None = no limit of their own.
        envelope: results as documented (`flat`), or inside success, data, error, timestamp (`wrapped`).
        clock: the present in Unix seconds; `advance` adds to it.
        keys: the API keys there are.
        max_calls: how many calls are remembered in `calls`.
        cache_bytes: how much memory encoded answers may take.
    """

    def __init__(
        self,
        seed: int = 7,
        requests: int = 300,
        *,
        run_seconds: tuple[float, float] = (0.0, 20.0),
        started_before: float = 20.0,
        failed_share: float = 0.04,
        minute_limit: int = 60,
        hour_limit: int = 2000,
        results_per_minute: int | None = 120,
        minute_seconds: float = 60.0,
        hour_seconds: float = 3600.0,
        envelope: Envelope = "flat",
        clock: Callable[[], float] = time.time,
        keys: Sequence[Key] = DEFAULT_KEYS,
        max_calls: int = 100_000,
        cache_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self.seed, self.envelope = seed, envelope
        self.people = People(seed)
        self.known_keys = tuple(keys)
        limits = Limits(minute_limit, hour_limit, results_per_minute, minute_seconds, hour_seconds)
        self.limiter = RateLimiter(limits)
        self.faults = Faults()
        self.records = Records(max_calls)
        self._clock, self._offset = clock, 0.0
        self._bodies = BodyCache(cache_bytes)
        self._runs: dict[str, Run] = {}
        self._lock = threading.RLock()
        self._chance = Chance(seed, run_seconds, failed_share)
        self._serial = 0  # how many requests were ever made: the source of the next one's id
        start = self.now()
        self.request_ids: list[str] = []
        for _ in range(requests):
            fate = self._chance.first(self._serial)
            run = self._begin(fate, ACME.company_id, created_at=start - fate.age * started_before)
            self.request_ids.append(run.request_id)

    # What there is

    @property
    def keys(self) -> dict[str, str]:
        """The API keys by label: full, sourcing (only), suspended, ats (two companies), other (company)."""
        return {key.label: key.secret for key in self.known_keys}

    @property
    def calls(self) -> list[Call]:
        """The latest calls of the documented API, oldest first: as they are now."""
        return list(self.records.calls)

    @property
    def all_request_ids(self) -> list[str]:
        """Every request but the documented examples: the first ones, then those added or posted since."""
        with self._lock:
            return list(self._runs)

    def run(self, request_id: str) -> Run | None:
        """The request of that id; None if there is none (the documented examples have none)."""
        return self._runs.get(request_id)

    def state(self, request_id: str) -> State:
        """Whether the request is processing, completed or failed now. KeyError for an unknown id."""
        return "completed" if request_id in EXAMPLES else self._runs[request_id].state(self.now())

    def kind(self, request_id: str) -> Kind | None:
        """What kind of request this is; None for an unknown id."""
        run = self._runs.get(request_id)
        return run.kind if run else EXAMPLE_KINDS.get(request_id)

    def payload(self, request_id: str, fault: Fault | None = None) -> dict[str, Any]:
        """The final answer of the request's current pass, without the envelope: what a test may expect.

        It is the answer to come while the request is processing, and the processing one if that never ends.
        With a fault of the body, the answer as that fault spoils it. KeyError for an unknown id.
        """
        if request_id in EXAMPLES:
            good: dict[str, Any] = json.loads(EXAMPLES[request_id])
        else:
            run = self._runs[request_id]
            endless = math.isinf(run.current.done_at)
            good = payloads.processing(run, self.now()) if endless else payloads.final(self.people, run)
        return good if fault is None else spoil(fault, good)

    def body(self, run: Run) -> bytes:
        """The final answer of the run's current pass, encoded."""
        with self._lock:
            key = (run.request_id, run.current.number)
            return self._bodies.get(key, lambda: payloads.final(self.people, run))

    def warm(self) -> None:
        """Encode every answer now, so that a benchmark measures its client and no inventing of people."""
        for run in list(self._runs.values()):
            if not math.isinf(run.current.done_at):
                self.body(run)

    # Time

    def now(self) -> float:
        """The present, in Unix seconds."""
        return self._clock() + self._offset

    def advance(self, seconds: float) -> None:
        """Let time pass: add seconds to the sandbox's clock."""
        if not 0 <= seconds < math.inf:
            raise ValueError("time goes forwards, by a number of seconds")
        self._offset += seconds

    # What happens

    def add(
        self,
        kind: Kind,
        count: int = 1,
        state: State = "completed",
        *,
        seconds: float | None = None,
        candidates: int | None = None,
        company_id: str = ACME.company_id,
    ) -> list[str]:
        """Add requests that fare as told, and return their ids.

        With `seconds` a request is created now and takes that long to complete, or to fail (`failed`).
        Without, it is `completed` or `failed` already, or `processing` for ever.
        `candidates` is how many candidates (profiles of an enrichment) each has; None = as chance has it.
        """
        if candidates is not None and not 0 <= candidates <= self.people.size // 2:
            raise ValueError(f"candidates must be from 0 to {self.people.size // 2}")
        outcome: Outcome = "failed" if state == "failed" else "completed"
        if seconds is None and state == "processing":
            seconds = math.inf
        ids = []
        for _ in range(count):
            with self._lock:
                fate = self._chance.first(self._serial, kind).but(outcome, seconds, candidates)
                done_already = 0.0 if seconds is not None else fate.seconds + 0.001
                ids.append(self._begin(fate, company_id, self.now() - done_already).request_id)
        return ids

    def create(
        self,
        kind: Kind,
        company_id: str,
        limit: int | None = None,
        profile_ids: tuple[str, ...] | None = None,
    ) -> Run:
        """A new request as POST makes it: duration, outcome and size are left to chance."""
        with self._lock:
            fate = self._chance.first(self._serial, kind, limit)
            if profile_ids is not None:
                fate = fate.but(None, None, len(profile_ids))
            return self._begin(fate, company_id, self.now(), profile_ids)

    def rerun(
        self,
        request_id: str,
        *,
        seconds: float | None = None,
        limit: int | None = None,
        state: Outcome | None = None,
        candidates: int | None = None,
    ) -> Run:
        """Run a sourcing request again, as PATCH does. What is not given is left to chance.

        ValueError while it is in progress, and for other kinds and the documented examples; KeyError for an
        unknown id.
        """
        if request_id in EXAMPLES or self._runs[request_id].kind != "sourcing":
            raise ValueError(f"{request_id} is not a sourcing request that can be run again")
        with self._lock:
            run, now = self._runs[request_id], self.now()
            if run.state(now) == "processing":
                raise ValueError(f"{request_id} is in progress")
            fate = self._chance.again(request_id, run.kind, len(run.passes), limit)
            run = self._runs[request_id] = run.again(fate.but(state, seconds, candidates), now)
            return run

    def inject(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self.faults.inject(fault)

    def clear_faults(self) -> None:
        """Let everything go well again."""
        self.faults.clear()

    def _begin(self, fate: Fate, company_id: str, created_at: float, profile_ids: tuple[str, ...] | None = None) -> Run:
        run = self._runs[fate.request_id] = Run.begin(fate, company_id, created_at, profile_ids)
        self._serial += 1
        return run
