"""Forks of a warm process do what fresh processes do: tests of commands rest on it."""

from __future__ import annotations

import signal
import subprocess

import pytest
from machine import Machine

CODE = {
    "arguments": "import sys; print(sys.argv, sys.path[0], __name__)",
    "surroundings": "import os; print(sorted(os.environ.items()), os.getcwd(), len(os.listdir('/proc/self/fd')))",
    "dlt": "import dlt; c = dlt.current.run_context(); print(c.data_dir, c.run_dir, dlt.config.get('x.y'))",
    "pipes": "import sys; print([f.isatty() for f in (sys.stdin, sys.stdout, sys.stderr)], sys.stdin.read())",
    "signals": "import signal; print([signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)])",
    "a thread and an end": "import atexit, threading; atexit.register(print, 'end'); "
    "threading.Timer(0.1, print, ['thread']).start()",
    "a code": "raise SystemExit(3)",
    "words": "raise SystemExit('words')",
    "a signal": "import os; os.kill(os.getpid(), 9)",
    "an interrupt": "import os; os.kill(os.getpid(), 2)",
    "an error": "1 / 0",
}


@pytest.fixture
def m(tmp_path):
    return Machine(tmp_path, "http://127.0.0.1:9", "sk_test")


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_fork_does_what_a_fresh_process_does(m, code):
    ends = [m.python("-c", code, "more", stdin="given", fresh=fresh, X__Y="here") for fresh in (True, False)]
    fresh, fork = ((end.returncode, end.stdout, end.stderr.splitlines()[-1:]) for end in ends)
    assert fork == fresh


@pytest.mark.parametrize("arguments", [("--help",), ("bogus",), ("load", "nonsense"), ("status", "--destination", "x")])
def test_the_command_does_too(m, arguments):
    assert m.process(*arguments) == m.process(*arguments, fresh=True)


def test_a_file_does_too(m):
    (m.folder / "beside.py").write_text("here = 1")
    (m.folder / "file.py").write_text("import beside, sys; print(__name__, __file__, sys.argv, beside.here)")
    assert m.python("file.py", "x") == m.python("file.py", "x", fresh=True)


def test_a_fork_can_be_killed_and_leaves_nothing(m):
    process = m.start(command=("-c", "import time; print('up', flush=True); time.sleep(60)"))
    assert process.stdout.readline() == "up\n"
    assert process.poll() is None
    process.kill()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == -signal.SIGKILL
    assert subprocess.run(["kill", "-0", str(process.pid)], capture_output=True, check=False).returncode == 1
