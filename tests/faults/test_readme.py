"""Each kind of fault in README.md names the tests that make it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = [
    row.strip("|").split(" | ")
    for table in re.findall(r"\| fault \|.*\n\|[-|]+\n((?:\|.*\n)+)", (HERE / "README.md").read_text(encoding="utf-8"))
    for row in table.splitlines()
]


def test_all_tables_are_looked_at() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_a_fault_has_its_tests(row: list[str]) -> None:
    named = re.findall(r"`(\S+\.py)`(?:: ((?:`\w+`(?:, )?)+))?", row[-1])
    assert named
    for file, parts in named:
        tests = re.findall(r"def (test_\w+)", (HERE / file).read_text(encoding="utf-8"))
        missing = [part for part in re.findall(r"\w+", parts) if not any(part in test for test in tests)]
        assert tests
        assert missing == [], file
