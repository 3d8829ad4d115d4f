"""Leaving well from the first moment on: signals end a process without a traceback, also while it still imports."""

from __future__ import annotations

import signal
import sys


def leave_on_signals() -> None:
    """Has SIGINT and SIGTERM end the process with the exit code that shells expect, 130 or 143."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as for what a shell runs in the background
            signal.signal(signum, lambda number, _: sys.exit(128 + number))
