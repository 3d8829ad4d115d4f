"""What is wrong with a warehouse: which setting to look at, told from the message of its driver."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .request_ids import printable

# destination, what its message holds, the settings to look at; the first that fits counts. Those with a point before
# them are no credentials
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("postgres", r"translate host name|name or service not known", "host"),
    ("postgres", r"connection refused|time(d )?out|no route to host|network is unreachable", "host, port"),
    ("postgres", r"pg_hba.*(no encryption|ssl off)|support ssl|certificate|sslmode|ssl error: tls", "query (sslmode)"),
    ("postgres", r"password|pg_hba|role \S+ does not exist", "username, password"),
    ("postgres", r"database \S+ does not exist", "database"),
    ("snowflake", r"private.?key|jwt|deserialize|\bpem\b|no such file", "private_key_path, private_key_passphrase"),
    ("snowflake", r"incorrect username or password|(user|password) is empty|authentication", "username, password"),
    ("snowflake", r"no active warehouse|warehouse '?\S+ .*(does not exist|not authorized)", "warehouse"),
    ("snowflake", r"role '?\S+ .*(does not exist|not granted|not authorized)", "role"),
    ("snowflake", r"database '?\S+ .*does not exist|does not have a current database", "database, role"),
    ("snowflake", r"could not connect|failed to connect|\b40[34]\b|resolve|timed? ?out|refused", "host"),
    ("bigquery", r"invalid_grant|private.?key|deserialize|malformed|\bpem\b|jwt", "private_key, client_email"),
    ("bigquery", r"not found in location|different locations", ".location"),
    (
        "bigquery",
        r"not found: project|project .*(not found|has not enabled)|invalid project|has not been used in project",
        "project_id",
    ),
    (
        "bigquery",
        r"max retries|resolve|connection error|refused|timed? ?out",
        "project_id, and whether a proxy is needed",
    ),
    ("duckdb", r"\block\b", ": another process has the file open"),
    ("duckdb", r"corrupt|checksum", ": the file is damaged; put back a copy, or load into a new file"),
    ("duckdb", r"not a valid duckdb|newer version|is a directory", ": the file is no database of DuckDB"),
    ("duckdb", r"cannot open|no such file|permission denied|read-only", ": the path of the file"),
)
_NOT_ALLOWED = re.compile(
    r"permission|insufficient privileges|access denied|not authorized|does not have|must be owner", re.IGNORECASE
)
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS)
_FULL_IN_WORDS = re.compile("|".join(map(os.strerror, _FULL)), re.IGNORECASE)
_A_FILE = re.compile(r"file \"(/[^\"]+)\"")
_IN_QUOTES = re.compile(r"(?<!\w)'(?:.*'(?!\w)|.*)", re.DOTALL)
_NAMED = r"(?:server at|host name|user|column|constraint|database|file|function|index|relation|role|schema|table|view)"
_IN_DOUBLE_QUOTES = re.compile(rf"(\b{_NAMED} \"[^\"\n]*\")|\".*\"|\".*", re.DOTALL | re.IGNORECASE)
_SECRET_NAMES = re.compile(r"password|private_key$|passphrase|token$|secret", re.IGNORECASE)
_IN_AN_ADDRESS = re.compile(r"(?<=://)[^@\s/]*:[^@\s]*@")


def advice(destination: str, message: str) -> str | None:
    """What to look at after the warehouse gave this message; None where nothing is known about it."""
    place = f"[destination.{destination}.credentials]"
    if not message.startswith("("):  # as Google's client begins where it cannot sign in, and then all of it is quoted
        message = without_values(message)
    for name, holds, settings in _CAUSES:
        if name == destination and re.search(holds, message, re.IGNORECASE):
            if settings.startswith("."):
                return f"look at {settings[1:]} under [destination.{destination}]"
            if settings.startswith(":"):
                return f"look at credentials under [destination.{destination}]{settings}"
            return f"look at {settings} under {place}"
    if is_not_allowed(message):
        return f"the grants do not suffice; docs/warehouses/{destination}.sql has those that do"
    return None


def is_not_allowed(message: str) -> bool:
    """Whether a warehouse says that the loader may not do what it tried."""
    return _NOT_ALLOWED.search(message) is not None


def full_disk(causes: Sequence[BaseException], folder: str) -> str | None:
    """What to do about a disk that has no room, or cannot be written to; None where no cause of an error is one.

    Args:
        causes: all errors behind one, the outermost first.
        folder: where dlt writes on this machine; Python does not tell the file when a write into it fails.
    """
    here = next((c for c in causes if isinstance(c, OSError) and c.errno in _FULL), None)
    if here is not None:
        return _room_for(str(here.filename or folder), read_only=here.errno == errno.EROFS)
    for message in (without_values(str(cause)) for cause in reversed(causes)):
        if said := _FULL_IN_WORDS.search(message):
            named = _A_FILE.search(message)
            return _room_for(named[1] if named else "the warehouse", read_only=said[0].lower().startswith("read-only"))
    return None


def _room_for(what: str, *, read_only: bool) -> str:
    return f"the disk of {what} can only be read; mend it" if read_only else f"no room on the disk of {what}; make some"


def first_line(text: str) -> str:
    """The first line of a message that says something, with the next where it ends in a colon; bounded, printable."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [*lines[:1], *(without_values(line) for line in lines[1:2] if lines[0].endswith(":"))]
    return printable(" ".join(told))[:300]


def without_values(text: str) -> str:
    """A message without what is quoted in it, which may be a value of a row.

    The value may hold quotes itself, or be cut: so from the first quote to the last, or to the end, nothing stays.
    Names stay, where the word before says that they are one.
    """
    return _IN_DOUBLE_QUOTES.sub(lambda m: m[1] or '"…"', _IN_QUOTES.sub("'…'", text))


def without_secrets(text: str, credentials: Mapping[str, Any]) -> str:
    """A message without the values of these credentials that must not be shown."""
    secrets = [str(value) for name, value in credentials.items() if value and _SECRET_NAMES.search(name)]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return _IN_AN_ADDRESS.sub("…@", text)
