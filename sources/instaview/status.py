"""What the warehouse knows of the requests, for a person or a monitor."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

import dlt

from .destination import described, place_of
from .ledger import LedgerReader, open_ledger
from .resolver import State
from .warehouse_errors import warehouse_errors


@dataclass
class Status:
    """Requests by state, the oldest unfinished one, and the last committed load."""

    destination: str = ""
    """Which warehouse and dataset."""
    place: str = ""
    """Where it is: the path of a file, or an address."""
    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(get_args(State), 0))
    oldest_unfinished: tuple[str, datetime | None] | None = None
    last_load: tuple[str, datetime] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times are ISO 8601."""
        oldest, last = self.oldest_unfinished, self.last_load
        return {
            "destination": {"name": self.destination, "place": self.place},
            "requests": self.requests,
            "oldest_unfinished": oldest and {"request_id": oldest[0], "first_seen_at": _iso(oldest[1])},
            "last_load": last and {"load_id": last[0], "inserted_at": _iso(last[1])},
        }

    def as_text(self) -> str:
        """For a person."""
        if self.last_load is None and not sum(self.requests.values()):
            return f"nothing is loaded yet: give request ids to `instaview load`\n{self._where}"
        lines = [self._where]
        lines += [f"{count:>8,} {state}" for state, count in self.requests.items()]
        if self.oldest_unfinished is not None:
            lines.append(f"oldest unfinished: {self.oldest_unfinished[0]}, since {_iso(self.oldest_unfinished[1])}")
        if self.last_load is not None:
            lines.append(f"last load: {self.last_load[0]} at {_iso(self.last_load[1])}")
        return "\n".join(lines)

    @property
    def _where(self) -> str:
        return f"{self.destination}, in {self.place}"


def read_status(pipeline: dlt.Pipeline) -> Status:
    """Reads the ledger's counts.

    Raises:
        DestinationFailed: the warehouse cannot be reached.
    """
    with warehouse_errors(pipeline):
        status = Status(destination=described(pipeline), place=place_of(pipeline))
        with open_ledger(pipeline) as ledger:
            if ledger is not None:
                _fill(status, ledger)
    return status


def _fill(status: Status, ledger: LedgerReader) -> None:
    for state, count in ledger.counts():
        status.requests[state] = status.requests.get(state, 0) + count
    status.oldest_unfinished = ledger.oldest_open()
    status.last_load = ledger.last_load()


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time is not None else None
