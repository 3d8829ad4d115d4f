"""The audit without a network finds what it is to find."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from advisories import installed

SCRIPT = Path(__file__).with_name("advisories.py")
RECORD = """
id: PYSEC-2025-1
aliases: [CVE-2025-1]
modified: "2025-01-01T00:00:00Z"
affected:
- package: {{ecosystem: PyPI, name: PyTest}}
  ranges:
  - type: ECOSYSTEM
    events: {events}
  versions: {versions}
"""
HERE = str(installed()["pytest"])


def audit(path: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("events", "versions", "affects"),
    [
        (["introduced: '0'"], "", True),
        (["introduced: '0'", f"fixed: '{HERE}'"], "", False),
        (["introduced: '0'", "fixed: '9999'"], "", True),
        ([f"introduced: '{HERE}'", "introduced: '0'", "fixed: '0.1'"], "", True),
        (["introduced: '0'", f"last_affected: '{HERE}'"], "", True),
        (["introduced: '0'", "last_affected: '0.1'"], "", False),
        ([], f"'0.1', '{HERE}'", True),
    ],
)
def test_records_of_a_clone(tmp_path: Path, events: list[str], versions: str, affects: bool) -> None:
    record = tmp_path / "vulns" / "pytest" / "PYSEC-2025-1.yaml"
    record.parent.mkdir(parents=True)
    record.write_text(RECORD.format(events=f"[{', '.join(f'{{{e}}}' for e in events)}]", versions=f"[{versions}]"))
    code, told = audit(tmp_path)
    assert code == affects
    assert (f"pytest {HERE}: PYSEC-2025-1 CVE-2025-1\n" in told) is affects
    assert f"of 1 advisories about 1 of them, the newest of January 2025, {affects:d} affect" in told
    record.write_text(f"{record.read_text()}withdrawn: '2025-02-01T00:00:00Z'\n")
    assert "says nothing of any" in audit(tmp_path)[1]


@pytest.mark.parametrize(("ranges", "affects"), [([f"<{HERE}"], False), (["<0.1", f"<={HERE}"], True)])
def test_a_list_of_ranges(tmp_path: Path, ranges: list[str], affects: bool) -> None:
    known = tmp_path / "insecure.json"
    known.write_text(json.dumps({"$meta": {"timestamp": 1775023247}, "PyTest": ranges, "unheard-of": ["<9"]}))
    code, told = audit(known)
    assert code == affects
    assert (f"pytest {HERE}: <={HERE}" in told) is affects
    assert "the newest of April 2026" in told


def test_what_knows_none_of_the_packages_is_no_audit(tmp_path: Path) -> None:
    assert audit(tmp_path)[0] == 1
