"""The command under a clock that is off, and steps once more under way: `at_another_time.py SECONDS SECONDS load …`."""

from __future__ import annotations

import sys
import time
from typing import Any

import dlt.common.storages.load_package as load_package
import pendulum

from instaview.cli import main

_offset, _step = float(sys.argv.pop(1)), float(sys.argv.pop(1))
_steps_at = time.monotonic() + 1.0
_time, _now = time.time, pendulum.now


def off() -> float:
    return _offset + (_step if time.monotonic() > _steps_at else 0.0)


def now(*arguments: Any, **options: Any) -> Any:
    return _now(*arguments, **options).add(seconds=off())


time.time = lambda: _time() + off()
load_package.precise_time = time.time  # what ids of loads are made of
pendulum.now = now
main()
