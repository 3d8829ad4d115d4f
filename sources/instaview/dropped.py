"""Requests of dropped packages, noted on this machine until the warehouse shows that they were read again.

Dropping a package thus loses nothing, however often the loads after it are killed. There is one small file for each
warehouse that the pipeline loads to, with ids alone. It lies beside the working folder, which dlt empties where a
dataset is new.

Whether a request was read again is told by its row, which was polled at another time then than when it was first looked
at after the drop. Which of the two times is later does not count, for clocks of several machines wrote them.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import dlt

from .destination import target_of
from .exceptions import UsageError
from .ledger import Known, open_ledger
from .request_ids import Request, parse_request

logger = logging.getLogger("instaview")


@dataclass(frozen=True, slots=True)
class _Dropped:
    request: Request
    polled: str | None = None
    """When the row was polled that the warehouse held after the drop; None until a load has looked."""

    def is_read_again(self, held: Known | None) -> bool:
        """Whether the warehouse holds what the API has answered since."""
        if self.polled is None or held is None or not (held.finished or held.not_found):
            return False
        return _polled(held) != self.polled


def _polled(held: Known | None) -> str:
    if held is None or held.last_polled_at is None:
        return ""
    polled = held.last_polled_at
    return (polled if polled.tzinfo else polled.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def note_dropped(pipeline: dlt.Pipeline, requests: Iterable[Request], target: str) -> None:
    """Writes down requests whose package is about to be dropped, and which warehouse it was for."""
    path = _path(pipeline, target)
    _write(path, [*_read(path), *map(_Dropped, requests)])


def forget_dropped(pipeline: dlt.Pipeline, request_ids: Iterable[str]) -> None:
    """Takes requests out of the note that are loaded after all."""
    path, loaded = _path(pipeline, target_of(pipeline)), set(request_ids)
    _write(path, [dropped for dropped in _read(path) if dropped.request.id not in loaded])


def left_behind(pipeline: dlt.Pipeline, *, forget: bool = True) -> list[Request]:
    """The requests of dropped packages that are still to be read again.

    `forget` drops the others from the note, which only the load that holds the pipeline may do.
    """
    path = _path(pipeline, target_of(pipeline))
    noted = _read(path)
    if not noted:
        return []
    with open_ledger(pipeline) as ledger:
        entries = ledger.requests([dropped.request.id for dropped in noted]) if ledger is not None else ()
        known = {entry.request.id: entry for entry in entries}
    left = [
        dropped if dropped.polled is not None else replace(dropped, polled=_polled(known.get(dropped.request.id)))
        for dropped in noted
        if not dropped.is_read_again(known.get(dropped.request.id))
    ]
    if forget and left != noted:
        _write(path, left)
    return [dropped.request for dropped in left]


def _path(pipeline: dlt.Pipeline, target: str) -> Path:
    return Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.instaview.dropped-{target[:16]}.json"


def _read(path: Path) -> list[_Dropped]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return [_Dropped(parse_request(i, company), polled) for i, company, polled in noted]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, UsageError):
        logger.warning("%s cannot be read: load the requests of the last loads again with --refresh", path.name)
        return []


def _write(path: Path, noted: Iterable[_Dropped]) -> None:
    latest = {dropped.request.id: dropped for dropped in noted}
    if not latest:
        path.unlink(missing_ok=True)
        return
    entries = [(d.request.id, d.request.company_id, d.polled) for d in latest.values()]
    beside = path.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(entries), encoding="utf-8")
    os.replace(beside, path)
