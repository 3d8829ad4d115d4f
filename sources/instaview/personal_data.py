"""What says who a candidate is, and what was written about them: kept, hashed or dropped before it is written anywhere.

Which columns these are, the model says: `Column.personal`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import partial

import pyarrow as pa

from .normalize import Tables
from .settings import PersonalData
from .tables import TABLES

HASH_DIGITS = 32
_PERSONAL = {table.name: {c.name: c.personal for c in table.columns if c.personal} for table in TABLES}


def concealer(choice: PersonalData, key: str | None) -> Callable[[Tables], Tables]:
    """What conceals personal data in the rows of the tables. It adds no row and leaves none out.

    Args:
        choice: `keep` leaves all as it came. `hash` puts a keyed hash in the place of what says who a person is, the
            same for the same person in all loads, and null in that of free text. `drop` puts null in the place of both.
        key: what `hash` is keyed with, so that nobody without it can find out who is meant by trying names.
    """
    if choice == "keep":
        return lambda tables: tables
    secret = (key or "").encode() if choice == "hash" else None
    return lambda tables: {name: _concealed(name, rows, secret) for name, rows in tables.items()}


def _concealed(name: str, rows: pa.Table, secret: bytes | None) -> pa.Table:
    for column, personal in _PERSONAL[name].items():
        place, field = rows.column_names.index(column), rows.schema.field(column)
        if secret is not None and personal == "identity":
            hashed = pa.array(map(partial(_hash, secret), rows[column].to_pylist()), field.type)
        else:
            hashed = pa.nulls(len(rows), field.type)
        rows = rows.set_column(place, field, hashed)
    return rows


def _hash(secret: bytes, value: str | None) -> str | None:
    """HMAC-SHA-256, cut to 128 bits. Capitals and spaces around it make no other person."""
    if not value:
        return value
    return hmac.new(secret, value.strip().casefold().encode(), hashlib.sha256).hexdigest()[:HASH_DIGITS]
