"""Many requests as columns: a million of them take 50 MB and less than a second, as objects ten times that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, overload

import pyarrow as pa
import pyarrow.compute as pc

from .request_ids import COMPANY_ID_SHAPE, REQUEST_ID_SHAPE, Request, kind_of

Column: TypeAlias = pa.Array | pa.ChunkedArray
_AT_ONCE = 65_536
_TEXT_AT_ONCE = 4 * 1024 * 1024
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
    return _joined((_checked(ids, None, comments=True) for ids in _lines(text)), pa.large_string())


def _lines(text: str) -> Iterator[pa.Array]:
    start = 0
    while start < len(text):  # a piece at a time: splitting takes several times a piece's memory
        end = text.find("\n", start + _TEXT_AT_ONCE)
        end = len(text) if end < 0 else end + 1
        yield pc.split_pattern(pa.array([text[start:end]], pa.large_string()), "\n").values
        start = end


def from_columns(ids: pa.Array, companies: pa.Array | None = None) -> RequestList | None:
    """The requests of a column of ids, with the companies beside them; None where a row needs a closer look.

    Rows without an id are passed over.
    """
    pieces = (
        _checked(ids.slice(start, _AT_ONCE), None if companies is None else companies.slice(start, _AT_ONCE))
        for start in range(0, len(ids), _AT_ONCE)
    )
    return _joined(pieces, ids.type, None if companies is None else companies.type)


_Piece = tuple[pa.Array, pa.Array | None]


def _checked(ids: pa.Array, companies: pa.Array | None, *, comments: bool = False) -> _Piece | None:
    """Rows as `parse_request` would take them over; None where it would complain."""
    ids = pc.utf8_lower(pc.utf8_trim_whitespace(ids))
    there = pc.fill_null(pc.not_equal(ids, ""), False)
    if comments:
        there = pc.and_(there, pc.invert(pc.starts_with(ids, "#")))
    ids = ids.filter(there)
    if not _all_match(ids, REQUEST_ID_SHAPE):
        return None
    if companies is None:
        return ids, None
    companies = pc.utf8_trim_whitespace(companies.filter(there))
    companies = pc.if_else(pc.equal(companies, ""), None, companies)
    return (ids, companies) if _all_match(companies, COMPANY_ID_SHAPE) else None


def _joined(
    pieces: Iterable[_Piece | None], id_type: pa.DataType, company_type: pa.DataType | None = None
) -> RequestList | None:
    ids, companies = [], []
    for piece in pieces:
        if piece is None:
            return None
        ids.append(piece[0])
        companies.append(piece[1])
    column = pa.chunked_array(ids, id_type)
    beside = None if company_type is None else pa.chunked_array(companies, company_type)
    distinct = pc.count_distinct(column).as_py()
    pa.default_memory_pool().release_unused()  # counting takes more than the column, and Arrow would keep it
    if distinct == len(column):
        return RequestList(column, beside)
    return RequestList(pc.unique(column)) if beside is None else None  # which company counts is decided row by row


def _all_match(texts: pa.Array, shape: str) -> bool:
    found: Any = pc.all(pc.match_substring_regex(texts, f"^(?:{shape})$")).as_py()
    return found is not False  # None: there are no texts
