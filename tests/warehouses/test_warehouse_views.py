"""The views give the same numbers on every warehouse, beside a slow reference over tables made by chance."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from figures_reference import Counted, choices
from filled_warehouse import fill
from random_tables import random_tables
from view_checks import check_views

from instaview import create_views
from instaview.dashboard.figures import Figures
from instaview.dashboard.warehouse import read_snapshot
from instaview.views import views


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 83])
def test_the_views_hold_what_the_reference_says(machine, seed):
    tables = random_tables(seed)
    with machine.pipeline() as pipeline:
        fill(pipeline, tables)
        assert create_views(pipeline), "in place of those that are there"
        snapshot = read_snapshot(pipeline)
    found = {}
    for view in views():
        held = machine.sql(f"SELECT {', '.join(view.columns)} FROM {{{view.name}}}")
        found[view.name] = [dict(zip(view.columns, row, strict=True)) for row in held]
    check_views(tables, found)
    for choice in choices(tables):
        headline = asdict(Figures(snapshot, choice).headline)
        assert {**headline, "budget": None} == pytest.approx({**Counted(tables, choice).headline(), "budget": None})


@pytest.mark.slow
def test_a_load_creates_the_views(sandbox, machine):
    machine.load(*sandbox.add("sourcing", 2, candidates=3), "--billing")
    assert machine.sql("SELECT SUM(delivered), COUNT(*) FROM {candidate_quality}") == [(6, 2)]
    assert machine.sql("SELECT SUM(billed_credits), MAX(explanation) FROM {credit_usage_daily}") == [
        (6, "billed as expected")
    ]


@pytest.mark.slow
def test_a_view_with_other_columns_is_replaced(sandbox, machine):
    machine.load(*sandbox.add("sourcing", 1, candidates=3))
    machine.sql("DROP VIEW {people}")
    machine.sql("CREATE VIEW {people} AS SELECT 1 AS of_another_version")
    assert machine.run("views").returncode == 0
    assert machine.sql("SELECT COUNT(profile_id) FROM {people}") == [(3,)]
