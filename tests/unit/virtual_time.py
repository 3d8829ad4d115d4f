"""An event loop that jumps to the next timer instead of sleeping for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

MOST_TURNS_AT_ONE_TIME = 2_000
"""Turns of the loop without any time passing after which it is taken to be spinning."""

LEAST_JUMP = 1e-6
"""Seconds. Timers are floats: a jump that rounds to nothing would never reach its timer."""


class Stuck(RuntimeError):
    """Code under test waits for something that nothing will bring about, or spins without letting time pass."""


class _JumpingSelector(selectors.SelectSelector):
    """Where a loop would sleep, this one lets virtual time pass."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("everything waits, and no timer is set")
        self._turns = 0 if timeout > 0 else self._turns + 1
        if self._turns > MOST_TURNS_AT_ONE_TIME:
            self._turns = 0
            raise Stuck("the loop spins: no time passes")
        if timeout > 0:
            self._jump(max(timeout, LEAST_JUMP))
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0 and passes only when every task waits for a timer."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        super().__init__(_JumpingSelector(self.pass_time))

    def time(self) -> float:
        return self._virtual_now

    def pass_time(self, seconds: float) -> None:
        self._virtual_now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end under virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def block(seconds: float) -> None:
    """Lets time pass without letting the loop run, as slow code or a machine that sleeps would."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.pass_time(seconds)


def now() -> float:
    """Virtual seconds since the start of the running loop."""
    return asyncio.get_running_loop().time()
