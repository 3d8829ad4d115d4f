"""One load: rows committed to the warehouse, and nothing of them left on this machine."""

from __future__ import annotations

import dlt
import pyarrow as pa

from .destination import one_connection, warehouse_errors
from .lease import only_writer
from .pending import note_own_loads
from .source import Rows, rows_source
from .working_folder import forget_loaded


def commit(pipeline: dlt.Pipeline, rows: Rows) -> list[str]:
    """Loads rows into the tables of the model; they are committed when this returns.

    Returns:
        The ids of dlt's loads.

    Raises:
        DestinationFailed: the warehouse cannot be reached, or refused the load.
    """
    with warehouse_errors(pipeline), only_writer(pipeline), one_connection(pipeline):
        info = pipeline.run(rows_source(pipeline, rows))
        note_own_loads(pipeline, info.loads_ids)
    forget_loaded(pipeline)
    pa.default_memory_pool().release_unused()  # Arrow keeps what it freed, and the warehouse's client has its own
    return list(info.loads_ids)
