"""What a stopped load left in the pipeline's working folder: packages that are not in the warehouse, or not whole.

A package whose loading had begun is never gone on with: where dlt was killed between copying a file and noting that it
did, it would copy it again. It is dropped, and its requests are read again, which replaces whatever of it has arrived.

Whether another machine has loaded since is told without a clock, for those of two machines need not agree: this one
notes how many loads the warehouse holds when a load begins, and counts its own. With more there, others have loaded.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt
from dlt.common.storages.load_package import LoadPackageInfo
from dlt.pipeline.exceptions import PipelineStepFailed

from .destination import target_of
from .dropped import note_dropped
from .duckdb_load import one_connection
from .exceptions import UsageError
from .lease import only_writer
from .ledger import committed_loads
from .request_ids import Request, requests_from
from .tables import REQUESTS
from .warehouse_errors import is_connection_error
from .working_folder import (
    SCHEMA,
    forget_failure,
    forget_half_made,
    forget_loaded,
    forget_packages,
    spoilt_packages,
)

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("instaview")

_TARGET = "instaview_target"
_LOADS = "instaview_loads"
_PERSONAL = "instaview_personal_data"
_made_here: set[str] = set()
"""Packages that sources of ours have made in this process."""


def finish_packages(pipeline: dlt.Pipeline, concealment: str) -> None:
    """Loads the packages that an earlier load left on this machine, or drops them.

    They are dropped where loading had begun, where they cannot be loaded, where they were meant for another warehouse,
    where people's data in them is not what is wanted now, and where another machine has loaded since, which may have
    read newer results. A package that can never be loaded thus does not stand in the way of the next. Their requests
    are noted, so that dropping loses nothing.

    Raises:
        PipelineStepFailed: the warehouse cannot be reached; the packages stay.
    """
    target = target_of(pipeline)
    _drop_spoilt(pipeline)
    if _ours(pipeline):
        noted = _noted(pipeline, _TARGET)
        if noted is None:  # a plain pipeline's: where they were to go is not known, but what they hold
            _drop(pipeline, target)
        elif noted != target:
            logger.warning(
                "an earlier load left packages for another warehouse; dropped, a load to that one reads again"
            )
            _drop(pipeline, noted)
        else:
            with only_writer(pipeline):
                if _has_begun(pipeline) or _conceal_otherwise(pipeline, concealment) or _others_have_loaded(pipeline):
                    _drop(pipeline, target)
                else:
                    _load(pipeline)
    if pipeline.has_pending_data:  # another source's, which dlt would load in the place of our first batch
        _load_all(pipeline)
    forget_loaded(pipeline)
    forget_half_made(pipeline)
    _note(pipeline, concealment)
    pipeline.set_local_state_val(_LOADS, committed_loads(pipeline))


def note_own_loads(pipeline: dlt.Pipeline, load_ids: Sequence[str]) -> None:
    """Counts loads that this machine has committed."""
    noted = _noted(pipeline, _LOADS)
    if noted is not None:  # else dlt has emptied its state with a new dataset, and nothing can be told
        pipeline.set_local_state_val(_LOADS, noted + len(load_ids))


def drop_packages(pipeline: dlt.Pipeline, concealment: str) -> None:
    """Drops the packages that earlier runs left, which dlt would load in the place of what it is given, or even twice.

    What `finish_packages` sees to, a plain pipeline does not. A package that this process has extracted with a source
    of ours stays, for who runs the steps one by one, unless it is for another warehouse or another `personal_data`.
    """
    _drop_spoilt(pipeline)
    target = _noted(pipeline, _TARGET) or target_of(pipeline)
    stay = _made_here & set(pipeline.list_extracted_load_packages())
    if target != target_of(pipeline) or _conceal_otherwise(pipeline, concealment):
        stay = set()
    if left := [p.load_id for p in _ours(pipeline) if p.load_id not in stay]:
        logger.warning("an earlier run left a package; dropped, its requests are read again")
        _drop(pipeline, target, left)


def note_package(pipeline: dlt.Pipeline, load_id: str, concealment: str) -> None:
    """Takes note of a package that a source of ours is making."""
    _made_here.add(load_id)
    _note(pipeline, concealment)


def _note(pipeline: dlt.Pipeline, concealment: str) -> None:
    """Writes down where the packages are to go that are made from now on, and what becomes of people's data in them."""
    pipeline.set_local_state_val(_TARGET, target_of(pipeline))
    pipeline.set_local_state_val(_PERSONAL, concealment)


def drop_refused(pipeline: dlt.Pipeline) -> None:
    """Drops the package that the warehouse has just refused."""
    with only_writer(pipeline):
        _drop(pipeline, target_of(pipeline))
    forget_failure(pipeline)
    forget_loaded(pipeline)


def _drop_spoilt(pipeline: dlt.Pipeline) -> None:
    if spoilt := spoilt_packages(pipeline):
        logger.warning("an earlier load left a package that cannot be read; dropped, its requests are read again")
        _note_requests(pipeline, spoilt, _noted(pipeline, _TARGET) or target_of(pipeline))
        forget_packages(pipeline, spoilt)


def _ours(pipeline: dlt.Pipeline) -> list[LoadPackageInfo]:
    """Our packages that are not loaded, the oldest first."""
    found = map(pipeline.get_load_package_info, _all(pipeline))
    return [package for package in found if package.schema_name == SCHEMA]


def _all(pipeline: dlt.Pipeline) -> list[str]:
    return sorted({*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()})


def _has_begun(pipeline: dlt.Pipeline) -> bool:
    """Whether any file of a package may have reached the warehouse already."""
    normalized = set(pipeline.list_normalized_load_packages())
    packages = [package for package in _ours(pipeline) if package.load_id in normalized]
    return any(jobs for package in packages for state, jobs in package.jobs.items() if state != "new_jobs")


def _others_have_loaded(pipeline: dlt.Pipeline) -> bool:
    """Whether the warehouse has other loads than when the packages were made: their results may be newer."""
    noted: int | None = _noted(pipeline, _LOADS)
    return committed_loads(pipeline) != noted


def _conceal_otherwise(pipeline: dlt.Pipeline, concealment: str) -> bool:
    """Whether the packages were made under another setting of `personal_data`."""
    return (_noted(pipeline, _PERSONAL) or "keep") != concealment


def _load(pipeline: dlt.Pipeline) -> None:
    try:
        with one_connection(pipeline):
            _load_all(pipeline)
    except PipelineStepFailed as error:
        if is_connection_error(error):
            raise
        logger.warning("an earlier load left a package that cannot be loaded; dropped, its requests are read again")
        _drop(pipeline, target_of(pipeline))
        forget_failure(pipeline)


def _load_all(pipeline: dlt.Pipeline) -> None:
    if pipeline.list_extracted_load_packages():
        pipeline.normalize()
    pipeline.load()


def _drop(pipeline: dlt.Pipeline, target: str, load_ids: Sequence[str] | None = None) -> None:
    """Drops these of our packages, or all; first of all their requests are noted."""
    dropped = [package.load_id for package in _ours(pipeline)] if load_ids is None else list(load_ids)
    _note_requests(pipeline, dropped, target)
    if dropped == _all(pipeline):
        pipeline.abort_packages()
    else:
        forget_packages(pipeline, dropped)


def _note_requests(pipeline: dlt.Pipeline, load_ids: Sequence[str], target: str) -> None:
    """Notes the requests of packages that are about to be dropped."""
    folder = Path(pipeline.working_dir)
    found: list[Request] = []
    for path in (path for load_id in load_ids for path in folder.glob(f"*/*/{load_id}/*/{REQUESTS.name}.*")):
        try:
            found += requests_from(_read(path))
        except (OSError, ValueError, UsageError):
            continue  # written half, or spoilt
    note_dropped(pipeline, found, target)


def _read(path: Path) -> pd.DataFrame:
    """A file of a package, in a format that dlt writes for the warehouses: Parquet, or CSV for Postgres."""
    import pandas as pd  # heavy, and rarely needed

    columns = ["request_id", "company_id"]
    if ".parquet" in path.suffixes:
        return pd.read_parquet(path, columns=columns)
    opened = gzip.open if path.read_bytes()[:2] == b"\x1f\x8b" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return pd.read_csv(file, usecols=columns, dtype=str, keep_default_na=False, na_values="")


def _noted(pipeline: dlt.Pipeline, what: str) -> Any:
    try:
        return pipeline.get_local_state_val(what)
    except KeyError:
        return None
