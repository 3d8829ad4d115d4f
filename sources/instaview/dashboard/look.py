"""How the charts look. Colours are variables of CSS, so that one chart serves the light page and the dark one."""

from __future__ import annotations

from typing import Any, Literal, cast

import altair as alt
import pandas as pd

from .chosen import Unit

Width = int | Literal["container"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, LINE, CARD = "var(--iv-ink)", "var(--iv-muted)", "var(--iv-line)", "var(--iv-card)"
ACCENT, PALE, BAD = "var(--iv-accent)", "var(--iv-pale)", "var(--iv-bad)"

NARROW = 480
"""Below this width, in pixels, a chart shows less."""
ROW = 26  # pixels a bar and the space around it
_VALUES = {"tickCount": 5, "tickMinStep": 1, "labelSeparation": 8, "domain": False, "ticks": False, "grid": True}
_DATES = {"day": "%-d %b", "week": "%-d %b", "month": "%b %Y"}


def ranking(
    frame: pd.DataFrame, label: str, value: str, width: Width, tooltip: list[alt.Tooltip], color: Any
) -> alt.TopLevelMixin:
    """Bars from left to right with their numbers at the end, so that they need no axis."""
    base = alt.Chart(frame).encode(
        y=alt.Y(f"{label}:N", sort=None, title=None, axis=categories(labelLimit=130 if is_narrow(width) else 170)),
        x=alt.X(
            f"{value}:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=[0, float(frame[value].max()) * 1.18], nice=False),
        ),
        tooltip=tooltip,
    )
    bars = base.mark_bar(height=14, cornerRadiusEnd=3).encode(color=color)
    numbers = base.mark_text(align="left", dx=6, color=INK, fontSize=12).encode(
        text=alt.Text(f"{value}:Q", format=",d")
    )
    return finished(alt.layer(bars, numbers), width, ROW * len(frame))


def time(field: str, unit: Unit, width: Width) -> alt.X:
    ticks = 4 if is_narrow(width) else 8
    axis = alt.Axis(
        format=_DATES[unit],
        tickCount=ticks,
        labelFlush=True,
        labelOverlap="parity",
        labelSeparation=12,
        labelPadding=6,
        grid=False,
        ticks=False,
    )
    return alt.X(field, title=None, axis=axis)


def is_narrow(width: Width) -> bool:
    return width != "container" and width < NARROW


def values(**more: Any) -> alt.Axis:
    return alt.Axis(**{**_VALUES, **more})


def categories(**more: Any) -> alt.Axis:
    return alt.Axis(**{"domain": False, "ticks": False, "grid": False, "labelPadding": 8, "labelLimit": 170, **more})


def legend(**more: Any) -> alt.Legend:
    return alt.Legend(**{"orient": "top", "direction": "horizontal", "symbolType": "square", "offset": 12, **more})


def finished(chart: Any, width: Width, height: int, band_padding: float | None = None) -> alt.TopLevelMixin:
    """Size, fonts and colours."""
    config: dict[str, Any] = {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": MUTED,
            "titleColor": MUTED,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": LINE,
            "domainColor": LINE,
            "tickColor": LINE,
        },
        "axisY": {
            "titleAngle": 0,
            "titleAlign": "left",
            "titleAnchor": "end",
            "titleX": 0,
            "titleY": -14,
            "labelPadding": 8,
        },
        "legend": {"labelColor": INK, "labelFontSize": 12, "symbolSize": 90},
    }
    if band_padding is not None:
        config["scale"] = {"bandPaddingInner": band_padding, "bandPaddingOuter": 0.04}
    finished = chart.properties(
        width=width, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    ).configure(**config)
    # drawn as SVG, for a canvas knows no variables of CSS
    finished.usermeta = {"embedOptions": {"renderer": "svg", "actions": False}}
    return cast("alt.TopLevelMixin", finished)
