"""The generated documentation is current, complete, and says what is true."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import duckdb
import pytest
import yaml
from random_tables import create_tables, random_tables

from instaview.lease import TABLE as LEASE
from instaview.tables import LOAD_ID, TABLES, relationships
from instaview.views import MARKER, views
from instaview_docs.files import ROOT, generated
from instaview_docs.questions import answer
from instaview_docs.sample import sample

DICTIONARY = (ROOT / "docs/dictionary.md").read_text(encoding="utf-8")
QUESTIONS = (ROOT / "docs/questions.md").read_text(encoding="utf-8")
COLUMNS = {t.name: [*(c.name for c in t.columns), LOAD_ID] for t in TABLES} | {v.name: [*v.columns] for v in views()}
ENTRIES = re.findall(r"```sql\n(.*?)\n```\n\n((?:\|[^\n]*\n)+)", QUESTIONS, re.DOTALL)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with sample() as connection:
        yield connection


def test_every_generated_file_is_current():
    """If it is not: `make docs`."""
    outdated = [path.name for path, text in generated().items() if path.read_text(encoding="utf-8") != text]
    assert outdated == []


def test_the_dictionary_names_what_is_there_beside_the_model():
    assert f"`{MARKER}`" in DICTIONARY
    assert f"`{LEASE}`" in DICTIONARY


def section(name: str) -> str:
    return DICTIONARY.split(f"\n### `{name}`\n")[1].split("\n##")[0]


@pytest.mark.parametrize("model", [*TABLES, *views()], ids=lambda model: model.name)
def test_the_dictionary_has_every_column_with_type_meaning_and_example(model):
    text = section(model.name)
    assert f"**{model.question}**" in text
    assert model.description in text
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    assert rows[0][:4] == ["column", "type", "meaning", "example"]
    assert [row[0] for row in rows[2:]] == [f"`{name}`" for name in COLUMNS[model.name]]
    for name, type_, meaning, example in (row[:4] for row in rows[2:]):
        assert type_.removesuffix(", key") in ("text", "bigint", "double", "bool", "timestamp", "date")
        assert (name.strip("`") in model.key) == type_.endswith(", key")
        assert meaning.endswith(".")
        assert re.fullmatch("`[^`]+`", example), f"no example of {name}"


def test_the_index_leads_to_every_column():
    index = dict(re.findall(r"(?m)^\| `(\w+)` \| (\[`.*|every table) \|$", DICTIONARY.split("## Every column")[1]))
    for model, columns in COLUMNS.items():
        assert [c for c in columns if f"(#{model})" not in index[c] and (c, index[c]) != (LOAD_ID, "every table")] == []


def test_the_diagram_has_every_table_and_relationship():
    diagram = DICTIONARY.split("```mermaid\n")[1].split("```")[0]
    assert set(re.findall(r"(?m)^  (\w+) \{$", diagram)) == {t.name for t in TABLES}
    drawn = set(re.findall(r"(?m)^  (\w+) [|o{}-]+ (\w+) :", diagram))
    assert drawn == {(parent.name, r.table.name) for r in relationships() for parent in r.parents}


def test_there_are_ten_questions_with_an_answer():
    assert len(ENTRIES) == len(re.findall(r"(?m)^## \d+\. .*\?$", QUESTIONS)) == 10
    assert all(shown.count("\n") > 2 for _, shown in ENTRIES)


@pytest.mark.parametrize(("sql", "shown"), ENTRIES)
def test_a_query_answers_what_is_shown(connection, sql, shown):
    assert answer(connection, sql) == shown.rstrip("\n")


@pytest.mark.parametrize("seed", range(25))
def test_a_query_shows_null_where_there_is_nothing_to_divide_by(seed):
    """Weeks without scores, and enrichment where whole runs failed; another warehouse refuses 0 / 0."""
    tables = random_tables(seed)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA instaview; USE instaview")
        create_tables(connection, tables)
        for view in views():
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        shown = [cell for sql, _ in ENTRIES for row in connection.execute(sql).fetchall() for cell in row]
    assert all(math.isfinite(cell) for cell in shown if isinstance(cell, float))


def test_every_view_has_a_question():
    used = {name for sql, _ in ENTRIES for name in re.findall(r"instaview\.(\w+)", sql)}
    assert {view.name for view in views()} <= used <= set(COLUMNS)


@pytest.mark.parametrize(
    "page", ["docs/dictionary.md", "docs/questions.md", "dbt/README.md", "sources/instaview/README.md"]
)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = {anchor(heading) for heading in re.findall(r"(?m)^#+ (.*)$", text)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (ROOT / page).parent.joinpath(target.split("#")[0]).exists(), target


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ---------------------------------------------------------------------- dbt

SOURCE = yaml.safe_load((ROOT / "dbt/models/sources.yml").read_text(encoding="utf-8"))["sources"][0]
LISTED = {table["name"]: table for table in SOURCE["tables"]}


def dbt_tests(table: str) -> list[object]:
    return [
        *LISTED[table].get("data_tests", []),
        *(t for c in LISTED[table]["columns"] for t in c.get("data_tests", [])),
    ]


def test_dbt_knows_every_table_view_and_column():
    listed = {name: [c["name"] for c in table["columns"]] for name, table in LISTED.items() if name != "_dlt_loads"}
    assert listed == COLUMNS
    assert [c["name"] for t in LISTED.values() for c in t["columns"] if not c["description"].endswith(".")] == []


def test_dbt_tests_every_key():
    for model in (*TABLES, *views()):
        if len(model.key) == 1 and model in TABLES:
            assert "unique" in dbt_tests(model.name)
        else:
            assert {"instaview_unique_key": {"arguments": {"columns": list(model.key)}}} in dbt_tests(model.name)
    for table in TABLES:
        never_null = {c["name"] for c in LISTED[table.name]["columns"] if "not_null" in c.get("data_tests", [])}
        assert never_null >= {*table.key, LOAD_ID}


def test_dbt_tests_every_relationship():
    for r in relationships():
        tested = str(dbt_tests(r.table.name))
        assert [p.name for p in r.parents if f"source('instaview', '{p.name}')" not in tested] == []


def test_dbt_looks_for_the_dataset_where_it_is_told():
    assert SOURCE["schema"] == "{{ var('instaview_schema', 'instaview') }}"
    assert LISTED["requests"]["config"]["loaded_at_field"] == "last_polled_at"
