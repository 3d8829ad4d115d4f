"""The report: one file that fetches nothing, runs nothing, and shows text from payloads as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape
from html.parser import HTMLParser

import pytest
from filled_warehouse import filled_warehouse, pipeline_in
from random_tables import random_tables

from instaview import UsageError
from instaview.dashboard.figures import Choice, Figures
from instaview.dashboard.report import report_html, write_report
from instaview.dashboard.warehouse import Snapshot, read_snapshot

NOW = datetime(2025, 4, 30, 12, tzinfo=UTC)
MOMENT = datetime(2025, 3, 30, 12, tzinfo=UTC)
EVIL = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "</style></svg><b onmouseover=alert(3)>",
    "https://evil.example/beacon.png",
    "url(//evil.example)",
    "&lt;i&gt; {{7*7}} ${7*7} \\u003cscript\\u003e",
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "h3", "p", "dl", "div", "dt"),
    *("dd", "section", "article", "small", "ol", "li", "span", "b", "i", "table", "thead", "tbody", "tfoot", "tr"),
    *("th", "td", "code", "footer", "svg", "g", "path", "line", "text", "tspan", "rect", "defs", "clippath"),
}
_VOID = {"meta"}


class Parsed(HTMLParser):
    """The elements of a page, their attributes and their text; whether each one is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.declaration = ""
        self.feed(page)
        self.close()

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check_harmless(page: str) -> Parsed:
    """Nothing is fetched and nothing runs, by what is in the page and by its own policy."""
    parsed = Parsed(page)
    assert parsed.declaration == "DOCTYPE html"
    assert parsed.open == []
    assert parsed.tags <= TAGS, parsed.tags - TAGS
    names = {name for name, _ in parsed.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"src", "href", "xlink:href", "action", "srcset", "background", "data", "formaction", "srcdoc"}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in parsed.attributes
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import|https?:|//", style[1])
    for name, value in parsed.attributes:
        assert name == "aria-label" or not re.search(r"https?:|url\((?!#)", value), (name, value)
    return parsed


@pytest.fixture(scope="module")
def evil(tmp_path_factory) -> Snapshot:
    """A warehouse in which every text that the report can show wants to be more than text."""
    runs = [f"req_{n}" for n in range(len(EVIL))]
    people = [{"profile_id": f"p{n}", "candidate_id": f"req_{n}/p{n}", "request_id": f"req_{n}"} for n in range(6)]
    times = {"created_at": MOMENT, "completed_at": MOMENT}
    tables = {
        "requests": [
            *({"request_id": r, "kind": "sourcing", "state": "completed", "first_seen_at": MOMENT} for r in runs),
            *(
                {"request_id": text, "kind": text, "state": "processing", "first_seen_at": MOMENT, "polls": 3}
                for text in EVIL
            ),
            *(
                {
                    "request_id": f"enr_{text}",
                    "kind": "enrichment",
                    "state": "failed",
                    "error_code": text,
                    "first_seen_at": MOMENT,
                }
                for text in EVIL
            ),
        ],
        "sourcing_runs": [{"request_id": r, "status": "completed", "found_count": 3, **times} for r in runs],
        "candidates": [
            {**person, "match_score": 85.0, "position": 1, "name": "Jana Nováková", "run_completed_at": MOMENT}
            for person in people
        ],
        "profile_skills": [{**person, "position": 1, "skill": text} for person, text in zip(people, EVIL, strict=True)],
        "profile_emails": [{**person, "position": 1, "email": "jana.novakova@example.com"} for person in people],
        "billing_usage": [
            {
                "company_id": text,
                "company_name": text,
                "billing_system": "credits",
                "day": MOMENT.date(),
                "cost_key": text,
                "credits_used": 3.0,
            }
            for text in EVIL[:1]
        ],
    }
    return read_snapshot(filled_warehouse(tmp_path_factory.mktemp("evil"), tables))


@pytest.mark.slow
def test_text_of_payloads_stays_text(evil):
    parsed = check_harmless(report_html(Figures(evil, Choice(run_ids=frozenset(EVIL[:1]) | {"req_1"}), now=NOW)))
    parsed = check_harmless(report_html(Figures(evil, now=NOW)))
    assert EVIL[0] in parsed.text, "the company's name"
    for text in EVIL:
        assert parsed.text.count(text[:12]) >= 3, "as the skill, the cause and the open request it is"
    check_harmless(report_html(Figures(evil, Choice(company_id='"><script>x</script>'), now=NOW)))


def test_no_person_is_named(evil):
    page = re.sub("<style>.*?</style>", "", report_html(Figures(evil, now=NOW)), flags=re.DOTALL)
    assert "Nov" in page
    assert [part for part in ("Jana", "jana", "@") if part in page] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(12, marks=pytest.mark.long), 40])
def test_any_warehouse_makes_a_valid_page(tmp_path, seed):
    snapshot = read_snapshot(filled_warehouse(tmp_path, random_tables(seed)))
    for choice in (Choice(), Choice(company_id="acme"), Choice(budget=100.0), Choice(until=date(2020, 1, 1))):
        parsed = check_harmless(report_html(Figures(snapshot, choice, now=NOW)))
        assert "NaN" not in parsed.text
        assert "nan" not in parsed.text.replace("explanation", "")


def test_an_empty_warehouse_says_what_to_do(tmp_path):
    parsed = check_harmless(report_html(Figures(read_snapshot(pipeline_in(tmp_path)), now=NOW)))
    assert "Nothing is loaded yet" in parsed.text
    assert "instaview load --from request_ids.txt" in parsed.text


def test_panels_without_anything_say_what_to_do(tmp_path):
    request = {"request_id": "req_1", "kind": "sourcing", "state": "processing", "first_seen_at": MOMENT, "polls": 2}
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"requests": [request]}))
    text = check_harmless(report_html(Figures(snapshot, now=NOW))).text
    for part in ("No sourcing run ended here", "No credits were used", "instaview load --billing", "Nothing failed"):
        assert part in text
    assert "req_1" in text
    assert "31 days" in text, "how long it is open"


def test_the_page_tells_its_period_and_figures(tmp_path):
    tables = random_tables(40)
    snapshot = read_snapshot(filled_warehouse(tmp_path, tables))
    figures = Figures(snapshot, Choice(since=date(2025, 3, 29), until=date(2025, 3, 30), company_id="acme"), now=NOW)
    text = check_harmless(report_html(figures)).text
    assert "29 March 2025 – 30 March 2025  ·  acme" in text
    assert f"{figures.headline.candidates:,}from {figures.headline.runs}" in text
    assert "Written 30 April 2025, 12:00 UTC" in text


@pytest.mark.slow
def test_marks_say_what_tooltips_say_and_nothing_else(tmp_path):
    snapshot = read_snapshot(filled_warehouse(tmp_path, random_tables(40)))
    page = report_html(Figures(snapshot, Choice(budget=310.0), now=NOW))
    titles = [unescape(title) for title in re.findall(r"<title>(.*?)</title>", page, re.DOTALL)][1:]
    assert [t for t in titles if re.search(r"(?m)^[a-z_]+: |var\(|axis|legend|null|NaN|undefined", t)] == []
    for line in ("Run: ", "Score: ", "Skill: Python", "Cause: PROFILE_TIMEOUT", "Budget of the day: 10", "Median: "):
        assert any(line in title for title in titles), line
    spent = {tuple(title.split("\n")) for title in titles if "Kind: preview" in title}
    figures = Figures(snapshot).credits_over_time
    previews = figures[(figures["kind"] == "preview") & (figures["credits"] > 0)]
    told = {
        (f"Day: {d.day} {d:%b %Y}", "Kind: preview", f"Credits: {c:.0f}")
        for d, _, _, c in previews.itertuples(index=False)
    }
    assert told <= spent, "not where the bar begins"


def test_the_line_of_the_budget_is_broken_only_where_it_has_steps(tmp_path):
    bill = {"company_id": "a", "billing_system": "credits", "cost_key": "x", "credits_used": 1.0, "day": MOMENT.date()}
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"billing_usage": [bill]}))
    two_months = Choice(date(2025, 3, 1), date(2025, 4, 30), budget=930.0)
    page = report_html(Figures(snapshot, two_months, now=NOW))
    assert re.findall("<title>Budget of the day: ([0-9]+)</title>", page) == ["30", "31"] * 2, "at both widths"


def test_minutes_are_told_beside_credits(tmp_path):
    day = MOMENT.date()
    bill = [
        {"company_id": "a", "billing_system": "credits", "day": day, "cost_key": "sourcing", "credits_used": 5.0},
        {"company_id": "b", "billing_system": "minutes", "day": day, "cost_key": "preview", "minutes_used": 0.8},
        {"company_id": "b", "billing_system": "minutes", "day": day, "cost_key": "interviews", "minutes_used": 30.0},
    ]
    run = {"request_id": "req_prev_1", "company_id": "b", "completed_at": MOMENT, "candidate_count": 40}
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"billing_usage": bill, "preview_runs": [run]}))
    text = check_harmless(report_html(Figures(snapshot, now=NOW))).text
    assert "30.8 minutes were billed. For previews 0.8, by their pages 0.8." in text
    assert "Total" in text


def test_parts_of_credits_are_told_so_that_sums_add_up(tmp_path):
    booked = {"company_id": "a", "billing_system": "credits", "day": MOMENT.date()}
    used = {"sourcing": 0.5, "interviews": 1060.5}
    bill = [{**booked, "cost_key": key, "credits_used": spent} for key, spent in used.items()]
    snapshot = read_snapshot(filled_warehouse(tmp_path, {"billing_usage": bill}))
    page = report_html(Figures(snapshot, now=NOW))
    assert "<dt>Credits</dt><dd>1,060.5</dd>" in page
    cells = [re.findall("</span>|[^<>]+(?=</td>)", row) for row in re.findall("<tr><td>(.*?)</tr>", page)]
    assert ["</span>", "0", "0.5", "+0.5"] in cells
    assert ["Total", "0", "1,061", "+1,061"] in cells


def test_both_schemes_and_both_widths_are_in_the_page(evil):
    page = report_html(Figures(evil, now=NOW))
    assert "@media (prefers-color-scheme: dark)" in page
    assert page.count('class="iv-chart iv-wide"') == page.count('class="iv-chart iv-narrow"') == 6
    marks = re.findall(r'fill="(#[0-9a-f]+|black|white)"', page)
    assert set(marks) <= {"#000", "#fff"}, "colours are variables, but for what is not seen"


def test_writing_says_when_it_cannot(tmp_path):
    with pytest.raises(UsageError, match="--out"):
        write_report(pipeline_in(tmp_path), tmp_path / "no" / "where.html")
