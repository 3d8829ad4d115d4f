"""The command under a clock that is off, and steps once more under way: `at_another_time.py SECONDS SECONDS load …`.

It steps when the id of the first load is made; dlt's own clock for these ids then never goes back. With a further
`locked-out` in front of the command the warehouse cannot be opened when a package is to be loaded.
"""

from __future__ import annotations

import importlib
import runpy
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

_offset, _step = float(sys.argv.pop(1)), float(sys.argv.pop(1))
_time = time.time
_stepped = False


def off() -> float:
    return _offset + _step * _stepped


# before anything else is imported: dlt takes its clocks, those of the ids of loads among them, from here at its start
time.time = lambda: _time() + off()

import pendulum  # noqa: E402

_now = pendulum.now


class _AnyDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class Shifted(datetime, metaclass=_AnyDatetime):
    """Takes the place of `datetime` in modules that ask it for the time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=off())


def now(*arguments: Any, **options: Any) -> Any:
    return _now(*arguments, **options).add(seconds=off())


def time_of_a_load() -> float:
    global _stepped
    at = _time_of_a_load()
    _stepped = True
    return at


pendulum.now = now
for name in ("instaview.cli", "instaview.runner", "dlt.destinations.job_client_impl", "dlt.destinations.job_impl"):
    importlib.import_module(name)
for name, module in list(sys.modules.items()):
    if name.startswith(("instaview", "dlt.")) and vars(module).get("datetime") is datetime:
        module.datetime = Shifted  # type: ignore[attr-defined]

_load_package: Any = importlib.import_module("dlt.common.storages.load_package")
_time_of_a_load = _load_package.increasing_precise_time
_load_package.increasing_precise_time = time_of_a_load

if sys.argv[1] == "locked-out":
    sys.argv.pop(1)
    runpy.run_path(str(Path(__file__).with_name("locked_out.py")))
else:
    importlib.import_module("instaview.cli").main()
