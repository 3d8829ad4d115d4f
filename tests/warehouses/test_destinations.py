"""Destinations beside the four: those that keep the promises too, and those that cannot."""

from __future__ import annotations

import pytest
from machine import Machine


@pytest.mark.only_on("duckdb")
def test_a_destination_that_cannot_replace_rows_is_refused_before_anything_is_sent(sandbox, machine):
    bucket = {"DESTINATION__FILESYSTEM__BUCKET_URL": str(machine.folder / "bucket")}
    done = Machine.run(machine, "load", *sandbox.add("sourcing", 1), "--destination", "filesystem", **bucket)
    assert done.returncode == 2
    assert done.stderr.startswith("instaview: destination filesystem: dlt cannot delete rows there")
    assert len(done.stderr.splitlines()) == 1
    assert not sandbox.calls


@pytest.mark.only_on("duckdb")
@pytest.mark.parametrize("name", ["postgres", "snowflake", "bigquery"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(machine, name):
    hidden = {"postgres": "psycopg2", "snowflake": "snowflake.connector", "bigquery": "google.cloud.bigquery"}[name]
    script = f"import sys; sys.modules[{hidden!r}] = None; from instaview.cli import main; main()"
    done = machine.python("-c", script, "status", "--destination", name)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"instaview: destination {name}: not everything for it is installed: pip install 'dlt-source-instaview[{name}]'"
    ]
