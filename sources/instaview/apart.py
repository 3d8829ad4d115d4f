"""A batch that the warehouse refuses is loaded by halves, so that one result in it spoils no other."""

from __future__ import annotations

from collections.abc import Callable

from .exceptions import DestinationFailed
from .resolver import Tracked

MOST_REFUSALS = 50
"""Of one batch. One result among 2,000 is found after 11; with so many, something is wrong with the warehouse."""


def load_by_halves(
    ended: list[Tracked], failed: DestinationFailed, load_part: Callable[[list[Tracked]], None]
) -> list[tuple[Tracked, str]]:
    """Loads what the warehouse takes of a batch.

    Args:
        ended: the requests of the batch.
        failed: how the warehouse refused them together.
        load_part: loads some of them.

    Returns:
        The requests whose result it refuses alone, also after the others, and in which words.

    Raises:
        DestinationFailed: the warehouse cannot be reached any more, or refuses nearly everything.
    """
    alone: list[tuple[Tracked, DestinationFailed]] = []
    parts, refusals = [(ended, failed)], 1
    while parts:
        part, failed = parts.pop()
        if len(part) == 1:
            alone.append((part[0], failed))
            continue
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            again = _refused(half, load_part)
            if again is not None:
                refusals += 1
                if refusals > MOST_REFUSALS:
                    raise again
                parts.append((half, again))
    if len(ended) > 1:  # once more, for what ailed the warehouse may have passed meanwhile
        alone = [(tracked, again) for tracked, _ in alone if (again := _refused([tracked], load_part)) is not None]
    return [(tracked, failed.refusal or "") for tracked, failed in alone]


def _refused(part: list[Tracked], load_part: Callable[[list[Tracked]], None]) -> DestinationFailed | None:
    """How the warehouse refuses a part; None where it is loaded."""
    try:
        load_part(part)
    except DestinationFailed as failed:
        if failed.refusal is None:
            raise
        return failed
    return None
