"""Which setting to look at, told from what drivers really say."""

from __future__ import annotations

import dlt
import duckdb
import psycopg2.errors
import pyarrow as pa
import pytest
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.load.exceptions import LoadClientJobFailed
from google.api_core.exceptions import InternalServerError

from instaview.diagnosis import advice
from instaview.exceptions import DestinationFailed
from instaview.warehouse_errors import destination_failed

SERVER = 'connection to server at "10.0.0.7", port 5432 failed: '
FATAL = f"{SERVER}FATAL:  "
DB = "250001 (08001): None: Failed to connect to DB: ab12345.snowflakecomputing.com:443. "

POSTGRES = {
    'could not translate host name "wh.example" to address: Name or service not known': "host",
    'could not translate host name "wh.example" to address: Temporary failure in name resolution': "host",
    f"{SERVER}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?": "host, port",
    f"{SERVER}timeout expired": "host, port",
    f"{SERVER}Connection timed out\n\tIs the server running on that host?": "host, port",
    f"{SERVER}No route to host": "host, port",
    f'{FATAL}password authentication failed for user "loader"': "username, password",
    f"{SERVER}fe_sendauth: no password supplied": "username, password",
    f'{FATAL}role "loader" does not exist': "username, password",
    f'{FATAL}database "analytics" does not exist': "database",
    f'{FATAL}no pg_hba.conf entry for host "10.0.0.1", user "loader", database "a", no encryption': "query (sslmode)",
    f'{FATAL}no pg_hba.conf entry for host "10.0.0.1", user "loader", database "a", SSL off': "query (sslmode)",
    f'{FATAL}no pg_hba.conf entry for host "10.0.0.1", user "loader", database "a", SSL on': "username, password",
    f"{SERVER}server does not support SSL, but SSL was required": "query (sslmode)",
    f"{SERVER}SSL error: certificate verify failed": "query (sslmode)",
    f"{SERVER}SSL error: tlsv1 alert unknown ca": "query (sslmode)",
    f'{SERVER}root certificate file "/home/loader/.postgresql/root.crt" does not exist': "query (sslmode)",
    'invalid sslmode value: "always"': "query (sslmode)",
    "permission denied for schema instaview": "the grants do not suffice",
    "must be owner of view run_health": "the grants do not suffice",
    "SSL connection has been closed unexpectedly": None,
    "SSL SYSCALL error: EOF detected": None,
    "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally": None,
    f"{FATAL}sorry, too many clients already": None,
    f"{FATAL}the database system is starting up": None,
}
SNOWFLAKE = {
    f"{DB}Incorrect username or password was specified.": "username, password",
    "251005: User is empty": "username, password",
    "251006: Password is empty": "username, password",
    f"{DB}JWT token is invalid. [5f1d]": "private_key_path, private_key_passphrase",
    "[Errno 2] No such file or directory: 'loader.p8'": "private_key_path, private_key_passphrase",
    "Could not deserialize key data. The data may be in another format": "private_key_path, private_key_passphrase",
    f"{DB}Role 'LOADER' specified in the connect string does not exist or not authorized.": "role",
    "000606 (57P03): No active warehouse selected in the current session.": "warehouse",
    "002043 (02000): SQL compilation error:\nWarehouse 'LOADING' does not exist or not authorized.": "warehouse",
    "002003 (02000): SQL compilation error:\nDatabase 'ANALYTICS' does not exist or not authorized.": "database, role",
    "090105 (22000): Cannot perform CREATE SCHEMA. This session does not have a current database.": "database, role",
    "290404 (08001): None: 404 Not Found: post https://ab1.snowflakecomputing.com:443/session/v1/login-request": "host",
    "250001: Could not connect to Snowflake backend after 2 attempt(s).Aborting": "host",
    "003001 (42501): SQL access control error:\nInsufficient privileges to operate on schema 'INSTAVIEW'": "the grants",
    "100072 (22000): NULL result in a non-nullable column": None,
}
BIGQUERY = {
    "('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant'})": "private_key, client_email",
    "('invalid_grant: Invalid grant: account not found', {'error': 'invalid_grant'})": "private_key, client_email",
    "Unable to load PEM file. See https://cryptography.io/en/latest/faq/": "private_key, client_email",
    "404 Not found: Dataset analytics:instaview was not found in location US; reason: notFound": "location under "
    "[destination.bigquery]",
    "400 Cannot read and write in different locations: source: US, destination: EU": "location under "
    "[destination.bigquery]",
    "404 Not found: Project nowhere": "project_id",
    "400 The project nowhere has not enabled BigQuery.": "project_id",
    "403 BigQuery API has not been used in project 123 before or it is disabled.": "project_id",
    "HTTPSConnectionPool(host='bigquery.googleapis.com', port=443): Max retries exceeded": "project_id, and "
    "whether a proxy is needed",
    "403 Access Denied: Project analytics: User does not have bigquery.jobs.create permission": "the grants",
    "403 Access Denied: Dataset analytics:instaview: Permission bigquery.tables.create denied": "the grants",
    "403 Quota exceeded: Your table exceeded quota for imports or query appends per table": None,
}
FILE = "credentials under [destination.duckdb]: "
DUCKDB = {
    'IO Error: Could not set lock on file "/w.duckdb": Conflicting lock is held in python (PID 7).': FILE
    + "another process has the file open",
    "Corrupt database file: computed checksum 17 does not match stored checksum 4 in block at location 274432": FILE
    + "the file is damaged; put back a copy, or load into a new file",
    'IO Error: The file "/w.duckdb" exists, but it is not a valid DuckDB database file!': FILE
    + "the file is no database of DuckDB",
    'IO Error: Cannot open file "/w.duckdb": Permission denied': FILE + "the path of the file",
    "Constraint Error: NOT NULL constraint failed: candidates.candidate_id": None,
}
SAID = [
    (destination, *said)
    for destination, messages in (
        ("postgres", POSTGRES),
        ("snowflake", SNOWFLAKE),
        ("bigquery", BIGQUERY),
        ("duckdb", DUCKDB),
    )
    for said in messages.items()
]


@pytest.mark.parametrize(("destination", "message", "wanted"), SAID)
def test_the_message_tells_which_setting_to_look_at(destination: str, message: str, wanted: str | None) -> None:
    told = advice(destination, message)
    if wanted is None or wanted.startswith("the grants"):
        assert (told or "").startswith(wanted or "")
        assert wanted or told is None
    else:
        place = "" if "[" in wanted else f" under [destination.{destination}.credentials]"
        assert told == f"look at {wanted}{place}"


ROW = "Does not have cloud experience, the AWS certificate, or a password. Beat her quota. No space left on device"


def failed_job(destination: str, error: Exception) -> DestinationFailed:
    pipeline = dlt.pipeline("refused", destination=destination, dataset_name="d")
    failed = destination_failed(pipeline, LoadClientJobFailed("1.0", "candidates.1", str(error), error))
    assert isinstance(failed, DestinationFailed)
    return failed


class ProgrammingError(Exception):
    """Snowflake's, which is no kind of DataError where a value is refused."""


class PostgresError(Exception):
    """An error of a server, by its SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"said {sqlstate}")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "error",
    [
        *map(PostgresError, ("40001", "40P01", "25006", "53200", "57014")),
        DatabaseUndefinedRelation(Exception("no such table")),
        duckdb.CatalogException("Table with name candidates does not exist"),
        duckdb.IOException("Could not write"),
        InternalServerError("try again"),
        Exception("Quota exceeded: too many table update operations"),
    ],
    ids=str,
)
def test_what_may_pass_or_is_missing_is_no_refusal_of_a_row(error: Exception) -> None:
    assert failed_job("bigquery", error).refusal is None


def test_what_is_no_job_of_a_load_is_no_refusal_of_a_row() -> None:
    pipeline = dlt.pipeline("refused", destination="duckdb", dataset_name="d")
    failed = destination_failed(pipeline, pa.ArrowInvalid("Could not convert 'Ada Maly\nof Oslo' with type str"))
    assert isinstance(failed, DestinationFailed)
    assert failed.refusal is None
    assert [word for word in ("Ada", "Oslo") if word in str(failed)] == []


@pytest.mark.parametrize(
    "error",
    [
        psycopg2.errors.NotNullViolation(f'null value in column "name"\nDETAIL:  Failing row contains (1, {ROW}).'),
        psycopg2.errors.RaiseException(f"bad name {ROW}: him"),
        Exception(f'Could not convert "{ROW}: him" to DOUBLE for "match_score"'),
        Exception(f'Could not convert "said "{ROW}: him" often" to DOUBLE'),
        Exception('Could not convert "him.cloud" to DOUBLE'),
        ProgrammingError(f"100078 (22000): String '{ROW}: it's him' is too long and would be truncated"),
        ProgrammingError(f"100078 (22000): String 'a line\n{ROW}: it's him' is too long and would be truncated"),
        ProgrammingError(f"100078 (22000): String '{ROW * 9}: it's him' is too long and would be truncated"),
        ProgrammingError(f"100078 (22000): String '{ROW * 9}: it's him"),
    ],
)
def test_the_words_of_a_refused_row_are_neither_shown_nor_taken_for_a_sign(error: Exception) -> None:
    destination = "postgres" if isinstance(error, psycopg2.Error) else "snowflake"
    failed = failed_job(destination, error)
    assert failed.refusal
    assert "mend it, then run the same load again" in str(failed)
    assert [word for word in ("cloud", "him", "disk", "grants", "look at") if word in str(failed)] == []
