"""Python processes that start at once: forks of one that has imported what the command imports.

Most of the time of a short command goes into imports, and a suite starts many. `Python` is `subprocess.Popen` for
`[sys.executable, …]`, but where a fork will do it asks a process of this file's for one. What it gets is a process like
any other: a child of ours with a pid of its own, its own environment, folder and pipes, signals and exit codes, and the
end that the interpreter gives it. What it is not is a fresh one: what an import does is over before its environment is
there, so tests of that start Python themselves, with `fresh=True`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

_SET_CHILD_SUBREAPER = 36
_LONGEST_MESSAGE = 2**17
_IMPORTED = (
    *("instaview.cli", "instaview.billing", "instaview.check", "instaview.demo", "instaview.display"),
    *("instaview.id_files", "instaview.runner", "instaview.status", "instaview.usage", "instaview_sandbox"),
    # what a load imports only when it comes to it; not `duckdb` itself, which opens a database, and starts a thread
    *("anyio._backends._asyncio", "charset_normalizer", "httpcore", "pandas", "pendulum.locales.en.locale"),
    *("pydantic.type_adapter", "stringprep"),
    *("pyarrow.pandas_compat", "pyarrow.parquet", "requests", "sqlglot.dialects.duckdb", "uvicorn", "encodings.idna"),
    *("_duckdb", "dlt.common.libs.pyarrow", "dlt.destinations.insert_job_client", "dlt._workspace._plugins"),
)


class Python(subprocess.Popen[str]):
    """A process of Python's, its arguments those of the interpreter: `-m MODULE …`, `-c CODE …` or `FILE …`."""

    def __init__(self, *arguments: str, fresh: bool = False, **options: Any) -> None:
        # forks are for Linux alone, where orphans can be adopted, and nobody but the child itself can prepare it
        self._fresh = fresh or sys.platform != "linux" or "preexec_fn" in options
        super().__init__([sys.executable, *arguments], text=True, **options)

    def _execute_child(self, *given: Any) -> None:
        """Takes the place of the method that forks and starts a program; its order of arguments is that of Popen."""
        if self._fresh:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        arguments, cwd, env, pipes = given[0][1:], given[5], given[6], given[10:16]
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        files = [theirs if theirs >= 0 else ours for ours, theirs in enumerate((p2cread, c2pwrite, errwrite))]
        self.pid = _template().fork({"arguments": arguments, "cwd": os.fspath(cwd), "env": env}, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


class _Template:
    """The process that is forked. It has started no thread of Python's and opened no database."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SOURCES__", "DESTINATION__", "DLT_", "COV"))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def fork(self, order: dict[str, Any], files: list[int]) -> int:
        with self._lock:
            _adopt_orphans(True)
            try:
                socket.send_fds(self._socket, [json.dumps(order).encode()], files)
                answer = self._socket.recv(_LONGEST_MESSAGE)
            finally:
                _adopt_orphans(False)
        return int(answer)


_templates: list[_Template] = []


def _template() -> _Template:
    if not _templates:
        _templates.append(_Template())
    return _templates[0]


def _adopt_orphans(yes: bool) -> None:
    """Whether processes whose parents end become children of this one, which can wait for them then."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


# ---------------------------------------------------------------------- in the template and its forks


def _serve(orders: socket.socket) -> list[str] | None:
    """Forks as ordered. Returns in each fork, with what it is to run, and in the template at the end of all orders."""
    while True:
        message, files, _, _ = socket.recv_fds(orders, _LONGEST_MESSAGE, 3)
        if not message:
            return None
        told, tells = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the threads of libraries here are ready for forks
            between = os.fork()
        if between == 0:
            # forks once more and ends, and so leaves its child an orphan
            if pid := os.fork():
                os.write(tells, str(pid).encode())
                os._exit(0)
            for descriptor in (told, tells, orders.detach()):
                os.close(descriptor)
            return _become(json.loads(message), files)
        os.waitpid(between, 0)
        orders.send(os.read(told, 100))
        for descriptor in (told, tells, *files):
            os.close(descriptor)


def _become(order: dict[str, Any], files: list[int]) -> list[str]:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    arguments: list[str] = order["arguments"]
    return arguments


def _run(arguments: list[str]) -> None:
    """As `python …` runs them. What they raise is for the interpreter, which ends as it always does."""
    what, *rest = arguments
    if what == "-m":
        sys.argv, sys.path[0] = rest, os.getcwd()
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = ModuleType("__main__")
    if what == "-c":
        sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
        code = compile(rest[0], "<string>", "exec")
    else:
        main.__file__ = os.path.abspath(what)
        sys.argv, sys.path[0] = arguments, os.path.dirname(main.__file__)
        code = compile(Path(what).read_bytes(), main.__file__, "exec")
    exec(code, main.__dict__)  # noqa: S102


def _warm_up() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    assert PluggableRunContext not in Container(), "dlt has looked at an environment and a folder already"
    assert threading.active_count() == 1
    assert "duckdb" not in sys.modules
    gc.collect()
    gc.freeze()  # what all forks share is not copied by counting its garbage


if __name__ == "__main__":
    _warm_up()
    ordered = _serve(socket.socket(fileno=int(sys.argv[1])))
    if ordered is not None:
        _run(ordered)
