"""Many requests as columns: a million of them take 50 MB and less than a second, as objects ten times that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, overload

import pyarrow as pa
import pyarrow.compute as pc

from .request_ids import COMPANY_ID_SHAPE, REQUEST_ID_SHAPE, Request, kind_of

Column: TypeAlias = pa.Array | pa.ChunkedArray
_AT_ONCE = 65_536
_OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


class RequestList(Sequence[Request]):
    """Requests, each once, in the order given. A `Request` is made when it is asked for."""

    def __init__(self, ids: Column, companies: Column | None = None) -> None:
        self._ids, self._companies = ids, companies

    @classmethod
    def of(cls, requests: Sequence[Request]) -> RequestList:
        """The same requests, as columns."""
        ids = pa.array([request.id for request in requests], pa.large_string())
        return cls(ids, pa.array([request.company_id for request in requests], pa.large_string()))

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        company = None if self._companies is None else self._companies[index].as_py()
        return _request(self._ids[index].as_py(), company)

    def __iter__(self) -> Iterator[Request]:
        for start in range(0, len(self), _AT_ONCE):
            ids = self._ids.slice(start, _AT_ONCE).to_pylist()
            companies = [None] * len(ids)
            if self._companies is not None:
                companies = self._companies.slice(start, _AT_ONCE).to_pylist()
            yield from map(_request, ids, companies)

    def among(self, ids: Column) -> Column:
        """Of each request, whether its id is among these."""
        return pc.is_in(self._ids, value_set=ids.cast(self._ids.type))

    def where(self, chosen: Column) -> RequestList:
        """The requests for which this is true."""
        companies = None if self._companies is None else self._companies.filter(chosen)
        return RequestList(self._ids.filter(chosen), companies)


def _request(request_id: str, company_id: str | None) -> Request:
    return Request(request_id, kind_of(request_id), company_id)


def from_text(text: str) -> RequestList | None:
    """The requests of a text with one id a line; None where a line needs a closer look, or to be complained of."""
    if any(end in text for end in _OTHER_LINE_ENDS) or text.count("\r") != text.count("\r\n"):
        return None
    whole = pa.array([text], pa.large_string())
    return from_columns(pc.split_pattern(whole, "\n").values, comments=True)


def from_columns(ids: pa.Array, companies: pa.Array | None = None, *, comments: bool = False) -> RequestList | None:
    """The requests of a column of ids, with the companies beside them; None where a row needs a closer look.

    Rows without an id are passed over, and with `comments` those that begin with `#`.
    """
    pieces: list[pa.Array] = []
    beside: list[pa.Array] = []
    for start in range(0, len(ids), _AT_ONCE):
        piece = pc.utf8_lower(pc.utf8_trim_whitespace(ids.slice(start, _AT_ONCE)))
        there = pc.fill_null(pc.not_equal(piece, ""), False)
        if comments:
            there = pc.and_(there, pc.invert(pc.starts_with(piece, "#")))
        piece = piece.filter(there)
        if not _all_match(piece, REQUEST_ID_SHAPE):
            return None
        pieces.append(piece)
        if companies is not None:
            trimmed = pc.utf8_trim_whitespace(companies.slice(start, _AT_ONCE)).filter(there)
            company = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
            if not _all_match(company, COMPANY_ID_SHAPE):
                return None
            beside.append(company)
    found = pa.chunked_array(pieces, ids.type)
    if pc.count_distinct(found).as_py() == len(found):
        return RequestList(found, None if companies is None else pa.chunked_array(beside, companies.type))
    return None if companies is not None else RequestList(pa.chunked_array([pc.unique(found)]))


def _all_match(texts: pa.Array, shape: str) -> bool:
    found: Any = pc.all(pc.match_substring_regex(texts, f"^(?:{shape})$")).as_py()
    return found is not False  # None: there are no texts
