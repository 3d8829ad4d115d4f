"""Ways to wait for many runs, under virtual time: the resolver, and what is usually written instead."""

from __future__ import annotations

import asyncio
import random
import statistics
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

import virtual_time
from instaview.client import Client
from instaview.clock import Clock
from instaview.request_ids import Request
from instaview.resolver import Resolver
from instaview.settings import MAX_IN_FLIGHT

from .api import START, Api, Plan

Runs = Mapping[str, tuple[float, float]]
"""When each run was asked for and when it ends, by request id."""


@dataclass(frozen=True)
class Played:
    """What a poller came to."""

    results: int
    calls: int
    limited: int
    seconds: float
    lags: tuple[float, ...]
    """Seconds from the end of a run, or from the first moment of polling, to its result."""

    @property
    def calls_per_result(self) -> float:
        return self.calls / self.results

    @property
    def median_lag(self) -> float:
        return statistics.median(self.lags)


def request_ids(count: int) -> list[str]:
    """So many ids."""
    return [f"req_{uuid.UUID(int=number)}" for number in range(count)]


Done = Callable[[str], None]
Poller = Callable[[Api, Runs, Done], Coroutine[Any, Any, None]]


def play(poller: Poller, plan: Plan, runs: Runs, phase: float = 20.0) -> Played:
    """Lets a poller wait for all runs."""
    return virtual_time.run(_play(poller, plan, runs, phase))


async def _play(poller: Poller, plan: Plan, runs: Runs, phase: float) -> Played:
    loop = asyncio.get_running_loop()
    api = Api(plan, phase, runs)
    seen: dict[str, float] = {}

    def done(request_id: str) -> None:
        seen.setdefault(request_id, loop.time())

    await poller(api, runs, done)
    lags = tuple(at - max(0.0, runs[request_id][1]) for request_id, at in seen.items())
    return Played(len(seen), api.calls, api.limited, max(seen.values()), lags)


# ---------------------------------------------------------------------- pollers


def ours(seed: int = 0) -> Poller:
    """The connector's resolver, with its defaults."""

    async def poll(api: Api, runs: Runs, done: Done) -> None:
        # the clock is the server's: what is simulated is the limit, not clocks that disagree
        client = Client("http://api.example.com", "sk_test", transport=api, clock=Clock(lambda: START), connections=16)
        async with client:
            resolver = Resolver(
                client,
                [Request(request_id, "sourcing") for request_id in runs],
                lambda tracked: done(tracked.request.id),
                wait=1e6,
                poll_interval=10.0,
                max_in_flight=MAX_IN_FLIGHT,
                chance=random.Random(seed),
            )
            await resolver.run()

    return poll


def fixed(seconds: float) -> Poller:
    """All open runs looked at every so many seconds, each wave at once."""

    async def poll(api: Api, runs: Runs, done: Done) -> None:
        left = list(runs)
        while left:
            began = asyncio.get_running_loop().time()
            answers = await asyncio.gather(*(_look(api, request_id) for request_id in left))
            for request_id, status in zip(left, answers, strict=True):
                if status == 200:
                    done(request_id)
            left = [request_id for request_id, status in zip(left, answers, strict=True) if status != 200]
            await asyncio.sleep(began + seconds - asyncio.get_running_loop().time())

    return poll


def blocking(first: float = 10.0, longest: float = 300.0) -> Poller:
    """One run after the other: look, sleep 10 s, then twice as long each time until that is 5 minutes or more.

    So dlt's facebook_ads source waits for its insights jobs. No job is looked at before the one ahead of it has ended.
    """

    async def poll(api: Api, runs: Runs, done: Done) -> None:
        for request_id in runs:
            pause = first
            while await _look(api, request_id) != 200:
                await asyncio.sleep(pause)
                pause = pause if pause >= longest else 2 * pause
            done(request_id)

    return poll


async def _look(api: Api, request_id: str) -> int:
    url = f"http://api.example.com/sourcing/{request_id}/results"
    return (await api.handle_async_request(httpx.Request("GET", url))).status_code
