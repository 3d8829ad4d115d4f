"""One load: rows committed to the warehouse, and nothing of them left on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import dlt
import pyarrow as pa

from .duckdb_load import frugal, holds_results, one_connection
from .exceptions import DestinationFailed
from .lease import only_writer
from .pending import note_own_loads
from .source import Rows, rows_source
from .warehouse_errors import GO_ON, warehouse_errors
from .working_folder import forget_loaded


def commit(
    pipeline: dlt.Pipeline, rows: Rows, *, results_of: Sequence[str] | None = None, largest_bytes: int = 0
) -> list[str]:
    """Loads rows into the tables of the model; they are committed when this returns.

    They are merged, which writes them twice. Where a DuckDB file holds nothing of these results yet, they are appended.

    Args:
        pipeline: where to.
        rows: all rows of the load.
        results_of: the ids of the requests whose results they are; None where they are no results.
        largest_bytes: the size of the largest piece of the rows.

    Returns:
        The ids of dlt's loads.

    Raises:
        DestinationFailed: the warehouse cannot be reached, or refused the load.
    """
    with warehouse_errors(pipeline), only_writer(pipeline), one_connection(pipeline) as duckdb:
        new = duckdb is not None and results_of is not None and _is_new(duckdb, results_of)
        with frugal(duckdb, largest_bytes, to_the_end=True) if new else nullcontext():
            info = pipeline.run(rows_source(pipeline, _freed(rows), new=new))
        if next(rows, None) is not None:  # dlt loads what is pending in the place of what it is given
            raise DestinationFailed(f"dlt loaded what an earlier load had left{GO_ON}")
        note_own_loads(pipeline, info.loads_ids)
    forget_loaded(pipeline)
    return list(info.loads_ids)


def _is_new(duckdb: Any, results_of: Sequence[str]) -> bool:
    with frugal(duckdb):
        return not holds_results(duckdb, results_of)


def _freed(rows: Rows) -> Rows:
    """The rows; once they are taken, their memory is free for the warehouse's client. Arrow would keep it."""
    yield from rows
    pa.default_memory_pool().release_unused()
