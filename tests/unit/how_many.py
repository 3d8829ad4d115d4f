"""How many examples a property is tried on: the number given in `make test-faults`, a share of it in `make test`."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    return number * settings().max_examples // 100
