"""What a load did, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import Plan


@dataclass
class Summary:
    """What a load did. Counts are of requests: requested = skipped + completed + … + processing."""

    requested: int = 0
    skipped: int = 0
    """Finished before, and not read again."""
    completed: int = 0
    failed: int = 0
    not_found: int = 0
    error: int = 0
    processing: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """Rows written, by table."""
    http_requests: int = 0
    rate_limited: int = 0
    """429 answers met."""
    seconds: float = 0.0
    load_ids: list[str] = field(default_factory=list)
    """The committed loads of dlt, as in `_dlt_loads`."""

    skipped_failed: int = 0
    """Of the skipped ones those whose run had failed."""
    not_read_again: int = 0
    """Of the skipped ones those that were to be read again, for which no time was left."""

    @property
    def not_completed(self) -> int:
        """Requests given or taken up that are not `completed`."""
        return self.failed + self.not_found + self.error + self.processing + self.skipped_failed

    def expect(self, plan: Plan) -> None:
        """Takes over what a load is about to do."""
        self.requested, self.skipped, self.processing = plan.requested, plan.skipped, len(plan.to_poll)
        self.skipped_failed = plan.skipped_failed

    def leave(self, state: str) -> None:
        """Takes note of a finished request that was to be read again and was not: it is as it was, `state`."""
        self.processing -= 1
        self.skipped += 1
        self.not_read_again += 1
        self.skipped_failed += state == "failed"

    def as_dict(self) -> dict[str, Any]:
        """For JSON, as the command prints it."""
        values = {**asdict(self), "seconds": round(self.seconds, 3)}
        del values["skipped_failed"], values["not_read_again"]
        return values
