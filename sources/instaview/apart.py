"""A batch that the warehouse refuses is loaded by halves, so that one result in it spoils no other."""

from __future__ import annotations

from collections.abc import Callable

from .exceptions import DestinationFailed
from .resolver import Tracked

MOST_REFUSALS = 500
"""Of one batch: enough for 40 results among 2,000, of which one is found after 11. The next load goes on from there."""
MOST_IN_VAIN = 50
"""Before anything is taken. With so many, something is wrong with the warehouse and not with a result."""


def load_by_halves(
    ended: list[Tracked], failed: DestinationFailed, load_part: Callable[[list[Tracked]], None]
) -> tuple[list[tuple[Tracked, str]], DestinationFailed | None]:
    """Loads what the warehouse takes of a batch.

    Args:
        ended: the requests of the batch.
        failed: how the warehouse refused them together.
        load_part: loads some of them.

    Returns:
        The requests whose result it refuses alone, also after the others, and in which words; and, where there were too
        many refusals to try everything, the last of them.

    Raises:
        DestinationFailed: the warehouse cannot be reached any more, or takes nothing.
    """
    alone: list[tuple[Tracked, DestinationFailed]] = []
    parts, refusals, taken = [(ended, failed)], 1, False
    while parts and refusals <= MOST_REFUSALS:
        part, failed = parts.pop()
        if len(part) == 1:
            alone.append((part[0], failed))
            continue
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            again = _refused(half, load_part)
            if again is None:
                taken = True
                continue
            refusals += 1
            if refusals > MOST_IN_VAIN and not taken:
                raise again
            parts.append((half, again))
    # once more, for what ailed the warehouse may have passed meanwhile
    twice = [(tracked, again) for tracked, _ in alone if (again := _refused([tracked], load_part)) is not None]
    return [(tracked, failed.refusal or "") for tracked, failed in twice], parts[-1][1] if parts else None


def _refused(part: list[Tracked], load_part: Callable[[list[Tracked]], None]) -> DestinationFailed | None:
    """How the warehouse refuses a part; None where it is loaded."""
    try:
        load_part(part)
    except DestinationFailed as failed:
        if failed.refusal is None:
            raise
        return failed
    return None
