"""The warehouse as a place: opening a pipeline on it, and telling what is wrong with it in one line."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import DestinationException, UnknownDestinationModule
from dlt.common.storages import LoadStorage
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.pipeline.exceptions import PipelineStepFailed

from .exceptions import DestinationFailed, UsageError
from .request_ids import Request, parse_request, printable
from .tables import REQUESTS

PIPELINE = "instaview"
DUCKDB = "dlt.destinations.duckdb"


def open_pipeline(destination: str, dataset: str) -> dlt.Pipeline:
    """The pipeline of the command for a destination and a dataset, each pair with a working folder of its own.

    Raises:
        UsageError: dlt knows no such destination, or a package for it is not installed.
    """
    default = (destination, dataset) == ("duckdb", PIPELINE)
    name = PIPELINE if default else f"{PIPELINE}_{destination}_{dataset}"
    try:
        pipeline = dlt.pipeline(name, destination=destination, dataset_name=dataset)
    except UnknownDestinationModule as error:
        raise UsageError(f"destination {destination!a}: dlt knows none of this name; try duckdb") from error
    except (ConfigurationException, DestinationException, ValueError, ImportError) as error:
        raise UsageError(f"destination {destination!a}: {first_line(error)}") from error
    prepare(pipeline)
    return pipeline


def prepare(pipeline: dlt.Pipeline) -> None:
    """Keeps DuckDB's default file from having the name of the dataset, which DuckDB could not tell apart.

    `dlt.pipeline("instaview", destination="duckdb", dataset_name="instaview")` would load schema `instaview` of
    database `instaview`; where the file was left to dlt's default it becomes `instaview_data.duckdb`.

    Raises:
        UsageError: the file was chosen by the user, and has the name of the dataset.
    """
    destination = pipeline.destination
    if destination is None or destination.destination_type != DUCKDB:
        return
    # more loading at once only get in each other's way in one file, and take memory
    destination.caps_params.setdefault("max_parallel_load_jobs", 2)
    config = pipeline.destination_client().config
    database = getattr(getattr(config, "credentials", None), "database", None)
    dataset = pipeline.dataset_name or ""
    if not isinstance(database, str) or Path(database).stem.lower() != dataset.lower():
        return
    default = (
        Path(getattr(config, "local_dir", None) or ".") / f"{config.destination_name or pipeline.pipeline_name}.duckdb"
    )
    chosen = destination.config_params.get("credentials") or dlt.secrets.get("destination.duckdb.credentials")
    if chosen or Path(database) != default:
        raise UsageError(
            f"the DuckDB file {database} and the dataset {dataset!r} have the same name, which DuckDB cannot tell "
            "apart: rename one of them"
        )
    destination.config_params["credentials"] = f"{default.stem}_data.duckdb"


def forget_loaded(pipeline: dlt.Pipeline) -> None:
    """Deletes what dlt keeps of packages that are loaded: copies of the data, which would grow with every load."""
    loaded = Path(pipeline.working_dir) / "load" / LoadStorage.LOADED_FOLDER
    for package in loaded.iterdir() if loaded.is_dir() else ():
        shutil.rmtree(package, ignore_errors=True)


@contextmanager
def one_connection(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Holds DuckDB's file open for one load, and empties the staging tables after it; other warehouses need neither.

    dlt closes the file whenever none of its jobs is running, and each time DuckDB then writes all new rows into it,
    those of the staging tables too. Held open it does so once, when the staging tables, which are copies of people's
    data, are empty again.
    """
    if pipeline.destination is None or pipeline.destination.destination_type != DUCKDB:
        yield
        return
    with pipeline.sql_client() as client:
        yield
        staged = client.execute_sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = %s AND NOT starts_with(table_name, '_dlt')",
            client.staging_dataset_name,
        )
        with client.with_staging_dataset():
            client.truncate_tables(*(name for (name,) in staged or ()))


def loading_has_begun(pipeline: dlt.Pipeline) -> bool:
    """Whether any file of a pending package may have reached the warehouse already."""
    packages = [pipeline.get_load_package_info(load_id) for load_id in pipeline.list_normalized_load_packages()]
    return any(jobs for package in packages for state, jobs in package.jobs.items() if state != "new_jobs")


def pending_requests(pipeline: dlt.Pipeline) -> list[Request]:
    """The requests in packages that are not loaded yet."""
    found: list[Request] = []
    for path in Path(pipeline.working_dir).rglob(f"{REQUESTS.name}.*.*"):
        with suppress(OSError, EOFError, pa.ArrowException):  # written half, or spoilt
            rows = _read_rows(path, ["request_id", "company_id"])
            found += [parse_request(row["request_id"], row["company_id"]) for row in rows]
    return found


def _read_rows(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a file of dlt's: Parquet, or for Postgres CSV. Other files, such as the SQL that merges, have none."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path, columns=columns).to_pylist())
    if ".csv" in path.suffixes:  # Arrow tells by the name whether it is compressed
        texts = pa_csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True
        )
        return list(pa_csv.read_csv(path, convert_options=texts).to_pylist())
    return []


def target_of(pipeline: dlt.Pipeline) -> str:
    """Which dataset of which warehouse the pipeline loads to, as a digest that says nothing else."""
    config = pipeline.destination_client().config
    try:
        place = config.data_location() or config.fingerprint()
    except Exception:  # some destinations name no place
        place = config.fingerprint()
    return hashlib.sha256(f"{config.destination_name}\n{place}\n{pipeline.dataset_name}".encode()).hexdigest()


@contextmanager
def warehouse_errors(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Whatever dlt or a driver raises about the warehouse inside becomes a `DestinationFailed` of one line."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, (PipelineStepFailed, DestinationException, ConfigurationException))
        if not known and not _is_from_driver(error):
            raise
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
    told = f"{type(root).__name__}, it refused a row" if _quotes_values(root) else first_line(root)
    hint = "check the credentials and that it is reachable" if is_connection_error(error) else "mend it"
    return DestinationFailed(f"{name}: {told}; {hint}, then run the same load again: it goes on from here")


def is_connection_error(error: BaseException) -> bool:
    """Whether the warehouse could not be reached at all, so that the same load may work later."""
    return any(isinstance(cause, DestinationConnectionError) or _is_from_server(cause) for cause in _causes(error))


def _quotes_values(error: BaseException) -> bool:
    """Whether the message of a database error shows the value that it is about, which may be a person's."""
    return any(kind.__name__ in ("DataError", "IntegrityError") for kind in type(error).__mro__)


def _is_from_driver(error: BaseException) -> bool:
    """Whether a database driver raised it, by the names of PEP 249: dlt lets through what Postgres' connect raises."""
    return any(kind.__name__ in ("DatabaseError", "InterfaceError") for kind in type(error).__mro__)


def _is_from_server(error: BaseException) -> bool:
    """Whether a server could not be reached or went away; a file has no server."""
    operational = any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
    return operational and "duckdb" not in type(error).__module__


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


def first_line(error: BaseException) -> str:
    """The first line of a message that says something, bounded and printable."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0] if lines else type(error).__name__)[:300]
