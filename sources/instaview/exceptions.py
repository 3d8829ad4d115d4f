"""Everything that can end a load, one line a message: what happened, to what, and what to do next.

    InstaviewError
    ├── UsageError                wrong input or settings; nothing was sent      (exit code 2)
    │   ├── InvalidRequestId      a request id has the wrong shape
    │   └── UnreadableInput       a file of ids cannot be read
    └── LoadStopped               the load could not go on                       (exit code 1)
        ├── KeyRefused            the API answered 401
        ├── DestinationFailed     the warehouse is down or refused a load
        ├── DiskFull              this machine has no room for the rows
        └── AlreadyRunning        another load holds this pipeline

What befalls a single request is no exception: it becomes a row in the table `requests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .summary import Summary


class InstaviewError(Exception):
    """Base of all errors raised by this package."""


class UsageError(InstaviewError):
    """The input or a setting is wrong. Nothing was sent."""


class InvalidRequestId(UsageError):
    """A request id does not have the shape that the API gives out."""


class UnreadableInput(UsageError):
    """A list of request ids cannot be read, or holds none where it should."""


class LoadStopped(InstaviewError):
    """The load could not go on. What was resolved before is loaded.

    `summary` is the `Summary` of that; None where the load had not begun.
    """

    summary: Summary | None = None


class KeyRefused(LoadStopped):
    """The API answered 401: the key is unknown or suspended, so nothing else will work."""


class DestinationFailed(LoadStopped):
    """The warehouse cannot be reached, or refused the load."""

    refusal: str | None = None
    """What it said where it refused rows, which it may take without the one that it minds."""


class DiskFull(LoadStopped):
    """This machine has no room for rows on their way into the warehouse."""


class AlreadyRunning(LoadStopped):
    """Another load is running on the same pipeline on this machine."""
