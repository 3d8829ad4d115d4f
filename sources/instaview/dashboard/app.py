"""The dashboard, a marimo app:  marimo run dashboard.py -- --destination duckdb --dataset instaview --budget 2000

It reads the warehouse once, and again when asked to. What it shows is figures, no person's data.
"""
# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

app = marimo.App(width="full", app_title="InstaView")


@app.cell
def _():
    import os

    import marimo as mo

    import instaview
    from instaview.dashboard import figures, page, parts
    from instaview.dashboard.warehouse import read_snapshot
    from instaview.destination import open_pipeline

    return figures, instaview, mo, open_pipeline, os, page, parts, read_snapshot


@app.cell
def _(mo):
    refresh = mo.ui.button(label="Read again", value=0, on_click=lambda times: times + 1)
    kept, keep = mo.state({})  # what was chosen: reading again makes the filters anew
    return keep, kept, refresh


@app.cell
def _(instaview, mo, open_pipeline, os, read_snapshot, refresh):
    refresh.value  # pressing it runs this cell again
    arguments = mo.cli_args()
    try:
        snapshot = read_snapshot(
            open_pipeline(
                arguments.get("destination") or os.environ.get("DESTINATION_NAME", "duckdb"),
                arguments.get("dataset") or os.environ.get("DATASET_NAME", "instaview"),
            )
        )
    except instaview.InstaviewError as error:
        mo.stop(True, mo.callout(mo.vstack([str(error), refresh]), kind="danger"))
    return arguments, snapshot


@app.cell
def filters(arguments, figures, keep, kept, mo, snapshot):
    def _keeps(name):
        return lambda value: keep(lambda before: {**before, name: value})

    _chosen = kept()
    _everything = figures.Figures(snapshot).period
    period = (
        mo.ui.date_range(
            start=_everything[0],
            stop=_everything[1],
            value=figures.still_within(_chosen.get("period"), _everything),
            on_change=lambda value: _keeps("period")(None if tuple(value) == _everything else value),
            label="Period",
        )
        if _everything
        else None
    )
    _companies = snapshot.company_names()
    company = mo.ui.dropdown(
        {"All companies": None, **{name: company_id for company_id, name in _companies.items()}},
        value=_companies.get(_chosen.get("company"), "All companies"),
        on_change=_keeps("company"),
        label="Company",
    )
    _runs = figures.run_names(snapshot)
    runs = mo.ui.multiselect(
        {name: run for run, name in _runs.items()},
        value=[_runs[run] for run in _chosen.get("runs", ()) if run in _runs],
        on_change=_keeps("runs"),
        label="Runs",
    )
    budget = mo.ui.number(
        start=0,
        step=100,
        value=_chosen.get("budget", float(arguments.get("budget") or 0)),
        on_change=_keeps("budget"),
        label="Monthly budget",
    )
    return budget, company, period, runs


@app.cell
def _(budget, company, figures, mo, page, parts, period, refresh, runs, snapshot):
    _whole = period is None or tuple(period.value) == (period.start, period.stop)
    _chosen = figures.Figures(
        snapshot,
        figures.Choice(
            since=None if _whole else period.value[0],
            until=None if _whole else period.value[1],
            company_id=company.value,
            run_ids=frozenset(runs.value),
            budget=budget.value or None,
        ),
    )
    _filters = [period, company, runs, budget, refresh] if period is not None else [refresh]
    mo.Html(
        f"<style>{parts.stylesheet('.dark {{ {} }}')}{parts.DASHBOARD_CSS}</style>"
        f'<div class="iv">{page.title(_chosen)}<div class="iv-filters">{"".join(f.text for f in _filters)}</div>'
        + page.body(_chosen, lambda chart, chosen, _: mo.as_html(chart(chosen, "container")).text)
        + "</div>"
    )
    return


if __name__ == "__main__":
    app.run()
