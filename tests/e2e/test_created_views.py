"""The views in a warehouse: created by a load, kept up to date, and no trouble to anybody."""

from __future__ import annotations

import json

import duckdb
import pytest

from instaview.views import MARKER, views

NAMES = [view.name for view in views()]


def view_names(m):
    return [row[0] for row in m.query("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1")]


def created_by(m):
    """When each view was created: objects are numbered as they come."""
    return dict(m.query("SELECT view_name, view_oid FROM duckdb_views() WHERE NOT internal"))


@pytest.mark.slow
def test_the_first_load_creates_them_however_little_it_brings(api, machine):
    m = machine(api())
    m.load()
    assert view_names(m) == sorted([MARKER, *NAMES])
    for name in NAMES:
        assert m.query(f"FROM {name}") == []


@pytest.mark.slow
def test_later_loads_leave_them_as_they_are(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1))
    before = created_by(m)
    m.load(*sandbox.add("sourcing", 1))
    assert created_by(m) == before
    assert m.query("SELECT COUNT(*) FROM candidate_quality") == [(2,)]


@pytest.mark.slow
def test_a_load_with_nothing_to_do_creates_a_view_that_was_dropped(api, machine):
    m = machine(api())
    m.load()
    with m.connect() as connection:
        connection.execute("DROP VIEW people")
    assert m.load()["load_ids"] == []
    assert view_names(m) == sorted([MARKER, *NAMES])


@pytest.mark.slow
def test_a_load_with_nothing_to_do_creates_the_views_of_its_version(api, machine):
    """As after an update of the package, where nothing is left to load."""
    m = machine(api())
    m.load()
    with m.connect() as connection:
        for view in (MARKER, *NAMES):
            connection.execute(f"DROP VIEW {view}")
    assert m.load()["load_ids"] == []
    assert view_names(m) == sorted([MARKER, *NAMES])


@pytest.mark.slow
def test_views_of_another_version_are_replaced_by_the_next_load(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1, candidates=3))
    with m.connect() as connection:
        connection.execute(f"CREATE OR REPLACE VIEW {MARKER} AS SELECT 'of old' AS digest")
        connection.execute("CREATE OR REPLACE VIEW people AS SELECT 1 AS something_else")
    m.load(*sandbox.add("sourcing", 1, candidates=3))
    assert m.query("SELECT COUNT(profile_id) > 0 FROM people") == [(True,)]


@pytest.mark.slow
def test_the_command_creates_them_anew(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1))
    with m.connect() as connection:
        connection.execute("DROP VIEW people")
    done = m.run("views")
    assert (done.returncode, done.stdout.split()) == (0, NAMES)
    assert view_names(m) == sorted([MARKER, *NAMES])
    assert json.loads(m.run("views", "--json").stdout) == {"views": NAMES}


def test_the_command_says_so_where_nothing_is_loaded(api, machine):
    done = machine(api()).run("views")
    assert (done.returncode, done.stdout) == (
        0,
        "nothing is loaded yet: give request ids to `instaview load`\n",
    )


def test_where_views_cannot_be_created_the_load_is_whole_and_says_so_in_one_line(api, machine):
    sandbox = api()
    m = machine(sandbox)
    with duckdb.connect(str(m.database)) as connection:
        connection.execute("CREATE SCHEMA instaview")
        connection.execute("CREATE TABLE instaview.people (mine INTEGER)")  # stands in the way
    ids = sandbox.add("sourcing", 2)
    done = m.process("load", *ids)
    assert done.returncode == 0
    assert done.stderr.startswith("the tables are loaded, but the views could not be created: ")
    assert done.stderr.endswith("then run `instaview views`\n")
    assert done.stderr.count("\n") == 1
    assert m.states() == dict.fromkeys(ids, "completed")
    assert m.run("views").returncode == 1


@pytest.mark.slow
def test_a_file_may_be_renamed(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1, candidates=3))
    with duckdb.connect(str(m.database.rename(m.folder / "elsewhere.duckdb"))) as connection:
        assert connection.execute("SELECT delivered FROM instaview.candidate_quality").fetchall() == [(3,)]
