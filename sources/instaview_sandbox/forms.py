"""The documented limits on what may be posted, checked all at once: one answer names every problem."""

from __future__ import annotations

import json
from typing import Any

from .answers import ApiError

__all__ = ["Form"]


class Form:
    """A JSON object that was posted, and what is wrong with it."""

    def __init__(self, body: bytes) -> None:
        try:
            fields = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "The body is not JSON.", details=str(error)) from error
        if not isinstance(fields, dict):
            raise ApiError(400, "The body is not a JSON object.")
        self.fields: dict[str, Any] = fields
        self._problems: list[dict[str, str]] = []

    def text(self, name: str, most: int | None = None) -> str | None:
        """A text of at most so many characters; None if it was left out."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._problem(name, "must be a text")
        elif most is not None and len(value) > most:
            self._problem(name, f"must not be longer than {most} characters")
        else:
            return value
        return None

    def whole_number(self, name: str, most: int) -> int | None:
        """A whole number from 1; None if it was left out."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            self._problem(name, f"must be a whole number from 1 to {most}")
            return None
        return value

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of 1 to `most` texts; each counts once."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self._problem(name, f"must be a list of 1 to {most}")
            return ()
        if not all(isinstance(item, str) and item for item in value):
            self._problem(name, "must hold texts only")
            return ()
        return tuple(dict.fromkeys(value))

    def any_of(self, *names: str) -> None:
        """At least one of these fields must be there."""
        if all(self.fields.get(name) in (None, "") for name in names):
            self._problem(names[0], f"at least one of {', '.join(names)} is needed")

    def check(self) -> None:
        """Answer 400 if there is any problem."""
        if self._problems:
            raise ApiError(400, "The request is not valid.", details=self._problems)

    def _problem(self, field: str, message: str) -> None:
        self._problems.append({"field": field, "message": message})
