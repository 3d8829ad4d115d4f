"""Polling in the background: batches, endings and progress, on a real thread with a network that is made up."""

from __future__ import annotations

import asyncio
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_api import a_request, id_in, refusal, result_of, some_requests

from instaview import polling as polling_module
from instaview import rows as rows_module
from instaview.exceptions import DiskFull, KeyRefused, UsageError
from instaview.polling import Batch, Polling, Progress
from instaview.request_ids import Request
from instaview.resolver import Tracked
from instaview.settings import InstaviewSettings, resolve_settings

ROOM = Path(tempfile.gettempdir())
"""Where rows wait, in files without a name."""
KEY = "sk_test_0123456789abcdefghijklmnopqrstuvwxyz01"
LONG = 30.0
"""Seconds that no test may take: what would wait for them has failed."""

Answer = Callable[[httpx.Request], httpx.Response]


class Network:
    """Answers every call, but those for requests that are shut only once they are opened."""

    def __init__(self, answer: Answer = result_of, shut: Iterable[Request] = ()) -> None:
        self.calls: list[str] = []
        self.transport = httpx.MockTransport(self._handle)
        self._answer, self._shut = answer, {request.id for request in shut}

    def open(self, *requests: Request) -> None:
        self._shut -= {request.id for request in requests}

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(id_in(request))
        while id_in(request) in self._shut:  # noqa: ASYNC110 - opened by another thread
            await asyncio.sleep(0.005)
        return self._answer(request)


def settings(**given: Any) -> InstaviewSettings:
    defaults: dict[str, Any] = {"wait": LONG, "poll_interval": 10.0, "max_in_flight": 16}
    return resolve_settings(api_key=KEY, base_url="https://api.example.test", **(defaults | given))


def ids(requests: list[Request]) -> list[str]:
    return [request.id for request in requests]


def ids_of(tracked: list[Tracked]) -> list[str]:
    return [one.request.id for one in tracked]


def all_batches(polling: Polling, results: int = 1000, seconds: float = LONG) -> list[Batch]:
    return list(polling.batches(results, seconds))


@pytest.fixture(autouse=True)
def _nothing_takes_long() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LONG / 3


# ---------------------------------------------------------------------------- batches


def test_every_request_is_in_one_batch_and_only_the_last_is_the_last() -> None:
    requests = some_requests(40)
    with Polling(requests, settings(), ROOM, transport=Network().transport) as polling:
        batches = all_batches(polling, results=7)
    assert sorted(one for batch in batches for one in ids_of(batch.ended)) == sorted(ids(requests))
    assert [batch.first for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert [batch.last for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert (polling.unfinished, polling.failure, polling.http_requests) == ([], None, 40)


def test_a_batch_closes_at_the_number_of_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_BATCH_SECONDS", LONG)
    requests = some_requests(10)
    network = Network(shut=requests[4:])
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        batches = polling.batches(results=4, seconds=LONG)
        first = next(batches)
        assert ids_of(first.ended) == ids(requests[:4])
        assert (first.first, first.last) == (True, False)
        network.open(*requests)
        rest = list(batches)
    assert sum(len(batch.ended) for batch in rest) == 6


def test_a_batch_closes_after_so_many_seconds_with_what_has_ended() -> None:
    requests = some_requests(6)
    network = Network(shut=requests[2:])
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        batches = polling.batches(results=1000, seconds=0.2)
        seen: list[str] = []
        while len(seen) < 2:
            seen += ids_of(next(batches).ended)
        network.open(requests[4])
        later = next(batches)
    assert seen == ids(requests[:2])
    assert ids_of(later.ended) == [requests[4].id]
    assert (later.first, later.last) == (False, False)


@pytest.mark.parametrize("seconds", [math.inf, 1e12])
def test_batches_may_be_closed_by_the_number_of_results_alone(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(polling_module, "FIRST_BATCH_SECONDS", math.inf)
    requests = some_requests(3)
    network = Network(shut=requests)
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        threading.Timer(0.1, network.open, requests).start()
        batches = all_batches(polling, results=2, seconds=seconds)
    assert sorted(one for batch in batches for one in ids_of(batch.ended)) == sorted(ids(requests))


def test_the_first_batch_closes_early_even_when_nothing_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_BATCH_SECONDS", 0.1)
    requests = some_requests(3)
    network = Network(shut=requests)
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        batches = polling.batches(results=1000, seconds=LONG)
        assert next(batches) == Batch([], first=True, last=False)
        network.open(*requests)
        (second,) = batches
    assert sorted(ids_of(second.ended)) == sorted(ids(requests))
    assert (second.first, second.last) == (False, True)


def test_no_later_batch_is_empty_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_BATCH_SECONDS", 0.01)
    requests = some_requests(3)
    network = Network(shut=requests)
    opener = threading.Timer(0.3, network.open, requests)
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        opener.start()
        batches = all_batches(polling, results=1000, seconds=0.02)
    assert batches[0].ended == []
    assert all(batch.ended for batch in batches[1:-1])
    assert len(batches) <= 5


def test_with_nothing_to_poll_there_is_one_empty_batch() -> None:
    network = Network()
    with Polling([], settings(), ROOM, transport=network.transport) as polling:
        assert all_batches(polling) == [Batch([], first=True, last=True)]
    assert network.calls == []


def test_results_are_in_the_order_in_which_they_ended() -> None:
    requests = some_requests(5)
    network = Network(shut=requests[1:2])
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        batches = polling.batches(results=4, seconds=LONG)
        ended = ids_of(next(batches).ended)
        network.open(*requests)
        ended += [one for batch in batches for one in ids_of(batch.ended)]
    assert ended == [*ids(requests[:1]), *ids(requests[2:]), requests[1].id]


def test_what_it_holds_is_bounded_and_taking_it_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(result_of(httpx.Request("GET", f"https://x/sourcing/{a_request(1).id}/results")).content)
    monkeypatch.setattr(rows_module, "RESULTS_AT_ONCE", 5)
    monkeypatch.setattr(polling_module, "HELD_BYTES", 5 * size)
    monkeypatch.setattr(polling_module, "HELD_ROW_BYTES", 1)
    requests = some_requests(40)
    more_than_room_for = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if len(network.calls) > 5 + 2:
            more_than_room_for.set()
        return result_of(request)

    network = Network(answer)
    with Polling(requests, settings(max_in_flight=2), ROOM, transport=network.transport) as polling:
        assert not more_than_room_for.wait(0.2)
        sizes = [len(batch.ended) for batch in polling.batches(results=1000, seconds=LONG)]
    assert sum(sizes) == 40
    assert max(sizes) <= 5 + 2


def test_large_results_become_rows_although_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "HELD_BYTES", 1)
    monkeypatch.setattr(rows_module, "BYTES_AT_ONCE", 1)
    requests = some_requests(6)
    with Polling(requests, settings(max_in_flight=1), ROOM, transport=Network().transport) as polling:
        (batch,) = all_batches(polling)
    assert ids_of(batch.ended) == ids(requests)


def test_rows_are_on_disk_in_files_that_nobody_can_find(tmp_path: Path) -> None:
    with Polling(some_requests(3), settings(), tmp_path, transport=Network().transport) as polling:
        (batch,) = all_batches(polling)
        assert list(tmp_path.iterdir()) == []
        assert batch.rows is not None
        assert {name for name, _ in batch.rows.read()} >= {"sourcing_runs"}
        assert list(batch.rows.read()) == list(batch.rows.read()), "a warehouse that refuses them gets them again"
        some = [request.id for request in some_requests(2)]
        found = [rows["request_id"].to_pylist() for name, rows in batch.rows.read(some) if name == "sourcing_runs"]
        assert found == [some]
        batch.close()
        assert list(batch.rows.read()) == []


def test_a_full_disk_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    with (
        Polling(some_requests(3), settings(), ROOM, transport=Network().transport) as polling,
        pytest.raises(DiskFull, match=r"No space left on device.*make room there, then run the same load again"),
    ):
        all_batches(polling)


# ---------------------------------------------------------------------------- endings


def test_what_is_still_processing_is_unfinished() -> None:
    requests = some_requests(6)
    running = requests[2]

    def answer(request: httpx.Request) -> httpx.Response:
        return result_of(request, "processing" if id_in(request) == running.id else "completed")

    with Polling(requests, settings(), ROOM, look_once=True, transport=Network(answer).transport) as polling:
        batches = all_batches(polling)
    assert sum(len(batch.ended) for batch in batches) == 5
    assert ids_of(polling.unfinished) == [running.id]
    assert (polling.failure, polling.http_requests, polling.rate_limited) == (None, 6, 0)


def test_a_refused_key_is_told_after_what_had_ended() -> None:
    requests = some_requests(6)

    def answer(request: httpx.Request) -> httpx.Response:
        good = id_in(request) in ids(requests[:3])
        return result_of(request) if good else httpx.Response(401, json=refusal("INVALID_API_KEY"))

    with Polling(requests, settings(max_in_flight=1), ROOM, transport=Network(answer).transport) as polling:
        batches = all_batches(polling)
    assert [one for batch in batches for one in ids_of(batch.ended)] == ids(requests[:3])
    assert isinstance(polling.failure, KeyRefused)
    assert sorted(ids_of(polling.unfinished)) == sorted(ids(requests[3:]))


def test_a_network_that_breaks_in_an_unforeseen_way_is_told_and_hangs_nothing() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("unforeseen")

    with Polling(some_requests(3), settings(), ROOM, transport=Network(answer).transport) as polling:
        batches = all_batches(polling)
    assert batches[-1].last
    assert isinstance(polling.failure, ZeroDivisionError)


def test_refusals_for_the_rate_are_counted() -> None:
    limited = iter([httpx.Response(429, headers={"Retry-After": "0.05"})])

    def answer(request: httpx.Request) -> httpx.Response:
        return next(limited, None) or result_of(request)

    with Polling(some_requests(3), settings(), ROOM, transport=Network(answer).transport) as polling:
        all_batches(polling)
    assert (polling.rate_limited, polling.http_requests, polling.unfinished) == (1, 4, [])


def test_stopping_gives_a_last_batch_with_what_had_ended() -> None:
    requests = some_requests(8)
    network = Network(shut=requests[3:])
    with Polling(requests, settings(), ROOM, transport=network.transport) as polling:
        batches = polling.batches(results=3, seconds=LONG)
        assert ids_of(next(batches).ended) == ids(requests[:3])
        polling.stop()
        polling.stop()
        (last,) = batches
    assert last == Batch([], first=False, last=True)
    assert sorted(ids_of(polling.unfinished)) == sorted(ids(requests[3:]))
    assert polling.failure is None


def test_stopping_before_it_has_begun_sends_nothing() -> None:
    requests = some_requests(8)
    network = Network()
    polling = Polling(requests, settings(), ROOM, transport=network.transport)
    polling.stop()
    with polling:
        assert all_batches(polling) == [Batch([], first=True, last=True)]
    assert network.calls == []
    assert ids_of(polling.unfinished) == ids(requests)


def test_leaving_it_stops_the_polling_and_its_thread() -> None:
    requests = some_requests(8)
    before = set(threading.enumerate())
    with Polling(requests, settings(), ROOM, transport=Network(shut=requests).transport) as polling:
        started = set(threading.enumerate()) - before
        assert started
    assert not any(thread.is_alive() for thread in started)
    assert sorted(ids_of(polling.unfinished)) == sorted(ids(requests))


def test_stopping_after_the_end_does_nothing() -> None:
    with Polling(some_requests(2), settings(), ROOM, transport=Network().transport) as polling:
        all_batches(polling)
        polling.stop()
    assert (polling.failure, polling.unfinished) == (None, [])


def test_without_a_key_nothing_begins() -> None:
    network = Network()
    unset = settings()
    unset.api_key = None
    with pytest.raises(UsageError, match="no API key"):
        Polling(some_requests(1), unset, ROOM, transport=network.transport)
    assert network.calls == []


# ---------------------------------------------------------------------------- progress


def test_progress_is_told_and_the_last_of_it_is_the_whole() -> None:
    requests = some_requests(9)
    failed, missing, refused, running = requests[1:5]
    told: list[Progress] = []

    def answer(request: httpx.Request) -> httpx.Response:
        name = id_in(request)
        if name == missing.id:
            return httpx.Response(404, json=refusal("REQUEST_NOT_FOUND"))
        if name == refused.id:
            return httpx.Response(400)
        response = result_of(request, {failed.id: "failed", running.id: "processing"}.get(name, "completed"))
        response.headers.update({"X-RateLimit-Limit-Minute": "100", "X-RateLimit-Limit-Hour": "4000"})
        return response

    network = Network(answer)
    with Polling(
        requests, settings(), ROOM, look_once=True, transport=network.transport, on_progress=told.append
    ) as polling:
        all_batches(polling)
    last = told[-1]
    assert (last.total, last.completed, last.failed, last.not_found, last.error) == (9, 5, 1, 1, 1)
    assert (last.processing, last.http_requests, last.rate_limited) == (1, 9, 0)
    assert (last.minute_limit, last.hour_limit) == (100, 4000)
    assert (last.minute_left, last.hour_left) == (91, 3991)
    assert last.next_look_in is None
    assert LONG - 5 < last.time_left <= LONG


def test_progress_is_told_while_nothing_happens() -> None:
    requests = some_requests(3)
    network = Network(shut=requests)
    told: list[Progress] = []
    enough = threading.Event()

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) >= 2:
            enough.set()

    with Polling(requests, settings(), ROOM, transport=network.transport, on_progress=tell):
        assert enough.wait(3)
        assert (told[0].processing, told[0].completed) == (3, 0)


def test_what_is_unfinished_is_known_also_where_telling_the_progress_raises() -> None:
    requests = some_requests(3)
    network = Network(lambda request: httpx.Response(200, json={"status": "processing"}))

    def tell(progress: Progress) -> None:
        if progress.http_requests == 3:
            raise OSError("the terminal is gone")

    with Polling(requests, settings(), ROOM, look_once=True, transport=network.transport, on_progress=tell) as polling:
        all_batches(polling)
    assert isinstance(polling.failure, OSError)
    assert (len(polling.unfinished), polling.http_requests) == (3, 3)
