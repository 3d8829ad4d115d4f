"""Encoded answers, kept while there is room: a body is asked for many times and never changes."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

__all__ = ["BodyCache", "encode"]


def encode(payload: object) -> bytes:
    """JSON as the sandbox sends it: compact, UTF-8."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


class BodyCache:
    """The most recently used bodies, at most `max_bytes` of them all together."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self._bodies: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def get(self, key: tuple[str, int], make: Callable[[], Any]) -> bytes:
        """The body under the key; made and encoded when it isn't there."""
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
            return body
        body = self._bodies[key] = encode(make())
        self.size += len(body)
        while self.size > self.max_bytes:
            _, oldest = self._bodies.popitem(last=False)
            self.size -= len(oldest)
        return body
