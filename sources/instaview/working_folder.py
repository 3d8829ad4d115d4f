"""dlt's working folder on this machine, where people's data lies while a load is under way."""

from __future__ import annotations

import shutil
from pathlib import Path

import dlt
from dlt.common.storages import LoadStorage, NormalizeStorage
from dlt.pipeline.trace import TRACE_FILE_NAME

SCHEMA = "instaview"
"""dlt's name for what our source loads. Other sources may share a pipeline; their packages are none of our business."""


def keep_private(pipeline: dlt.Pipeline) -> None:
    """Lets nobody else into the folder; dlt leaves it open to all users of the machine."""
    folder = Path(pipeline.working_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def forget_loaded(pipeline: dlt.Pipeline) -> None:
    """Deletes what dlt keeps of our packages that are loaded: copies of the data, which would grow with every load."""
    for load_id in pipeline.list_completed_load_packages():
        package = pipeline.get_load_package_info(load_id)
        if package.schema_name == SCHEMA:
            shutil.rmtree(package.package_path, ignore_errors=True)


def forget_failure(pipeline: dlt.Pipeline) -> None:
    """Deletes what dlt noted of a load that failed: a warehouse quotes the rows it refuses, which are people's data."""
    folder = Path(pipeline.working_dir)
    (folder / TRACE_FILE_NAME).unlink(missing_ok=True)
    for noted in folder.glob("load/*/*/*/*.exception"):
        noted.unlink(missing_ok=True)


def forget_half_made(pipeline: dlt.Pipeline) -> None:
    """Deletes what a load left that was killed while extracting or normalising, where no package is pending.

    dlt makes packages in these folders before it moves them on, and never looks at what is left there.
    """
    normalize, load = Path(pipeline.working_dir) / "normalize", Path(pipeline.working_dir) / "load"
    for left in (*normalize.glob("*"), *(load / LoadStorage.NEW_PACKAGES_FOLDER).glob("*")):
        if left.is_dir() and left.name != NormalizeStorage.EXTRACTED_FOLDER:
            shutil.rmtree(left, ignore_errors=True)
