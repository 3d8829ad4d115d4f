"""Parts of the page as HTML: sections, panels, tables, and its stylesheet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from .chosen import KINDS

WHOLE = 12
"""Columns of a wide page."""
DASHBOARD_CSS = """
:root { --marimo-text-font: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
body, #App { background: var(--iv-page) !important; }
.marimo-cell, .output-area { background: transparent !important; }
.iv-filters { display: flex; flex-wrap: wrap; gap: 10px 20px; align-items: center; margin-bottom: 20px; }
"""
"""What the dashboard needs beside the stylesheet: the colour of the page, and how its filters stand."""


@cache
def stylesheet(dark: str = "@media (prefers-color-scheme: dark) {{\n:root {{\n{}}}\n}}\n") -> str:
    """The CSS. `dark` is the rule around the dark colours, for whatever tells that it is dark."""
    folder = Path(__file__).parent
    colors = (folder / "dark.css").read_text(encoding="utf-8")
    return (folder / "page.css").read_text(encoding="utf-8") + dark.format(colors)


def section(name: str, note: str, panels: Iterable[str]) -> str:
    more = f" <small>{note}</small>" if note else ""
    return f'<section><h2>{name}{more}</h2><div class="iv-grid">{"".join(panels)}</div></section>'


def panel(name: str, note: str, content: str, columns: int) -> str:
    whole = ' class="iv-whole"' if columns == WHOLE else ""
    head = f'<h3>{name}</h3><p class="iv-note">{note}</p>'
    return f'<article{whole} style="--iv-columns:{columns}">{head}{content}</article>'


def nothing(text: str) -> str:
    return f'<p class="iv-empty">{text}</p>'


def table(
    heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], total: tuple[str, ...] | None = None, *, texts: int = 1
) -> str:
    """A table whose first columns, so many, are text and the others numbers."""

    def line(cells: tuple[str, ...], tag: str = "td") -> str:
        return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"

    foot = f"<tfoot>{line(total)}</tfoot>" if total else ""
    return (
        f'<div class="iv-scroll"><table class="iv-texts-{texts}"><thead>{line(heads, "th")}</thead>'
        f"<tbody>{''.join(map(line, rows))}</tbody>{foot}</table></div>"
    )


def escaped(value: object) -> str:
    return escape(str(value))


def kind(name: str) -> str:
    color = f' style="--iv-kind:var(--iv-{name})"' if name in KINDS else ""
    return f'<span class="iv-kind"{color}>{escaped(name.capitalize())}</span>'
