"""The figures of the dashboard and the report, beside those counted from the tables' rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from figures_reference import MIDDLE, Counted, choices
from filled_warehouse import filled_warehouse, pipeline_in
from random_tables import random_tables

from instaview import UsageError, create_views
from instaview.commit import commit
from instaview.dashboard.figures import Choice, Figures, choice_of, run_names
from instaview.dashboard.warehouse import read_snapshot
from instaview.tables import TABLES
from instaview.views import views

NOW = datetime(2025, 4, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=[0, 12, 40, 83])
def filled(request, tmp_path_factory):
    """Rows by chance, and what is read of them."""
    tables = random_tables(request.param)
    return tables, read_snapshot(filled_warehouse(tmp_path_factory.mktemp("warehouse"), tables))


@pytest.mark.slow
def test_figures_are_those_of_the_rows(filled):
    tables, snapshot = filled
    for choice in choices(tables):
        counted, figures = Counted(tables, choice), Figures(snapshot, choice, now=NOW)
        found = asdict(figures.headline)
        found.pop("budget")
        assert found == pytest.approx(counted.headline()), choice

        bands = Counter(max(0, min(int(score // 10) * 10, 90)) for score in counted.scores)
        assert {b: n for b, n in figures.score_bands.itertuples(index=False) if n} == bands
        assert figures.without_score == len(counted.candidates) - len(counted.scores)

        assert dict(zip(figures.skills["skill"], figures.skills["candidates"], strict=True)) == counted.skills()
        failures = figures.failures
        assert {(what, cause): n for what, cause, n in failures.itertuples(index=False)} == counted.failures()
        assert list(figures.open_requests["request_id"]) == counted.open()

        assert figures.trend_unit == "day"
        over_time = figures.quality_over_time.set_index("start")["score_average"].to_dict()
        assert {start.date(): score for start, score in over_time.items()} == pytest.approx(counted.average_by_day())
        assert figures.credits_over_time["credits"].sum() == pytest.approx(counted.used(dated=True))
        billed = [row for row in counted.credits if row["billed_credits"] is not None]
        for column, of in (("billed", "billed_credits"), ("credits", "credits"), ("difference", "difference")):
            assert figures.billing[column].sum() == pytest.approx(sum(row[of] for row in billed))


def test_the_funnel_adds_up_the_runs(filled):
    tables, snapshot = filled
    for choice in choices(tables):
        counted, figures = Counted(tables, choice), Figures(snapshot, choice)
        columns = ("found", "scored", "delivered", "enriched_later", "email_known")
        expected = [sum(row[column] or 0 for row in counted.runs) for column in columns] if counted.runs else []
        assert [step.count for step in figures.funnel] == expected
        assert all(step.share is None or 0 <= step.share <= 1 for step in figures.funnel)


def sourcing_run(request_id, **values):
    at = datetime(2025, 3, 30, 12, tzinfo=UTC)
    return {"request_id": request_id, "status": "completed", "created_at": at, "completed_at": at, **values}


def test_shares_of_the_funnel_are_those_of_the_last_pass(tmp_path):
    """Of 30 candidates found, scored and delivered, then 20 more: 50 delivered are not 250 % of 20 scored."""
    run = sourcing_run("req_1", found_count=40, scored_count=20, candidate_count=20)
    people = [{"candidate_id": f"req_1/{n}", "request_id": "req_1", "profile_id": f"{n}"} for n in range(50)]
    unknown = sourcing_run("req_2", found_count=1000, candidate_count=0)
    rows = {"sourcing_runs": [run, unknown], "candidates": [{**p, "position": 1} for p in people]}
    figures = Figures(read_snapshot(filled_warehouse(tmp_path, rows)))
    steps = {step.name: (step.count, step.share) for step in figures.funnel}
    assert steps["found"] == (1040, None)
    assert steps["scored"] == (20, 0.5)
    assert steps["delivered"] == (50, 1.0)
    assert figures.runs_with_earlier_passes == 1


def test_interviews_count_against_the_budget_as_they_were_billed(tmp_path):
    booked = {"company_id": "acme", "billing_system": "credits", "day": MIDDLE}
    bill = [
        {**booked, "cost_key": "interview_minutes", "credits_used": 60.5},
        {**booked, "cost_key": "sourcing_candidates", "credits_used": 2.0},
    ]
    people = [{"candidate_id": f"req_1/{n}", "request_id": "req_1", "profile_id": f"{n}"} for n in range(2)]
    rows = {
        "sourcing_runs": [sourcing_run("req_1", candidate_count=2)],
        "candidates": [{**p, "position": 1} for p in people],
        "billing_usage": bill,
    }
    figures = Figures(read_snapshot(filled_warehouse(tmp_path, rows)), Choice(MIDDLE, MIDDLE, budget=310.0))
    assert (figures.headline.credits, figures.headline.other_credits) == (62.5, 60.5)
    assert figures.credits_over_time.groupby("kind")["credits"].sum().to_dict() == {"other": 60.5, "sourcing": 2.0}
    compared = figures.billing.set_index("kind")
    assert compared.loc["other", ["credits", "billed", "difference"]].tolist() == [0.0, 60.5, 60.5]


def test_previews_billed_in_minutes_are_compared_by_the_page(tmp_path):
    booked = {"company_id": "acme", "billing_system": "minutes", "day": MIDDLE}
    bill = [{**booked, "cost_key": "preview_pages", "minutes_used": 1.2}]
    rows = {"preview_runs": [sourcing_run("req_prev_1", candidate_count=41)], "billing_usage": bill}
    snapshot = read_snapshot(filled_warehouse(tmp_path, rows))
    assert Figures(snapshot).preview_minutes == pytest.approx((1.2, 1.2))
    assert Figures(snapshot).billed_minutes == 1.2


def test_a_month_of_budget_is_spread_over_its_days(tmp_path):
    tables = random_tables(40)
    snapshot = read_snapshot(filled_warehouse(tmp_path, tables))
    march = Figures(snapshot, Choice(date(2025, 3, 1), date(2025, 3, 31), budget=310.0))
    assert march.headline.budget == pytest.approx(310)
    day = Figures(snapshot, Choice(MIDDLE, MIDDLE, budget=310.0))
    assert day.headline.budget == pytest.approx(10)
    assert Figures(snapshot, Choice()).headline.budget is None
    assert march.credit_unit == "day"
    assert set(march.budget_over_time["budget"]) == {10.0}
    quarter = Figures(snapshot, Choice(date(2025, 1, 1), date(2025, 12, 31), budget=310.0))
    assert quarter.credit_unit == "week"
    assert quarter.budget_over_time["budget"].sum() == pytest.approx(12 * 310)


def test_long_periods_are_shown_by_month(tmp_path):
    tables = random_tables(40)
    snapshot = read_snapshot(filled_warehouse(tmp_path, tables))
    years = Figures(snapshot, Choice(date(2022, 1, 1), date(2025, 12, 31)))
    assert years.trend_unit == years.credit_unit == "month"
    assert {start.day for start in years.quality_over_time["start"]} == {1}
    assert {start.day for start in years.credits_over_time["start"]} == {1}


def test_an_empty_warehouse_has_figures_of_nothing(tmp_path):
    snapshot = read_snapshot(pipeline_in(tmp_path))
    figures = Figures(snapshot)
    assert figures.is_empty
    assert snapshot.last_load is None
    assert figures.period is None
    assert figures.headline.candidates == figures.headline.open == 0
    assert figures.headline.share_strong is None
    assert figures.funnel == []
    assert [len(f) for f in (figures.skills, figures.score_bands, figures.failures, figures.billing)] == [0, 0, 0, 0]
    assert run_names(snapshot) == {}


def test_nothing_that_is_read_names_a_person(filled):
    tables, snapshot = filled
    names = {row["name"] for table in ("candidates", "enrichment_profiles") for row in tables[table]} - {None}
    held = {
        value
        for frame in vars(snapshot).values()
        if isinstance(frame, pd.DataFrame)
        for column in frame
        for value in frame[column]
        if isinstance(value, str)
    }
    assert not names & held
    assert not any("@" in value for value in held)


def test_companies_are_called_by_name_where_names_tell_them_apart(tmp_path):
    billed = [
        {"company_id": company_id, "company_name": name, "billing_system": "credits", "day": MIDDLE, "cost_key": "x"}
        for company_id, name in (("a", "Acme"), ("b", "Twins"), ("c", "Twins"), ("d", None))
    ]
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"billing_usage": billed}))
    assert snapshot.company_names() == {"a": "Acme", "b": "b", "c": "c", "d": "d"}


def test_where_one_company_is_billed_what_names_none_is_its_own(tmp_path):
    at = datetime(2025, 3, 30, 12, tzinfo=UTC)
    run = {"request_id": "req_1", "status": "completed", "created_at": at, "completed_at": at}
    request = {"request_id": "req_1", "kind": "sourcing", "state": "completed", "first_seen_at": at}
    candidate = {
        "candidate_id": "req_1/p",
        "request_id": "req_1",
        "profile_id": "p",
        "position": 1,
        "match_score": 90.0,
    }
    billed = {"company_id": "acme", "billing_system": "credits", "day": MIDDLE, "cost_key": "sourcing"}
    rows = {"requests": [request], "sourcing_runs": [run], "candidates": [candidate], "billing_usage": [billed]}
    headline = Figures(read_snapshot(filled_warehouse(tmp_path, rows)), Choice(company_id="acme")).headline
    assert (headline.runs, headline.candidates, headline.requests, headline.credits) == (1, 1, 1, 1.0)


def test_history_that_is_loaded_in_one_go_is_dated_by_its_runs(tmp_path):
    asked, loaded = datetime(2024, 1, 15, 12, tzinfo=UTC), datetime(2025, 3, 30, 12, tzinfo=UTC)
    rows: dict[str, list[dict[str, object]]] = {"requests": [], "sourcing_runs": [], "enrichment_runs": []}
    for number, (table, status) in enumerate((("sourcing_runs", "completed"), ("enrichment_runs", "failed"))):
        known = {"request_id": f"r_{number}", "error_code": "AGENT_ERROR" if status == "failed" else None}
        rows["requests"].append({**known, "kind": "x", "state": status, "first_seen_at": loaded})
        rows[table].append({**known, "status": status, "created_at": asked, "completed_at": asked})
    snapshot = read_snapshot(filled_warehouse(tmp_path, rows))
    then = Figures(snapshot, Choice(date(2024, 1, 1), date(2024, 1, 31)))
    assert (then.headline.requests, then.headline.completed) == (2, 1)
    assert then.failures.to_dict("records") == [{"what": "request", "cause": "AGENT_ERROR", "count": 1.0}]
    assert Figures(snapshot, Choice(since=date(2024, 2, 1))).headline.requests == 0


def test_views_that_are_missing_are_named(tmp_path):
    pipeline = filled_warehouse(tmp_path, random_tables(12))
    with pipeline.sql_client() as client:
        for view in views():
            client.execute_sql(f"DROP VIEW {view.name}")
    with pytest.raises(UsageError, match="instaview views"):
        read_snapshot(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("is_fresh", [False, True])
def test_views_of_a_dataset_that_lacks_a_newer_table_can_be_created(tmp_path, monkeypatch, is_fresh):
    pipeline = pipeline_in(tmp_path)
    with monkeypatch.context() as older:
        older.setattr("instaview.source.TABLES", [table for table in TABLES if table.name != "billing_usage"])
        commit(pipeline, iter(()))
    if is_fresh:
        (tmp_path / "pipelines").rename(tmp_path / "lost")
        pipeline = pipeline_in(tmp_path)
    with pytest.raises(UsageError, match="instaview views"):
        read_snapshot(pipeline)
    assert create_views(pipeline) == [view.name for view in views()]
    assert read_snapshot(pipeline).credits.empty


def test_a_choice_is_read_from_text():
    choice = choice_of("2025-01-01", "2025-01-31", "acme", ["req_1"], 5.0)
    assert choice == Choice(date(2025, 1, 1), date(2025, 1, 31), "acme", frozenset({"req_1"}), 5.0)
    with pytest.raises(UsageError, match="2024-01-31"):
        choice_of("yesterday", None, None, [], None)
    with pytest.raises(UsageError, match="after"):
        choice_of("2025-02-01", "2025-01-31", None, [], None)
