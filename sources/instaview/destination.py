"""The warehouse as a place: opening a pipeline on it, and telling what is wrong with it in one line."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination.exceptions import DestinationUndefinedEntity, UnknownDestinationModule
from dlt.common.destination.reference import AnyDestination
from dlt.common.exceptions import DltException
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.load.exceptions import LoadClientJobException

from .diagnosis import advice, full_disk, without_secrets, without_values
from .duckdb_file import DUCKDB as DUCKDB
from .duckdb_file import file_of, stay_in_this_folder, tell_file_and_dataset_apart
from .exceptions import DestinationFailed, InstaviewError, UsageError
from .request_ids import printable
from .silence import notice_dead_connections
from .telemetry import off_unless_asked
from .working_folder import mend_folder, unusable

PIPELINE = "instaview"
GO_ON = ", then run the same load again: it goes on from here"
POSTGRES = "dlt.destinations.postgres"
SNOWFLAKE = "dlt.destinations.snowflake"
BIGQUERY = "dlt.destinations.bigquery"
_LONGEST_NAME = 50
"""Of a pipeline, without what tells it from others; dlt takes 64."""
_UNREACHABLE = ("OperationalError", "InterfaceError", "ServiceUnavailable", "TransportError", "ConnectionError")
_NO_FAULT_OF_A_ROW = (
    "CatalogException",
    "BinderException",
    "FatalException",
    "InternalException",
    "TransactionException",
)
_STATES_OF_THE_SERVER = ("25", "40", "53", "55", "57", "58")
"""Read-only or broken transactions, deadlocks, no resources, objects in use, stops, the system's errors."""
_USED_UP = re.compile("quota|resource monitor", re.IGNORECASE)
_SQL_STATE = re.compile("[0-9A-Z]{5}")
_CONNECTION_STATE = re.compile("08|57P|53300")
"""Codes of connections, of servers that stop or start, and of one that takes no more connections."""
EXTRAS = {POSTGRES: "postgres", SNOWFLAKE: "snowflake", BIGQUERY: "bigquery"}
"""Which extra of this package brings what a destination needs."""


def open_pipeline(destination: str, dataset: str) -> dlt.Pipeline:
    """The pipeline of the command for a destination and a dataset, each pair with a working folder of its own.

    Raises:
        UsageError: dlt knows no such destination, a package for it is not installed, or dlt refuses a name.
    """
    try:
        name = _name_for(destination, dataset)
        mend_folder(Path(get_dlt_pipelines_dir()) / name)
        pipeline = dlt.pipeline(name, destination=destination, dataset_name=dataset)
        _forget_lost_schema(pipeline)
        stay_in_this_folder(pipeline)
        prepare(pipeline)
    except OSError as error:
        raise unusable(Path(get_dlt_pipelines_dir()), error) from error
    except UnknownDestinationModule as error:
        raise UsageError(f"destination {destination!a}: dlt knows none of this name; try duckdb") from error
    except (DltException, ValueError, ImportError) as error:
        raise UsageError(f"destination {destination!a}, dataset {dataset!a}: {first_line(error)}") from error
    return pipeline


def _name_for(destination: str, dataset: str) -> str:
    """A name that dlt takes for a pipeline, and another one for each destination and dataset."""
    if (destination, dataset) == ("duckdb", PIPELINE):
        return PIPELINE
    wanted = f"{PIPELINE}_{destination}_{dataset}"
    name = re.sub(r"[^a-z0-9_]", "_", wanted.lower())[:_LONGEST_NAME]
    return name if name == wanted else f"{name}_{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def prepare(pipeline: dlt.Pipeline) -> None:
    """Sees to it that the destination can keep what the tables promise, and sets what differs from dlt's defaults.

    Raises:
        UsageError: a package is not installed, the destination cannot replace rows, or a setting does not fit.
    """
    off_unless_asked()
    mend_folder(Path(pipeline.working_dir))
    _forget_lost_schema(pipeline)
    destination = pipeline.destination
    if destination is None:
        return
    _require_packages(destination)
    if "delete-insert" not in (destination.capabilities().supported_merge_strategies or ()):
        raise UsageError(
            f"destination {destination.destination_name}: dlt cannot delete rows there, so results that are read again "
            "would be doubled; choose one that can, such as duckdb, ducklake, postgres, snowflake or bigquery"
        )
    if destination.destination_type == DUCKDB:
        # more loading at once only get in each other's way in one file, and take memory
        destination.caps_params.setdefault("max_parallel_load_jobs", 2)
        tell_file_and_dataset_apart(pipeline, destination)
    if destination.destination_type == POSTGRES:
        notice_dead_connections(pipeline)
    if destination.destination_type == BIGQUERY:
        # Google's client would say it at every connection; for the few rows that loads read, REST will do
        warnings.filterwarnings("ignore", "Cannot create BigQuery Storage client")
    if destination.destination_type == SNOWFLAKE:
        setting = f"destination.{destination.destination_name}.keep_staged_files"
        if dlt.config.get(setting) is None:  # copies of people's data, which nobody would ever read or delete
            destination.config_params.setdefault("keep_staged_files", False)


def _forget_lost_schema(pipeline: dlt.Pipeline) -> None:
    """Mends a pipeline that was killed while dlt went back to an earlier state of its own, which names no schema."""
    schema = pipeline.default_schema_name
    with suppress(FileNotFoundError):  # the folder of a pipeline that is active no more
        if schema and schema not in pipeline.schemas:
            pipeline.default_schema_name = None


def _require_packages(destination: AnyDestination) -> None:
    name = destination.destination_name
    extra = EXTRAS.get(destination.destination_type)
    try:
        _ = destination.client_class
        if destination.destination_type == POSTGRES:
            import_module("adbc_driver_postgresql")  # without it dlt goes through CSV, which makes '' to NULL
    except ImportError as error:
        wanted = f"dlt-source-instaview[{extra}]" if extra else f"dlt[{name}]"
        raise UsageError(f"destination {name}: not everything for it is installed: pip install '{wanted}'") from error


def seconds_between_commits(pipeline: dlt.Pipeline) -> float:
    """How long a load gathers results: on warehouses that bill or count what is sent to them longer than elsewhere."""
    kind = pipeline.destination.destination_type if pipeline.destination else ""
    return 60.0 if kind in (SNOWFLAKE, BIGQUERY) else 15.0


def described(pipeline: dlt.Pipeline) -> str:
    """Which warehouse and dataset the pipeline loads to."""
    name = pipeline.destination.destination_name if pipeline.destination else "none"
    return printable(f"{name}, dataset {pipeline.dataset_name}")


def place_of(pipeline: dlt.Pipeline) -> str:
    """Where the pipeline loads to, as a person would say it: the path of a file, or an address without secrets."""
    try:
        config = pipeline.destination_client().config
        place = str(file_of(pipeline) or config)
    except Exception:  # settings are missing, which is told where they are needed
        return "a place that its settings do not tell"
    return printable(without_secrets(place, _credentials(pipeline)) or str(config.destination_name))


def target_of(pipeline: dlt.Pipeline) -> str:
    """Which dataset of which warehouse the pipeline loads to, as a digest that says nothing else."""
    config = pipeline.destination_client().config
    try:
        place = config.data_location() or config.fingerprint()
    except Exception:  # some destinations name no place
        place = config.fingerprint()
    # the place is an account or a region in some warehouses, so the database or project in it counts too
    catalog = pipeline.sql_client().database_name
    parts = (config.destination_name, place, catalog, pipeline.dataset_name)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


@contextmanager
def warehouse_errors(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Whatever dlt or a driver raises inside becomes a `DestinationFailed` of one line."""
    try:
        yield
    except InstaviewError:
        raise
    except Exception as error:  # drivers have no common base, and dlt lets their errors through where it connects
        # without its cause: a warehouse quotes the rows it refuses, and a log would show people's data
        raise destination_failed(pipeline, error) from None


def destination_failed(pipeline: dlt.Pipeline, error: BaseException) -> DestinationFailed | UsageError:
    """What went wrong with the warehouse, in one line."""
    name = pipeline.destination.destination_name if pipeline.destination else "destination"
    causes = list(_causes(error))
    missing = next((c for c in causes if isinstance(c, ConfigFieldMissingException)), None)
    if missing is not None:
        fields = ", ".join(missing.fields)
        return UsageError(
            f"{name}: missing settings: {fields}. Set them under [destination.{name}] in .dlt/secrets.toml, or as "
            f"DESTINATION__{name.upper()}__…; nothing was sent"
        )
    root = causes[-1]
    unreachable, hint = is_connection_error(error), None
    if _quotes_values(root):  # the words of a row are no sign of what is wrong
        told = f"{type(root).__name__}, it refused a row"
    elif disk := full_disk(_every_cause(error), pipeline.pipelines_dir):
        return DestinationFailed(f"{name}: {printable(disk)}{GO_ON}")
    else:
        told, hint = first_line(root), advice(_kind(pipeline), str(root))
    refused = hint is None and _is_of_rows(causes)
    told = without_values(told) if refused else told
    told = f"{name}: {without_secrets(told, _credentials(pipeline))}"
    default = "check the credentials and that it is reachable" if unreachable else "mend it"
    failed = DestinationFailed(f"{told}; {hint or default}{GO_ON}")
    failed.refusal = told if refused else None
    return failed


def _kind(pipeline: dlt.Pipeline) -> str:
    return pipeline.destination.destination_type.rpartition(".")[2] if pipeline.destination else ""


def _credentials(pipeline: dlt.Pipeline) -> dict[str, Any]:
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
    return not any(map(_is_of_something_else, causes))


def _is_of_something_else(error: BaseException) -> bool:
    code = str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None))
    return (
        isinstance(error, DestinationUndefinedEntity | DestinationConnectionError)
        or _is_of_a_connection(error)
        or any(kind.__name__ in _NO_FAULT_OF_A_ROW for kind in type(error).__mro__)
        or (_SQL_STATE.fullmatch(code) is not None and code[:2] in _STATES_OF_THE_SERVER)
        or _USED_UP.search(str(error)) is not None
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


def first_line(error: BaseException) -> str:
    """The first line of a message that says something, bounded and printable."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0] if lines else type(error).__name__)[:300]
