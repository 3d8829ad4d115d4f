"""Which files are generated, and what stands in them."""

from __future__ import annotations

from pathlib import Path

from . import dbt_sources, dictionary, personal_data, questions
from .sample import sample

ROOT = Path(__file__).parents[2]
_SOURCE_README = ROOT / "sources/instaview/README.md"
_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"


def generated() -> dict[Path, str]:
    """The text of every generated file."""
    with sample() as connection:
        return {
            ROOT / "docs/dictionary.md": dictionary.dictionary(connection),
            ROOT / "docs/questions.md": questions.page(connection),
            ROOT / "docs/personal_data.md": personal_data.page(),
            ROOT / "dbt/models/sources.yml": dbt_sources.sources(),
            _SOURCE_README: _with_table_list(_SOURCE_README.read_text(encoding="utf-8")),
        }


def _with_table_list(text: str) -> str:
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    return f"{before}{_BEGIN}\n{dictionary.table_list()}\n{_END}{after}"
