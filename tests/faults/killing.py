"""A load in a process of its own, killed at a moment that chance picks, again and again.

A moment is a fraction of the time that an undisturbed load takes, or a station: the appearance of a file in dlt's
working folder. Which stations there are is learnt from undisturbed loads, so they follow dlt's steps whatever it
calls them: extracting, normalising, each table's copying and merging, and what stands between two of them.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from machine import Machine

_LOOK_EVERY = 0.001
_LONGEST_LOAD = 120.0


@dataclass
class Killer:
    """Runs loads to their end or kills them; seeded. `kills` counts by the phase that a kill met."""

    machine: Machine
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    """Loads that ended before their moment came."""
    _stations: list[str] = field(default_factory=list)
    _seconds: float = 2.0

    def learn(self, *arguments: str) -> None:
        """An undisturbed load: how long it takes, and the stations it passes."""
        started, seen = time.monotonic(), set(self._stations)
        process = self._start(*arguments)
        for _ in looks_at(process):
            seen.update(station(path) for path in self._files())
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
        self._stations, self._seconds = sorted(seen), time.monotonic() - started

    def kill_one(self, *arguments: str, at: str | None = None) -> bool:
        """Starts a load and kills it at some moment, or when a file matches `at`; whether it was still alive."""
        process = self.start_until(*arguments, at=at)
        process.kill()
        phase = phase_of(set(self._files()))  # what the killed process left is what it was doing
        _, stderr = process.communicate()
        if process.returncode == 0:
            self.in_time += 1
            return False
        assert process.returncode == -9, (process.returncode, stderr)
        assert "Traceback" not in stderr, stderr
        self.kills[phase] += 1
        return True

    def start_until(self, *arguments: str, at: str | None = None) -> subprocess.Popen[str]:
        """A load that has come to some moment, or to where a file matches `at`; or that has ended before."""
        come = self._moment() if at is None else self._arrival(lambda path: bool(re.search(at, path)))
        process = self._start(*arguments)
        for _ in looks_at(process):
            if come():
                break
        return process

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return self.machine.start("load", *arguments, SOURCES__INSTAVIEW__COMMIT_SECONDS="0.5")

    def _moment(self) -> Callable[[], bool]:
        started = time.monotonic()
        if self.chance.random() < 0.25 or not self._stations:
            after = self.chance.uniform(0.3, 1.0) * self._seconds
            return lambda: time.monotonic() - started >= after
        # a phase, a step of it and a file of that: else most would be of the phase or the step that has most files
        phase = self.chance.choice(sorted({phase_of({name}) for name in self._stations}))
        stations = [name for name in self._stations if phase_of({name}) == phase]
        step = self.chance.choice(sorted({_step(name) for name in stations}))
        wanted = self.chance.choice([name for name in stations if _step(name) == step])
        return self._arrival(lambda path: station(path) == wanted, self.chance.choice([0.0, 0.0, 0.01, 0.02]))

    def _arrival(self, wanted: Callable[[str], bool], pause: float = 0.0) -> Callable[[], bool]:
        """Whether a file has come that is wanted and was not there before, and a while ago."""
        before = set(self._files())

        def arrived() -> bool:
            if not any(wanted(path) for path in self._files() if path not in before):
                return False
            time.sleep(pause)
            return True

        return arrived

    def _files(self) -> Iterator[str]:
        root = self.machine.home / "dlt" / "pipelines"
        for folder, _, names in os.walk(root):
            for name in names:
                yield str(Path(folder, name).relative_to(root))


def looks_at(process: subprocess.Popen[str]) -> Iterator[None]:
    """One look after another at a process, which runs by the real clock, until it ends. It must not hang."""
    deadline = time.monotonic() + _LONGEST_LOAD
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the load hangs: it has not ended after {_LONGEST_LOAD:g} s")
        yield
        time.sleep(_LOOK_EVERY)


def station(path: str) -> str:
    """A file's place without what differs from load to load: ids of packages and of files."""
    return re.sub(r"\.[0-9a-zA-Z_-]{10}\.", ".", re.sub(r"\d{10}\.\d+|\b[0-9a-f]{16}\b", "…", path))


def _step(name: str) -> tuple[str, str]:
    """What the stations of one step of dlt's have in common: the folder, and the kind of file."""
    path = Path(name)
    return str(path.parent), path.suffix


def phase_of(files: set[str]) -> str:
    """What a load was doing, by the files it leaves."""
    loading = [path for path in files if "/load/normalized/" in path]
    merges = [path for path in loading if path.endswith(".sql")]
    merged = [path for path in merges if "/completed_jobs/" in path]
    if merged:
        return "between two tables' merges" if len(merged) < len(merges) or _copies_left(loading) else "after merging"
    if loading:
        return "copying" if any("/new_jobs/" not in path and "_jobs/" in path for path in loading) else "before copying"
    if any("/load/new/" in path or "/normalize/extracted/" in path for path in files):
        return "normalising"
    if any("/normalize/" in path and "_jobs/" in path for path in files):
        return "extracting"
    return "reading and polling"


def _copies_left(loading: list[str]) -> bool:
    return any("/new_jobs/" in path or "/started_jobs/" in path for path in loading)
