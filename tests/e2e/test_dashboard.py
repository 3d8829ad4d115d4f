"""`report` and `dashboard`, and the marimo app on its own."""

from __future__ import annotations

import runpy
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import marimo
import pytest
from filled_warehouse import filled_warehouse
from machine import Machine

from instaview.dashboard import figures
from instaview.dashboard.warehouse import read_snapshot
from instaview_sandbox import Sandbox, running

ROOT = Path(__file__).parents[2]
APP = ROOT / "sources/instaview/dashboard/app.py"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    sandbox = Sandbox(seed=11, requests=0)
    with running(sandbox) as url:
        m = Machine(tmp_path_factory.mktemp("filled"), url, sandbox.keys["full"])
        m.load(*sandbox.add("sourcing", 3, candidates=7), *sandbox.add("enrichment", 1), "--billing")
    return m


@pytest.fixture
def loaded(filled, tmp_path):
    """A machine with results in its warehouse, which is its own; dlt's folder would lead to the other one."""
    m = Machine(tmp_path, filled.base_url, filled.api_key)
    shutil.copy(filled.database, m.database)
    return m


@pytest.mark.slow
def test_report_writes_one_file_and_names_it(loaded):
    done = loaded.run("report", "--out", "figures.html", "--budget", "1000")
    assert (done.returncode, done.stdout, done.stderr) == (0, "figures.html\n", "")
    page = (loaded.folder / "figures.html").read_text(encoding="utf-8")
    assert "<dd>21</dd><dd>from 3 runs</dd>" in page
    assert "of the budget" in page
    assert loaded.api_key not in page


def test_report_of_a_choice(loaded):
    run = loaded.query("SELECT min(request_id) FROM sourcing_runs")[0][0]
    assert loaded.run("report", "--run", run).stdout == "report.html\n"
    page = (loaded.folder / "report.html").read_text(encoding="utf-8")
    assert "<dd>7</dd><dd>from 1 run</dd>" in page
    assert f"run {run}" in page
    assert "of all runs" in page, "where runs do not choose"
    loaded.run("report", "--until", "2020-01-01")
    page = (loaded.folder / "report.html").read_text(encoding="utf-8")
    assert "until 1 January 2020" in page
    assert "No sourcing run ended here" in page


def test_report_of_nothing_is_a_page_too(api, machine):
    m = machine(api())
    done = m.run("report", "--run", "req_unknown", "--company", "unknown")
    assert done.returncode == 0
    assert "Nothing is loaded yet" in (m.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--since", "tomorrow"], "--since 'tomorrow': give a day such as 2024-01-31"),
        (["--since", "2025-02-01", "--until", "2025-01-01"], "--since 2025-02-01 is after --until 2025-01-01"),
        (["--run", "req_unknown"], "--run 'req_unknown': no sourcing run in the warehouse"),
        (["--company", "unknown", "--run", "req_unknown"], "--company 'unknown': the warehouse has "),
        (["--out", "no/such/folder.html"], "name another file with --out"),
        (["--destination", "nowhere"], "dlt knows none of this name"),
    ],
)
def test_report_says_in_a_line_what_is_wrong(loaded, arguments, told):
    done = loaded.run("report", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "package"), [("report", "altair"), ("report", "vl_convert"), ("dashboard", "marimo")]
)
def test_a_missing_extra_is_told_in_a_line(loaded, command, package):
    missing = f"import sys; sys.modules[{package!r}] = None; sys.argv[0] = 'instaview'; "
    missing += "from importlib import machinery, util; find = util.find_spec; "
    missing += f"util.find_spec = lambda name, *more: None if name == {package!r} else find(name, *more); "
    done = loaded.python("-c", missing + "from instaview.cli import main; main()", command)
    assert done.returncode == 2
    assert done.stderr == "instaview: this needs more packages: pip install 'dlt-source-instaview[dashboard]'\n"


def test_the_demo_without_the_extra_says_how_to_get_a_report():
    code = "import sys; sys.modules['altair'] = None; from rich.console import Console; from instaview import demo; "
    code += "demo._report(Console(width=200), None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'dlt-source-instaview[dashboard]'" in done.stdout


def shown(m, **env: str) -> str:
    """What the app shows, run without a browser."""
    code = f"import runpy; app = runpy.run_path({str(APP)!r})['app']; print(app.run()[0][-1].text)"
    done = m.script(code, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_app_shows_what_the_report_shows(loaded):
    page = shown(loaded)
    loaded.run("report")
    report = (loaded.folder / "report.html").read_text(encoding="utf-8")
    tiles = report.split('<dl class="iv-tiles">')[1].split("</dl>")[0]
    assert tiles in page
    for label in ("Period", "Company", "Runs", "Monthly budget", "Read again"):
        assert label in page


def filters_of(snapshot, chosen):
    """The filters as the app makes them where this was chosen before, and what choosing then keeps."""
    cell = runpy.run_path(str(APP))["filters"]
    kept = [chosen]
    given = {"snapshot": snapshot, "arguments": {"budget": "100"}, "figures": figures, "mo": marimo}
    _, defined = cell.run(**given, kept=lambda: kept[-1], keep=lambda change: kept.append(change(kept[-1])))
    return defined, kept


def test_filters_stay_as_chosen_when_the_warehouse_is_read_again(tmp_path):
    day = datetime(2025, 3, 30, 12, tzinfo=UTC)
    runs = [
        {"request_id": f"req_{n}", "company_id": f"c{n}", "created_at": day + n * timedelta(days=1)} for n in range(3)
    ]
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"sourcing_runs": runs}))
    defined, _ = filters_of(snapshot, {})
    first, last = date(2025, 3, 30), date(2025, 4, 1)
    assert (defined["period"].value, defined["company"].value, defined["runs"].value) == ((first, last), None, [])
    assert defined["budget"].value == 100

    chosen = {"period": (date(2025, 3, 31), date(2025, 5, 1)), "company": "c1", "runs": ["req_1", "gone"], "budget": 5}
    defined, kept = filters_of(snapshot, chosen)
    assert defined["period"].value == (date(2025, 3, 31), last), "as far as there are days"
    assert (defined["company"].value, defined["runs"].value, defined["budget"].value) == ("c1", ["req_1"], 5)
    defined["company"]._on_change("c2")
    defined["period"]._on_change((first, last))
    assert kept[-1] == {**chosen, "company": "c2", "period": None}, "all days are all days also when more come"

    defined, _ = filters_of(snapshot, {"company": "gone", "period": (date(2020, 1, 1), date(2020, 1, 2))})
    assert (defined["company"].value, defined["period"].value) == (None, (first, last))


@pytest.mark.slow
def test_the_app_draws_all_charts(loaded):
    # a copy, for marimo leaves a session beside what it exports
    (loaded.folder / "dashboard.py").write_bytes((ROOT / "pipelines/dashboard.py").read_bytes())
    options = ["--no-include-code", "--no-sandbox", "-o", "app.html", "--", "--budget", "500"]
    done = loaded.python("-m", "marimo", "export", "html", "dashboard.py", *options)
    assert done.returncode == 0, done.stderr
    page = (loaded.folder / "app.html").read_text(encoding="utf-8")
    assert page.count("marimo-mime-renderer data-") == page.count("vnd.vegalite") == 6
    assert "of the budget" in page


def test_the_app_on_an_empty_warehouse_says_what_to_do(api, machine):
    assert "instaview load --from request_ids.txt" in shown(machine(api()))


def test_the_app_says_what_is_wrong_with_the_warehouse(loaded):
    (loaded.folder / "broken.duckdb").write_bytes(b"no database" * 1000)
    page = shown(loaded, DESTINATION__DUCKDB__CREDENTIALS="broken.duckdb")
    assert "duckdb: " in page
    assert "Traceback" not in page


def test_the_deployable_dashboard_is_the_app():
    assert (ROOT / "pipelines/dashboard.py").read_text(encoding="utf-8") == APP.read_text(encoding="utf-8")


def test_dashboard_serves_until_stopped(loaded):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = loaded.start("dashboard", "--headless", "--port", str(port))
    try:
        for _ in range(300):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert answer.status_code == 200
        assert "InstaView" in answer.text
    finally:
        process.terminate()
        process.communicate(timeout=20)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/")
