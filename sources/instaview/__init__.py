"""InstaView's AI-sourcing results in your warehouse.

    import dlt
    from instaview import instaview_source

    warehouse = dlt.destinations.duckdb("instaview_data.duckdb")
    pipeline = dlt.pipeline("instaview", destination=warehouse, dataset_name="instaview")
    pipeline.run(instaview_source(["req_550e8400-e29b-41d4-a716-446655440000"]))

`instaview_source` resolves request ids to results and feeds the tables; `load` does the same for hours on end,
committing as it goes; `open_pipeline` gives the pipeline that the command loads with. Names are imported when they are
first used, so that the command answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .billing import billing_usage
    from .destination import open_pipeline
    from .exceptions import (
        AlreadyRunning,
        DestinationFailed,
        DiskFull,
        InstaviewError,
        InvalidRequestId,
        KeyRefused,
        LoadStopped,
        UnreadableInput,
        UsageError,
    )
    from .id_files import read_requests
    from .request_ids import Request
    from .runner import Interrupted, load
    from .source import instaview_source
    from .summary import Summary
    from .views import create_views

_HOMES = {
    "AlreadyRunning": "exceptions",
    "DestinationFailed": "exceptions",
    "DiskFull": "exceptions",
    "InstaviewError": "exceptions",
    "Interrupted": "runner",
    "InvalidRequestId": "exceptions",
    "KeyRefused": "exceptions",
    "LoadStopped": "exceptions",
    "Request": "request_ids",
    "Summary": "summary",
    "UnreadableInput": "exceptions",
    "UsageError": "exceptions",
    "billing_usage": "billing",
    "create_views": "views",
    "instaview_source": "source",
    "load": "runner",
    "open_pipeline": "destination",
    "read_requests": "id_files",
}

__all__ = [
    "AlreadyRunning",
    "DestinationFailed",
    "DiskFull",
    "InstaviewError",
    "Interrupted",
    "InvalidRequestId",
    "KeyRefused",
    "LoadStopped",
    "Request",
    "Summary",
    "UnreadableInput",
    "UsageError",
    "billing_usage",
    "create_views",
    "instaview_source",
    "load",
    "open_pipeline",
    "read_requests",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
