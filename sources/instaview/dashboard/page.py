"""The page: headline figures, then panels with a chart or a table each, or what to do where there is nothing to show.

All text that comes from the warehouse is escaped here; charts are drawn by whoever shows the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import charts, parts
from .figures import Figures, Step
from .look import Width
from .wording import age, amount, count, day, plural, score, share, signed

if TYPE_CHECKING:
    import altair as alt

Chart = Callable[[Figures, Width], "alt.TopLevelMixin"]
Draw = Callable[[Chart, Figures, int], str]
"""Makes HTML of a chart; the number tells how many of twelve columns it has on a wide page."""

_MOST_OPEN = 8
_NOTHING_LOADED = "Give request ids to <code>instaview load --from request_ids.txt</code>, then look again."
_NO_RUNS = "No sourcing run ended here. Choose a longer period, or all companies and runs."
_NO_BILLS = (
    "Nothing is billed for these days yet, or no bills are loaded for them. <code>instaview load --billing</code> "
    "brings them."
)
_NO_SCORES = "No candidate here has a score."


def title(figures: Figures) -> str:
    """The head of the page: what this is, of which period, company and runs."""
    return f'<header class="iv-head"><h1>InstaView</h1><p>{parts.escaped(description(figures))}</p></header>'


def description(figures: Figures) -> str:
    """The choice in words: period, company, runs."""
    choice, names = figures.choice, figures.snapshot.company_names()
    said = [_period(figures)]
    if choice.company_id is not None:
        said.append(names.get(choice.company_id, choice.company_id))
    elif names:
        said.append(f"{len(names)} companies" if len(names) > 1 else next(iter(names.values())))
    if choice.run_ids:
        one = len(choice.run_ids) == 1
        said.append(f"run {next(iter(choice.run_ids))}" if one else f"{len(choice.run_ids)} chosen runs")
    return "  ·  ".join(filter(None, said))


def _period(figures: Figures) -> str:
    if figures.period is not None:
        since, until = figures.period
        return day(since) if since == until else f"{day(since)} – {day(until)}"
    choice = figures.choice
    if choice.since is not None:
        return f"since {day(choice.since)}"
    return f"until {day(choice.until)}" if choice.until is not None else ""


def body(figures: Figures, draw: Draw) -> str:
    """The page below its head."""
    if figures.is_empty:
        return f'<div class="iv-nothing"><h2>Nothing is loaded yet</h2><p>{_NOTHING_LOADED}</p></div>'
    f = figures
    quality = [
        parts.panel("Quality over time", _over_time_note(f), _over_time(f, draw), 7),
        parts.panel("Match scores", _scores_note(f), _scores(f, draw), 5),
        parts.panel("From found to contact", _funnel_note(f), _funnel(f.funnel), parts.WHOLE),
        parts.panel("Latest runs", "Bar: the middle half of the scores. Tick: the median", _runs(f, draw), 6),
        parts.panel("Top skills", "Candidates who have the skill", _skills(f, draw), 6),
    ]
    if f.quality.empty:
        quality = [parts.panel("Sourcing runs", "", parts.nothing(_NO_RUNS), parts.WHOLE)]
    credit = [
        parts.panel(f"Credits by {f.credit_unit}", _credits_note(f), _credits(f, draw), 7),
        parts.panel("Used and billed", "Credits, on days that billing is loaded for", _billing(f), 5),
    ]
    requests = [
        parts.panel("Failures by cause", "Requests as a whole, and single profiles", _failures(f, draw), 5),
        parts.panel("Still open", _open_note(f), _open(f), 7),
    ]
    sections = [
        parts.section("Candidate quality", "", quality),
        parts.section("Credits", _ALL_RUNS if f.choice.run_ids else "", credit),
        parts.section("Requests", _ALL_RUNS if f.choice.run_ids else "", requests),
    ]
    return _tiles(figures) + "".join(sections)


_ALL_RUNS = "of all runs: these are not split by sourcing run"


# ---------------------------------------------------------------------- headline


def _tiles(figures: Figures) -> str:
    h = figures.headline
    flags = h.red_flags_per_candidate
    tiles = [
        ("Candidates", count(h.candidates), f"from {plural(h.runs, 'run')}"),
        ("Average score", score(h.score_average), "" if flags is None else f"{flags:.1f} red flags each"),
        ("Score of 80 or more", share(h.share_strong), plural(h.strong, "candidate")),
        ("With an e-mail", share(h.share_with_email), plural(h.with_email, "candidate")),
        ("Credits", amount(h.credits), _budget_text(figures)),
        ("Open requests", count(h.open), f"{count(h.completed)} of {count(h.requests)} completed"),
    ]
    cells = (f"<div><dt>{name}</dt><dd>{value}</dd><dd>{more}</dd></div>" for name, value, more in tiles)
    return f'<dl class="iv-tiles">{"".join(cells)}</dl>'


def _budget_text(figures: Figures) -> str:
    h = figures.headline
    if h.budget:
        return f"{h.credits / h.budget:.0%} of the budget"
    return f"{amount(h.computed_credits)} of them computed" if h.computed_credits else ""


# ---------------------------------------------------------------------- quality


def _over_time_note(figures: Figures) -> str:
    line = f"average by {figures.trend_unit}"
    dots = "Dots: single runs, larger with more candidates. Line: "
    return dots + line if charts.has_dots(figures) else line.capitalize()


def _over_time(figures: Figures, draw: Draw) -> str:
    if figures.quality_over_time.empty:
        return parts.nothing(_NO_SCORES)
    return draw(charts.quality_over_time, figures, 7)


def _scores_note(figures: Figures) -> str:
    missing = figures.without_score
    return "Full colour: 80 or more" + (f". {plural(missing, 'candidate')} without a score" if missing else "")


def _scores(figures: Figures, draw: Draw) -> str:
    if figures.score_bands.empty:
        return parts.nothing(_NO_SCORES)
    return draw(charts.score_histogram, figures, 5)


def _funnel_note(figures: Figures) -> str:
    missing, again = figures.runs_without_counts, figures.runs_with_earlier_passes
    return (
        "Candidates at each step"
        + (f"; {plural(missing, 'run')} did not say how many were found and scored" if missing else "")
        + (f"; found, scored and their shares are those of the last pass of {plural(again, 'run')}" if again else "")
    )


def _funnel(steps: list[Step]) -> str:
    most = max((step.count for step in steps), default=0) or 1
    rows = (
        f"<li><span>{step.name.capitalize()}</span><b>{count(step.count)}</b>"
        f'<i><i style="width:{100 * step.count / most:.1f}%;min-width:{2 if step.count else 0}px"></i></i>'
        f"<small>{f'{share(step.share)} of {step.base}' if step.share is not None else ''}</small></li>"
        for step in steps
    )
    return f'<ol class="iv-funnel">{"".join(rows)}</ol>'


def _runs(figures: Figures, draw: Draw) -> str:
    if figures.scored_runs.empty:
        return parts.nothing(_NO_SCORES)
    return draw(charts.runs, figures, 6)


def _skills(figures: Figures, draw: Draw) -> str:
    if figures.skills.empty:
        return parts.nothing("No candidate here lists a skill.")
    return draw(charts.skills, figures, 6)


# ---------------------------------------------------------------------- credits


def _credits_note(figures: Figures) -> str:
    budget = figures.choice.budget
    by_price = "Sourcing and previews by the documented price"
    by_price += ", other credits by the bill" if figures.headline.other_credits else ""
    return by_price + (f"; dashed: a budget of {amount(budget)} a month" if budget else "")


def _credits(figures: Figures, draw: Draw) -> str:
    if figures.credits_over_time.empty:
        return parts.nothing("No credits were used here. Choose a longer period, or all companies.")
    return draw(charts.credits_over_time, figures, 7)


def _billing(figures: Figures) -> str:
    table = figures.billing
    if table.empty:
        return parts.nothing(_minutes(figures) or _NO_BILLS)
    rows = [
        (parts.kind(kind), amount(used), amount(billed), signed(difference))
        for kind, used, billed, difference in table.itertuples(index=False)
    ]
    sums = table[["credits", "billed", "difference"]].sum()
    total = ("Total", amount(sums["credits"]), amount(sums["billed"]), signed(sums["difference"]))
    minutes = f'<p class="iv-note">{_minutes(figures)}</p>' if figures.billed_minutes else ""
    return parts.table(("Kind", "Used", "Billed", "Difference"), rows, total) + minutes + _where_from(figures)


def _minutes(figures: Figures) -> str:
    """What was billed in minutes, and how it compares; empty where nothing was."""
    if not figures.billed_minutes:
        return ""
    expected, billed = figures.preview_minutes
    compared = f" For previews {amount(billed)}, by their pages {amount(expected)}." if billed or expected else ""
    return f"{amount(figures.billed_minutes)} minutes were billed.{compared} Only previews have a price in minutes."


def _where_from(figures: Figures) -> str:
    h = figures.headline
    facts = [
        ("Reported by the API", amount(h.credits - h.computed_credits - h.other_credits)),
        ("Computed by the price", amount(h.computed_credits)),
        *([("Other, by the bill", amount(h.other_credits))] if h.other_credits else []),
        ("A day, on average", amount(figures.credits_a_day)),
    ]
    return f'<dl class="iv-facts">{"".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts)}</dl>'


# ---------------------------------------------------------------------- requests


def _failures(figures: Figures, draw: Draw) -> str:
    if figures.failures.empty:
        return parts.nothing("Nothing failed.")
    return draw(charts.failures, figures, 5)


def _open_note(figures: Figures) -> str:
    found = len(figures.open_requests)
    return f"The oldest {_MOST_OPEN} of {count(found)}" if found > _MOST_OPEN else "The oldest first, of any period"


def _open(figures: Figures) -> str:
    if figures.open_requests.empty:
        return parts.nothing("No request is open: all that were given have ended.")
    rows = [
        (f"<code>{parts.escaped(request_id)}</code>", parts.kind(kind), age(waiting), count(polls))
        for request_id, kind, _, waiting, polls in figures.open_requests.head(_MOST_OPEN).itertuples(index=False)
    ]
    return parts.table(("Request", "Kind", "Open for", "Looks"), rows, texts=2)
