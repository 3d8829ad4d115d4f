"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness import Figure, spread


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns side by side; the first to the left, numbers to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [column == 0 or not any(_is_number(line[column]) for line in lines[1:]) for column in range(len(head))]
    shown = []
    for line in lines:
        cells = [c.ljust(w) if left else c.rjust(w) for c, w, left in zip(line, widths, texts, strict=True)]
        shown.append("  ".join(cells).rstrip())
    shown.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(shown)


def aims(figures: Sequence[Figure]) -> str:
    """Every figure beside what was reached for and what had to be."""
    rows = []
    for figure in figures:
        sign = "≤" if figure.most else "≥"
        unit = f" {figure.unit}" if figure.unit else ""
        aim = [f"{sign} {target:.3g}{unit}" for target in (figure.reach, figure.must)]
        rows.append([figure.name, spread(figure.values, figure.digits) + unit, *aim, figure.verdict()])
    return table(["figure", "median (least–most)", "reach for", "must", ""], rows)


def _is_number(text: str) -> bool:
    return text[:1].isdigit()
