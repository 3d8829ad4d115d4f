"""The key and candidate data are in no output, trace, log or file but the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from instaview_sandbox import Fault


def files_with(folder: Path, needle: str) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and needle.encode() in p.read_bytes()]


@pytest.mark.slow
def test_the_key_is_nowhere(api, machine):
    sandbox = api()
    ids = [*sandbox.add("sourcing", 2), *sandbox.add("enrichment", 1), *sandbox.add("preview", 1, state="failed")]
    sandbox.inject(Fault("status", status=500, times=1))
    m = machine(sandbox)
    outputs = [
        m.process("load", *ids, "--json", fresh=True, RUNTIME__LOG_LEVEL="DEBUG"),
        m.process("check"),
        m.process("status"),
        m.process("load", *ids, "--refresh", RUNTIME__LOG_LEVEL="DEBUG"),
    ]
    for done in outputs:
        assert done.returncode == 0, done.stderr
        assert m.api_key not in done.stdout + done.stderr
    assert (m.home / "dlt").exists()
    assert files_with(m.folder, m.api_key) == []


def test_a_refused_key_is_not_repeated(api, machine):
    sandbox = api()
    m = machine(sandbox, key="suspended")
    done = m.process("load", *sandbox.add("sourcing", 1))
    assert m.api_key not in done.stdout + done.stderr
    assert files_with(m.folder, m.api_key) == []


@pytest.mark.slow
def test_candidates_are_in_no_log(api, machine):
    sandbox = api()
    ids = sandbox.add("sourcing", 3, candidates=5)
    names = [c["name"] for i in ids for c in sandbox.payload(i)["candidates"] if c.get("name")]
    done = machine(sandbox).process("load", *ids, fresh=True, RUNTIME__LOG_LEVEL="DEBUG")
    assert names
    assert not [name for name in names if name in done.stdout + done.stderr]
