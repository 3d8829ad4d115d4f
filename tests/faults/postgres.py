"""A PostgreSQL server of the tests' own: made in a folder, started, stopped in the middle, started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from pathlib import Path

import psycopg2

_SETTINGS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=60"


class PostgresServer:
    """One server; `database()` makes a fresh database on it. Needs PostgreSQL's binaries on this machine."""

    def __init__(self, folder: Path) -> None:
        self._binaries = _binaries()
        self._data, self._log = folder / "data", folder / "log"
        self.port = _free_port()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "loader", "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        self._run(
            "pg_ctl", "-D", str(self._data), "-l", str(self._log), "-w", "-o", f"-p {self.port} {_SETTINGS}", "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash of the server, `fast` an orderly end that disconnects everybody."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def database(self) -> str:
        """A new database, as a URL."""
        name = f"db_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self._url("postgres"))
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
        connection.close()
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://loader:any@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
            check=False,
            **user,
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}; see {self._log}")


def _binaries() -> Path:
    """Where `initdb` is: on the path, or where Debian puts it."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not folders:
        raise RuntimeError("these tests need PostgreSQL's server (Debian: apt-get install postgresql)")
    return folders[0]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
