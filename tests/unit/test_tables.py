"""The relational model: its tables, columns, types and keys, and what derives from them."""

from __future__ import annotations

import re
from typing import Any

import dlt
import pyarrow as pa
import pytest

from instaview.tables import LOAD_ID, PROFILE_LISTS, RUN_MODELS, TABLES, Table, relationships

MODEL = {table.name: table for table in TABLES}

KEYS = {
    "requests": ["request_id"],
    "sourcing_runs": ["request_id"],
    "candidates": ["candidate_id"],
    "enrichment_runs": ["request_id"],
    "enrichment_profiles": ["candidate_id"],
    "preview_runs": ["request_id"],
    "preview_candidates": ["candidate_id"],
    "profile_skills": ["candidate_id", "position"],
    "profile_fit_points": ["candidate_id", "position"],
    "profile_red_flags": ["candidate_id", "position"],
    "profile_rationales": ["candidate_id", "position"],
    "profile_experiences": ["candidate_id", "position"],
    "profile_experience_highlights": ["candidate_id", "experience_position", "position"],
    "profile_emails": ["candidate_id", "position"],
    "billing_usage": ["company_id", "billing_system", "day", "cost_key"],
}

SOURCING_RUN = """
    request_id company_id status created_at:timestamp completed_at:timestamp found_count:bigint scored_count:bigint
    candidate_count:bigint error_code error_message extra
"""
COLUMNS = {
    "requests": """
        request_id kind state company_id first_seen_at:timestamp last_polled_at:timestamp resolved_at:timestamp
        polls:bigint http_status:bigint error_code error_message
    """,
    "sourcing_runs": SOURCING_RUN,
    "candidates": """
        candidate_id request_id profile_id position:bigint name linkedin_url match_score:double rationale headline
        location current_company current_role run_completed_at:timestamp extra
    """,
    "enrichment_runs": """
        request_id company_id status created_at:timestamp completed_at:timestamp enriched_count:bigint
        failure_count:bigint credits_consumed:bigint error_code error_message extra
    """,
    "enrichment_profiles": """
        candidate_id request_id profile_id position:bigint success:bool error_code error_message name linkedin_url
        match_score:double rationale headline location current_company current_role run_completed_at:timestamp extra
    """,
    "preview_runs": SOURCING_RUN,
    "preview_candidates": """
        candidate_id request_id profile_id position:bigint name linkedin_url title headline location country
        current_company company_url run_completed_at:timestamp extra
    """,
    "profile_skills": "candidate_id position:bigint request_id profile_id skill",
    "profile_fit_points": "candidate_id position:bigint request_id profile_id fit_point",
    "profile_red_flags": "candidate_id position:bigint request_id profile_id red_flag",
    "profile_rationales": """
        candidate_id position:bigint request_id profile_id title company duration relevance_explanation extra
    """,
    "profile_experiences": "candidate_id position:bigint request_id profile_id role company duration extra",
    "profile_experience_highlights": """
        candidate_id experience_position:bigint position:bigint request_id profile_id highlight
    """,
    "profile_emails": "candidate_id position:bigint request_id profile_id email",
    "billing_usage": """
        company_id company_name billing_system day:date cost_key events:bigint credits_used:double minutes_used:double
        extra
    """,
}
"""Each table's columns; those without a type are text."""

ARROW = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def expected_columns(name: str) -> list[tuple[str, str]]:
    pairs = [entry.partition(":") for entry in COLUMNS[name].split()]
    return [(column, type_ or "text") for column, _, type_ in pairs]


def is_sentence(text: str) -> bool:
    """One line of words with a full stop at the end; no bar, which would end a cell of a Markdown table."""
    return bool(re.fullmatch(r"\w{3}[^\n|]*\w\)?\.", text)) and "  " not in text


def test_the_tables_are_those_of_the_contract_in_its_order() -> None:
    assert [table.name for table in TABLES] == list(KEYS)


@every_table
def test_columns_and_types_are_those_of_the_contract(table: Table) -> None:
    assert [(column.name, column.type) for column in table.columns] == expected_columns(table.name)


@every_table
def test_keys_are_those_of_the_contract(table: Table) -> None:
    assert list(table.key) == KEYS[table.name]


@every_table
def test_only_the_profile_tables_and_billing_are_replaced_as_a_whole(table: Table) -> None:
    assert table.replaced == (table.name.startswith("profile_") or table.name == "billing_usage")


@every_table
def test_ids_are_never_null(table: Table) -> None:
    never_null = {column.name for column in table.columns if not column.nullable}
    ids = {"candidate_id", "request_id", "profile_id"}
    if table.name == "billing_usage":
        ids = {"company_id", "billing_system", "day"}
    assert never_null == ids & {column.name for column in table.columns}
    # a replaced table has rows without the last part of its key: they say that an owner has none
    assert set(table.key[:-1] if table.replaced else table.key) - {"experience_position"} <= never_null


@every_table
def test_every_description_is_a_sentence(table: Table) -> None:
    assert is_sentence(table.description)
    assert {column.name: column.description for column in table.columns if not is_sentence(column.description)} == {}


def value_type(type_: pa.DataType) -> pa.DataType:
    """What a dictionary holds counts: text that rows share is text."""
    return type_.value_type if pa.types.is_dictionary(type_) else type_


FILLED: dict[str, dict[str, Any]] = {
    table.name: {c.name: {"text": "x", "bigint": 1, "double": 1.0, "bool": True}.get(c.type) for c in table.columns}
    for table in TABLES
}


@every_table
def test_arrow_schema_derives_from_the_columns(table: Table) -> None:
    schema = table.arrow_schema
    assert schema.names == [*(name for name, _ in expected_columns(table.name)), "_dlt_load_id"]
    assert [value_type(schema.field(name).type) for name, _ in expected_columns(table.name)] == [
        ARROW[type_] for _, type_ in expected_columns(table.name)
    ]
    assert [schema.field(column.name).nullable for column in table.columns] == [c.nullable for c in table.columns]
    assert value_type(schema.field("_dlt_load_id").type) == pa.string()
    assert not schema.field("_dlt_load_id").nullable


@every_table
def test_an_empty_table_has_the_schema_and_no_rows(table: Table) -> None:
    assert table.empty().num_rows == 0
    assert table.empty().schema.equals(table.row_schema)


@every_table
def test_rows_are_stamped_with_their_load(table: Table) -> None:
    rows = pa.concat_tables([table.empty(), pa.Table.from_pylist([FILLED[table.name]] * 2, schema=table.row_schema)])
    loaded = table.in_load(rows, "1736000000.123456")
    assert loaded.schema.equals(table.arrow_schema)
    assert loaded["_dlt_load_id"].to_pylist() == ["1736000000.123456"] * 2
    assert table.in_load(table.empty(), "1").schema.equals(table.arrow_schema)


@every_table
def test_hints_hold_every_column_with_its_description(table: Table) -> None:
    hints = table.hints()
    assert [(c["name"], c["data_type"], c["nullable"], c["description"]) for c in hints["columns"][:-1]] == [
        (c.name, c.type, c.nullable, c.description) for c in table.columns
    ]
    load_id = hints["columns"][-1]
    assert (
        (load_id["name"], load_id["data_type"], load_id["nullable"])
        == (LOAD_ID, "text", False)
        == (
            "_dlt_load_id",
            "text",
            False,
        )
    )
    assert is_sentence(load_id["description"])
    additional = hints["additional_table_hints"]
    assert additional["description"] == additional["x-bigquery-table-description"] == table.description
    assert hints["file_format"] == "parquet"


@every_table
def test_hints_replace_the_rows_of_what_is_delivered(table: Table) -> None:
    hints = table.hints()
    owner = "candidate_id" if "candidate_id" in KEYS[table.name] else "request_id"
    merge = {
        "disposition": "merge",
        "strategy": "delete-insert",
        "destination_scope": f"{owner} IN (SELECT {owner} FROM {{staging_table}})",
    }
    if table.name.startswith("profile_"):
        merge["source_filter"] = "position IS NOT NULL"
    if table.name == "billing_usage":
        merge["destination_scope"] = (
            "company_id IN (SELECT company_id FROM {staging_table}) AND day IN (SELECT day FROM {staging_table})"
        )
        merge["source_filter"] = "cost_key IS NOT NULL"
    assert hints["write_disposition"] == merge
    assert [column["name"] for column in hints["columns"] if column.get("primary_key")] == [
        column.name for column in table.columns if column.name in KEYS[table.name]
    ]


@every_table
def test_dlt_takes_the_hints_as_they_are(table: Table) -> None:
    resource = dlt.resource([], name=table.name)
    resource.apply_hints(table_name=table.name, **table.hints())
    schema: dict[str, Any] = dict(resource.compute_table_schema())
    assert schema["description"] == table.description
    assert schema["write_disposition"] == "merge"
    assert {name: column["description"] for name, column in schema["columns"].items() if name != LOAD_ID} == {
        column.name: column.description for column in table.columns
    }
    assert {name: column["data_type"] for name, column in schema["columns"].items() if name != LOAD_ID} == dict(
        expected_columns(table.name)
    )
    assert {name for name, column in schema["columns"].items() if column.get("primary_key")} == set(KEYS[table.name])
    assert {name: column["nullable"] for name, column in schema["columns"].items() if name != LOAD_ID} == {
        column.name: column.nullable for column in table.columns
    }


def test_hints_are_made_anew_each_time() -> None:
    table = MODEL["candidates"]
    table.hints()["columns"].clear()
    table.hints()["write_disposition"]["strategy"] = "upsert"
    assert len(table.hints()["columns"]) == len(table.columns) + 1
    assert table.hints()["write_disposition"]["strategy"] == "delete-insert"


@every_table
def test_columns_are_named_after_the_fields_they_take_over(table: Table) -> None:
    """`createdAt` goes to `created_at`; only previews use other words for the same thing."""
    renamed = {"fullName": "name", "profileUrl": "linkedin_url", "companyName": "current_company"}
    for column in table.columns:
        if column.field is not None:
            snake_case = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), column.field)
            expected = renamed.get(column.field, snake_case) if table.name == "preview_candidates" else snake_case
            assert column.name == expected
    assert table.fields == {column.field for column in table.columns if column.field is not None}


@pytest.mark.parametrize(
    ("kind", "runs", "profiles", "items", "within"),
    [
        ("sourcing", "sourcing_runs", "candidates", "candidates", None),
        ("enrichment", "enrichment_runs", "enrichment_profiles", "data", "candidate"),
        ("preview", "preview_runs", "preview_candidates", "candidates", None),
    ],
)
def test_each_kind_has_its_tables(kind: str, runs: str, profiles: str, items: str, within: str | None) -> None:
    model = RUN_MODELS[kind]
    assert (model.runs.name, model.profiles.name, model.items, model.within) == (runs, profiles, items, within)
    assert [inner.field for inner in model.lists] == (
        []
        if kind == "preview"
        else ["skills", "aiFitPoints", "aiRedFlags", "aiDetailedRationale", "detailedExperience", "emails"]
    )


def test_every_replaced_table_is_fed_by_one_list() -> None:
    tables = [inner.table.name for inner in PROFILE_LISTS]
    tables += [inner.inner.table.name for inner in PROFILE_LISTS if inner.inner is not None]
    assert sorted(tables) == sorted(name for name in KEYS if name.startswith("profile_"))


def test_the_tables_hang_together_by_their_keys() -> None:
    lists = ["skills", "fit_points", "red_flags", "rationales", "experiences", "emails"]
    assert {(r.table.name, r.columns, tuple(p.name for p in r.parents)) for r in relationships()} == {
        ("sourcing_runs", ("request_id",), ("requests",)),
        ("enrichment_runs", ("request_id",), ("requests",)),
        ("preview_runs", ("request_id",), ("requests",)),
        ("candidates", ("request_id",), ("sourcing_runs",)),
        ("enrichment_profiles", ("request_id",), ("enrichment_runs",)),
        ("preview_candidates", ("request_id",), ("preview_runs",)),
        *((f"profile_{name}", ("candidate_id",), ("candidates", "enrichment_profiles")) for name in lists),
        ("profile_experience_highlights", ("candidate_id", "experience_position"), ("profile_experiences",)),
    }
    for relationship in relationships():
        assert {len(parent.key) for parent in relationship.parents} == {len(relationship.columns)}


@every_table
def test_every_table_answers_a_question(table: Table) -> None:
    assert re.fullmatch(r"[A-Z][^\n|]*\w\?", table.question)


def test_bigquery_partitions_by_the_run_s_day_and_clusters_by_what_merges_and_people_look_for() -> None:
    layouts = {table.name: table.hints()["additional_table_hints"] for table in TABLES}
    partitioned = {name: layout.get("x-bigquery-partition") for name, layout in layouts.items()}
    assert {name for name, by in partitioned.items() if by} == {
        "candidates",
        "enrichment_profiles",
        "preview_candidates",
    }
    assert partitioned["candidates"] == {"run_completed_at": "DATE({column_name})"}
    assert layouts["requests"]["x-bigquery-cluster-columns"] == ["request_id"]
    assert layouts["profile_skills"]["x-bigquery-cluster-columns"] == ["request_id", "candidate_id"]
