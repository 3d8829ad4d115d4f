"""One writer at a time on a warehouse that several machines reach: a lease, kept in a table beside the others.

dlt's loads into one dataset share their staging tables, and two merges that delete and insert the same keys at once
can both insert. So whoever commits holds the lease meanwhile; others wait. DuckDB needs none: a file has one process.

The lease is one row: its holder, and a count that the holder raises while it works. The count of a holder that died
stands still, and whoever waits then takes over. No clock is compared with another, so none needs to be right. A
working folder keeps its number as a holder, so a load that is started again after a crash there need not wait.

A holder that cannot raise the count for as long must expect that others write, and a warehouse that says nothing for as
long is gone, whether it closes the connection or not. So the load ends then, and does not wait for what is to come.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationException, DestinationUndefinedEntity

from .exceptions import DestinationFailed
from .silence import hang_up, server_of
from .warehouse_errors import GO_ON

TABLE = "_instaview_lease"
BEAT_SECONDS = 15.0
DEAD_SECONDS = 90.0
"""A count that stands still for so long is that of a holder that died."""
LONGEST_WAIT = 600.0
"""How long to wait for others that are alive, in seconds."""
_LOOK_SECONDS = 0.5

_SHARED = {f"dlt.destinations.{name}" for name in ("postgres", "snowflake", "bigquery")}
_HOLDER = "instaview_holder"


@contextmanager
def only_writer(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Holds the lease of the pipeline's dataset while the block runs.

    Raises:
        DestinationFailed: others held it for `LONGEST_WAIT`, or took it over because this process stood still.
    """
    if pipeline.destination is None or pipeline.destination.destination_type not in _SHARED:
        yield
        return
    with pipeline.sql_client() as client, pipeline.sql_client() as beating:
        lease = Lease(client, _holder(pipeline))
        with _Pulse(lease, Lease(beating, lease.holder)):
            lease.take()
            try:
                yield
            except BaseException:
                with suppress(Exception):  # what went wrong in the block is what counts
                    lease.give_back()
                raise
            lease.give_back()


class Lease:
    """The row that says who writes, in SQL that these warehouses share."""

    def __init__(self, client: Any, holder: int) -> None:
        self.holder = holder
        self.held = False
        self.server = server_of(client)
        self._client = client
        self._table = client.make_qualified_table_name(TABLE)

    def take(self) -> None:
        """Waits until the lease is free or its holder is dead, and takes it."""
        started = since = time.monotonic()
        try:
            seen = self._read()
        except DestinationUndefinedEntity:
            self._make()
            seen = self._read()
        while not self._is_taken(seen, time.monotonic() - since):
            if time.monotonic() - started > LONGEST_WAIT:
                raise DestinationFailed(
                    f"another load has been writing to the same dataset for {LONGEST_WAIT:g} s; run the same load "
                    "again when it has ended: it goes on from here"
                )
            time.sleep(_LOOK_SECONDS)
            if (now := self._read()) != seen:
                seen, since = now, time.monotonic()
        self.held = True

    def look(self) -> None:
        """Sees whether the warehouse answers."""
        self._client.execute_sql("SELECT 1")

    def beat(self) -> None:
        """Shows that the holder is alive."""
        self._client.execute_sql(f"UPDATE {self._table} SET beats = beats + 1 WHERE holder = {self.holder}")

    def give_back(self) -> None:
        """Frees the lease.

        Raises:
            DestinationFailed: it was lost meanwhile, so that another load may have written at the same time.
        """
        holder, _ = self._read()
        self._client.execute_sql(f"UPDATE {self._table} SET holder = 0 WHERE holder = {self.holder}")
        if holder != self.holder:
            raise DestinationFailed(
                f"this process stood still for {DEAD_SECONDS:g} s while it wrote, and another load took over: read "
                "the requests of this load again with --refresh"
            )

    def _is_taken(self, seen: tuple[int, int], unchanged: float) -> bool:
        """Takes the lease if it is free, this machine's own from before, or a dead holder's; whether it is ours now."""
        holder, beats = seen
        if holder not in (0, self.holder) and unchanged < DEAD_SECONDS:
            return False
        self._client.execute_sql(
            f"UPDATE {self._table} SET holder = {self.holder}, beats = beats + 1 "
            f"WHERE holder = {holder} AND beats = {beats}"
        )
        return self._read() == (self.holder, beats + 1)

    def _read(self) -> tuple[int, int]:
        ((holder, beats),) = self._client.execute_sql(f"SELECT holder, beats FROM {self._table}")
        return int(holder), int(beats)

    def _make(self) -> None:
        if not self._client.has_dataset():
            with suppress(DestinationException):  # another load was quicker
                self._client.create_dataset()
        with suppress(DestinationException):  # Postgres: both made it at once. With the row in it, so there is one row
            self._client.execute_sql(
                f"CREATE TABLE IF NOT EXISTS {self._table} AS SELECT CAST(0 AS BIGINT) AS holder, "
                "CAST(0 AS BIGINT) AS beats"
            )


class _Pulse:
    """Beats for a lease on a thread and a connection of its own, and on another ends connections that are silent."""

    def __init__(self, lease: Lease, beating: Lease) -> None:
        self._lease, self._beating = lease, beating
        self._done = threading.Event()
        self._answered = time.monotonic()
        self._silent = False
        self._threads = [
            threading.Thread(target=work, name="instaview-lease", daemon=True) for work in (self._beat, self._watch)
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._done.set()
        self._threads[0].join(BEAT_SECONDS)
        if self._threads[0].is_alive():  # and would let nobody close its connection
            hang_up(self._lease.server)
        self._threads[1].join()
        if isinstance(error, Exception) and self._silent:
            raise DestinationFailed(
                f"the warehouse has not answered for {DEAD_SECONDS:g} s: see whether it is up{GO_ON}"
            ) from None

    def _beat(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            with suppress(Exception):  # when the warehouse is gone, whoever writes to it will tell
                (self._beating.beat if self._lease.held else self._beating.look)()
                self._answered = time.monotonic()

    def _watch(self) -> None:
        late = 0  # how often in a row: a process that stood still itself is to beat first
        while not self._done.wait(BEAT_SECONDS):
            late = late + 1 if time.monotonic() - self._answered > DEAD_SECONDS else 0
            if late > 1 and self._lease.server is not None:
                self._silent = True
                hang_up(self._lease.server)


def _holder(pipeline: dlt.Pipeline) -> int:
    """A number that stands for this working folder on this machine; never 0."""
    try:
        folder = str(pipeline.get_local_state_val(_HOLDER))
    except KeyError:
        folder = secrets.token_hex(16)
        pipeline.set_local_state_val(_HOLDER, folder)
    digest = sha256(f"{socket.gethostname()}\n{folder}".encode()).digest()
    return int.from_bytes(digest[:7], "big") or 1
