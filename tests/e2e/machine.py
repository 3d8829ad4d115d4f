"""A machine that runs the command: a home, a working folder of dlt, a DuckDB file, and nothing else of this one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from typer.testing import CliRunner
from warm_python import Python

from instaview.cli import app
from instaview.tables import TABLES

DATASET = "instaview"
Row = dict[str, Any]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


class Machine:
    """Runs `instaview` against one warehouse."""

    def __init__(self, folder: Path, base_url: str, api_key: str) -> None:
        self.folder = folder
        self.base_url, self.api_key = base_url, api_key
        self.database = folder / "warehouse.duckdb"
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)

    def env(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SOURCES__", "DESTINATION__", "DLT_", "COV"))}
        return {
            **kept,
            "HOME": str(self.home),
            "DLT_DATA_DIR": str(self.home / "dlt"),
            "DESTINATION__DUCKDB__CREDENTIALS": str(self.database),
            "SOURCES__INSTAVIEW__BASE_URL": self.base_url,
            "SOURCES__INSTAVIEW__API_KEY": self.api_key,
            "SOURCES__INSTAVIEW__POLL_INTERVAL": "0.2",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            **more,
        }

    def arguments(self, arguments: tuple[str, ...]) -> list[str]:
        """What the command is called with; another warehouse adds its own."""
        return list(arguments)

    def run(self, *arguments: str, stdin: str | None = None, **env: str) -> Done:
        """The command within this process: quick, and like a process of its own but for what `process` is for."""
        previous = Path.cwd()
        os.chdir(self.folder)
        try:
            result = CliRunner().invoke(app, self.arguments(arguments), input=stdin, env=self.env(**env))
        finally:
            os.chdir(previous)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, stdin: str | None = None, fresh: bool = False, **env: str) -> Done:
        """The command in a process of its own: for logs, locks and anything at the end."""
        return self.python("-m", "instaview", *self.arguments(arguments), stdin=stdin, fresh=fresh, **env)

    def script(self, code: str, **env: str) -> Done:
        """Python code in a process of its own."""
        return self.python("-c", code, **env)

    def python(self, *arguments: str, stdin: str | None = None, fresh: bool = False, **env: str) -> Done:
        """Python in a process of its own, `fresh` for what happens at its start."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with Python(*arguments, fresh=fresh, cwd=self.folder, env=self.env(**env), **pipes) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=120)
            except BaseException:
                process.kill()
                raise
        return Done(process.returncode, stdout, stderr)

    def load(self, *arguments: str, stdin: str | None = None, code: int = 0, **env: str) -> Row:
        """`instaview load … --json`, and the summary it prints."""
        done = self.run("load", *arguments, "--json", stdin=stdin, **env)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        summary: Row = json.loads(done.stdout)
        return summary

    def start(self, *arguments: str, command: tuple[str, ...] = ("-m", "instaview"), **more: Any) -> Python:
        """The command in a process of its own, under way.

        `command` is what Python runs in its place. Names in capitals are for the environment, others for the process.
        """
        env = {name: value for name, value in more.items() if name.isupper()}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options |= {name: value for name, value in more.items() if not name.isupper()}
        return Python(*command, *self.arguments(arguments), cwd=self.folder, env=self.env(**env), **options)

    def ids_file(self, ids: list[str], name: str = "ids.txt") -> str:
        (self.folder / name).write_text("\n".join(ids), encoding="utf-8")
        return name

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect(str(self.database))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"USE {DATASET}")
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql, parameters).fetchall()

    def tables(self) -> dict[str, list[Row]]:
        """Every table of the model as rows in the order of their keys, without the load id."""
        with self.connect() as connection:
            return {table.name: self._rows(connection, table.name, table.key) for table in TABLES}

    @staticmethod
    def _rows(connection: duckdb.DuckDBPyConnection, table: str, key: tuple[str, ...]) -> list[Row]:
        cursor = connection.execute(f"SELECT * EXCLUDE (_dlt_load_id) FROM {table} ORDER BY {', '.join(key)}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def states(self) -> dict[str, str]:
        return dict(self.query("SELECT request_id, state FROM requests"))
