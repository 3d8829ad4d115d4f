"""The charts. Colours are variables of CSS, so that one chart serves the light page and the dark one.

Each takes the figures and its width: pixels, or "container" for that of the element around it.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from . import look
from .figures import KINDS, Figures, run_label
from .look import ACCENT, BAD, CARD, INK, PALE, ROW, Width

KIND_COLORS = {kind: f"var(--iv-{kind})" for kind in KINDS}

MOST_RUNS = 12
MOST_SKILLS = 12
MOST_CAUSES = 10
MOST_DOTS = 400
_WHATS = {"request": BAD, "profile": "var(--iv-pale-bad)"}
_UNITS = {"day": "Day", "week": "Week from", "month": "Month from"}


def quality_over_time(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """Every run as a dot at its average score, where they are not too many, and the average of all as a line."""
    runs = figures.scored_runs.dropna(subset=["day"])
    runs = runs.assign(run=runs["request_id"].map(run_label)) if has_dots(figures) else runs[:0].assign(run=None)
    unit = figures.trend_unit
    lowest = min(figures.quality_over_time["score_average"].min(), runs["score_average"].min())
    low = 0 if lowest < 30 else min(60, 10 * int(lowest // 10))
    scale = alt.Scale(domain=[low, 100])
    dots = (
        alt.Chart(runs)
        .mark_circle(color=ACCENT, opacity=0.32, stroke=CARD, strokeWidth=0.5)
        .encode(
            x=look.time("day:T", unit, width),
            y=alt.Y("score_average:Q", scale=scale, title="Average match score", axis=look.values()),
            size=alt.Size("delivered:Q", scale=alt.Scale(range=[18, 180]), legend=None),
            tooltip=[
                alt.Tooltip("run:N", title="Run"),
                alt.Tooltip("day:T", title="Day", format="%-d %b %Y"),
                alt.Tooltip("score_average:Q", title="Average score", format=".1f"),
                alt.Tooltip("delivered:Q", title="Candidates", format=",d"),
            ],
        )
    )
    line = (
        alt.Chart(figures.quality_over_time)
        .mark_line(color=ACCENT, strokeWidth=2.5, point={"color": ACCENT, "size": 40})
        .encode(
            x="middle:T",
            y=alt.Y("score_average:Q", scale=scale),
            tooltip=[
                alt.Tooltip("start:T", title=_UNITS[unit], format="%-d %b %Y"),
                alt.Tooltip("score_average:Q", title="Average score", format=".1f"),
                alt.Tooltip("share_strong:Q", title="Score of 80 or more", format=".0%"),
                alt.Tooltip("candidates:Q", title="Candidates", format=",d"),
                alt.Tooltip("runs:Q", title="Runs", format=",d"),
            ],
        )
    )
    return look.finished(alt.layer(dots, line), width, 270)


def has_dots(figures: Figures) -> bool:
    """Whether `quality_over_time` shows every run: not where they would run into one."""
    return len(figures.scored_runs) <= MOST_DOTS


def score_histogram(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """Candidates by match score; those of 80 or more stand out."""
    bands = figures.score_bands
    bands = bands.assign(
        band=[f"{b}–{b + 9 if b < 90 else 100}" for b in bands["band_from"]],
        color=[ACCENT if b >= 80 else PALE for b in bands["band_from"]],
        share=bands["candidates"] / bands["candidates"].sum(),
    )
    base = alt.Chart(bands).encode(
        x=alt.X(
            "band:O",
            sort=None,
            title="Match score, in bands of ten",
            axis=look.categories(labelAngle=0, labelExpr=_first_number()),
        ),
        y=alt.Y("candidates:Q", title="Candidates", scale=alt.Scale(nice=5), axis=look.values(format=",d")),
        tooltip=[
            alt.Tooltip("band:O", title="Score"),
            alt.Tooltip("candidates:Q", title="Candidates", format=",d"),
            alt.Tooltip("share:Q", title="Share", format=".0%"),
        ],
    )
    bars = base.mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3).encode(color=alt.Color("color:N", scale=None))
    return look.finished(bars, width, 270, band_padding=0.12)


def runs(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """The latest runs: the middle half of their candidates' scores as a bar, the median as a tick."""
    latest = figures.scored_runs.head(MOST_RUNS)
    days = latest["day"].dt.strftime("%d %b %Y").str.lstrip("0").fillna("no date")
    names = latest["request_id"].map(run_label)
    dated = days.str.replace(r" \d{4}$", "", regex=True) + "  ·  " + names
    latest = latest.assign(run=names if look.is_narrow(width) else dated, day_text=days)
    base = alt.Chart(latest).encode(
        y=alt.Y(
            "run:N", sort=None, title=None, axis=look.categories(labelFont="ui-monospace, Menlo, Consolas, monospace")
        ),
        tooltip=[
            alt.Tooltip("request_id:N", title="Run"),
            alt.Tooltip("day_text:N", title="Day"),
            alt.Tooltip("score_q1:Q", title="Lower quartile", format=".1f"),
            alt.Tooltip("score_median:Q", title="Median", format=".1f"),
            alt.Tooltip("score_q3:Q", title="Upper quartile", format=".1f"),
            alt.Tooltip("delivered:Q", title="Candidates", format=",d"),
        ],
    )
    x = alt.X("score_q1:Q", scale=alt.Scale(domain=[0, 100]), title="Match score", axis=look.values(labelFlush=False))
    bars = base.mark_bar(color=PALE, height=10, cornerRadius=5).encode(x=x, x2="score_q3:Q")
    ticks = base.mark_tick(color=ACCENT, opacity=1, thickness=3, height=16).encode(x=alt.X("score_median:Q"))
    return look.finished(alt.layer(bars, ticks), width, ROW * len(latest))


def skills(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """The most frequent skills."""
    top = figures.skills.head(MOST_SKILLS)
    tooltip = [
        alt.Tooltip("skill:N", title="Skill"),
        alt.Tooltip("candidates:Q", title="Candidates", format=",d"),
        alt.Tooltip("share:Q", title="Of all candidates", format=".0%"),
        alt.Tooltip("score_average:Q", title="Average score", format=".1f"),
    ]
    return look.ranking(top, "skill", "candidates", width, tooltip, alt.value(ACCENT))


def failures(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """What failed by cause: whole requests in one colour, single profiles in another."""
    top = figures.failures.head(MOST_CAUSES)
    top = top.assign(
        # one cause can be that of both
        label=top["cause"].where(~top["cause"].duplicated(), top["cause"] + " · " + top["what"])
    )
    whats = [what for what in _WHATS if what in set(top["what"])]
    color = alt.Color(
        "what:N",
        scale=alt.Scale(domain=whats, range=[_WHATS[what] for what in whats]),
        legend=look.legend(labelExpr="datum.label == 'request' ? 'Requests' : 'Profiles'"),
        title=None,
    )
    tooltip = [
        alt.Tooltip("cause:N", title="Cause"),
        alt.Tooltip("what:N", title="What failed"),
        alt.Tooltip("count:Q", title="How many", format=",d"),
    ]
    return look.ranking(top, "label", "count", width, tooltip, color)


def credits_over_time(figures: Figures, width: Width) -> alt.TopLevelMixin:
    """Credits by kind, stacked, and the budget as a line across."""
    spent = figures.credits_over_time
    spent = spent.assign(high=spent.groupby("start")["credits"].cumsum())
    spent = spent.assign(low=spent["high"] - spent["credits"])
    kinds = [kind for kind in KINDS if kind in set(spent["kind"])]
    unit = figures.credit_unit
    x = look.time("start:T", unit, width)
    bars = (
        alt.Chart(spent)
        .mark_bar(stroke=CARD, strokeWidth=1)
        .encode(
            x=x,
            x2="end:T",
            y=alt.Y("low:Q", title="Credits", axis=look.values(format=",d")),
            y2="high:Q",
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=kinds, range=[KIND_COLORS[kind] for kind in kinds]),
                legend=look.legend(
                    orient="bottom", labelExpr="upper(slice(datum.label, 0, 1)) + slice(datum.label, 1)"
                ),
                title=None,
            ),
            tooltip=[
                alt.Tooltip("start:T", title=_UNITS[unit], format="%-d %b %Y"),
                alt.Tooltip("kind:N", title="Kind"),
                alt.Tooltip("credits:Q", title="Credits", format=",.1~f"),
            ],
        )
    )
    layers = [bars]
    if len(figures.budget_over_time):
        rule = alt.Chart(_levels(figures.budget_over_time)).mark_rule(color=INK, strokeWidth=1.5, strokeDash=[5, 4])
        layers.append(
            rule.encode(
                x=x,
                x2="end:T",
                y="budget:Q",
                tooltip=[alt.Tooltip("budget:Q", title=f"Budget of the {unit}", format=",.1~f")],
            )
        )
    return look.finished(alt.layer(*layers), width, 270)


def _levels(budget: pd.DataFrame) -> pd.DataFrame:
    """Neighbours with the same budget as one, for dashes begin anew with each rule: many short ones look like none."""
    level = (budget["budget"].round(6).diff() != 0).cumsum()
    return budget.groupby(level).agg(start=("start", "min"), end=("end", "max"), budget=("budget", "first"))


def _first_number() -> str:
    return "split(datum.label, '–')[0]"
