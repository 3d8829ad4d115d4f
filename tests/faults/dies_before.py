"""The command, killed when all tables are merged but one: `dies_before.py TABLE:2 load …`, in the table's 2nd merge."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from dlt.destinations.job_client_impl import SqlLoadJob

from instaview.cli import main

_QUIET_SECONDS = 0.5

_table, _times = sys.argv.pop(1).split(":")
_merges = 0
_run = SqlLoadJob.run
_last = time.monotonic()


def run(job: Any) -> None:
    global _last, _merges
    mine = job._load_table["name"] == _table
    _merges += mine
    while mine and _merges == int(_times):
        time.sleep(0.01)
        if time.monotonic() - _last > _QUIET_SECONDS:
            os.kill(os.getpid(), signal.SIGKILL)
    _last = time.monotonic()
    _run(job)
    _last = time.monotonic()


SqlLoadJob.run = run  # type: ignore[method-assign]
main()
