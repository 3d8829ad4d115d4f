"""The command, killed when all tables are loaded but one: `dies_before.py TABLE:2 load …`, the table's 2nd time.

With `TABLE:2:after` it dies as soon as that table is loaded, when dlt has not noted it yet.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.destinations.job_client_impl import SqlLoadJob

from instaview.cli import main

_QUIET_SECONDS = 0.5

_table, _times, *_after = sys.argv.pop(1).split(":")
_loads = 0
_last = time.monotonic()


def dies(job_class: Any) -> None:
    """Has jobs of a class that bring rows into the tables wait at the table until all is quiet, and die."""
    run = job_class.run

    def run_or_die(job: Any) -> None:
        global _loads, _last
        name = job._load_table["name"]
        staged = job_class is DuckDbCopyJob and job._job_client.should_load_data_to_staging_dataset(name)
        mine = name == _table and not staged
        _loads += mine
        while mine and _loads == int(_times) and not _after:
            time.sleep(0.01)
            if time.monotonic() - _last > _QUIET_SECONDS:
                os.kill(os.getpid(), signal.SIGKILL)
        _last = time.monotonic()
        run(job)
        if mine and _loads == int(_times):
            os.kill(os.getpid(), signal.SIGKILL)
        _last = time.monotonic()

    job_class.run = run_or_die


dies(SqlLoadJob)
dies(DuckDbCopyJob)
main()
