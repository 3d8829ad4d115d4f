"""Rows that wait on disk for the load that takes them, so that memory holds a few results however many are loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 20_480
"""Rows of a table that are read together: with fewer, dlt takes as long to look at them as to write them."""
BYTES_AT_ONCE = 8 * 1024 * 1024
"""Fewer are read together where they are larger than this."""


class Spool:
    """Rows by table, written once, and read until it is closed.

    Its files have no name: nobody else can open them, and the system takes them back however the process ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._writers: dict[str, pa.RecordBatchStreamWriter] = {}
        self.size = 0
        """Bytes of all rows, in memory."""
        self.largest_bytes = 0
        """Bytes of the largest part that was written at once."""

    def write(self, name: str, rows: pa.Table) -> None:
        """Adds rows of a table.

        Raises:
            OSError: there is no room on the disk.
        """
        if name not in self._files:
            self._files[name] = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - open until it is read
            self._writers[name] = pa.ipc.new_stream(pa.PythonFile(self._files[name], "w"), rows.schema)
        self._writers[name].write_table(rows)
        self.size += rows.nbytes
        self.largest_bytes = max(self.largest_bytes, rows.nbytes)

    def read(self, request_ids: Sequence[str] | None = None) -> Iterator[tuple[str, pa.Table]]:
        """The rows of all or some requests in the order in which they were written, table by table.

        Nothing can be written afterwards.
        """
        for name, file in self._files.items():
            if (writer := self._writers.pop(name, None)) is not None:
                writer.close()
            file.seek(0)
            with pa.ipc.open_stream(pa.PythonFile(file, "r")) as batches:
                for some in _gathered(batches):
                    rows = pa.Table.from_batches(some).unify_dictionaries()
                    if request_ids is not None:
                        ids = rows["request_id"].cast(pa.string())
                        rows = rows.filter(pc.is_in(ids, value_set=pa.array(request_ids)))
                    if len(rows):
                        yield name, rows

    def close(self) -> None:
        """Forgets the rows."""
        for file in self._files.values():
            file.close()
        self._files, self._writers = {}, {}


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    some: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        rows, size = rows + len(batch), size + batch.nbytes
        if some and (rows > ROWS_AT_ONCE or size > BYTES_AT_ONCE):
            yield some
            some, rows, size = [], len(batch), batch.nbytes
        some.append(batch)
    if some:
        yield some
