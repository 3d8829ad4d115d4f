"""A sandbox on a clock that stands still, and clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from instaview_sandbox import Sandbox, create_app

FOLDERS = {"sourcing": "", "enrichment": "enrich/", "preview": "preview/"}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now: float = 1_705_320_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Direct(httpx.BaseTransport):
    """Calls an ASGI application from plain code: no network, no thread."""

    def __init__(self, app: Any, runner: asyncio.Runner) -> None:
        self.app, self.runner = httpx.ASGITransport(app), runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            answer = await self.app.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return self.runner.run(call())


class Api:
    """A sandbox and a client that calls its application without a network."""

    def __init__(self, sandbox: Sandbox, clock: Clock, runner: asyncio.Runner) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.http = httpx.Client(transport=Direct(create_app(sandbox), runner), base_url="http://sandbox")

    def call(self, method: str, path: str, key: str = "full", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.sandbox.keys[key]}"}
        return self.http.request(method, path, headers=headers, **options)

    def results(self, request_id: str, key: str = "full", **options: Any) -> httpx.Response:
        kind = self.sandbox.kind(request_id)
        assert kind is not None
        return self.call("GET", f"/sourcing/{FOLDERS[kind]}{request_id}/results", key, **options)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., Api]]:
    """Sandboxes without requests and with hardly any limits, unless told otherwise."""

    def make(**options: Any) -> Api:
        generous = {"requests": 0, "minute_limit": 100_000, "hour_limit": 100_000, "results_per_minute": None}
        return Api(Sandbox(**{**generous, "clock": clock, **options}), clock, runner)

    with asyncio.Runner() as runner:
        yield make


@pytest.fixture
def api(make: Callable[..., Api]) -> Api:
    return make()
