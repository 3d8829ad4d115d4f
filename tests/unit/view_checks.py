"""Views compared with the reference, wherever they were read."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from view_reference import KEYS, REFERENCE

from instaview.views import views

Row = dict[str, Any]


def check_views(tables: dict[str, list[Row]], found: dict[str, list[Row]]) -> None:
    """Every view has the rows that the reference says, each once."""
    assert sorted(found) == sorted(REFERENCE) == sorted(view.name for view in views())
    for name, reference in REFERENCE.items():
        expected = {key_of(name, row): row for row in reference(tables)}
        held = {key_of(name, row): row for row in found[name]}
        assert len(held) == len(found[name]), f"{name} has a key twice"
        assert held.keys() == expected.keys(), name
        for key, row in expected.items():
            assert list(held[key]) == list(row), f"{name}: other columns"
            for column, value in row.items():
                assert is_same(column, held[key][column], value), (name, key, column, held[key][column], value)


def key_of(name: str, row: Row) -> tuple[str, ...]:
    return tuple(str(row[column]) for column in KEYS[name])


def is_same(column: str, held: Any, expected: Any) -> bool:
    if column == "explanation":
        return bool(held.startswith(expected))
    if expected is None or held is None:
        return held is None and expected is None
    if isinstance(expected, (int, float)):
        return isinstance(held, (int, float, Decimal)) and math.isclose(held, expected, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(expected, (datetime, date)):
        return type(held) is type(expected) and held == expected
    return bool(held == expected)
