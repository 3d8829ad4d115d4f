"""The warehouse as a place: opening a pipeline on it, and which place that is."""

from __future__ import annotations

import hashlib
import re
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.destination.reference import AnyDestination
from dlt.common.exceptions import DltException
from dlt.common.pipeline import get_dlt_pipelines_dir

from .diagnosis import first_line, without_secrets
from .duckdb_file import DUCKDB, file_of, stay_in_this_folder, tell_file_and_dataset_apart
from .exceptions import UsageError
from .request_ids import printable
from .silence import notice_dead_connections
from .telemetry import off_unless_asked
from .warehouse_errors import credentials_of
from .working_folder import mend_folder, unusable

PIPELINE = "instaview"
POSTGRES = "dlt.destinations.postgres"
SNOWFLAKE = "dlt.destinations.snowflake"
BIGQUERY = "dlt.destinations.bigquery"
_LONGEST_NAME = 50
"""Of a pipeline, without what tells it from others; dlt takes 64."""
EXTRAS = {POSTGRES: "postgres", SNOWFLAKE: "snowflake", BIGQUERY: "bigquery"}
"""Which extra of this package brings what a destination needs."""


def open_pipeline(destination: str, dataset: str) -> dlt.Pipeline:
    """The pipeline of the command for a destination and a dataset, each pair with a working folder of its own.

    Raises:
        UsageError: dlt knows no such destination, a package for it is not installed, or dlt refuses a name.
    """
    if not destination.strip():
        raise UsageError("--destination is empty; name one of dlt's, such as duckdb")
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
        told = first_line(str(error)) or type(error).__name__
        raise UsageError(f"destination {destination!a}, dataset {dataset!a}: {told}") from error
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
    if destination.destination_type in (DUCKDB, SNOWFLAKE):
        # else dlt deletes in one transaction and inserts in another: a refused row would take what it replaces along
        destination.caps_params.setdefault("supports_transactions", True)
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


def keep_no_copies(pipeline: dlt.Pipeline) -> None:
    """Has dlt delete, after a load, its copies of people's data on this machine, unless its settings say otherwise."""
    wanted = ["delete_completed_jobs"]
    if pipeline.destination is not None and pipeline.destination.destination_type == DUCKDB:
        wanted.append("truncate_staging_dataset")
    for setting in (f"load.{name}" for name in wanted):
        own = f"{pipeline.pipeline_name}.{setting}"
        if dlt.config.get(setting) is None and dlt.config.get(own) is None:
            dlt.config[own] = True


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
    return printable(without_secrets(place, credentials_of(pipeline)) or str(config.destination_name))


def target_of(pipeline: dlt.Pipeline) -> str:
    """Which dataset of which warehouse the pipeline loads to, as a digest that says nothing else."""
    client: Any = pipeline.destination_client()
    config = client.config
    try:
        place = config.data_location() or config.fingerprint()
    except Exception:  # some destinations name no place
        place = config.fingerprint()
    # the place is an account or a region in some warehouses, so the database or project in it counts too
    catalog = client.sql_client.database_name
    parts = (config.destination_name, place, catalog, pipeline.dataset_name)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
