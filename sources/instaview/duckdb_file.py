"""Where DuckDB's file is: the one that was chosen, or `instaview_data.duckdb` in the folder where one stands."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.reference import AnyDestination
from dlt.common.storages import WithLocalFiles

from .exceptions import UsageError

logger = logging.getLogger("instaview")

DUCKDB = "dlt.destinations.duckdb"
DEFAULT_FILE = "instaview_data.duckdb"
"""What the command and the scripts load into where no file is named, whatever the dataset."""


def file_of(pipeline: dlt.Pipeline) -> Path | None:
    """The DuckDB file that the pipeline loads into; None for other warehouses and for databases without a file."""
    if pipeline.destination is None or pipeline.destination.destination_type != DUCKDB:
        return None
    database = _database(pipeline.destination_client().config)
    return Path(database) if database and not database.startswith(":") else None


def is_new_file(pipeline: dlt.Pipeline) -> bool:
    """Whether the warehouse is a file that can be created but is not there: looking into it would create it."""
    file = file_of(pipeline)
    return file is not None and not file.exists() and os.access(file.parent, os.W_OK | os.X_OK)


def stay_in_this_folder(pipeline: dlt.Pipeline) -> None:
    """Has relative paths, and the default one, begin in the folder where one stands.

    dlt remembers the folder in which a pipeline ran first, and would go on loading into the file there.
    """
    destination = pipeline.destination
    if destination is None or not issubclass(destination.spec, WithLocalFiles):
        return
    destination.config_params["local_dir"] = str(Path.cwd())
    destination.config_params.pop("legacy_db_path", None)
    if destination.destination_type == DUCKDB and not _is_chosen(pipeline, destination):
        destination.config_params["credentials"] = str(Path.cwd() / DEFAULT_FILE)


def tell_file_and_dataset_apart(pipeline: dlt.Pipeline, destination: AnyDestination) -> None:
    """Keeps DuckDB's default file from having the name of the dataset, which DuckDB could not tell apart.

    `dlt.pipeline("instaview", destination="duckdb", dataset_name="instaview")` would load schema `instaview` of
    database `instaview`; where the file was left to dlt's default it becomes `instaview_data.duckdb`.

    Raises:
        UsageError: the file was chosen, so it cannot be another one.
    """
    client: Any = pipeline.destination_client()
    database, dataset = _database(client.config), client.config.normalize_dataset_name(client.schema)
    if database is None or Path(database).stem.lower() != str(dataset).lower():
        return
    if _is_chosen(pipeline, destination):
        raise UsageError(
            f"the DuckDB file {database} and the dataset {dataset!r} have the same name, which DuckDB cannot tell "
            "apart: rename one of them; DESTINATION__DUCKDB__CREDENTIALS names the file"
        )
    renamed = f"{Path(database).stem}_data.duckdb"
    destination.config_params["credentials"] = renamed
    logger.warning(
        f"loading into {renamed}: DuckDB could not tell a file named like the dataset {dataset!r} from it. Open it "
        f'elsewhere with destination=dlt.destinations.duckdb("{renamed}")'
    )


def _is_chosen(pipeline: dlt.Pipeline, destination: AnyDestination) -> bool:
    """Whether anybody named a file; otherwise it is the one that dlt names after the destination or the pipeline."""
    config: Any = pipeline.destination_client().config
    setting = f"destination.{destination.destination_name}.credentials"
    if destination.config_params.get("credentials") or dlt.secrets.get(setting):
        return True
    default = f"{config.destination_name or pipeline.pipeline_name}.duckdb"
    return _database(config) != os.path.join(config.local_dir or ".", default)


def _database(config: Any) -> str | None:
    """What DuckDB is to open."""
    database = getattr(config.credentials, "database", None)
    return database if isinstance(database, str) else None
