"""The report and the dashboard as Chromium shows them: at three widths, light and dark, full and empty.

Pictures go to the folder INSTAVIEW_SCREENSHOTS to be looked at: tests see that nothing is cut off or hard to read, not
that it is beautiful.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from filled_warehouse import filled_warehouse
from machine import Machine

from instaview.dashboard.figures import Choice
from instaview.dashboard.report import write_report

pytestmark = pytest.mark.browser

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
KINDS = ("sourcing", "preview", "enrichment")
CODES = (None, "A_LONG_CODE_THAT_THE_API_COULD_SEND_SOME_DAY")
SKILLS = ("SQL", "C++", "Über-Führung", "<b>bold</b>", "A skill with a name as long as nobody would write it down")
looks = pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (820, "light"), (820, "dark"), (420, "light"), (420, "dark")]
)

# text that is cut off by its panel, or by the edge of the page
CUT_OFF = """() => [...document.querySelectorAll('.iv :is(h1, h2, h3, p, dt, dd, td, th, span, small, text)')]
  .filter(e => e.getClientRects().length && e.textContent.trim())
  .filter(e => {
    const box = e.getBoundingClientRect();
    const panel = (e.closest('article, .iv-tiles > div') || document.documentElement).getBoundingClientRect();
    return box.left < panel.left - 1 || box.right > panel.right + 1 || box.right > innerWidth + 1;
  }).map(e => e.textContent)"""

# text of charts that is drawn too small to read, or larger than that around the chart
ODD_SIZES = """() => [...document.querySelectorAll('.iv article svg text')]
  .filter(e => e.getClientRects().length && e.textContent.trim())
  .map(e => [e.textContent, e.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize)])
  .filter(([, size]) => size < 9.5 || size > 16)"""

# text whose contrast with what is behind it is below 4.5, as WCAG 2 computes it
PALE = """() => {
  const of = color => color.match(/[\\d.]+/g).map(Number);
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(c => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const color = of(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('.iv :is(h1, h2, h3, p, dt, dd, td, th, span, small, code, text)')]
    .filter(e => e.getClientRects().length && e.textContent.trim())
    .filter(e => {
      const style = getComputedStyle(e);
      const pair = [light(of(e.tagName === 'text' ? style.fill : style.color)), light(behind(e))].sort((a, b) => b - a);
      return (pair[0] + 0.05) / (pair[1] + 0.05) < 4.5;
    }).map(e => e.textContent);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program is not None, f"none of {', '.join(CHROMIUM)} is installed: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield opened
        opened.close()


class Look:
    """A page at one width and in one colour scheme; what it asked the network for, and what went wrong."""

    def __init__(self, browser: Any, url: str, width: int, scheme: str) -> None:
        self.page = browser.new_page(
            viewport={"width": width, "height": 2600 if width > 1000 else 5400}, color_scheme=scheme
        )
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        _go(self.page, url)
        self.page.wait_for_selector(".iv", timeout=120_000)

    def check(self, name: str) -> None:
        folder = os.environ.get("INSTAVIEW_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "it has to be scrolled sideways"
        )
        assert self.page.evaluate(CUT_OFF) == []
        assert self.page.evaluate(ODD_SIZES) == []
        assert self.page.evaluate(PALE) == []
        assert self.errors == []


def _go(page: Any, url: str) -> None:
    """Opens the page, as soon as it is served."""
    for _ in range(100):
        with suppress(httpx.TransportError):
            if url.startswith("file:") or httpx.get(url).is_success:
                break
        time.sleep(0.3)
    page.goto(url)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Machine:
    """Where the demo ran: its warehouse, and the report that it wrote."""
    m = Machine(tmp_path_factory.mktemp("demo"), "", "sk_none")
    done = m.process("demo")
    assert done.returncode == 0, done.stderr
    return m


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Machine:
    return Machine(tmp_path_factory.mktemp("empty"), "", "sk_none")


@pytest.fixture(scope="module")
def awkward(tmp_path_factory) -> Path:
    """The report of years of runs, with long names, large numbers, and much that is open."""
    now, chance = datetime.now(UTC), random.Random(3)
    tables: dict[str, list[Any]] = {"requests": [], "sourcing_runs": [], "candidates": [], "profile_skills": []}
    for number in range(30):
        run = {
            "request_id": f"req_{uuid.UUID(int=chance.getrandbits(128))}",
            "company_id": ("acme", "globex")[number % 2],
        }
        at = now - timedelta(days=30 * number, hours=3)
        tables["requests"].append({**run, "kind": "sourcing", "state": "completed", "first_seen_at": at, "polls": 3})
        times = {"created_at": at, "completed_at": at}
        counts = {"found_count": 90_000 * number, "scored_count": 8_000 * number}
        tables["sourcing_runs"].append({**run, "status": "completed", **times, **counts})
        for position in range(1, chance.randint(2, 60)):
            who = {
                "candidate_id": f"{number}/{position}",
                "request_id": run["request_id"],
                "profile_id": f"p{position}",
            }
            score = chance.choice((None, chance.uniform(0, 100)))
            tables["candidates"].append({**who, "position": position, "match_score": score, "run_completed_at": at})
            tables["profile_skills"].append({**who, "position": 1, "skill": chance.choice(SKILLS)})
    for number in range(23):
        waiting = {"request_id": f"req_prev_{uuid.UUID(int=number)}", "kind": KINDS[number % 3], "state": "processing"}
        tables["requests"].append(
            {**waiting, "first_seen_at": now - timedelta(hours=number**2.2), "polls": 1200 * number}
        )
    for number in range(9):
        failed = {"request_id": f"enr_{uuid.UUID(int=number)}", "kind": "enrichment", "state": "failed"}
        tables["requests"].append({**failed, "error_code": CODES[number % 2], "first_seen_at": now, "polls": 1})
    folder = tmp_path_factory.mktemp("awkward")
    write_report(filled_warehouse(folder, tables), folder / "report.html", Choice(budget=120.0))
    return folder / "report.html"


@looks
def test_report_of_the_demo(demo, browser, width, scheme):
    look = Look(browser, (demo.folder / "instaview_demo.html").as_uri(), width, scheme)
    look.check(f"report-{width}-{scheme}")
    assert len(look.asked) == 1, "the file alone"
    assert look.page.locator(".iv-chart svg:visible").count() == 6
    background = look.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 23, 28)") == (scheme == "dark")


@looks
def test_report_of_awkward_data(awkward, browser, width, scheme):
    Look(browser, awkward.as_uri(), width, scheme).check(f"report-awkward-{width}-{scheme}")


@looks
def test_report_of_an_empty_warehouse(empty, browser, width, scheme):
    empty.run("report")
    look = Look(browser, (empty.folder / "report.html").as_uri(), width, scheme)
    look.check(f"report-empty-{width}-{scheme}")
    assert "Nothing is loaded yet" in look.page.inner_text(".iv")


@contextmanager
def served(m: Machine, **env: str) -> Iterator[str]:
    """The dashboard on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = m.start("dashboard", "--headless", "--port", str(port), "--budget", "1000", **env)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def dashboard(demo) -> Iterator[str]:
    with served(demo, DESTINATION__DUCKDB__CREDENTIALS="instaview_demo.duckdb") as url:
        yield url


@looks
def test_dashboard_of_the_demo(demo, dashboard, browser, width, scheme):
    look = Look(browser, dashboard, width, scheme)
    look.page.locator("article svg.marks").nth(5).wait_for(timeout=60_000)
    look.check(f"dashboard-{width}-{scheme}")
    assert {httpx.URL(url).host for url in look.asked if url.startswith("http")} == {"127.0.0.1"}
    report = (demo.folder / "instaview_demo.html").read_text(encoding="utf-8")
    tiles = re.findall(r"<dd>(.*?)</dd>", report.split('<dl class="iv-tiles">')[1].split("</dl>")[0])
    assert look.page.locator(".iv-tiles dd").all_inner_texts() == tiles


def test_filters_choose(dashboard, browser):
    look = Look(browser, dashboard, 1280, "light")
    look.page.get_by_role("button", name="Runs").click()
    look.page.get_by_role("option").nth(3).click()
    look.page.wait_for_function("document.querySelector('.iv-tiles').innerText.includes('from 1 run')", timeout=30_000)
    assert "of all runs" in look.page.inner_text(".iv")
    look.check("dashboard-one-run")


def test_dashboard_of_an_empty_warehouse(empty, browser):
    with served(empty) as url:
        look = Look(browser, url, 1280, "light")
        look.check("dashboard-empty")
        assert "Nothing is loaded yet" in look.page.inner_text(".iv")
