from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from machine import Machine

from instaview import resolver
from instaview_sandbox import Sandbox, running

os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # as the command does, before dlt is imported

Api = Callable[..., Sandbox]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def urls() -> dict[int, str]:
    return {}


@pytest.fixture
def brief_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands within this process: tries follow each other at once; how long they wait is tested elsewhere."""
    monkeypatch.setattr(resolver, "_LONGEST_BACKOFF", 0.1)


@pytest.fixture
def api(stack: ExitStack, urls: dict[int, str]) -> Api:
    """Starts a sandbox whose limits hold nobody up, unless a test says otherwise."""

    def start(**options: Any) -> Sandbox:
        defaults: dict[str, Any] = {
            "seed": 11,
            "requests": 0,
            "minute_limit": 100_000,
            "hour_limit": 1_000_000,
            "results_per_minute": None,
        }
        sandbox = Sandbox(**{**defaults, **options})
        urls[id(sandbox)] = stack.enter_context(running(sandbox))
        return sandbox

    return start


@pytest.fixture
def machine(tmp_path: Path, urls: dict[int, str]) -> Callable[[Sandbox], Machine]:
    """A machine set up for a sandbox; calling it again gives the same one."""

    def make(sandbox: Sandbox, key: str = "full") -> Machine:
        return Machine(tmp_path, urls[id(sandbox)], sandbox.keys[key])

    return make
