"""Lists of request ids in files and on standard input: text, CSV, JSON Lines, Parquet, webhook logs.

The format is told by the content, not by the name, so a pipe works like a file.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .exceptions import InvalidRequestId, UnreadableInput
from .request_ids import Request, from_mapping, parse_request, printable, unique
from .request_list import RequestList, from_columns, from_text

if TYPE_CHECKING:
    import pandas as pd

STDIN = "-"
_HEAD = 65_536
_ID_COLUMNS = {"request_id", "requestId"}
_WORD = re.compile(r"[^\W\d][\w .-]{0,60}")
_COMMENT = re.compile(r"(?m)^[ \t]*#.*$")


def read_requests(sources: Sequence[str]) -> list[Request]:
    """The requests named in files (`-` is standard input), each once.

    Raises:
        UnreadableInput: a file is missing, cannot be read, or has no column of request ids.
        InvalidRequestId: an id is malformed; the message names the file and the line.
    """
    return list(read_request_list(sources))


def read_request_list(sources: Sequence[str]) -> Sequence[Request]:
    """The same, held as columns where there are many in one file."""
    if len(sources) == 1:
        found = _read(sources[0])
        return found if isinstance(found, RequestList) else unique(found)
    return unique(request for source in sources for request in _read(source))


def _read(source: str) -> Iterable[Request]:
    name = "standard input" if source == STDIN else printable(source)
    try:
        content = _standard_input() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{name}: {error.strerror or error}. Nothing was sent") from error
    if content.startswith(b"PAR1"):
        frame = _parquet(content, name)
        return _from_frame(frame, name, (f"row {number}" for number in range(1, len(frame) + 1)))
    try:
        text = content.decode("utf-8-sig")
        del content
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{name}: not UTF-8 text, and not Parquet. Nothing was sent") from error
    start = text[:_HEAD].lstrip()[:1] or text.lstrip()[:1]
    if start == "[":
        return _from_json_array(text, name)
    if start == "{":
        return _from_json_object(text, name)
    before, header = _first_line(text)
    delimiter = _delimiter(header, name) if header else None
    if delimiter is not None:
        frame = _csv(text[sum(map(len, before)) :], delimiter, name)
        return _from_frame(frame, name, (f"line {number}" for number in _line_numbers(frame, len(before) + 2)))
    if start == '"':
        return _from_json_lines(text, name)
    _refuse_header(text, header, name)
    return from_text(text) or _from_lines(text, name)


def _standard_input() -> bytes:
    if sys.stdin is None:  # as where the shell was told to close it
        raise OSError(errno.EBADF, "closed")
    return sys.stdin.buffer.read()


def _first_line(text: str) -> tuple[list[str], str]:
    """The first line that says something, and the lines before it."""
    for size in (_HEAD, len(text)):
        lines = text[:size].splitlines(keepends=True)
        for number, line in enumerate(lines):
            if line.strip() and not line.lstrip().startswith("#") and (number + 1 < len(lines) or size >= len(text)):
                return lines[:number], line
    return [], ""


def _refuse_header(text: str, header: str, name: str) -> None:
    """Tells a CSV of one column that has another name from a plain list with a wrong id in it."""
    word = header.strip()
    if not _WORD.fullmatch(word) or _is_request_id(word):
        return
    below = _first_line(text[text.index(header) + len(header) :])[1]
    if _is_request_id(below):
        raise UnreadableInput(
            f"{name}: the column {word!a} must be named request_id or requestId, or the list have no header. "
            "Nothing was sent"
        )


def _is_request_id(text: str) -> bool:
    try:
        parse_request(text)
    except InvalidRequestId:
        return False
    return True


def _from_lines(text: str, name: str) -> Iterator[Request]:
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield parse_request(entry, where=f"{name}, line {number}")


def _from_json_lines(text: str, name: str) -> Iterator[Request]:
    for number, line in enumerate(text.split("\n"), 1):  # splitlines() would also split within texts
        if line.strip():
            yield from _from_json(line, f"{name}, line {number}")


def _from_json_object(text: str, name: str) -> Iterable[Request]:
    """One object over many lines, such as the answer to a POST that was kept as it came; else one object a line."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _from_json_lines(text, name)
    return _from_value(value, f"{name}, line 1")


def _from_json_array(text: str, name: str) -> Iterator[Request]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{name}: not JSON ({printable(str(error))}). Nothing was sent") from error
    for number, item in enumerate(items, 1):
        yield from _from_value(item, f"{name}, item {number}")


def _from_json(line: str, where: str) -> Iterator[Request]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{where}: not JSON; expected one object or id a line. Nothing was sent") from error
    yield from _from_value(value, where)


def _from_value(value: object, where: str) -> Iterator[Request]:
    if not isinstance(value, dict):
        yield parse_request(value, where=where)
    elif (request := from_mapping(value, where)) is not None:
        yield request


def _delimiter(header: str, name: str) -> str | None:
    """The delimiter of a CSV whose header has a column of ids; None where the text is a plain list."""
    for delimiter in (",", ";", "\t"):
        try:
            columns = {column.strip() for column in next(csv.reader([header], delimiter=delimiter), [])}
        except csv.Error as error:
            raise UnreadableInput(f"{name}: not readable as CSV ({printable(str(error))}). Nothing was sent") from error
        if columns & _ID_COLUMNS:
            return delimiter
        if len(columns) > 1:
            shown = ascii(header.strip()[:60])
            raise UnreadableInput(f"{name}: the header {shown} has no column request_id or requestId. Nothing was sent")
    return None


def _csv(text: str, delimiter: str, name: str) -> pd.DataFrame:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(_COMMENT.sub("", text)),  # which keeps the lines' numbers
                sep=delimiter,
                dtype=str,
                index_col=False,  # else a delimiter at the end of each line shifts all columns by one
                keep_default_na=False,  # the text None is no gap
                na_values=[""],
                skipinitialspace=True,
                skip_blank_lines=False,
            )
    except (ValueError, pd.errors.ParserError) as error:
        reason = printable(str(error).strip())
        raise UnreadableInput(f"{name}: not readable as CSV ({reason}). Nothing was sent") from error


def _line_numbers(frame: pd.DataFrame, first: int) -> Iterator[int]:
    """The line that each row of a CSV begins on; cells can hold line ends."""
    number = first
    for cells in frame.itertuples(index=False, name=None):
        yield number
        number += 1 + sum(cell.count("\n") for cell in cells if isinstance(cell, str))


def _parquet(content: bytes, name: str) -> pd.DataFrame:
    import pyarrow.parquet as pq  # heavy, like pandas

    try:
        table = pq.read_table(io.BytesIO(content))
        table.validate(full=True)  # texts may be none
        # an index that pandas wrote is a column like others
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise UnreadableInput(f"{name}: not readable as Parquet. Nothing was sent") from error
    return frame


def _from_frame(frame: pd.DataFrame, name: str, places: Iterable[str]) -> Iterable[Request]:
    columns = [str(column).strip() for column in frame.columns]
    ids = next((columns.index(column) for column in ("request_id", "requestId") if column in columns), None)
    if ids is None:
        raise UnreadableInput(f"{name}: no column request_id or requestId. Nothing was sent")
    company = next((columns.index(column) for column in ("company_id", "companyId") if column in columns), None)
    texts = [_texts(frame, column) for column in (ids, company) if column is not None]
    found = from_columns(*texts) if None not in texts else None
    return found or _from_rows(frame, ids, company, name, places)


def _from_rows(
    frame: pd.DataFrame, ids: int, company: int | None, name: str, places: Iterable[str]
) -> Iterator[Request]:
    beside = [None] * len(frame) if company is None else _cells(frame, company)
    for place, request_id, company_id in zip(places, _cells(frame, ids), beside, strict=True):
        if request_id is not None and str(request_id).strip():
            yield parse_request(request_id, company_id, where=f"{name}, {place}")


def _texts(frame: pd.DataFrame, index: int) -> pa.Array | None:
    """A column as Arrow has it; None where it holds anything but texts and gaps."""
    try:
        column = pa.array(frame.iloc[:, index], from_pandas=True)
    except pa.ArrowException:
        return None
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _cells(frame: pd.DataFrame, index: int) -> list[Any]:
    """The cells of a column; None where there is a gap, however pandas marks it."""
    column = frame.iloc[:, index]
    return column.astype(object).where(column.notna(), None).tolist()
