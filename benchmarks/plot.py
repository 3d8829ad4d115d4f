"""Draws what was measured as an SVG."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _BAR, _STEP, _TITLE = 760, 300, 16, 26, 44
_OURS, _OTHERS, _TEXT = "#2563eb", "#94a3b8", "#64748b"  # legible on white and on black

_PANELS = (
    ("loading", "seconds", "Results to tables: seconds"),
    ("whole", "peak_mb", "The whole command over HTTP: peak memory, MB"),
    ("polling", "calls_per_result", "300 runs of 60–180 s: calls per result"),
    ("polling", "median_lag", "… and seconds from a run's end to its result (median)"),
)


def draw(results: Mapping[str, Any]) -> str:
    """The SVG: a panel of bars for each thing that was measured."""
    parts: list[str] = []
    height = 8
    for case, what, title in _PANELS:
        if case not in results:
            continue
        bars = _medians(results[case]["rounds"], what)
        size = "" if results[case]["scale"] == 1 else f" (at {results[case]['scale']:g} of the size)"
        parts += _panel(height, title + size, bars)
        height += _TITLE + _STEP * len(bars)
    style = "font-family='system-ui, sans-serif' font-size='13'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}' {style}>"
    return "\n".join([head, *parts, "</svg>", ""])


def _medians(rounds: Sequence[Mapping[str, Mapping[str, float]]], what: str) -> dict[str, float]:
    return {name: statistics.median(r[name][what] for r in rounds) for name in rounds[0]}


def _panel(top: float, title: str, bars: Mapping[str, float]) -> list[str]:
    parts = [f"<text x='8' y='{top + 20}' fill='{_TEXT}' font-weight='600'>{escape(title)}</text>"]
    longest = max(bars.values())
    for number, (name, value) in enumerate(bars.items()):
        y = top + _TITLE - 12 + _STEP * number
        width = max(1.0, (_WIDTH - _LEFT - 70) * value / longest)
        colour = _OURS if name.startswith("instaview") else _OTHERS
        middle = y + _BAR - 4
        parts += [
            f"<text x='{_LEFT - 8}' y='{middle}' fill='{_TEXT}' text-anchor='end'>{escape(name)}</text>",
            f"<rect x='{_LEFT}' y='{y}' width='{width:.1f}' height='{_BAR}' rx='2' fill='{colour}'/>",
            f"<text x='{_LEFT + width + 6:.1f}' y='{middle}' fill='{_TEXT}'>{_shown(value)}</text>",
        ]
    return parts


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
