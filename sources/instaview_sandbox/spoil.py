"""Good payloads made bad: what `wrong_request`, `duplicate_profile` and `drift` do to results."""

from __future__ import annotations

import copy
import random
from typing import Any

from .faults import Fault

__all__ = ["can_spoil", "spoil"]

Json = dict[str, Any]

# What a field may turn into when the server changes its mind about types.
_MISFITS: dict[str, tuple[Any, ...]] = {
    "foundCount": ("42", 41.5, "about forty", None),
    "scoredCount": ([30], "30", -1),
    "enrichedCount": ("3", None, 2.5),
    "creditsConsumed": ("many", 2.75),
    "createdAt": (1735689600000, "yesterday", "2025-01-01T00:00:00+01:00"),
    "completedAt": ("2025-01-01T00:01:30Z", "2025-01-01T02:01:30.25+02:00"),
    "name": ({"first": "Jane", "last": "Smith"}, 7),
    "fullName": (["Jane", "Smith"],),
    "matchScore": ("87", "high", 87.125, {"value": 87, "of": 100}, True),
    "skills": ("Node.js, TypeScript", [{"name": "Go", "years": 4}, "SQL", 3, None], {"top": ["Go"]}),
    "headline": (["Engineer", "Painter"], 12),
    "location": ({"city": "Brno", "country": "CZ"},),
    "aiFitPoints": ([1, True, "three"], "a single point"),
    "aiRedFlags": ({"none": True}, [["nested"]]),
    "aiDetailedRationale": (["plain text"], {"title": "not in a list"}),
    "detailedExperience": ("five years", [None, "worked", {"role": 9, "highlights": "just one"}]),
    "highlights": ("not a list", [{"text": "an object"}]),
    "emails": ("one@example.com", [{"address": "two@example.org", "kind": "work"}]),
    "companyUrl": ({"href": "https://www.example.com"},),
    "errorMessage": ({"text": "as an object"},),
}


def can_spoil(fault: Fault, payload: Json) -> bool:
    """Whether the fault has anything to change in the payload."""
    return fault.what != "duplicate_profile" or bool(_profiles(payload))


def spoil(fault: Fault, payload: Json) -> Json:
    """A copy of the payload with the fault in it: the same one for the same fault and request, every time."""
    rng = random.Random(f"{fault.seed}/{payload['requestId']}/{fault.what}")
    spoilt = copy.deepcopy(payload)
    if fault.what == "wrong_request":
        prefix, _, _ = payload["requestId"].rpartition("_")
        spoilt["requestId"] = f"{prefix}_00000000-0000-4000-8000-{rng.getrandbits(48):012x}"
    elif fault.what == "duplicate_profile":
        _duplicate(spoilt)
    elif fault.what == "drift":
        _drift(spoilt, rng)
    return spoilt


def _profiles(payload: Json) -> list[Json]:
    entries = payload.get("data" if "enrichedCount" in payload else "candidates")
    return entries if isinstance(entries, list) else []


def _duplicate(payload: Json) -> None:
    entries = _profiles(payload)
    if not entries:
        return
    again = copy.deepcopy(entries[0])
    shown = again.get("candidate", again)
    shown["headline"] = "Listed twice"
    if "matchScore" in shown:
        shown["matchScore"] = 0
    entries.append(again)


def _drift(node: Any, rng: random.Random) -> None:
    """Add an unknown field to every object below, and replace some values by misfits."""
    if isinstance(node, list):
        for item in node:
            _drift(item, rng)
    if not isinstance(node, dict):
        return
    for name, value in list(node.items()):
        _drift(value, rng)
        misfits = _MISFITS.get(name)
        if misfits and rng.random() < 0.25:
            node[name] = misfits[int(rng.random() * len(misfits))]
    node["xSandboxDrift"] = {"level": rng.randint(1, 9), "note": "not documented", "tags": ["new", None, 1.5]}
