"""Lists of request ids in files and on standard input: text, CSV, JSON Lines, Parquet, webhook logs.

The format is told by the content, not by the name, so a pipe works like a file.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .exceptions import UnreadableInput
from .request_ids import Request, from_mapping, parse_request, unique

if TYPE_CHECKING:
    import pandas as pd

STDIN = "-"


def read_requests(sources: Sequence[str]) -> list[Request]:
    """The requests named in files (`-` is standard input), each once.

    Raises:
        UnreadableInput: a file is missing, cannot be read, or has no column of request ids.
        InvalidRequestId: an id is malformed; the message names the file and the line.
    """
    return unique(request for source in sources for request in _read(source))


def _read(source: str) -> Iterator[Request]:
    name = "standard input" if source == STDIN else source
    try:
        content = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{name}: {error.strerror or error}. Nothing was sent") from error
    if content.startswith(b"PAR1"):
        return _from_frame(_parquet(content, name), name, first_line=1, unit="row")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{name}: not UTF-8 text, and not Parquet. Nothing was sent") from error
    start = text.lstrip()[:1]
    if start == "[":
        return _from_json_array(text, name)
    if start == "{":
        return _from_json_lines(text, name)
    delimiter = _delimiter(text)
    if delimiter is not None:
        return _from_frame(_csv(text, delimiter, name), name, first_line=2, unit="line")
    return _from_lines(text, name)


def _from_lines(text: str, name: str) -> Iterator[Request]:
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield parse_request(entry, where=f"{name}, line {number}")


def _from_json_lines(text: str, name: str) -> Iterator[Request]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield from _from_json(line, f"{name}, line {number}")


def _from_json_array(text: str, name: str) -> Iterator[Request]:
    try:
        items = json.loads(text)
    except ValueError as error:
        raise UnreadableInput(f"{name}: not JSON ({error}). Nothing was sent") from error
    for number, item in enumerate(items, 1):
        yield from _from_value(item, f"{name}, item {number}")


def _from_json(line: str, where: str) -> Iterator[Request]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UnreadableInput(f"{where}: not JSON. Nothing was sent") from error
    yield from _from_value(value, where)


def _from_value(value: object, where: str) -> Iterator[Request]:
    if not isinstance(value, dict):
        yield parse_request(value, where=where)
    elif (request := from_mapping(value, where)) is not None:
        yield request


def _delimiter(text: str) -> str | None:
    """The delimiter of a CSV whose header has a column of ids; None where the text is a plain list."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    for delimiter in (",", ";", "\t"):
        names = {name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])}
        if names & {"request_id", "requestId"}:
            return delimiter
        if len(names) > 1:
            raise UnreadableInput(f"the header {header[:60]!a} has no column request_id or requestId. Nothing was sent")
    return None


def _csv(text: str, delimiter: str, name: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(io.StringIO(text), sep=delimiter, dtype=str, skipinitialspace=True, skip_blank_lines=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UnreadableInput(f"{name}: not readable as CSV ({error}). Nothing was sent") from error


def _parquet(content: bytes, name: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise UnreadableInput(f"{name}: not readable as Parquet. Nothing was sent") from error


def _from_frame(frame: pd.DataFrame, name: str, *, first_line: int, unit: str) -> Iterator[Request]:
    frame = frame.rename(columns=lambda column: str(column).strip())
    ids = next((column for column in ("request_id", "requestId") if column in frame), None)
    if ids is None:
        raise UnreadableInput(f"{name}: no column request_id or requestId. Nothing was sent")
    companies = next((column for column in ("company_id", "companyId") if column in frame), None)
    beside = frame[companies] if companies else [None] * len(frame)
    for number, (request_id, company) in enumerate(zip(frame[ids], beside, strict=True), first_line):
        if isinstance(request_id, str) and request_id.strip():
            yield parse_request(
                request_id, company if isinstance(company, str) else None, where=f"{name}, {unit} {number}"
            )
        elif request_id is not None and request_id == request_id:  # neither empty nor NaN
            yield parse_request(request_id, where=f"{name}, {unit} {number}")
