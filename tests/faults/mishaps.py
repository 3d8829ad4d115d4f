"""What befalls an answer on its way: each of these strikes one exchange."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib

from proxy import Exchange, Mishap

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
FOREVER = 3600.0


def resets_at_once() -> Mishap:
    async def strike(exchange: Exchange) -> None:
        exchange.reset()

    return strike


def resets_within_the_body() -> Mishap:
    async def strike(exchange: Exchange) -> None:
        await exchange.send(exchange.head, exchange.body[: len(exchange.body) // 2])
        await asyncio.sleep(0.05)
        exchange.reset()

    return strike


def closes_after(share: float) -> Mishap:
    """Sends that share of the whole good answer, and closes in good order."""

    async def strike(exchange: Exchange) -> None:
        whole = exchange.head + exchange.body
        await exchange.send(whole[: int(len(whole) * share)])

    return strike


def stalls_after(share: float) -> Mishap:
    """Sends that share of the whole good answer, and then nothing more, with the connection open."""

    async def strike(exchange: Exchange) -> None:
        whole = exchange.head + exchange.body
        await exchange.send(whole[: int(len(whole) * share)])
        await asyncio.sleep(FOREVER)

    return strike


def drips(seconds: float) -> Mishap:
    """The good answer, byte by byte, never silent for long."""

    async def strike(exchange: Exchange) -> None:
        for byte in exchange.head + exchange.body:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(seconds)

    return strike


def says(raw: bytes) -> Mishap:
    """These bytes instead of an answer."""

    async def strike(exchange: Exchange) -> None:
        await exchange.send(raw)

    return strike


def answers(body: bytes, *headers: str, status: str = "200 OK", length: object = None) -> Mishap:
    async def strike(exchange: Exchange) -> None:
        await exchange.answer(body, *headers, status=status, length=length)

    return strike


def doubled(*, told: bool) -> Mishap:
    """The good body twice; `told` says whether the length counts the second."""

    async def strike(exchange: Exchange) -> None:
        await exchange.answer(exchange.body * 2, length=len(exchange.body) * (2 if told else 1))

    return strike


def with_length(length: object) -> Mishap:
    """The good body under another `Content-Length`; `{}` stands for the true one."""

    async def strike(exchange: Exchange) -> None:
        await exchange.answer(exchange.body, length=str(length).format(len(exchange.body)))

    return strike


def shorter_by(count: int) -> Mishap:
    async def strike(exchange: Exchange) -> None:
        await exchange.answer(exchange.body, length=len(exchange.body) - count)

    return strike


def chunked(*chunks: bytes) -> Mishap:
    """A chunked body of these bytes as they are; the good body takes the place of `BODY`."""

    async def strike(exchange: Exchange) -> None:
        body = exchange.body
        whole = b"%x\r\n%b\r\n" % (len(body), body)
        await exchange.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *(c.replace(b"BODY", whole) for c in chunks)
        )

    return strike


def packed_badly(what: str) -> Mishap:
    """The good body packed by gzip, and then spoilt."""

    async def strike(exchange: Exchange) -> None:
        good = gzip.compress(exchange.body)
        spoilt = {
            "plain": exchange.body,
            "cut": good[:-20],
            "without its end": good[:-8],
            "flipped": good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 0x55]) + good[len(good) // 2 + 1 :],
            "and garbage": good + b"garbage",
        }[what]
        await exchange.answer(spoilt, "Content-Encoding: gzip")

    return strike


def bomb(size: int, layers: int = 1) -> Mishap:
    """A body of so many spaces, packed so often."""
    body = b" "
    for layer in range(layers):
        body = _packed(size if layer == 0 else 0, body)
    return answers(body, f"Content-Encoding: {', '.join(['gzip'] * layers)}")


def _packed(spaces: int, body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * 2**20
    pieces = [packer.compress(piece) for _ in range(spaces // len(piece))] if spaces else [packer.compress(body)]
    return b"".join([*pieces, packer.flush()])


def floods(size: int, *, told: bool = True) -> Mishap:
    """A body of so many bytes, with or without its length told."""

    async def strike(exchange: Exchange) -> None:
        length = f"Content-Length: {size}\r\n" if told else ""
        await exchange.send(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        piece = b" " * 2**20
        for _ in range(size // len(piece)):
            await exchange.send(piece)

    return strike


def headers_without_end() -> Mishap:
    async def strike(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n")
        for number in itertools.count():
            await exchange.send(f"X-Header-{number}: {'x' * 200}\r\n".encode())

    return strike


def continues_without_end() -> Mishap:
    """Announces an answer again and again, and never gives one."""

    async def strike(exchange: Exchange) -> None:
        while True:
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.01)

    return strike


def redirects(location: str, status: str) -> Mishap:
    return answers(HTML, f"Location: {location}", "Content-Type: text/html", status=status)


GIGABYTE = 2**30

FAULTS: dict[str, Mishap] = {
    "reset at once": resets_at_once(),
    "reset within the body": resets_within_the_body(),
    "closed without a word": closes_after(0.0),
    "closed within the head": closes_after(0.02),
    "body cut": closes_after(0.9),
    "silent": stalls_after(0.0),
    "silent within the head": stalls_after(0.02),
    "silent within the body": stalls_after(0.9),
    "dripping": drips(0.05),
    "body doubled": doubled(told=True),
    "length too short": shorter_by(1),
    "length far too short": shorter_by(40),
    "length 0": with_length(0),
    "length too long": with_length("1{}"),
    "length of an exabyte": with_length(10**18),
    "length negative": with_length(-1),
    "length no number": with_length("many"),
    "length of 30 digits": with_length("9" * 30),
    "length twice, contradicting": with_length("{}\r\nContent-Length: 7"),
    "chunks without an end": chunked(b"BODY"),
    "chunk longer than told": chunked(b"5\r\ntoo long\r\n0\r\n\r\n"),
    "chunk of no number": chunked(b"zz\r\nBODY"),
    "chunks without a body": chunked(b"0\r\n\r\n"),
    "gzip that is none": packed_badly("plain"),
    "gzip cut": packed_badly("cut"),
    "gzip without its end": packed_badly("without its end"),
    "gzip with a bit flipped": packed_badly("flipped"),
    "gzip and garbage": packed_badly("and garbage"),
    "packed in an unknown way": answers(b"{}", "Content-Encoding: br"),
    "packed twice": bomb(2**20, layers=2),
    "page of a gateway as 200": answers(HTML, "Content-Type: text/html"),
    "page of a gateway as 502": answers(HTML, status="502 Bad Gateway"),
    "page of a gateway as 403": answers(HTML, status="403 Forbidden"),
    "page of a gateway as 404": answers(HTML, status="404 Not Found"),
    "page of a gateway as 400": answers(HTML, status="400 Bad Request"),
    "empty 200": answers(b""),
    "nothing 204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified 304": says(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "partial 206": answers(b'{"status": "comp', status="206 Partial Content"),
    "status 999": answers(b"{}", status="999 What"),
    "status 99": answers(b"{}", status="99 What"),
    "no HTTP": says(b"\x00\xff\x16\x03\x01 SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "HTTP 0.9": says(b"{}"),
    "HTTP 2": says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"),
    "header with NUL": answers(b"{}", "X-Odd: a\x00b"),
    "header of a megabyte": answers(b"{}", f"X-Large: {'x' * 2**20}"),
    "headers without an end": headers_without_end(),
    "100 Continue without an end": continues_without_end(),
    "101 Switching Protocols": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
}
"""Faults that may pass: a request that meets one is asked for again."""


def too_large(size: int) -> dict[str, Mishap]:
    """Bodies that are refused for their size."""
    return {
        "flood": floods(size),
        "flood of untold length": floods(size, told=False),
        "gzip bomb": bomb(size),
    }
