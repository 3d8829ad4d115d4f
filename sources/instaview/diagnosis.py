"""What is wrong with a warehouse: which setting to look at, told from the message of its driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# destination, what its message holds, the settings to look at; the first that fits counts
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("postgres", r"translate host name|name or service not known", "host"),
    ("postgres", r"connection refused|timeout expired|no route to host|network is unreachable", "host, port"),
    ("postgres", r"password|pg_hba|role \S+ does not exist", "username, password"),
    ("postgres", r"database \S+ does not exist", "database"),
    ("postgres", r"\bssl\b", "query (sslmode)"),
    ("snowflake", r"private.?key|jwt|deserialize|\bpem\b|no such file", "private_key_path, private_key_passphrase"),
    ("snowflake", r"incorrect username or password|user is empty|authentication", "username, password"),
    ("snowflake", r"no active warehouse|warehouse '?\S+ .*(does not exist|not authorized)", "warehouse"),
    ("snowflake", r"role '?\S+ .*(does not exist|not granted|not authorized)", "role"),
    ("snowflake", r"database '?\S+ .*does not exist|does not have a current database", "database, role"),
    ("snowflake", r"could not connect|failed to connect|\b40[34]\b|resolve|timed? ?out|refused", "host"),
    ("bigquery", r"invalid_grant|private.?key|deserialize|malformed|\bpem\b|jwt", "private_key, client_email"),
    ("bigquery", r"project .*(not found|has not enabled)|invalid project|has not been used in project", "project_id"),
    (
        "bigquery",
        r"max retries|resolve|connection error|refused|timed? ?out",
        "project_id, and whether a proxy is needed",
    ),
    ("duckdb", r"lock", ": another process has the file open"),
    ("duckdb", r"not a valid duckdb|newer version|is a directory", ": the file is no database of DuckDB"),
    ("duckdb", r"cannot open|no such file|permission denied|read-only", ": the path of the file"),
)
_NOT_ALLOWED = re.compile(
    r"permission|insufficient privileges|access denied|not authorized|does not have|must be owner", re.IGNORECASE
)
_SECRET_NAMES = re.compile(r"password|private_key$|passphrase|token$|secret", re.IGNORECASE)
_IN_AN_ADDRESS = re.compile(r"(?<=://)[^@\s/]*:[^@\s]*@")


def advice(destination: str, message: str) -> str | None:
    """What to look at after the warehouse gave this message; None where nothing is known about it."""
    place = f"[destination.{destination}.credentials]"
    for name, holds, settings in _CAUSES:
        if name == destination and re.search(holds, message, re.IGNORECASE):
            if settings.startswith(":"):
                return f"look at credentials under [destination.{destination}]{settings}"
            return f"look at {settings} under {place}"
    if _NOT_ALLOWED.search(message):
        return f"the grants do not suffice; docs/warehouses/{destination}.sql has those that do"
    return None


def without_secrets(text: str, credentials: Mapping[str, Any]) -> str:
    """A message without the values of these credentials that must not be shown."""
    secrets = [str(value) for name, value in credentials.items() if value and _SECRET_NAMES.search(name)]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return _IN_AN_ADDRESS.sub("…@", text)
