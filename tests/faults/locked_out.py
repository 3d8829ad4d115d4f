"""The command, but the warehouse cannot be opened when a package is to be loaded: `locked_out.py load …`."""

from __future__ import annotations

from typing import Any, NoReturn

import dlt
from dlt.destinations.exceptions import DestinationConnectionError

from instaview.cli import main


def load(self: dlt.Pipeline, *_: Any, **__: Any) -> NoReturn:
    raise DestinationConnectionError("duckdb", "instaview", "locked by another process", OSError())


dlt.Pipeline.load = load  # type: ignore[assignment]
main()
