"""dlt's working folder on this machine, where people's data lies while a load is under way."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import dlt
from dlt.common.storages import LoadStorage, NormalizeStorage
from dlt.common.storages.versioned_storage import VersionedStorage
from dlt.common.versioned_state import json_encode_state
from dlt.pipeline.state_sync import default_pipeline_state
from dlt.pipeline.trace import TRACE_FILE_NAME

from .exceptions import UsageError

logger = logging.getLogger("instaview")

SCHEMA = "instaview"
"""dlt's name for what our source loads. Other sources may share a pipeline; their packages are none of our business."""


def unusable(folder: Path, error: OSError) -> UsageError:
    """What to say of a folder that cannot be made, read or written to."""
    return UsageError(
        f"dlt's working folder {str(error.filename or folder)!a}: {error.strerror}; DLT_DATA_DIR names another"
    )


def keep_private(pipeline: dlt.Pipeline) -> None:
    """Lets nobody else into the folder; dlt leaves it open to all users of the machine."""
    folder = Path(pipeline.working_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def mend_folder(folder: Path) -> None:
    """Mends what dlt noted there and a loss of power left empty or cut: dlt would fail at it for good.

    It makes the versions of its folders and the schemas anew. Without a state it would delete the folder, and with it
    packages whose requests are to be read again; with one that says nothing they are found.
    """
    state = folder / dlt.Pipeline.STATE_FILE
    for path in (state, *folder.glob("schemas/*.json"), *folder.glob(f"*/{VersionedStorage.VERSION_FILE}")):
        if not path.is_file() or _is_readable(path):
            continue
        logger.warning("%s cannot be read, as after a loss of power; made anew", ascii(str(path)))
        if path == state:
            path.write_text(json_encode_state(default_pipeline_state()), encoding="utf-8")
        else:
            path.unlink()


def _is_readable(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
        return bool(json.loads(text) if path.suffix == ".json" else re.match(r"\d+\.\d+\.\d+", text))
    except ValueError:
        return False


def spoilt_packages(pipeline: dlt.Pipeline) -> list[str]:
    """The packages that dlt cannot load, because their notes cannot be read or because it has lost their schema.

    Without a default schema dlt takes nothing for pending, but would load it in the place of what it is given.
    """
    pending = {*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()}
    if not pending:  # the folder of a pipeline that is active still may be gone
        return []
    schemas = {load_id: _schema_of(pipeline, load_id) for load_id in sorted(pending)}
    whole = {name for name in pipeline.schemas if name != SCHEMA or pipeline.default_schema_name is not None}
    return [load_id for load_id, schema in schemas.items() if schema in (SCHEMA, None) and schema not in whole]


def _schema_of(pipeline: dlt.Pipeline, load_id: str) -> str | None:
    """The name of a package's schema; None where the package cannot be read."""
    try:
        return pipeline.get_load_package_info(load_id).schema_name
    except (OSError, ValueError):  # a part of it was deleted when a load was killed, or it was spoilt
        return None


def forget_packages(pipeline: dlt.Pipeline, load_ids: Sequence[str]) -> None:
    """Deletes packages, wherever they are on their way."""
    for left in [left for load_id in load_ids for left in Path(pipeline.working_dir).glob(f"*/*/{load_id}")]:
        shutil.rmtree(left, ignore_errors=True)  # what stays is dropped by the next load


def forget_loaded(pipeline: dlt.Pipeline) -> None:
    """Deletes what dlt keeps of our packages that are loaded: copies of the data, which would grow with every load."""
    forget_packages(
        pipeline,
        [i for i in pipeline.list_completed_load_packages() if _schema_of(pipeline, i) in (SCHEMA, None)],
    )


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
