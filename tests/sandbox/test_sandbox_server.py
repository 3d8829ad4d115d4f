"""The sandbox on a real port: faults of the wire, starting, stopping."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from instaview_sandbox import EXAMPLES, Fault, Sandbox, running, serve

EXAMPLE = next(iter(EXAMPLES))
PATH = f"/sourcing/{EXAMPLE}/results"


def client(sandbox, base_url):
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {sandbox.keys['full']}"})


@pytest.fixture(scope="module")
def wire():
    sandbox = Sandbox(requests=0, minute_limit=10_000, hour_limit=10_000, results_per_minute=None)
    with running(sandbox) as base_url, client(sandbox, base_url) as http:
        yield sandbox, http


@pytest.fixture(autouse=True)
def no_faults_left(request):
    yield
    if "wire" in request.fixturenames:
        request.getfixturevalue("wire")[0].clear_faults()


def test_the_example_arrives_byte_for_byte(wire):
    _, http = wire
    assert http.get(PATH).content == EXAMPLES[EXAMPLE]


def test_a_reset_connection_has_no_answer(wire):
    sandbox, http = wire
    sandbox.inject(Fault("reset", times=2))
    for _ in range(2):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            http.get(PATH)
    assert http.get(PATH).status_code == 200
    assert [call.status for call in sandbox.calls][-3:] == [0, 0, 200]


def test_a_reset_is_a_tcp_reset(wire):
    sandbox, http = wire
    sandbox.inject(Fault("reset"))
    with closing(socket.create_connection((http.base_url.host, http.base_url.port))) as raw:
        key = sandbox.keys["full"]
        raw.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


def test_a_truncated_body_breaks_off_in_the_middle(wire):
    sandbox, http = wire
    sandbox.inject(Fault("truncate", times=1))
    with http.stream("GET", PATH) as answer:
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(EXAMPLES[EXAMPLE])
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert http.get(PATH).content == EXAMPLES[EXAMPLE]


def test_a_stalled_answer_is_late_but_good(wire):
    sandbox, http = wire
    sandbox.inject(Fault("stall", seconds=0.3, times=1))
    before = time.monotonic()
    assert http.get(PATH).content == EXAMPLES[EXAMPLE]
    assert time.monotonic() - before >= 0.3
    sandbox.inject(Fault("stall", seconds=30, times=1))
    with pytest.raises(httpx.ReadTimeout):
        http.get(PATH, timeout=0.1)


def test_a_status_without_a_body_is_well_formed_on_the_wire(wire):
    sandbox, http = wire
    sandbox.inject(Fault("status", status=304, times=1))
    assert http.get(PATH).status_code == 304
    assert http.get(PATH).status_code == 200


def test_many_calls_on_one_connection_do_not_wait_for_acknowledgements(wire):
    sandbox, http = wire
    [request_id] = sandbox.add("sourcing", candidates=30)
    headers = {"Authorization": f"Bearer {sandbox.keys['full']}"}
    with closing(HTTPConnection(http.base_url.host, http.base_url.port)) as connection:
        before = time.monotonic()
        for _ in range(80):
            connection.request("GET", f"/sourcing/{request_id}/results", headers=headers)
            assert connection.getresponse().read()
        assert time.monotonic() - before < 1.5  # over 3 s with Nagle's algorithm


def test_running_stops_quickly_even_with_an_answer_outstanding():
    sandbox = Sandbox(requests=0)
    sandbox.inject(Fault("stall", seconds=30, times=1))
    with running(sandbox) as base_url, client(sandbox, base_url) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.get(PATH, timeout=0.1)
        http.get(PATH)
        before = time.monotonic()
    assert time.monotonic() - before < 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url)


def test_two_sandboxes_run_side_by_side():
    one, other = Sandbox(1, 3), Sandbox(2, 3)
    with running(one) as first, running(other) as second:
        for sandbox, base_url in ((one, first), (other, second)):
            assert base_url.startswith("http://127.0.0.1:")
            assert httpx.get(f"{base_url}/_sandbox/requests").text.split() == sandbox.request_ids


def test_a_port_in_use_is_an_error():
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            serve(Sandbox(requests=0), port=taken.getsockname()[1])


def _serve(urls):
    serve(Sandbox(requests=2), port=0, on_start=urls.put)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_serve_answers_until_it_is_stopped(number, code):
    context = multiprocessing.get_context("spawn")
    urls = context.SimpleQueue()
    process = context.Process(target=_serve, args=(urls,))
    process.start()
    try:
        base_url = urls.get()
        assert len(httpx.get(f"{base_url}/_sandbox/requests").text.split()) == 2
        os.kill(process.pid, number)
        process.join(timeout=5)
        assert process.exitcode == code
    finally:
        process.kill()
