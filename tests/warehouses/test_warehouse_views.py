"""The views give the same numbers on every warehouse, beside a slow reference over tables made by chance."""

from __future__ import annotations

import pyarrow as pa
import pytest
from random_tables import random_tables
from view_checks import check_views

from instaview import create_views
from instaview.source import rows_source
from instaview.tables import TABLES
from instaview.views import views


@pytest.mark.parametrize("seed", [0, 12, 40, 83])
def test_the_views_hold_what_the_reference_says(machine, seed):
    tables = random_tables(seed)

    def rows():
        for table in TABLES:
            if tables[table.name]:
                yield table.name, pa.Table.from_pylist(tables[table.name], table.row_schema)

    with machine.pipeline() as pipeline:
        pipeline.run(rows_source(pipeline, rows()))
        assert create_views(pipeline) == [view.name for view in views()]
        assert create_views(pipeline), "in place of those that are there"
    found = {}
    for view in views():
        held = machine.sql(f"SELECT {', '.join(view.columns)} FROM {{{view.name}}}")
        found[view.name] = [dict(zip(view.columns, row, strict=True)) for row in held]
    check_views(tables, found)


def test_a_load_creates_the_views(sandbox, machine):
    machine.load(*sandbox.add("sourcing", 2, candidates=3), "--billing")
    assert machine.sql("SELECT SUM(delivered), COUNT(*) FROM {candidate_quality}") == [(6, 2)]
    assert machine.sql("SELECT SUM(billed_credits), MAX(explanation) FROM {credit_usage_daily}") == [
        (6, "billed as expected")
    ]


def test_a_view_with_other_columns_is_replaced(sandbox, machine):
    machine.load(*sandbox.add("sourcing", 1, candidates=3))
    machine.sql("DROP VIEW {people}")
    machine.sql("CREATE VIEW {people} AS SELECT 1 AS of_another_version")
    assert machine.run("views").returncode == 0
    assert machine.sql("SELECT COUNT(profile_id) FROM {people}") == [(3,)]
