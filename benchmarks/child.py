"""One measurement in a process of its own, with a peak of memory of its own: `child.py MODULE:FUNCTION FOLDER [WORK]`.

Calls the function of `ways` with the folder of bodies and a work folder, and prints what it returns as a line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from harness import HERE, Measured, megabytes


@contextmanager
def timed(result: Measured) -> Iterator[None]:
    """Seconds on the clock and of the processor (all threads) spent inside; imports are done before."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    yield
    result["seconds"] = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    result["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result["peak_mb"] = megabytes(after.ru_maxrss)


def count_rows(file: Path, schema: str = "results") -> Measured:
    """Rows in all tables, to see that every way loaded the same; after the measurement."""
    import duckdb

    with duckdb.connect(file, read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [schema]).fetchall()
        tables = [name for (name,) in names if not name.startswith("_dlt")]
        counts = {name: connection.sql(f'SELECT count(*) FROM {schema}."{name}"').fetchall()[0][0] for name in tables}
    return {"rows": sum(counts.values()), "tables": counts}


def main() -> None:
    """Runs what the command line names; the third argument is a work folder to keep."""
    module, _, function = sys.argv[1].partition(":")
    folder = Path(sys.argv[2])
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    with tempfile.TemporaryDirectory(prefix="instaview-benchmark-") as temporary:
        work = Path(sys.argv[3] if len(sys.argv) > 3 else temporary)
        os.environ["DLT_DATA_DIR"] = str(work)
        os.chdir(work)
        try:
            result = getattr(import_module(f"ways.{module}"), function)(folder, work)
        finally:
            os.chdir(HERE)
    print(json.dumps(result))


if __name__ == "__main__":
    sys.modules["child"] = sys.modules["__main__"]  # the ways import `timed` from here
    main()
