"""The lease that keeps writers on one warehouse apart, on a clock of the test's own."""

from __future__ import annotations

import os

import dlt
import pytest

import instaview.lease as module
from instaview.exceptions import DestinationFailed
from instaview.lease import DEAD_SECONDS, LONGEST_WAIT, Lease
from instaview.silence import hang_up, server_of


class Clock:
    """Time that passes by sleeping alone; others do `meanwhile` what they do, each time."""

    def __init__(self):
        self.now, self.meanwhile = 0.0, lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def client(tmp_path):
    pipeline = dlt.pipeline(
        "lease",
        pipelines_dir=str(tmp_path / "dlt"),
        destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        dataset_name="data",
    )
    with pipeline.sql_client() as client:
        yield client


def test_a_free_lease_is_taken_at_once_and_given_back(client, clock):
    one, two = Lease(client, 1), Lease(client, 2)
    one.take()
    one.give_back()
    two.take()
    assert clock.now == 0


def test_another_waits_until_it_is_given_back(client, clock):
    one, two = Lease(client, 1), Lease(client, 2)
    one.take()

    def meanwhile():
        one.beat()
        if clock.now == 200:
            one.give_back()

    clock.meanwhile = meanwhile
    two.take()
    assert clock.now == 200
    two.give_back()


def test_the_lease_of_a_dead_holder_is_taken_over(client, clock):
    Lease(client, 1).take()
    two = Lease(client, 2)
    two.take()
    assert DEAD_SECONDS <= clock.now < DEAD_SECONDS + 2
    two.give_back()


def test_the_same_working_folder_need_not_wait_for_itself(client, clock):
    Lease(client, 1).take()
    Lease(client, 1).take()
    assert clock.now == 0


def test_a_holder_that_works_on_and_on_ends_the_waiting_in_a_line(client, clock):
    one = Lease(client, 1)
    one.take()
    clock.meanwhile = one.beat
    with pytest.raises(DestinationFailed, match="another load has been writing"):
        Lease(client, 2).take()
    assert clock.now >= LONGEST_WAIT


def test_a_holder_that_lost_the_lease_is_told(client, clock):
    one = Lease(client, 1)
    one.take()
    Lease(client, 2).take()
    with pytest.raises(DestinationFailed, match="stood still"):
        one.give_back()


def test_of_two_that_wait_for_the_same_dead_holder_one_gets_it(client, clock):
    Lease(client, 1).take()
    quick = Lease(client, 3)

    def meanwhile():
        if clock.now == DEAD_SECONDS - 0.5:
            client.execute_sql("UPDATE data._instaview_lease SET holder = 3, beats = beats + 1")
        elif clock.now == DEAD_SECONDS + 5:
            quick.give_back()

    clock.meanwhile = meanwhile
    Lease(client, 2).take()
    assert clock.now == DEAD_SECONDS + 5


def test_hanging_up_where_there_is_no_connection_of_ours_opens_no_file(client):
    assert server_of(client) is None
    before = len(os.listdir("/dev/fd"))
    hang_up(server_of(client))
    assert len(os.listdir("/dev/fd")) == before
