"""Markdown: tables, and values as a reader wants to see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

NUMBERS = (int, float)
_LONGEST = 60


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool] = ()) -> str:
    """A table of texts; `right` says which columns are set flush right."""
    lines = [header, ["--:" if place < len(right) and right[place] else "---" for place in range(len(header))], *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`"


def value(cell: Any) -> str:
    """A value of the warehouse in one short line; empty for null."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return f"{round(cell, 4):.12g}"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    text = " ".join(str(cell).replace("`", "'").split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
