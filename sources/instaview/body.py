"""The body of an answer, read within bounds: however long it is, and whatever it unpacks to."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import httpx

from .exceptions import InstaviewError

ACCEPT_ENCODING = "gzip"
"""What can be unpacked bit by bit. One layer of it: two would unpack a small piece to gigabytes at once."""

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes, unpacked. The largest documented result (100 candidates) is some 400 kB."""

ORDINARY_BODY = 4 * 1024 * 1024
"""Bodies larger than this are read one at a time, so that many at once take no more memory than one."""

_PIECE = 1024 * 1024


class BodyTooLarge(InstaviewError):
    """It is larger than `LARGEST_BODY`. No more of it was read."""


class BrokenBody(InstaviewError):
    """It is not packed as its headers say, or cut short."""


class BodyReader:
    """Reads the bodies of one client's answers."""

    def __init__(self) -> None:
        self._one_large = asyncio.Lock()

    async def read(self, response: httpx.Response, came_in: Callable[[int], None] = lambda size: None) -> bytes:
        """The whole body, unpacked. `came_in` is told with each piece how much of it there is.

        Raises:
            BodyTooLarge: it is beyond all bounds.
            BrokenBody: it cannot be unpacked.
        """
        body = bytearray()
        async with AsyncExitStack() as alone:
            async for piece in _pieces(response):
                if len(body) + len(piece) > LARGEST_BODY:
                    body.clear()  # the traceback would hold it until Python looks for cycles
                    raise BodyTooLarge(f"the answer is larger than {LARGEST_BODY} bytes")
                if len(body) <= ORDINARY_BODY < len(body) + len(piece):
                    await alone.enter_async_context(self._one_large)
                body += piece
                came_in(len(body))
        return bytes(body)


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # what stands in for the network may have read it, and unpacked it, before
        yield response.content
        return
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing in ("", "identity"):
        async for piece in response.aiter_raw():
            yield piece
    elif packing in ("gzip", "x-gzip"):
        gzip = _Gzip()
        async for packed in response.aiter_raw():
            for piece in gzip.unpack(packed):
                yield piece
        gzip.end()
    else:
        raise BrokenBody(f"the answer is packed as {packing!a}, and not as asked for")


class _Gzip:
    """Unpacks gzip, in pieces of a bounded size."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            member = self._member = self._member or zlib.decompressobj(16 + zlib.MAX_WBITS)
            try:
                yield member.decompress(packed, _PIECE)
            except zlib.error as error:
                raise BrokenBody(str(error)) from None
            packed = member.unconsumed_tail
            if member.eof:
                packed, self._member = member.unused_data, None

    def end(self) -> None:
        if self._member is not None:
            raise BrokenBody("the packed answer is cut short")
