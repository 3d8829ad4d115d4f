"""What to resolve: request ids, their kinds, and reading them from where people keep them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .exceptions import InvalidRequestId

Kind = Literal["sourcing", "enrichment", "preview"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
REQUEST_ID_SHAPE = f"(req_prev_|req_|enr_){_UUID}"
COMPANY_ID_SHAPE = "[A-Za-z0-9_.-]{1,100}"
_SHAPE = re.compile(REQUEST_ID_SHAPE, re.ASCII)
_KIND_OF: dict[str, Kind] = {"req_": "sourcing", "enr_": "enrichment", "req_prev_": "preview"}
_COMPANY_ID = re.compile(COMPANY_ID_SHAPE, re.ASCII)
_ID_FIELDS = ("request_id", "requestId")
_COMPANY_FIELDS = ("company_id", "companyId")


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the API whose result is wanted.

    `id` is what the POST answered (`req_<uuid>`, `enr_<uuid>`, `req_prev_<uuid>`); `kind` follows from its
    prefix; `company_id` is needed only with an ATS key, which manages several companies.
    """

    id: str
    kind: Kind
    company_id: str | None = None


def kind_of(request_id: str) -> Kind:
    """The kind of a request, of an id that was checked."""
    return _KIND_OF[request_id[: request_id.rindex("_") + 1]]


def parse_request(request_id: object, company_id: object = None, *, where: str = "") -> Request:
    """Checks one request id, and the company beside it.

    `where` says where it was read (a file and its line) and leads the message.

    Raises:
        InvalidRequestId: it is not `req_`, `enr_` or `req_prev_` followed by a UUID. The check is what keeps
            path characters and SQL out of everything behind it.
    """
    text = request_id.strip().lower() if isinstance(request_id, str) else ""
    match = _SHAPE.fullmatch(text)
    place = f"{where}: " if where else ""
    if match is None:
        raise InvalidRequestId(
            f"{place}{_shown(request_id)} is not a request id; expected req_, enr_ or req_prev_ and a UUID, "
            "as the POST answered it. Nothing was sent"
        )
    company = str(company_id).strip() if company_id is not None else ""
    if company and not _COMPANY_ID.fullmatch(company):
        raise InvalidRequestId(f"{place}{_shown(company_id)} is not a company id. Nothing was sent")
    return Request(text, _KIND_OF[match.group(1)], company or None)


def requests_from(items: Iterable[Any] | Request) -> Sequence[Request]:
    """Request ids from any iterable, each once, in the order given.

    An item is a string, a `Request`, a mapping with `request_id` or `requestId` (a row, a POST answer or a webhook
    delivery), or a table or list of those, as dlt resources yield them. A single item need not be in a list.

    Raises:
        InvalidRequestId: one is malformed; the message names its place in the order.
    """
    from .request_list import RequestList  # it imports Arrow, which the command's --help does without

    if isinstance(items, RequestList):
        return items
    if isinstance(items, (str, Request, Mapping)) or hasattr(items, "to_pylist") or hasattr(items, "to_dict"):
        items = [items]
    return unique(request for number, item in enumerate(items, 1) for request in _from_item(item, f"item {number}"))


def unique(requests: Iterable[Request]) -> list[Request]:
    """Each request once, where it came first; a company id given only later is kept."""
    found: dict[str, Request] = {}
    for request in requests:
        if request.id not in found or (found[request.id].company_id is None and request.company_id):
            found[request.id] = request
    return list(found.values())


def from_mapping(row: Mapping[str, Any], where: str) -> Request | None:
    """The request that a row, a POST answer or a webhook delivery speaks of.

    A delivery of another kind of event (InstaView also delivers interviews) speaks of none. The payload of a
    delivery holds ids under `data`: https://docs.instaview.sk, webhooks.
    """
    event = row.get("event")
    foreign = isinstance(event, str) and not event.lower().startswith(("sourcing", "enrich", "preview"))
    if foreign and not any(row.get(field) for field in _ID_FIELDS):
        return None
    for holder in (row, row.get("data")):
        if isinstance(holder, Mapping):
            request_id = next((holder[f] for f in _ID_FIELDS if holder.get(f) is not None), None)
            if request_id is not None:
                company = next((holder[f] for f in _COMPANY_FIELDS if holder.get(f) is not None), None)
                return parse_request(request_id, company, where=where)
    raise InvalidRequestId(f"{where}: no request_id or requestId in it. Nothing was sent")


def _from_item(item: Any, where: str) -> Iterator[Request]:
    if isinstance(item, Request):
        yield item
    elif isinstance(item, Mapping):
        if (request := from_mapping(item, where)) is not None:
            yield request
    elif hasattr(item, "to_pylist"):  # an Arrow table, as dlt resources yield them
        yield from _from_item(item.to_pylist(), where)
    elif hasattr(item, "to_dict"):  # a pandas frame, or a column of one; its gaps are no values
        filled = item.astype(object).where(item.notna(), None)
        yield from _from_item(filled.tolist() if item.ndim == 1 else filled.to_dict(orient="records"), where)
    elif isinstance(item, (list, tuple)):
        for number, inner in enumerate(item, 1):
            yield from _from_item(inner, f"{where}, row {number}")
    else:
        yield parse_request(item, where=where)


def _shown(value: object) -> str:
    """A value as it may stand in a message: short, and without control characters."""
    text = ascii(value.strip()) if isinstance(value, str) else printable(ascii(value))
    return text if len(text) <= 60 else f"{text[:57]}…"


def printable(text: str) -> str:
    """A text as it may stand in a message: with control characters spelt out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
