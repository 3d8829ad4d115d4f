"""The report: the page as one HTML file that needs nothing else, neither a network nor a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import dlt
import vl_convert

from ..exceptions import UsageError
from . import page, parts
from .figures import Choice, Figures
from .warehouse import Snapshot, read_snapshot

_WITHOUT_TITLE = ("axis", "legend", "line mark")
"""Parts of a chart that are no single mark: a line is as many as it has points, which are marks of their own."""
_SVG = "http://www.w3.org/2000/svg"
_COLUMN, _GAP, _PADDING = 84, 16, 42
_NARROW_WIDTH = 340
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
"""
_BODY_CSS = "body { margin: 0; padding: 32px 24px 48px; background: var(--iv-page); }\n" + (
    "@media (max-width: 700px) { body { padding: 20px 12px 32px; } }\n"
)


def write_report(pipeline: dlt.Pipeline, path: Path, choice: Choice | None = None) -> None:
    """Writes the report of a warehouse into a file, in place of what is there.

    Raises:
        UsageError: the file cannot be written, the views are missing, or the warehouse has no such company or run.
        DestinationFailed: the warehouse cannot be reached.
    """
    snapshot = read_snapshot(pipeline)
    _check_known(snapshot, choice or Choice())
    text = report_html(Figures(snapshot, choice))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name another file with --out") from error


def _check_known(snapshot: Snapshot, choice: Choice) -> None:
    """Tells a typing error from a choice that has nothing; where the warehouse has none at all, the page says so."""
    companies, runs = snapshot.company_names(), set(snapshot.quality["request_id"])
    if companies and choice.company_id is not None and choice.company_id not in companies:
        raise UsageError(f"--company {choice.company_id!a}: the warehouse has {_some(companies)}")
    unknown = sorted(choice.run_ids - runs)
    if runs and unknown:
        raise UsageError(f"--run {unknown[0]!a}: no sourcing run in the warehouse has this request id")


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = sorted(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def report_html(figures: Figures) -> str:
    """The report as text."""
    name = escape(f"InstaView, {page.description(figures)}")
    return (
        f"{_HEAD}<title>{name}</title>\n<style>\n{parts.stylesheet()}{_BODY_CSS}</style>\n</head>\n<body>\n"
        f'<main class="iv">{page.title(figures)}{page.body(figures, _draw)}{_foot(figures)}</main>\n</body>\n</html>\n'
    )


def _foot(figures: Figures) -> str:
    loaded = figures.snapshot.last_load
    said = [f"Written {_moment(figures.now)}"]
    if loaded is not None:
        said.append(f"last load {_moment(loaded)}")
    return (
        f'<footer><p class="iv-foot">{", ".join(said)}. Days are those of UTC. Figures only: this page names '
        "no person. It is one file, without scripts, and fetches nothing.</p></footer>"
    )


def _describe(spec: dict[str, Any]) -> None:
    """Gives the marks of a chart their tooltips as description, in place of one that names columns and colours."""
    for layer in spec.get("layer", ()):
        _describe(layer)
    encoding = spec.get("encoding", {})
    if "tooltip" in encoding:
        lines = " + '\\n' + ".join(map(_line, encoding["tooltip"]))
        encoding["description"] = {"value": {"expr": lines}}


def _line(tooltip: dict[str, Any]) -> str:
    """A line of a tooltip, as an expression of Vega."""
    value = f"datum[{json.dumps(tooltip['field'])}]"
    if "format" in tooltip:
        formats = "timeFormat" if tooltip["type"] == "temporal" else "format"
        value = f"(isValid({value}) ? {formats}({value}, {json.dumps(tooltip['format'])}) : '–')"
    return f"{json.dumps(tooltip['title'] + ': ')} + {value}"


def _moment(time: datetime) -> str:
    time = time.astimezone(UTC)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def _draw(chart: page.Chart, figures: Figures, columns: int) -> str:
    """The chart twice, for wide pages and for phones; the stylesheet shows one of them."""
    wide = columns * _COLUMN + (columns - 1) * _GAP - _PADDING
    return "".join(
        f'<div class="iv-chart iv-{name}">{_svg(chart, figures, width)}</div>'
        for name, width in (("wide", wide), ("narrow", _NARROW_WIDTH))
    )


def _svg(chart: page.Chart, figures: Figures, width: int) -> str:
    """The chart as SVG, whose marks show on hovering what the chart's tooltips say."""
    spec = chart(figures, width).to_dict()
    _describe(spec)
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(spec))  # noqa: S314 - we wrote it
    for mark in root.iter():
        if mark.get("aria-roledescription") not in _WITHOUT_TITLE and (label := mark.attrib.pop("aria-label", None)):
            ElementTree.SubElement(mark, f"{{{_SVG}}}title").text = label
    ElementTree.register_namespace("", _SVG)
    text = ElementTree.tostring(root, encoding="unicode")
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)  # within HTML it needs none
