"""What a load into a DuckDB file does differently: the file is in this process, and nothing stands between the two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationException

from .duckdb_file import DUCKDB
from .tables import RESULT_TABLES

MEMORY_BYTES = 64 * 1024 * 1024
"""What DuckDB may hold of rows on their way into the file, beside eight times the largest piece of them."""
_OUR_CONNECTIONS = 2
"""That of dlt's pool, and the one that the client made of it."""


def is_duckdb(pipeline: dlt.Pipeline) -> bool:
    """Whether the warehouse is a DuckDB file, read and written in this process."""
    return pipeline.destination is not None and pipeline.destination.destination_type == DUCKDB


@contextmanager
def one_connection(pipeline: dlt.Pipeline) -> Iterator[Any]:
    """Holds the file open for one load, and empties the staging tables after it. Other warehouses need neither.

    dlt closes the file whenever none of its jobs is running, and each time DuckDB then writes all new rows into it,
    those of the staging tables too. Held open it does so once, when the staging tables, which are copies of people's
    data, are empty again.

    Yields:
        dlt's client of the file; None for other warehouses.
    """
    if not is_duckdb(pipeline):
        yield None
        return
    # a fault may come after the rows are in, and then dlt, which tries again, would copy them twice
    dlt.config[f"{pipeline.pipeline_name}.load.raise_on_max_retries"] = 1
    with pipeline.sql_client() as client:
        yield client
        staged = client.execute_sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = %s AND NOT starts_with(table_name, '_dlt')",
            client.staging_dataset_name,
        )
        with client.with_staging_dataset():
            client.truncate_tables(*(name for (name,) in staged or ()))


def holds_results(client: Any, request_ids: Sequence[str]) -> bool:
    """Whether any table has a row of these requests' results, also one of a load that broke between two tables."""
    rows = client.execute_sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = %s", client.dataset_name)
    there = {name for (name,) in rows or ()}
    tables = [client.make_qualified_table_name(table.name) for table in RESULT_TABLES if table.name in there]
    if not tables or not request_ids:
        return False
    every = " UNION ALL ".join(f"SELECT request_id FROM {table}" for table in tables)
    # the shape of an id was checked when it was read: letters, digits, _ and - only
    asked = ", ".join(f"'{request_id}'" for request_id in request_ids)
    found = client.execute_sql(f"SELECT 1 FROM ({every}) WHERE request_id IN (SELECT unnest([{asked}])) LIMIT 1")
    return bool(found)


@contextmanager
def frugal(client: Any, largest_bytes: int = 0, *, to_the_end: bool = False) -> Iterator[None]:
    """Has DuckDB look and append with little memory, and with a thread for each of dlt's jobs and no more.

    More threads get in each other's way where rows are but appended, and memory is a cache then.

    Args:
        client: dlt's client of the file.
        largest_bytes: the size of the largest piece of rows.
        to_the_end: until the file is closed, unless somebody else in this process has it open, too.
    """
    settings = {"threads": "1", "memory_limit": f"{(MEMORY_BYTES + 8 * largest_bytes) // 1024} KiB"}
    before = {name: client.execute_sql(f"SELECT current_setting('{name}')")[0][0] for name in settings}
    try:
        for name, value in settings.items():
            client.execute_sql(f"SET {name} = '{value}'")
        yield
    finally:
        with suppress(DestinationException):  # a file that a fault has closed has no settings, and the fault is told
            if not to_the_end or client.execute_sql("SELECT * FROM duckdb_connection_count()")[0][0] > _OUR_CONNECTIONS:
                for name, value in before.items():
                    client.execute_sql(f"SET {name} = '{value}'")
