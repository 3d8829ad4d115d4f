"""Large warehouses, made by DuckDB itself, so that a case can begin with one."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bodies import make_bodies
from harness import child

_FEW = 10


def make_tables(work: Path, *, empty: bool) -> Path:
    """A warehouse with the connector's tables, as its first load leaves them; with nothing in them if `empty`."""
    child("ours:load", make_bodies(_FEW), work)
    file = work / "warehouse.duckdb"
    if empty:
        with duckdb.connect(file) as connection:
            for name in _names(connection):
                connection.execute(f'DELETE FROM results."{name}"')
            connection.execute("CHECKPOINT")
    return file


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'results'"
    return [name for (name,) in connection.execute(query).fetchall() if not name.startswith("_dlt")]


_ID = "'req_' || printf('%08x', n::BIGINT) || '-0000-4000-8000-' || printf('%012x', (n * 7919)::BIGINT)"
_LOAD = "(SELECT min(load_id) FROM results._dlt_loads WHERE status = 0)"

_REQUESTS = f"""
INSERT INTO results.requests BY NAME
SELECT {_ID} AS request_id, 'sourcing' AS kind, 'completed' AS state, 1 AS polls, 200 AS http_status,
       TIMESTAMPTZ '2025-01-01' + n * INTERVAL 1 second AS first_seen_at, first_seen_at AS last_polled_at,
       first_seen_at AS resolved_at, {_LOAD} AS _dlt_load_id
FROM generate_series(1, $count) AS numbers(n)
"""

_IDS = f"COPY (SELECT {_ID} AS id FROM generate_series(1, $count) AS numbers(n)) TO '$path' (HEADER false)"


def add_requests(file: Path, count: int, ids: Path) -> None:
    """Adds so many finished requests to the ledger, and writes their ids into a file."""
    with duckdb.connect(file) as connection:
        connection.execute(_REQUESTS.replace("$count", str(count)))
        connection.execute(_IDS.replace("$count", str(count)).replace("$path", str(ids)))


_CHILDREN = {
    "profile_skills": (12, "skill", "'Skill number ' || (i * 7 + p) % 300"),
    "profile_fit_points": (
        4,
        "fit_point",
        "'Led a team of ' || p || ' that built platform ' || i || '.'",
    ),
    "profile_experience_highlights": (12, "highlight", "'Cut the cost of service ' || i || ' by ' || p || ' percent.'"),
    "profile_emails": (2, "email", "'person.' || i || '.' || p || '@example.com'"),
}
_EACH = sum(rows for rows, _, _ in _CHILDREN.values())
_CANDIDATES_A_RUN = 30


def add_children(file: Path, rows: int) -> int:
    """Adds so many rows to the `profile_*` tables, with the candidates they belong to; how many there are then."""
    candidates = rows // _EACH
    with duckdb.connect(file) as connection:
        connection.execute(f"""
            CREATE TEMP TABLE people AS
            SELECT i, {_ID} AS request_id, printf('%012x', (i * 7919)::BIGINT) AS profile_id
            FROM (SELECT i, i // {_CANDIDATES_A_RUN} AS n FROM generate_series(1, {candidates}) AS numbers(i))""")
        connection.execute(f"""
            INSERT INTO results.candidates BY NAME
            SELECT request_id || '/' || profile_id AS candidate_id, request_id, profile_id,
                   1 + i % {_CANDIDATES_A_RUN} AS position, 'Person ' || i AS name, {_LOAD} AS _dlt_load_id
            FROM people""")
        for table, (each, column, value) in _CHILDREN.items():
            place = ", 1 + p % 4 AS experience_position" if table.endswith("highlights") else ""
            connection.execute(f"""
                INSERT INTO results.{table} BY NAME
                SELECT request_id || '/' || profile_id AS candidate_id, request_id, profile_id, p AS position{place},
                       {value} AS {column}, {_LOAD} AS _dlt_load_id
                FROM people, generate_series(1, {each}) AS places(p)""")
        connection.execute("CHECKPOINT")
        counts = [connection.sql(f"SELECT count(*) FROM results.{table}").fetchall()[0][0] for table in _CHILDREN]
    return sum(counts)
