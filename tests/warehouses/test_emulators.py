"""Whether what stands for a warehouse can be trusted: without these, a green suite would mean little."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseException
from warehouse_machine import WarehouseMachine

import instaview.lease
from instaview.exceptions import DestinationFailed
from instaview.lease import Lease
from instaview_sandbox import Sandbox, running


@pytest.fixture(scope="module")
def dataset(warehouse, tmp_path_factory):
    """The tables, empty but for what the tests below insert."""
    sandbox = Sandbox(requests=0)
    with running(sandbox) as url:
        machine = WarehouseMachine(tmp_path_factory.mktemp("guard"), url, sandbox.keys["full"], warehouse, "iv_guard")
        machine.load()
        yield machine


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELEKT 1",
        "SELECT no_such_column FROM {requests}",
        "INSERT INTO {requests} (request_id, no_such_column) VALUES ('x', 1)",
        "DELETE FROM {requests} WHERE no_such_function(request_id)",
        "UPDATE {requests} SET no_such_column = 1 WHERE 1 = 1",
        "SELECT regexp_replace('a', '(', 'b')",
    ],
)
def test_bad_sql_raises(dataset, sql):
    with pytest.raises(DatabaseException):
        dataset.sql(sql)


def test_one_bad_statement_among_several_raises(dataset):
    with dataset.pipeline() as pipeline, pipeline.sql_client() as client, pytest.raises(DatabaseException):
        client.execute_many(["SELECT 1;", "DELETE FROM no_such_dataset.no_such_table WHERE 1 = 1;", "SELECT 2;"])


def test_a_table_that_is_not_there_is_told_apart(dataset):
    with pytest.raises(DestinationUndefinedEntity):
        dataset.sql("SELECT 1 FROM {no_such_table}")


def test_null_comes_back_as_null_and_a_time_as_itself(dataset):
    columns = "request_id, state, first_seen_at, polls"
    insert = f"INSERT INTO {{requests}} ({columns}, {dataset.load_id_column}) VALUES (%s, %s, %s, %s, %s)"
    time = datetime(2026, 1, 5, 12, 30, 15, 123456, UTC)
    dataset.sql(insert, "with", "x", time, 7, "1")
    dataset.sql(f"INSERT INTO {{requests}} (request_id, {dataset.load_id_column}) VALUES ('without', '1')")
    rows = sorted(dataset.sql(f"SELECT {columns} FROM {{requests}}"))
    assert rows == [("with", "x", time, 7), ("without", None, None, None)]


def test_a_key_column_takes_no_null(dataset):
    with pytest.raises(DatabaseException):
        dataset.sql("INSERT INTO {requests} (state) VALUES ('completed')")


@pytest.mark.only_on("duckdb", "postgres", "snowflake")  # dlt uses no transaction on BigQuery, and bqemulator has none
def test_what_is_rolled_back_is_not_there(dataset):
    def delete_and_fail(client, table):
        with client.begin_transaction():
            client.execute_sql(f"DELETE FROM {table} WHERE 1 = 1")
            raise RuntimeError

    with dataset.pipeline() as pipeline, pipeline.sql_client() as client:
        table = client.make_qualified_table_name("_dlt_loads")
        before = client.execute_sql(f"SELECT COUNT(*) FROM {table}")
        with pytest.raises(RuntimeError):
            delete_and_fail(client, table)
        assert client.execute_sql(f"SELECT COUNT(*) FROM {table}") == before


@pytest.mark.only_on("postgres", "snowflake", "bigquery")
def test_an_update_with_a_condition_keeps_two_writers_apart(dataset, monkeypatch):
    monkeypatch.setattr(instaview.lease, "LONGEST_WAIT", 0)
    with dataset.pipeline() as pipeline, pipeline.sql_client() as one, pipeline.sql_client() as other:
        first, second = Lease(one, 1), Lease(other, 2)
        first.take()
        with pytest.raises(DestinationFailed, match="another load has been writing"):
            second.take()
        first.beat()
        first.give_back()
        second.take()
        with pytest.raises(DestinationFailed, match="another load took over"):
            first.give_back()
        second.give_back()
