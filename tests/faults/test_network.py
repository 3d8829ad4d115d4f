"""A hostile network: what it does to single answers, over real sockets, up to the tables."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from machine import Machine
from mishaps import FAULTS, GIGABYTE, HTML, answers, bomb, redirects, too_large
from oracle import expected_tables, without_requests
from proxy import Cable, Exchange, Mishap, Proxy

from instaview import client as client_module
from instaview import resolver as resolver_module
from instaview_sandbox import Sandbox, running

MEGABYTE = 2**20
REDIRECTS = ("301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
KINDS = ("sourcing", "enrichment", "preview")


@dataclass
class Network:
    """A machine whose way to the API leads through a proxy."""

    sandbox: Sandbox
    machine: Machine
    proxy: Proxy
    plan: dict[str, tuple[Mishap, int]]
    """By request: what befalls it, and how many of its calls."""

    def strike(self, mishap: Mishap | None, times: int = 10**6) -> str:
        """A new request that has completed, the first `times` calls for which meet the mishap."""
        (request_id,) = self.sandbox.add(KINDS[len(self.plan) % 3], candidates=3)
        self.plan[request_id] = (mishap, times) if mishap else (answers(b""), 0)
        return request_id

    def load(self) -> dict[str, str]:
        """The state of each request after a load; what completed is in the tables as it is in the API."""
        self.machine.load("--from", self.machine.ids_file(list(self.plan)))
        states = self.machine.states()
        completed = [request_id for request_id, state in states.items() if state == "completed"]
        assert without_requests(self.machine.tables()) == expected_tables(self.sandbox, completed)
        return states


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def network(stack: ExitStack, tmp_path: Path) -> Network:
    return make_network(stack, tmp_path)


def make_network(stack: ExitStack, folder: Path, tls: ssl.SSLContext | None = None) -> Network:
    sandbox = Sandbox(seed=5, minute_limit=100_000, hour_limit=1_000_000, results_per_minute=None, requests=0)
    plan: dict[str, tuple[Mishap, int]] = {}

    def mishap(request_id: str, call: int) -> Mishap | None:
        strike, times = plan[request_id]
        return strike if call < times else None

    proxy = stack.enter_context(Proxy(stack.enter_context(running(sandbox)), mishap, tls))
    return Network(sandbox, Machine(folder, proxy.url, sandbox.keys["full"]), proxy, plan)


@pytest.fixture(autouse=True)
def _short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds on time are shortened; that they hold is what is tested."""
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(client_module, "EXCHANGE_SECONDS", 3.0)
    monkeypatch.setattr(resolver_module, "FAULT_TRIES", 3)
    monkeypatch.setattr(resolver_module, "_LONGEST_BACKOFF", 0.1)


# ---------------------------------------------------------------------------- faults of single exchanges


@pytest.mark.slow
def test_a_fault_that_passes_leaves_no_trace_and_one_that_lasts_is_an_error_that_spares_the_others(
    network: Network,
) -> None:
    passing = {network.strike(fault, times=1): name for name, fault in FAULTS.items()}
    lasting = {network.strike(fault): name for name, fault in FAULTS.items()}
    good = [network.strike(None) for _ in range(3)]
    started = time.monotonic()
    states = network.load()
    assert {name: states[request_id] for request_id, name in passing.items()} == dict.fromkeys(FAULTS, "completed")
    assert {name: states[request_id] for request_id, name in lasting.items()} == dict.fromkeys(FAULTS, "error")
    assert {states[request_id] for request_id in good} == {"completed"}
    assert all(network.proxy.calls[request_id] == 2 for request_id in passing)
    most = resolver_module.FAULT_TRIES + resolver_module.STALE_TRIES
    assert all(2 <= network.proxy.calls[request_id] <= most for request_id in lasting)
    assert time.monotonic() - started < 60  # with 16 at once, 3 tries and 3 seconds each
    told = dict(network.machine.query("SELECT request_id, error_code FROM requests WHERE state = 'error'"))
    assert all(told[request_id] for request_id in lasting)


def test_a_redirect_is_followed_nowhere_and_the_key_goes_to_no_other_host(network: Network) -> None:
    with Proxy("", lambda request_id, call: answers(HTML)) as elsewhere:
        for location in (f"{elsewhere.url}/login", f"//{elsewhere.url.partition('//')[2]}/", "/elsewhere", "http://["):
            for status in REDIRECTS:
                network.strike(redirects(location, status))
        passing = [network.strike(redirects(elsewhere.url, status), times=1) for status in REDIRECTS]
        states = network.load()
        assert elsewhere.connections == 0
    assert not [head for head in network.proxy.heads if not head.startswith(b"GET /sourcing/")]
    assert {states[request_id] for request_id in passing} == {"completed"}
    assert {state for request_id, state in states.items() if request_id not in passing} == {"error"}


def test_cookies_that_gateways_hand_out_are_not_collected(network: Network) -> None:
    """Sent back with each call they would grow until the gateway refuses the call for its size."""
    number = iter(range(10**6))

    async def hands_out(exchange: Exchange) -> None:
        cookies = "".join(f"\r\nSet-Cookie: c{next(number)}={'x' * 500}; Path=/" for _ in range(20)).encode()
        await exchange.send(exchange.head.replace(b"\r\n\r\n", cookies + b"\r\n\r\n"), exchange.body)

    for _ in range(20):
        network.strike(hands_out)
    assert set(network.load().values()) == {"completed"}
    assert max(len(head) for head in network.proxy.heads) < 1_000


# ---------------------------------------------------------------------------- size

PEAK = 200
"""Megabytes that bodies beyond all bounds may add to a load's memory."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "requests"),
    [(100 * MEGABYTE, 2), pytest.param(GIGABYTE, 16, marks=pytest.mark.long)],
    ids=["100 MB", "1 GB"],
)
def test_bodies_without_bounds_are_refused_and_take_no_memory(network: Network, size: int, requests: int) -> None:
    for _ in range(2):
        network.strike(None)
    usual = peak_of_a_load(network)
    for name, mishap in too_large(size).items():
        large = [network.strike(mishap) for _ in range(requests)]
        peak = peak_of_a_load(network)
        told = network.machine.query("SELECT request_id, state, error_code FROM requests WHERE state <> 'completed'")
        assert {(state, code) for i, state, code in told if i in large} == {("error", "BODY_TOO_LARGE")}
        assert len(told) >= len(large)
        print(f"{requests} × {name} of {size // MEGABYTE} MB: {peak - usual:+.0f} MB, to {peak:.0f} MB")
        assert peak - usual < PEAK
        network.plan.clear()


@pytest.mark.slow
def test_a_small_body_that_unpacks_layer_by_layer_is_refused(network: Network) -> None:
    usual = network.strike(None)
    twice = network.strike(bomb(400 * MEGABYTE, layers=2))
    assert peak_of_a_load(network) < 500  # a load with nothing to unpack takes some 350
    assert network.machine.states() == {usual: "completed", twice: "error"}


def peak_of_a_load(network: Network) -> float:
    """Runs a load in a process of its own; its largest resident size in MB."""
    machine = network.machine
    ids = machine.ids_file(list(network.plan))
    child = machine.start("load", "--from", ids, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_maxrss / 1024


# ---------------------------------------------------------------------------- TLS


def server_tls(authority: trustme.CA, host: str, *, not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, not_after=not_after).configure_cert(context)
    return context


def trusted(authority: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))


def test_a_server_with_a_good_certificate_is_believed(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    trusted(authority, tmp_path, monkeypatch)
    network = make_network(stack, tmp_path, server_tls(authority, "localhost"))
    request_id = network.strike(None)
    assert network.load() == {request_id: "completed"}


@pytest.mark.slow
@pytest.mark.parametrize("flaw", ["made by itself", "another host", "too old"])
def test_a_server_with_a_bad_certificate_is_told_nothing(
    flaw: str, stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    if flaw != "made by itself":
        trusted(authority, tmp_path, monkeypatch)
    host = "elsewhere.example" if flaw == "another host" else "localhost"
    not_after = datetime.now(UTC) - timedelta(days=1) if flaw == "too old" else None
    network = make_network(stack, tmp_path, server_tls(authority, host, not_after=not_after))
    requests = [network.strike(None) for _ in range(3)]
    assert network.load() == dict.fromkeys(requests, "error")
    assert network.proxy.heads == []
    told = network.machine.query("SELECT DISTINCT error_code, error_message FROM requests")
    assert [code for code, _ in told] == ["NO_CONNECTION"]
    assert "certificate" in told[0][1].lower()


def cuts(at: int, seen: int, piece: bytes) -> bytes:
    return piece[: max(0, at - seen)]


def flips(at: int, seen: int, piece: bytes) -> bytes:
    place = at - seen
    return piece if not 0 <= place < len(piece) else piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]


def silences(at: int, seen: int, piece: bytes) -> bytes | None:
    return piece if seen + len(piece) <= at else None


HARMS = [(harm, at) for harm in (cuts, flips, silences) for at in (0, 3, 200, 1_500, 2_500, 3_000, 4_000)]


def test_tls_that_is_harmed_on_its_way_is_a_fault_of_that_exchange(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection after the other, in the handshake and in what comes after it."""
    monkeypatch.setattr(resolver_module, "FAULT_TRIES", 50)
    authority = trustme.CA()
    trusted(authority, tmp_path, monkeypatch)
    network = make_network(stack, tmp_path, server_tls(authority, "localhost"))

    def one_after_the_other(connection: int, seen: int, piece: bytes) -> bytes | None:
        if connection >= len(HARMS):
            return piece
        harm, at = HARMS[connection]
        return harm(at, seen, piece)

    cable = stack.enter_context(Cable(network.proxy.url, one_after_the_other))
    network.machine.base_url = cable.url
    requests = [network.strike(None) for _ in range(30)]
    assert network.load() == dict.fromkeys(requests, "completed")
    assert cable.connections > len(HARMS)
