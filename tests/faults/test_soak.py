"""A load every five minutes for days of the sandbox's time: nothing may grow with the number of loads."""

from __future__ import annotations

import gc
import os
import random
import resource
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dlt
import pytest
from history import History
from oracle import without_requests

from instaview import load
from instaview_sandbox import Fault

EVERY_SECONDS = 300
USED_UP_EVERY, USED_UP_LOADS = 8, 2
KINDS = ("sourcing", "enrichment", "preview")


@dataclass(frozen=True)
class Sample:
    """One load: what it took, and what it left on this machine and in dlt's own tables."""

    seconds: float
    memory: int
    files: int
    file_bytes: int
    versions: int
    states: int
    loads: int
    http_requests: int


class Week:
    """New requests, re-runs, failed runs, enrichments that fail in part, and times in which nothing happens.

    At times the budget is used up, for somebody else reads with the same key: ten minutes of nothing but 429.
    """

    def __init__(self, sandbox, url, machine, seed):
        self.sandbox, self.chance, self.history = sandbox, random.Random(seed), History(sandbox)
        self.machine, self.url = machine, url
        self.samples, self._pending, self._repeatable = [], [], []
        self._ticks = self.refused = 0

    def tick(self):
        """Five minutes pass, things happen, and a load runs, as cron starts it: without memory of the last."""
        self.sandbox.advance(EVERY_SECONDS)
        due, self._pending = self._pending, []
        self.history.note(due)  # what was processing at the last load has ended by now
        self._ticks += 1
        used_up = self._ticks % USED_UP_EVERY >= USED_UP_EVERY - USED_UP_LOADS
        self.sandbox.faults.clear()
        if used_up:
            self.sandbox.inject(Fault("status", status=429, retry_after=EVERY_SECONDS))
        new, again = self._news(used_up)
        summary = self._load([*new, *again], refresh=bool(again))
        assert summary.error == 0
        assert not used_up or summary.completed == summary.failed == 0
        self.refused += summary.rate_limited
        self._measure(summary)

    def _news(self, used_up):
        what = self.chance.random()
        if what < 0.4:
            return [], []
        kind = self.chance.choice(KINDS)
        if what < 0.6 and self._repeatable and not used_up:
            again = [self.chance.choice(self._repeatable)]
            self.sandbox.rerun(again[0], seconds=0.0)
            self.history.note(again)
            return [], again
        seconds = self.chance.choice([0.0, 100.0])
        new = self.sandbox.add(kind, 1, self.chance.choice(["completed"] * 4 + ["failed"]), seconds=seconds)
        if seconds or used_up:
            self._pending += new
        else:
            self.history.note(new)
            self._repeatable = [*self._repeatable, *(new if kind == "sourcing" else [])][-20:]
        return new, []

    def _load(self, ids, refresh):
        pipeline = dlt.pipeline(
            "soak",
            pipelines_dir=str(self.machine.home / "dlt"),
            destination=dlt.destinations.duckdb(str(self.machine.database)),
            dataset_name="instaview",
        )
        key = self.sandbox.keys["full"]
        return load(pipeline, ids, base_url=self.url, api_key=key, wait=0, refresh=refresh)

    def _measure(self, summary):
        gc.collect()
        files = [p for p in (self.machine.home / "dlt").rglob("*") if p.is_file()]
        counts = [
            self.machine.query(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("_dlt_version", "_dlt_pipeline_state", "_dlt_loads")
        ]
        size = sum(p.stat().st_size for p in files)
        self.samples.append(Sample(summary.seconds, resident(), len(files), size, *counts, summary.http_requests))


def resident():
    """Bytes of memory in use by this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def median(values):
    return sorted(values)[len(values) // 2]


def thirds(samples, name):
    """Medians of the first and the last third of the loads: noise of a machine evens out in them."""
    values = [getattr(sample, name) for sample in samples]
    size = len(values) // 3
    return median(values[:size]), median(values[-size:])


def soak(api, machine, loads, seed):
    sandbox, url = api(seed=seed)
    week = Week(sandbox, url, machine(sandbox, url), seed)
    for _ in range(loads):
        week.tick()
    week.sandbox.advance(EVERY_SECONDS)
    week.sandbox.faults.clear()
    assert week.refused > 0
    week.history.note(week._pending)
    week._load([], refresh=False)
    assert without_requests(week.machine.tables()) == week.history.expected()
    first, last = week.samples[loads // 10], week.samples[-1]
    print(f"\n{loads} loads, {len(week.history.request_ids)} requests: {first} → {last}")
    return week.samples


def assert_nothing_grows(samples):
    settled = samples[len(samples) // 10 :]
    for name in ("files", "versions", "states"):
        assert len({getattr(sample, name) for sample in settled}) == 1, name
    before, after = thirds(settled, "file_bytes")  # a load that writes nothing leaves a shorter trace
    assert after - before < 40_000, (before, after)
    assert all(later.loads - before.loads <= 2 for before, later in pairwise(samples))
    before, after = thirds(settled, "seconds")
    assert after < 1.4 * before + 0.1, (before, after)
    before, after = thirds(settled, "memory")
    assert after - before < 48 * 1024 * 1024, (before, after)


def test_a_dozen_loads(api, machine):
    assert_nothing_grows(soak(api, machine, 12, seed=1))


@pytest.mark.long
def test_a_day_of_loads_or_a_week(api, machine):
    loads = int(os.environ.get("SOAK_LOADS", 24 * 3600 // EVERY_SECONDS))  # a week is 2016: most of an hour
    assert_nothing_grows(soak(api, machine, loads, seed=2))
