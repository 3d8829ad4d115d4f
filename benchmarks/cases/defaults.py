"""Bodies to tables, beside plain dlt with no option set, which takes 3.5 GB of memory and minutes."""

from __future__ import annotations

from functools import partial

from bodies import RUNS, make_bodies
from harness import BESIDE, Figure, Found, Options, beside, child, ratios, rounds

_OURS, _DLT = "instaview: normalise + load", "plain dlt, asked for nothing"


def measure(options: Options) -> Found:
    """Both in turn."""
    runs = options.of(RUNS)
    folder = make_bodies(runs)
    ways = {_OURS: partial(child, "ours:commit", folder), _DLT: partial(child, "others:dlt_by_default", folder)}
    found = rounds(options, ways)
    return Found(
        f"normalise + load: {runs:,} sourcing runs, {found[0][_OURS]['rows']:,} rows",
        BESIDE,
        beside(found, _OURS),
        [Figure("times faster than plain dlt by default", ratios(found, _DLT, _OURS), 15, 10, most=False, digits=1)],
        found,
    )
