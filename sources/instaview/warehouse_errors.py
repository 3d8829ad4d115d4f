"""What is wrong with a warehouse, in one line: from whatever dlt or a driver raises."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common import logger as dlt_logger
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.load.exceptions import LoadClientJobException

from .diagnosis import advice, first_line, full_disk, without_secrets, without_values
from .exceptions import DestinationFailed, InstaviewError, UsageError
from .request_ids import printable
from .tables import TABLES

GO_ON = ", then run the same load again: it goes on from here"
_UNREACHABLE = ("OperationalError", "InterfaceError", "ServiceUnavailable", "TransportError", "ConnectionError")
_NO_FAULT_OF_A_ROW = (
    *("BinderException", "CatalogException", "ConnectionException", "FatalException", "InternalException"),  # DuckDB's
    *("IOException", "InterruptException", "TransactionException"),
    *("ServerError", "TooManyRequests"),  # Google's
)
_STATES_OF_THE_SERVER = ("25", "40", "53", "55", "57", "58")
"""Read-only or broken transactions, deadlocks, no resources, objects in use, stops, the system's errors."""
_USED_UP = re.compile("quota|resource monitor", re.IGNORECASE)
_SQL_STATE = re.compile("[0-9A-Z]{5}")
_JOB_OF_OURS = re.compile(rf"\bjob (for )?({'|'.join(table.name for table in TABLES)})\.", re.IGNORECASE)
_CONNECTION_STATE = re.compile("08|57P|53300")
"""Codes of connections, of servers that stop or start, and of one that takes no more connections."""


@contextmanager
def warehouse_errors(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Whatever dlt or a driver raises inside becomes a `DestinationFailed` of one line, and dlt does not log our rows.

    A warehouse quotes the rows it refuses, and so would dlt's log and the error's cause: these are people's data.
    """
    log, without_rows = dlt_logger.LOGGER or logging.getLogger("dlt"), _WithoutRows()
    log.addFilter(without_rows)
    try:
        yield
    except InstaviewError:
        raise
    except Exception as error:  # drivers have no common base, and dlt lets their errors through where it connects
        raise destination_failed(pipeline, error) from None
    finally:
        log.removeFilter(without_rows)


class _WithoutRows(logging.Filter):
    """Keeps out what dlt says of a job that brings rows to a table of ours and fails; our errors say it in a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno < logging.WARNING or _JOB_OF_OURS.search(record.getMessage()) is None


def destination_failed(pipeline: dlt.Pipeline, error: BaseException) -> DestinationFailed | UsageError:
    """What went wrong with the warehouse, in one line."""
    name = pipeline.destination.destination_name if pipeline.destination else "destination"
    causes = list(_causes(error))
    missing = next((c for c in causes if isinstance(c, ConfigFieldMissingException)), None)
    unfit = next((c for c in causes if isinstance(c, ConfigurationException)), None)
    if missing is not None:
        fields = ", ".join(missing.fields)
        return UsageError(
            f"{name}: missing settings: {fields}. Set them under [destination.{name}] in .dlt/secrets.toml, or as "
            f"DESTINATION__{name.upper()}__…; nothing was sent"
        )
    if unfit is not None:
        return UsageError(
            f"{name}: a setting is wrong: {without_secrets(first_line(str(unfit)), credentials_of(pipeline))}"
        )
    root = causes[-1]
    unreachable, hint = is_connection_error(error), None
    if _quotes_values(root):  # the words of a row are no sign of what is wrong
        told = f"{type(root).__name__}, it refused a row"
    elif disk := full_disk(_every_cause(error), pipeline.pipelines_dir):
        return DestinationFailed(f"{name}: {printable(disk)}{GO_ON}")
    else:
        hint = advice(_kind(pipeline), str(root))
        # whatever else it is about, it may quote a value of a row
        told = first_line(str(root) if hint or unreachable else without_values(str(root))) or type(root).__name__
    refused = hint is None and _is_of_rows(causes)
    told = f"{name}: {without_secrets(told, credentials_of(pipeline))}"
    default = "check the credentials and that it is reachable" if unreachable else "mend it"
    failed = DestinationFailed(f"{told}; {hint or default}{GO_ON}")
    failed.refusal = told if refused else None
    return failed


def _kind(pipeline: dlt.Pipeline) -> str:
    return pipeline.destination.destination_type.rpartition(".")[2] if pipeline.destination else ""


def credentials_of(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """The credentials of a pipeline's warehouse, as far as they can be resolved."""
    try:
        return dict(getattr(pipeline.destination_client().config, "credentials", None) or {})
    except Exception:  # what cannot be resolved has not been sent either
        return {}


def is_connection_error(error: BaseException) -> bool:
    """Whether the warehouse could not be reached at all, so that the same load may work later."""
    return any(isinstance(cause, DestinationConnectionError) or _is_of_a_connection(cause) for cause in _causes(error))


def _is_of_a_connection(error: BaseException) -> bool:
    """Whether a driver says so, as dlt does not wrap what some raise where they connect; a DuckDB file has none.

    To Postgres's drivers a full disk and an index that refuses a row are of the same kind; the code tells them apart.
    """
    code = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
    if _SQL_STATE.fullmatch(str(code)):
        return _CONNECTION_STATE.match(str(code)) is not None
    return any(cls.__name__ in _UNREACHABLE and "duckdb" not in cls.__module__ for cls in type(error).__mro__)


def _is_of_rows(causes: Sequence[BaseException]) -> bool:
    """Whether a load failed at its rows, as far as can be told: no table is missing, and nothing that may pass ails."""
    if not any(isinstance(cause, LoadClientJobException) for cause in causes):
        return False
    root = causes[-1]
    if _quotes_values(root):
        return True
    return not any(map(_is_of_something_else, causes)) and not _USED_UP.search(without_values(str(root)))


def _is_of_something_else(error: BaseException) -> bool:
    code = str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None))
    return (
        isinstance(error, DestinationUndefinedEntity | DestinationConnectionError)
        or _is_of_a_connection(error)
        or any(kind.__name__ in _NO_FAULT_OF_A_ROW for kind in type(error).__mro__)
        or (_SQL_STATE.fullmatch(code) is not None and code[:2] in _STATES_OF_THE_SERVER)
    )


def _quotes_values(error: BaseException) -> bool:
    """Whether the message of a database error shows the value that it is about, which may be a person's."""
    return any(kind.__name__ in ("DataError", "IntegrityError", "RaiseException") for kind in type(error).__mro__)


_WITHIN = ("exception", "job_exception", "client_exception", "dbapi_exception")
"""Where dlt's exceptions hold the one that they are about."""


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in causes:
        causes.append(current)
        within = (getattr(current, name, None) for name in _WITHIN)
        inner = next((error for error in within if isinstance(error, BaseException)), None)
        current = inner or current.__cause__ or current.__context__
    return causes


def _every_cause(error: BaseException) -> list[BaseException]:
    """All errors behind one, not only those that lead to its root: a full disk breaks whatever is tried after it."""
    found: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        current = pending.pop(0)
        if isinstance(current, BaseException) and not any(current is known for known in found):
            found.append(current)
            within = (getattr(current, name, None) for name in _WITHIN)
            pending += [*within, current.__cause__, current.__context__]
    return found
