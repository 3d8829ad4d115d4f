from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from machine import Machine

from instaview_sandbox import Sandbox, running

os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # as the command does, before dlt is imported

Make = Callable[[str, Sandbox], Machine]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A server for all tests of the session; not below pytest's folder, which other users may not enter."""
    from postgres import PostgresServer

    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def api(stack: ExitStack) -> Callable[..., tuple[Sandbox, str]]:
    """Starts a sandbox whose limits hold nobody up, unless a test says otherwise; gives it and its address."""

    def start(**options: Any) -> tuple[Sandbox, str]:
        defaults: dict[str, Any] = {
            "seed": 11,
            "requests": 0,
            "minute_limit": 100_000,
            "hour_limit": 1_000_000,
            "results_per_minute": None,
        }
        sandbox = Sandbox(**{**defaults, **options})
        return sandbox, stack.enter_context(running(sandbox))

    return start


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Machine]:
    """Makes machines with folders of their own, on one DuckDB file or, with `warehouse="postgres"`, one database."""
    urls: list[str] = []

    def make(sandbox: Sandbox, url: str, *, warehouse: str = "duckdb", name: str = "one") -> Machine:
        folder = tmp_path / name
        folder.mkdir()
        if warehouse == "duckdb":
            made = Machine(folder, url, sandbox.keys["full"])
            made.database = tmp_path / "warehouse.duckdb"
            return made
        from postgres_machine import PostgresMachine

        if not urls:
            urls.append(request.getfixturevalue("postgres").database())
        return PostgresMachine(folder, url, sandbox.keys["full"], urls[0])

    return make
