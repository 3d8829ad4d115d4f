"""How fast and how frugal: beside what a user would pick instead, as a table, and as JSON for the plot.

    python benchmarks/run.py [--case NAME]… [--repeat N] [--scale X] [--peers] [--json PATH]

Run by hand. Each measurement is a process of its own; the ways of one case take turns, and ratios are taken within a
round, so that a busy machine hurts all of them alike. Made-up bodies, and the peers' environments, are kept in the
system's folder for temporary files and the user's cache.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import facts
from harness import HERE, Options
from report import aims, table

CASES = {
    "loading": "bodies to tables, beside DuckDB itself, plain dlt and a pandas script",
    "defaults": "the same beside plain dlt with no option set; takes 3.5 GB of memory",
    "whole": "the whole command with HTTP: time and memory, also of ten times as much",
    "budget": "calls, the share of the budget, and 429s on every plan",
    "polling": "calls per result and lag while runs take their time",
    "lag": "from a run's end to its row in DuckDB",
    "growth": "loading onto a large warehouse",
    "known": "nothing new: a million known requests, few, and --help",
    "peers": "the whole command beside Singer and Airbyte; only with --peers, as it installs them from PyPI",
    "keys": "what a key of each plan brings in, and what that takes",
}


def main() -> None:
    """The command line."""
    listed = "\n".join(f"  {name:9}{text}" for name, text in CASES.items())
    parser = argparse.ArgumentParser(
        description="How fast and how frugal.",
        epilog=f"cases:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--case", action="append", choices=CASES, help="only this case; may be given again")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each case (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size (1.0)")
    parser.add_argument("--peers", action="store_true", help="the case peers too")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="where the JSON goes")
    asked = parser.parse_args()
    options = Options(asked.repeat, asked.scale)
    cases = asked.case or [name for name in CASES if name != "peers" or asked.peers]
    print(facts.as_text(), end="\n\n")
    figures = []
    for name in cases:
        found = import_module(f"cases.{name}").measure(options)
        print(found.title)
        print(table(found.head, found.rows), *found.remarks, sep="\n", end="\n\n")
        figures += found.figures
        _keep(asked.json, name, options, found.as_dict())
    print(aims(figures))


def _keep(path: Path, case: str, options: Options, found: dict[str, object]) -> None:
    """Writes a case into the file, beside the cases that were measured at other times."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[case] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": options.scale,
        "machine": facts.as_dict(),
        **found,
    }
    ordered = {name: kept[name] for name in CASES if name in kept}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
