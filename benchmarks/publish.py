"""Puts `results.json` where people read it: the plot beside it, and the table of figures into this folder's README."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from facts import PACKAGES
from harness import HERE
from plot import draw

_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"


def figures_table(results: Mapping[str, Any]) -> str:
    """Every figure with its aims, as Markdown, and what it was measured on."""
    lines = ["| figure | measured | least–most | reach for | must | |", "|---|---|---|---|---|---|"]
    machines: dict[str, None] = {}
    for case in results.values():
        machines[_machine(case)] = None
        for f in case["figures"]:
            sign, unit = "≤" if f["smaller_is_better"] else "≥", f" {f['unit']}" if f["unit"] else ""
            span = "" if f["rounds"] == 1 else f"{_number(f['least'])}–{_number(f['most'])}"
            aims = [f"{sign} {_number(f[aim])}{unit}" for aim in ("reach", "must")]
            lines.append(
                f"| {f['name']} | {_number(f['median'])}{unit} | {span} | {aims[0]} | {aims[1]} | {f['verdict']} |"
            )
    return "\n".join([*lines, "", *machines])


def _machine(case: Mapping[str, Any]) -> str:
    m = case["machine"]
    packages = ", ".join(f"{name} {m[name]}" for name in ("python", *PACKAGES))
    size = "" if case["scale"] == 1 else f" At {case['scale']:g} of the size."
    return f"{m['cpu']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}; {packages}.{size}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """The command line."""
    results = json.loads((HERE / "results.json").read_text())
    (HERE / "results.svg").write_text(draw(results))
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    readme.write_text(f"{before}{_BEGIN}\n{figures_table(results)}\n{_END}{after}")


if __name__ == "__main__":
    main()
