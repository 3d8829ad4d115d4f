"""Answers of `GET /billing/usage` as rows of the table `billing_usage`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import pyarrow as pa

from .normalize import rows_of_objects, to_arrow
from .payload import UnreadableBody, read_json
from .tables import BILLING_USAGE

Json = dict[str, Any]
Key = TypeVar("Key")

UNKNOWN = "unknown"
_UNITS = {"creditsUsed": "credits", "minutesUsed": "minutes"}
_TOTALS = {"creditsUsed": "totalCreditsUsed", "minutesUsed": "totalMinutesUsed"}
_BREAKDOWN = "breakdownByCostKey"
_COLUMNS_OF_ITS_OWN = {"companyId", "companyName", "billingSystem"}
_NOTHING_IF_ZERO = {"totalInterviews", *_TOTALS.values()}
_OF_ALL_COMPANIES = {"companies", _BREAKDOWN, *_NOTHING_IF_ZERO}
"""Fields beside the companies that only add these up."""
_ENVELOPE = {"success", "data", "error", "timestamp"}
_ANSWER = "#answer"
"""Where a company keeps what the answer says of none in particular; no field of the API is called so."""


def companies_of(body: bytes) -> list[Json]:
    """The companies in an answer, which comes flat or in an envelope.

    Raises:
        UnreadableBody: it is no such answer.
    """
    answer, around = read_json(body), {}
    if isinstance(answer, dict) and isinstance(answer.get("data"), dict):
        answer, around = answer["data"], answer
    if not isinstance(answer, dict) or answer.get("success") is False:
        raise UnreadableBody("the body is JSON, but tells no usage")
    companies = answer.get("companies")
    if companies is None:  # of a key with one company, the usage itself would be enough
        companies = [answer] if any(map(answer.get, (_BREAKDOWN, *_TOTALS.values()))) else []
    else:
        around = {**around, **{name: value for name, value in answer.items() if name not in _OF_ALL_COMPANIES}}
    if not isinstance(companies, list):
        raise UnreadableBody("companies is no list")
    more = _told({name: value for name, value in around.items() if name not in _ENVELOPE})
    return [{**company, **({_ANSWER: more} if more else {})} for company in companies if isinstance(company, dict)]


def company_id_of(company: Json, asked_for: str | None) -> str:
    """The id that rows have: the company's own, else that of the company asked for."""
    return _name(company.get("companyId")) or asked_for or UNKNOWN


def entries_of(company: Json) -> dict[str, Json]:
    """A company's bookings by cost key. A total that comes without any is one of an unknown cost key."""
    listed = company.get(_BREAKDOWN)
    entries: dict[str, Json] = {}
    for listed_entry in listed if isinstance(listed, list) else ():
        if isinstance(listed_entry, dict):
            entry = dict(listed_entry)
            cost_key = _name(entry.get("costKey"))
            if cost_key:
                del entry["costKey"]
            _add(entries, cost_key or UNKNOWN, entry)
    if not entries:
        totals = {unit: company[total] for unit, total in _TOTALS.items() if company.get(total)}
        return {UNKNOWN: totals} if totals else {}
    return entries


def usage_rows(days: Mapping[date, Sequence[Json]], asked_for: str | None, named: Iterable[str] = ()) -> pa.Table:
    """The rows of `billing_usage`, and one without a cost key for each company and day that has none.

    dlt deletes by the latter and does not insert them: so bookings that were taken back go.

    Args:
        days: the companies of each day's answer.
        asked_for: the company asked for, where one was.
        named: companies that are known to have no bookings on a day whose answer leaves them out.
    """
    rows: dict[tuple[str, str, date, str | None], Json] = {}
    companies = set(named)
    for day, answer in days.items():
        for company in answer:
            company_id = company_id_of(company, asked_for)
            companies.add(company_id)
            entries = entries_of(company)
            about = {"companyName": company.get("companyName"), **_leftover(company, entries)}
            for cost_key, entry in entries.items():
                _add(rows, (company_id, _billing_system(company, entry), day, cost_key), {**entry, **about})
    filled = {(company_id, day) for company_id, _, day, _ in rows}
    absent = [(c, UNKNOWN, day, None) for c in sorted(companies) for day in days if (c, day) not in filled]
    keys = [*rows, *absent]
    arrays = rows_of_objects(BILLING_USAGE, [*rows.values(), *({} for _ in absent)])
    for place, name in enumerate(BILLING_USAGE.key):
        arrays[name] = pa.array([key[place] for key in keys], BILLING_USAGE.row_schema.field(name).type)
    return to_arrow(BILLING_USAGE, arrays)


def _billing_system(company: Json, entry: Json) -> str:
    named = _name(company.get("billingSystem"))
    return named.lower() if named else next((name for unit, name in _UNITS.items() if unit in entry), UNKNOWN)


def _leftover(company: Json, entries: Mapping[str, Json]) -> Json:
    """What else is said of a company: all but what its columns and bookings hold, and totals that these add up to."""
    taken = {*_COLUMNS_OF_ITS_OWN, _BREAKDOWN, _ANSWER}
    for unit, total in _TOTALS.items():
        told, summed = company.get(total), sum(e[unit] for e in entries.values() if _is_number(e.get(unit)))
        if not told or (_is_number(told) and math.isclose(told, summed, abs_tol=1e-6)):
            taken.add(total)
    more = _told({name: value for name, value in company.items() if name not in taken})
    listed = company.get(_BREAKDOWN)
    unread = [e for e in listed if not isinstance(e, dict) and e is not None] if isinstance(listed, list) else listed
    if unread not in (None, []):
        more[_BREAKDOWN] = unread
    return {name: held for name, held in (("company", more), ("answer", company.get(_ANSWER))) if held}


def _told(fields: Json) -> Json:
    """The fields that say something: all but nulls, and totals of nothing."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (name in _NOTHING_IF_ZERO and _is_number(value) and value == 0)
    }


def _add(entries: dict[Key, Json], key: Key, entry: Json) -> None:
    """Adds an entry; numbers of one that is there already add up."""
    before = entries.get(key, {})
    both = {n: v + entry[n] for n, v in before.items() if _is_number(v) and _is_number(entry.get(n))}
    entries[key] = {**entry, **before, **both}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _name(value: Any) -> str | None:
    """A text that can be a key; None for anything else."""
    return value if isinstance(value, str) and value.isprintable() and value.strip() else None
