"""Serving the dashboard on this machine."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

APP = Path(__file__).with_name("app.py")


def serve_dashboard(
    destination: str, dataset: str, *, port: int, headless: bool = False, budget: float | None = None
) -> int:
    """Runs the marimo app on 127.0.0.1 until it is stopped.

    Returns:
        Its exit code.

    Raises:
        ModuleNotFoundError: a package of the extra `dashboard` is missing.
    """
    for package in ("altair", "marimo"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"no module {package}", name=package)
    options = ["--port", str(port), "--no-sandbox", *(["--headless"] if headless else [])]
    arguments = ["--destination", destination, "--dataset", dataset, *(["--budget", str(budget)] if budget else [])]
    command = [sys.executable, "-m", "marimo", "run", str(APP), *options, "--", *arguments]
    return subprocess.run(command, check=False).returncode
