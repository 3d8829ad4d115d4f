"""dlt tells its makers of each step of each run, unless told not to. Here it does so only where it is asked to."""

from __future__ import annotations

import os

import dlt
from dlt.common.runtime.anon_tracker import disable_anon_tracker


def off_unless_asked() -> None:
    """Turns dlt's telemetry off in this process, where no setting of the user's says anything about it."""
    if dlt.config.get("runtime.dlthub_telemetry") is None:
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # for what dlt has not begun yet
        disable_anon_tracker()  # and for what it has
