"""A Postgres server that goes silent: the connection stays, and nothing is answered any more.

Where the network is gone, the system notices by itself once it is told to look (`notice_dead_connections`). Where the
server stands still, its system still acknowledges what is sent, and whoever waits for an answer waits without an end: a
call of psycopg2 or ADBC can be ended from another thread by nothing but the end of its connection (`hang_up`).
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException

_SIGNS_OF_LIFE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Of libpq: seconds, seconds, how many, and milliseconds."""
_OPEN_FILES = "/dev/fd"


def notice_dead_connections(pipeline: dlt.Pipeline) -> None:
    """Has the system look after a pipeline's connections to Postgres, where the user has not said otherwise."""
    with suppress(ConfigurationException):  # told by whoever needs the credentials
        credentials: Any = pipeline.destination_client().config.credentials
        credentials.query = {**_SIGNS_OF_LIFE, **(credentials.query or {})}
        if pipeline.destination is not None:
            pipeline.destination.config_params["credentials"] = credentials


def server_of(client: Any) -> Any:
    """The address at the other end of a client of Postgres; None for others, whose calls end by themselves."""
    connection: Any = getattr(client, "native_connection", None)
    return _peer(connection.fileno()) if hasattr(connection, "fileno") else None


def hang_up(server: Any) -> None:
    """Ends all connections of this process to a server; whoever waits on one of them gets an error at once."""
    if server is None:
        return
    with suppress(OSError):
        for name in os.listdir(_OPEN_FILES):
            with suppress(OSError):  # closed meanwhile
                if _peer(int(name)) == server:
                    _socket(int(name)).shutdown(socket.SHUT_RDWR)


def _peer(descriptor: int) -> Any:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return None
    with _socket(descriptor) as connection:
        return connection.getpeername()


def _socket(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))
