"""Faults to order: what goes wrong, with which calls, how often.

A `Fault` is a description; armed in `Faults`, it picks the calls it strikes. Faults of the wire (`status`,
`reset`, `truncate`, `not_json`, `stall`) strike any call of the API; faults of the body (`wrong_request`,
`duplicate_profile`, `drift`) strike only answers that hold the results they can spoil, see `spoil`.
"""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .runs import KINDS, Kind

__all__ = ["Fault", "Faults", "What"]

What = Literal["status", "reset", "truncate", "not_json", "stall", "wrong_request", "duplicate_profile", "drift"]
_BODY = frozenset({"wrong_request", "duplicate_profile", "drift"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    `what`:

    * `status`: the answer has this `status`, `body` and `retry_after`;
    * `reset`: the TCP connection is reset, without an answer;
    * `truncate`: the good answer is cut in half after a Content-Length for all of it;
    * `not_json`: 200 with a gateway's HTML page;
    * `stall`: the good answer, `seconds` late;
    * `wrong_request`: a good 200 that names another requestId;
    * `duplicate_profile`: the first profile is listed once more, at the end, with other values;
    * `drift`: unknown fields at every level, and values of the wrong type.
    """

    what: What
    status: int = 503
    body: str | None = None  # None = the documented body for that status
    retry_after: int | str | None = None  # the header, as it stands: seconds or an HTTP date; None = missing
    seconds: float = 0.0  # real seconds to wait before answering, with any `what`
    kind: Kind | Literal["billing"] | None = None  # only calls about this kind; None = all
    request_id: str | None = None  # only calls about this request; None = all
    times: int | None = None  # strikes the first so many matching calls; None = all of them
    each: bool = False  # count `times` for every request apart
    probability: float = 1.0  # strikes a matching call with this probability
    seed: int = 0  # of the probability, and of `drift`

    def __post_init__(self) -> None:
        if self.what not in get_args(What):
            raise ValueError(f"what must be one of {', '.join(get_args(What))}, not {self.what!r}")
        if self.kind not in (None, "billing", *KINDS):
            raise ValueError(f"kind must be billing or one of {', '.join(KINDS)}, not {self.kind!r}")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status!r}")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability must be from 0 to 1, not {self.probability!r}")
        if self.seconds < 0.0 or (self.times is not None and self.times < 0):
            raise ValueError("seconds and times must not be negative")
        if not isinstance(self.body, str | None):
            raise ValueError("body must be a text")

    @property
    def spoils_body(self) -> bool:
        """Whether it changes a good body, rather than what happens on the wire."""
        return self.what in _BODY

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Fault:
        """The fault that a JSON object with these fields describes; ValueError if it describes none."""
        unknown = fields.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError(f"not a fault: {error}") from error


class _Armed:
    """A fault with its memory of the calls it saw."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.strikes = 0
        self._seen: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()

    def strikes_now(self, kind: str | None, request_id: str | None) -> bool:
        fault, target = self.fault, request_id or ""
        if fault.kind not in (None, kind) or fault.request_id not in (None, request_id):
            return False
        if fault.times is not None and (self._struck[target] if fault.each else self.strikes) >= fault.times:
            return False
        self._seen[target] += 1
        # Keyed by the request and how often it was asked for: who is struck does not depend on concurrency.
        if fault.probability < 1.0:
            rng = random.Random(f"{fault.seed}/{target}/{self._seen[target]}")
            if rng.random() >= fault.probability:
                return False
        self.strikes += 1
        self._struck[target] += 1
        return True


class Faults:
    """The faults in force. The first that strikes wins, in the order they were injected."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()  # tests inject from their own thread while the server answers

    def inject(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._armed.clear()

    @property
    def in_force(self) -> bool:
        """Whether there are any."""
        return bool(self._armed)

    def pick(self, kind: str | None, request_id: str | None, suits: Callable[[Fault], bool]) -> Fault | None:
        """The fault that strikes this call, of those that suit; None = none does. Being picked counts."""
        with self._lock:
            suitable = (armed for armed in self._armed if suits(armed.fault))
            return next((a.fault for a in suitable if a.strikes_now(kind, request_id)), None)

    def describe(self) -> list[dict[str, Any]]:
        """The faults in force and how often each has struck, for the admin endpoint."""
        with self._lock:
            return [{**dataclasses.asdict(a.fault), "strikes": a.strikes} for a in self._armed]
