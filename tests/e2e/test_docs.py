"""The documentation says what is true: commands run, and every option, setting, table and column is there."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from instaview import tables
from instaview.cli import app
from instaview.settings import InstaviewSettings
from instaview.views import views

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = {
    field.name: field.default
    for field in dataclasses.fields(InstaviewSettings)
    if field.name in InstaviewSettings.__annotations__ and not field.name.startswith("_")
}

SECRETS = ("api_key", "personal_data_key")


def between(text: str, name: str) -> str:
    return text.split(f"<!-- {name}: begin -->")[1].split(f"<!-- {name}: end -->")[0].strip()


def test_the_readme_names_every_table():
    assert [t.name for t in tables.TABLES if f"`{t.name}`" not in README] == []


def test_the_readme_names_every_view():
    assert [v.name for v in views() if f"| `{v.name}` |" not in README] == []


def test_every_command_and_option_is_documented():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert f"instaview {name}" in README
        assert command.help
    options = {o for c in group.commands.values() for p in c.params for o in p.opts if o.startswith("--")}  # type: ignore[attr-defined]
    missing = [option for option in options if f"`{option}" not in README and f"[{option}" not in README]
    assert missing == []


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_documented_with_its_default(name):
    config = (ROOT / ".dlt/config.toml").read_text(encoding="utf-8")
    assert f"| `{name}` |" in README
    if name in SECRETS:
        assert re.search(rf'(?m)^(# )?{name} = "', (ROOT / ".dlt/example.secrets.toml").read_text(encoding="utf-8"))
        assert f"{name} =" not in config
        return
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    default = SETTINGS[name]
    if default is None:
        assert f"# {name} =" in config
    else:
        assert tomllib.loads(config)["sources"]["instaview"][name] == default
        shown = f"{default:g}" if isinstance(default, (int, float)) else f"`{default}`"
        assert f"| {shown} |" in row


def test_every_exit_code_is_documented():
    for code in ("0", "1", "2", "3", "130, 143"):
        assert f"\n| {code} |" in README


@pytest.mark.slow
def test_the_commands_of_the_readme_run(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.ids_file(sandbox.add("sourcing", 3) + sandbox.add("enrichment", 2), "request_ids.txt")
    block = re.search(r"<!-- walkthrough.*?```console\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [line.removeprefix("$ ") for line in block[1].splitlines()]
    assert len(lines) >= 8
    for line in lines:
        command, *arguments = shlex.split(line)
        assert command == "instaview"
        done = m.run(*arguments)
        assert done.returncode == 0, (line, done.stderr)
        assert done.stdout, line
    questions = (ROOT / "docs/questions.md").read_text(encoding="utf-8")
    for block in re.findall(r"```sql\n(.*?)```", README + questions, re.DOTALL):
        for query in block.split(";"):
            if query.strip():
                m.query(query)


def test_the_documented_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([\w-]+)`?", README):
        assert f"\n{target}:" in makefile


def test_the_readme_shows_what_demo_and_test_print():
    assert "Match scores" in between(README, "demo")
    assert "passed" in between(README, "test")


def test_the_deployable_script_does_the_job_and_keeps_the_exit_codes(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = m.ids_file(sandbox.add("sourcing", 2))
    done = m.python(str(ROOT / "pipelines/load_results.py"), ids)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == 2
    (m.folder / "bad.txt").write_text("nonsense\n")
    assert m.python(str(ROOT / "pipelines/load_results.py"), "bad.txt").returncode == 2
    refused = m.python(str(ROOT / "pipelines/load_results.py"), ids, "ids.txt", SOURCES__INSTAVIEW__API_KEY="sk_x")
    assert refused.returncode == 0, "nothing new: no call, so no refusal"
    more = m.ids_file(sandbox.add("sourcing", 1))
    refused = m.python(str(ROOT / "pipelines/load_results.py"), more, SOURCES__INSTAVIEW__API_KEY="sk_x")
    assert (refused.returncode, json.loads(refused.stdout)["processing"]) == (1, 1)
    nowhere = m.python(str(ROOT / "pipelines/load_results.py"), DESTINATION_NAME="nowhere")
    assert (nowhere.returncode, len(nowhere.stderr.splitlines())) == (2, 1)


@pytest.mark.slow
def test_the_deployable_script_goes_on_where_the_command_was(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 2)
    m.load(*ids, DESTINATION__DUCKDB__CREDENTIALS="here.duckdb")
    done = m.python(
        str(ROOT / "pipelines/load_results.py"), m.ids_file(ids), DESTINATION__DUCKDB__CREDENTIALS="here.duckdb"
    )
    assert json.loads(done.stdout)["skipped"] == 2


@pytest.mark.slow
def test_the_deployable_script_tells_a_broken_warehouse_in_one_line(api, machine, monkeypatch):
    monkeypatch.delenv("RUNTIME__LOG_LEVEL")
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1))
    with m.connect() as connection:
        connection.execute("ALTER TABLE candidates RENAME TO hidden")
    broken = m.python(str(ROOT / "pipelines/load_results.py"), m.ids_file(sandbox.add("sourcing", 1)), fresh=True)
    assert broken.returncode == 1
    assert len(broken.stderr.splitlines()) == 1, broken.stderr


def test_the_example_script_runs(api, machine):
    sandbox = api()
    m = machine(sandbox)
    done = m.python(str(ROOT / "sources/instaview_pipeline.py"), m.ids_file(sandbox.add("sourcing", 2)))
    assert done.returncode == 0, done.stderr
    assert "1 load package(s) were loaded" in done.stdout


def sources() -> list[str]:
    """What a clone would have under sources/; where this is none, all that looks like it."""
    if (ROOT / ".git").exists():
        listed = ["git", "ls-files", "-co", "--exclude-standard", "sources"]
        return subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    made = ("__pycache__", ".egg-info")
    found = (str(path.relative_to(ROOT)) for path in (ROOT / "sources").rglob("*") if path.is_file())
    return [name for name in found if not any(part in name for part in made)]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="dlt init itself needs git")
def test_dlt_init_copies_a_source_that_runs(api, machine, tmp_path):
    sandbox = api()
    m = machine(sandbox)
    location = tmp_path / "location"
    for name in sources():
        if (ROOT / name).is_file():
            (location / name).parent.mkdir(parents=True, exist_ok=True)
            (location / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], cwd=location, check=True)
    subprocess.run([*git, "add", "."], cwd=location, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=location, check=True)
    project = tmp_path / "project"
    project.mkdir()
    dlt_command = Path(sys.executable).with_name("dlt")
    made = subprocess.run(
        [str(dlt_command), "--non-interactive", "init", "instaview", "duckdb", "--location", str(location)],
        cwd=project,
        env=m.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert (project / "instaview/__init__.py").exists()
    assert "httpx" in (project / "requirements.txt").read_text()
    copied = {path.stem for path in (project / "instaview/views").glob("*.sql")}
    assert copied == {view.name for view in views()}
    (project / "ids.txt").write_text("\n".join(sandbox.add("sourcing", 2)))
    script = "import runpy, sys; sys.path.insert(0, '.'); sys.argv = ['x', 'ids.txt']; import instaview; "
    script += "assert 'project' in instaview.__file__; runpy.run_path('instaview_pipeline.py', run_name='__main__')"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=m.env(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "1 load package(s) were loaded" in ran.stdout


@pytest.mark.parametrize(
    "text",
    [README, (ROOT / "sources/instaview/README.md").read_text(encoding="utf-8")],
    ids=["README", "sources/instaview/README"],
)
def test_python_in_the_documentation_is_python_and_imports_what_there_is(text):
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("instaview"):
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
