"""The dbt package in a project that uses it, over a DuckDB file that the command loaded: `make test-dbt`.

It is no part of the usual tests, as dbt has an environment of its own, named by the variable DBT.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from machine import Machine

from instaview_sandbox import Sandbox, running

PACKAGE = Path(__file__).parents[2] / "dbt"
DATASET = "hr_raw"
Dbt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Path:
    """A DuckDB file with the results of some sixty requests, in a dataset that is not called as usual."""
    folder = tmp_path_factory.mktemp("machine")
    limits = {"minute_limit": 100_000, "hour_limit": 1_000_000, "results_per_minute": None}
    sandbox = Sandbox(seed=7, requests=60, run_seconds=(0, 0), **limits)
    sandbox.add("sourcing", 1, state="processing")
    with running(sandbox) as base_url:
        machine = Machine(folder, base_url, sandbox.keys["full"])
        ids = machine.ids_file(sandbox.all_request_ids)
        machine.load("--from", ids, "--dataset", DATASET, "--billing", "--no-wait")
    return machine.database


@pytest.fixture
def warehouse(loaded, tmp_path) -> Path:
    return Path(shutil.copy(loaded, tmp_path / "warehouse.duckdb"))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A dbt project of somebody who takes the package in."""
    folder = tmp_path_factory.mktemp("project")
    files = {
        "dbt_project.yml": {"name": "analytics", "profile": "analytics", "vars": {"instaview_schema": DATASET}},
        "packages.yml": {"packages": [{"local": str(PACKAGE)}]},
        "profiles.yml": {
            "analytics": {
                "target": "dev",
                "outputs": {"dev": {"type": "duckdb", "path": "{{ env_var('WAREHOUSE') }}", "threads": 2}},
            }
        },
        "models/emails.sql": "SELECT COUNT(*) AS emails FROM {{ source('instaview', 'profile_emails') }}",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return folder


@pytest.fixture
def dbt(project, warehouse) -> Dbt:
    """Runs dbt in the project, over the warehouse of this test."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "WAREHOUSE": str(warehouse), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        command = [str(Path(os.environ["DBT"]).absolute()), *arguments]
        return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=300, check=False)

    if not (project / "dbt_packages").exists():
        assert run("deps").returncode == 0
    return run


def change(warehouse: Path, *statements: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"USE {DATASET}")
        for statement in statements:
            connection.execute(statement)


def outcomes(project: Path) -> dict[str, str]:
    """Of the last `dbt test`: each test and how it ended."""
    results = json.loads((project / "target/run_results.json").read_text())["results"]
    return {result["unique_id"].split(".")[2]: result["status"] for result in results}


def test_it_parses_without_a_warning(dbt):
    done = dbt("parse", "--warn-error", "--no-partial-parse")
    assert done.returncode == 0, done.stdout


def test_every_test_passes_on_what_a_load_made(dbt, project):
    done = dbt("build", "--select", "source:instaview+")
    assert done.returncode == 0, done.stdout
    declared = yaml.safe_load((PACKAGE / "models/sources.yml").read_text())["sources"][0]["tables"]
    found = outcomes(project)
    assert len(found) == sum(map(count_tests, declared)) + 1 > 100, "all tests, and the model"
    assert set(found.values()) == {"pass", "success"}, done.stdout


def count_tests(table: dict[str, Any]) -> int:
    return sum(len(described.get("data_tests", [])) for described in (table, *table["columns"]))


def test_what_is_wrong_is_found(dbt, project, warehouse):
    change(
        warehouse,
        "INSERT INTO candidates SELECT * FROM candidates LIMIT 1",
        "INSERT INTO profile_skills SELECT * FROM profile_skills LIMIT 1",
        "INSERT INTO profile_emails SELECT * REPLACE ('nobody' AS candidate_id) FROM profile_emails LIMIT 1",
        "UPDATE profile_experience_highlights SET experience_position = 99 WHERE highlight = "
        "(SELECT MIN(highlight) FROM profile_experience_highlights)",
        "DELETE FROM requests WHERE kind = 'preview'",
        "UPDATE billing_usage SET cost_key = NULL",
        "UPDATE sourcing_runs SET _dlt_load_id = 'not committed'",
    )
    assert dbt("test", "--select", "source:*").returncode == 1
    ended = outcomes(project)
    failed = [name for name, status in ended.items() if status == "fail"]
    expected = {
        "source_unique_instaview_candidates_candidate_id",
        "source_instaview_unique_key_instaview_profile_skills",
        "source_instaview_belongs_to_instaview_profile_emails",
        "source_instaview_belongs_to_instaview_profile_experience_highlights",
        "source_relationships_instaview_preview_runs_request_id",
        "source_not_null_instaview_billing_usage_cost_key",
    }
    assert [start for start in expected if not any(name.startswith(start) for name in failed)] == []
    assert [name for name, status in ended.items() if status == "warn" and "_dlt_loads" in name], "warned only"


@pytest.mark.parametrize(
    ("age", "status", "code"), [("1 minute", "pass", 0), ("2 days", "warn", 0), ("4 days", "error", 1)]
)
def test_freshness_goes_by_the_last_poll(dbt, project, warehouse, age, status, code):
    change(warehouse, f"UPDATE requests SET last_polled_at = now() - INTERVAL '{age}'")
    done = dbt("source", "freshness")
    assert done.returncode == code, done.stdout
    (result,) = json.loads((project / "target/sources.json").read_text())["results"]
    assert (result["unique_id"], result["status"]) == ("source.instaview.instaview.requests", status)
