"""A batch that the warehouse refuses: which parts are tried, and what is set aside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_api import some_requests
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview.apart import MOST_REFUSALS, load_by_halves
from instaview.exceptions import DestinationFailed
from instaview.resolver import Tracked


def refusal(words: str | None = "too long") -> DestinationFailed:
    failed = DestinationFailed("duckdb: too long; mend it")
    failed.refusal = words
    return failed


def loading(bad: set[int], parts: list[list[int]], taken: list[int]) -> Callable[[list[Tracked]], None]:
    """A warehouse that refuses every part with one of these in it, and keeps count."""

    def load_part(part: list[Tracked]) -> None:
        numbers = [int(tracked.request.id[-12:]) for tracked in part]
        parts.append(numbers)
        if bad & set(numbers):
            raise refusal(f"refused {numbers}")
        taken.extend(numbers)

    return load_part


def batch_of(count: int) -> list[Tracked]:
    return [Tracked(request) for request in some_requests(count)]


@given(data=st.data())
@settings(max_examples=examples(100))
def test_what_is_refused_alone_is_set_aside_and_all_else_is_loaded_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 60))
    bad = data.draw(st.sets(st.integers(1, count), min_size=1, max_size=4))
    taken: list[int] = []
    apart = load_by_halves(batch_of(count), refusal(), loading(bad, [], taken))
    assert sorted(taken) == sorted(set(range(1, count + 1)) - bad)
    assert {(int(t.request.id[-12:]), told) for t, told in apart.refused} == {(n, f"refused [{n}]") for n in bad}
    assert apart.given_up is None


def test_one_of_two_thousand_is_found_after_eleven_refusals() -> None:
    parts: list[list[int]] = []
    load_by_halves(batch_of(2_000), refusal(), loading({1_234}, parts, []))
    assert sum(1_234 in part for part in parts) == 11
    assert len(parts) == 22


def test_a_batch_of_one_is_refused_already() -> None:
    parts: list[list[int]] = []
    apart = load_by_halves(batch_of(1), refusal("too long"), loading(set(), parts, []))
    assert [(t.request.id, told) for t, told in apart.refused] == [(some_requests(1)[0].id, "too long")]
    assert parts == []


def test_a_warehouse_that_takes_nothing_is_not_tried_for_ever() -> None:
    parts: list[list[int]] = []
    apart = load_by_halves(batch_of(2_000), refusal(), loading(set(range(2_001)), parts, []))
    assert apart.given_up is not None
    assert len(parts) == MOST_REFUSALS


def test_a_warehouse_that_is_gone_ends_it() -> None:
    def load_part(_: list[Tracked]) -> None:
        raise refusal(None)

    with pytest.raises(DestinationFailed):
        load_by_halves(batch_of(8), refusal(), load_part)
