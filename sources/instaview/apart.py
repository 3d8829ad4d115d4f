"""A batch that the warehouse refuses is loaded by halves, so that one result in it spoils no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .exceptions import DestinationFailed
from .resolver import Tracked

MOST_REFUSALS = 50
"""Of one batch. One result among 2,000 is found after 11; with so many, something is wrong with the warehouse."""


@dataclass
class Apart:
    """What became of a batch that was loaded by halves."""

    refused: list[tuple[Tracked, str]] = field(default_factory=list)
    """The requests whose result the warehouse refuses alone, and in which words."""
    given_up: DestinationFailed | None = None
    """Why the rest was not tried; None where everything was."""


def load_by_halves(
    ended: list[Tracked], failed: DestinationFailed, load_part: Callable[[list[Tracked]], None]
) -> Apart:
    """Loads what the warehouse takes of a batch.

    Args:
        ended: the requests of the batch.
        failed: how the warehouse refused them together.
        load_part: loads some of them.

    Raises:
        DestinationFailed: the warehouse cannot be reached any more.
    """
    apart, refusals = Apart(), 1
    parts = [(ended, failed)]
    while parts:
        part, failed = parts.pop()
        if len(part) == 1:
            apart.refused.append((part[0], failed.refusal or ""))
            continue
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            try:
                load_part(half)
            except DestinationFailed as again:
                refusals += 1
                if again.refusal is None:
                    raise
                if refusals > MOST_REFUSALS:
                    apart.given_up = again
                    return apart
                parts.append((half, again))
    return apart
