"""Which file or warehouse a command means, from which folder, and that it says so."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path

import dlt
import duckdb
import pytest
from machine import Machine

from instaview import instaview_source

FILE = "instaview_data.duckdb"


class Bare(Machine):
    """A machine on which no file is named."""

    def env(self, **more):
        env = super().env(**more)
        if "DESTINATION__DUCKDB__CREDENTIALS" not in more:
            del env["DESTINATION__DUCKDB__CREDENTIALS"]
        return env


@pytest.fixture
def bare(tmp_path, urls, monkeypatch):
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS", raising=False)
    return lambda sandbox: Bare(tmp_path, urls[id(sandbox)], sandbox.keys["full"])


def elsewhere(machine, name="elsewhere"):
    """The same machine, in another folder."""
    other = copy.copy(machine)
    other.folder = machine.folder / name
    other.folder.mkdir()
    return other


def requests_in(file: Path, dataset: str = "instaview") -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(f"SELECT count(*) FROM {dataset}.requests").fetchall()[0][0]


@pytest.mark.slow
@pytest.mark.parametrize("named", ["", "mine.duckdb"])
def test_a_load_goes_into_the_file_of_the_folder_where_one_stands(api, bare, named):
    sandbox = api()
    m = bare(sandbox)
    other = elsewhere(m)
    env = {"DESTINATION__DUCKDB__CREDENTIALS": named} if named else {}
    m.load(*sandbox.add("sourcing", 1), **env)
    assert "nothing is loaded yet" in other.run("status", **env).stdout
    assert not (other.folder / (named or FILE)).exists(), "who only looks creates nothing"
    other.load(*sandbox.add("sourcing", 2), **env)
    assert requests_in(m.folder / (named or FILE)) == 1
    assert requests_in(other.folder / (named or FILE)) == 2


@pytest.mark.slow
def test_all_datasets_are_in_one_file(api, bare):
    sandbox = api()
    m = bare(sandbox)
    m.load(*sandbox.add("sourcing", 1))
    m.load(*sandbox.add("sourcing", 2), "--dataset", "other")
    assert [path.name for path in m.folder.glob("*.duckdb")] == [FILE]
    assert (requests_in(m.folder / FILE), requests_in(m.folder / FILE, "other")) == (1, 2)
    assert json.loads(m.run("status", "--dataset", "other", "--json").stdout)["requests"]["completed"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--dataset", "prod-eu"),
        ("--dataset", "prod eu"),
        ("--dataset", "x" * 60),
        ("--dataset", "Größe"),
        ("--destination", "dlt.destinations.duckdb"),
    ],
)
def test_names_of_all_kinds_are_taken(api, machine, options):
    sandbox = api()
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 1)
    assert m.load(*ids, *options)["completed"] == 1
    assert m.load(*ids, *options)["skipped"] == 1
    assert json.loads(m.run("status", *options, "--json").stdout)["requests"]["completed"] == 1


@pytest.mark.slow
def test_names_that_differ_little_are_kept_apart(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1), "--dataset", "a-b")
    m.load(*sandbox.add("sourcing", 1), "--dataset", "a_b_c")
    folders = {path.name for path in (m.home / "dlt" / "pipelines").iterdir() if path.is_dir()}
    assert len(folders) == 2


@pytest.mark.parametrize("options", [("--dataset", "instaview_data"), ("--dataset", "instaview data")])
def test_a_dataset_named_like_the_file_is_refused_in_a_line(api, bare, options):
    done = bare(api()).run("status", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "same name" in done.stderr


@pytest.mark.parametrize("arguments", [("status",), ("load", "--dry-run"), ("views",), ("report",)])
def test_looking_creates_no_file(api, bare, arguments):
    m = bare(api())
    assert m.run(*arguments).returncode == 0
    assert not list(m.folder.glob("*.duckdb"))


@pytest.mark.slow
def test_status_and_check_name_the_file_they_speak_of(api, bare):
    sandbox = api()
    m = bare(sandbox)
    place = str(m.folder / FILE)
    assert place in m.run("status").stdout
    m.load(*sandbox.add("sourcing", 1))
    for command in ("status", "check"):
        assert place in m.run(command).stdout
        told = json.loads(m.run(command, "--json").stdout)["destination"]
        assert (told["name"], told["place"]) == ("duckdb, dataset instaview", place)


@pytest.fixture
def served(api, urls, tmp_path, monkeypatch):
    sandbox = api()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("SOURCES__INSTAVIEW__BASE_URL", urls[id(sandbox)])
    monkeypatch.setenv("SOURCES__INSTAVIEW__API_KEY", sandbox.keys["full"])
    return sandbox


def test_a_source_that_is_older_than_its_pipeline_works_and_says_where_it_loads(served, tmp_path, caplog):
    source = instaview_source(served.add("sourcing", 1))
    pipeline = dlt.pipeline("instaview", destination="duckdb", dataset_name="instaview")
    with caplog.at_level(logging.WARNING, "instaview"):
        pipeline.run(source)
    assert not pipeline.has_pending_data
    assert f'destination=dlt.destinations.duckdb("{FILE}")' in caplog.text
    assert requests_in(tmp_path / FILE) == 1


def test_the_documented_destination_shows_its_tables_to_other_scripts(served, tmp_path, caplog):
    def pipeline():
        return dlt.pipeline("instaview", destination=dlt.destinations.duckdb(FILE), dataset_name="instaview")

    pipeline().run(instaview_source(served.add("sourcing", 2)))
    assert not caplog.messages
    with pipeline().sql_client() as client:
        assert client.execute_sql("SELECT count(*) FROM requests") == [(2,)]
