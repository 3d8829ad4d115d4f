"""A batch that the warehouse refuses: which parts are tried, and what is set aside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_api import some_requests
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview.apart import MOST_IN_VAIN, MOST_REFUSALS, load_by_halves
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
    bad = data.draw(st.sets(st.integers(1, count), min_size=1, max_size=20))
    taken: list[int] = []
    refused, stopped = load_by_halves(batch_of(count), refusal(), loading(bad, [], taken))
    assert stopped is None
    assert sorted(taken) == sorted(set(range(1, count + 1)) - bad)
    assert {(int(t.request.id[-12:]), told) for t, told in refused} == {(n, f"refused [{n}]") for n in bad}


def test_one_of_two_thousand_is_found_after_eleven_refusals() -> None:
    parts: list[list[int]] = []
    load_by_halves(batch_of(2_000), refusal(), loading({1_234}, parts, []))
    assert sum(1_234 in part for part in parts) == 11 + 1
    assert len(parts) == 22 + 1


def test_what_the_warehouse_refused_for_a_while_only_is_loaded() -> None:
    taken: list[int] = []
    parts: list[list[int]] = []
    bad = set(range(1, 9))

    def load_part(part: list[Tracked]) -> None:
        if len(parts) == 6:
            bad.clear()
        loading(bad, parts, taken)(part)

    refused, _ = load_by_halves(batch_of(8), refusal(), load_part)
    assert any(len(part) == 1 for part in parts[:6]), "one was refused alone"
    assert sorted(taken) == list(range(1, 9))
    assert refused == []


@pytest.mark.parametrize("bad", [set(), {1}])
def test_a_batch_of_one_is_tried_once_more(bad: set[int]) -> None:
    parts: list[list[int]] = []
    refused, _ = load_by_halves(batch_of(1), refusal("too long"), loading(bad, parts, []))
    assert [told for _, told in refused] == ["refused [1]"] * len(bad)
    assert parts == [[1]]


def test_a_warehouse_that_takes_nothing_is_not_tried_for_ever() -> None:
    parts: list[list[int]] = []
    with pytest.raises(DestinationFailed):
        load_by_halves(batch_of(2_000), refusal(), loading(set(range(2_001)), parts, []))
    assert len(parts) == MOST_IN_VAIN


def test_a_warehouse_that_refuses_much_is_left_with_what_was_found() -> None:
    parts: list[list[int]] = []
    taken: list[int] = []
    bad = set(range(1, 2_001, 3))
    refused, stopped = load_by_halves(batch_of(2_000), refusal(), loading(bad, parts, taken))
    assert stopped is not None
    assert len(parts) < 3 * MOST_REFUSALS
    found = {int(t.request.id[-12:]) for t, _ in refused}
    assert len(found) > 100, "the next load has fewer of them"
    assert found < bad
    assert not bad & set(taken)


def test_a_warehouse_that_is_gone_ends_it() -> None:
    def load_part(_: list[Tracked]) -> None:
        raise refusal(None)

    with pytest.raises(DestinationFailed):
        load_by_halves(batch_of(8), refusal(), load_part)
