"""What it was measured on and with."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("dlt", "duckdb", "pyarrow", "msgspec", "httpx", "pandas")


def as_dict() -> dict[str, Any]:
    """The machine, its load just now, and the versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_average": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def as_text() -> str:
    """The same in a line or two."""
    f = as_dict()
    packages = ", ".join(f"{name} {f[name]}" for name in ("python", *PACKAGES))
    return (
        f"{f['cpu']}, {f['cores']} cores, {f['memory_gb']} GB, {f['system']}, load {f['load_average']:.2f}\n{packages}"
    )


@cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
