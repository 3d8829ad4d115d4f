"""What the results endpoints say of a run: payloads in the shapes that InstaView documents.

Every payload follows from the seed, the request's id and the number of the pass alone, so that it can be
worked out again at any time and in any order.
"""

from __future__ import annotations

import random
from typing import Any

from .candidates import candidate, preview_candidate, ragged, score
from .people import People
from .runs import Pass, Run, iso

__all__ = ["credits_used", "final", "processing"]

Json = dict[str, Any]

_TIMED_OUT = 0.1  # share of known profiles whose enrichment fails
_FAILURES = {
    "AGENT_ERROR": "The agent stopped before it had a result.",
    "INTERNAL_ERROR": "The run failed before any profile was read.",
}
_PROFILE_FAILURES = {
    "PROFILE_TIMEOUT": "The profile did not load within 30 seconds.",
    "PROFILE_NOT_FOUND": "There is no such profile, or no longer.",
}


def processing(run: Run, now: float) -> Json:
    """The answer (202) while the run goes on."""
    head: Json = {"success": True, "requestId": run.request_id, "status": "processing"}
    created = iso(run.created_at)
    if run.kind == "enrichment":
        return {**head, "message": "Enrichment is in progress.", "createdAt": created}
    count = {"createdAt": created, "candidatesSourcedCount": run.progress(now)}
    return {**head, **count, "message": "Sourcing is in progress."}


def final(people: People, run: Run) -> Json:
    """The answer (200) once the current pass has ended."""
    this = run.current
    rng = random.Random(f"{people.seed}/{run.request_id}/{this.number}")
    answer: Json = {
        "success": True,
        "requestId": run.request_id,
        "status": this.outcome,
        "createdAt": iso(run.created_at),
        "completedAt": iso(this.completed_at),
    }
    if this.outcome == "failed":
        usual, other = ("AGENT_ERROR", "INTERNAL_ERROR")
        if run.kind == "enrichment":
            usual, other = other, usual
        code = usual if rng.random() < 0.8 else other
        return {**answer, "errorCode": code, "errorMessage": _FAILURES[code]}
    if run.kind == "enrichment":
        return answer | _enrichment(people, run, rng)
    return answer | _listing(people, run, rng)


def credits_used(people: People, run: Run, this: Pass) -> float:
    """What a pass costs: a credit per candidate, per enriched profile, or per preview page of 20."""
    if this.outcome == "failed":
        return 0.0
    if run.kind == "preview":
        return float(-(-this.size // 20))
    if run.kind == "sourcing":
        return float(this.size)
    return float(sum(1 for _, fault in _enrichable(people, run, this) if fault is None))


def _listing(people: People, run: Run, rng: random.Random) -> Json:
    """Counts and candidates of a sourcing or preview run, best first."""
    size = run.current.size
    scored = size + int(rng.random() * 10)
    found = scored + int(rng.random() * 40)
    numbers = _listed(people, run)
    if run.kind == "preview":
        candidates = [preview_candidate(people.person(n), rng) for n in numbers]
    else:
        scores = sorted((score(rng) for _ in numbers), reverse=True)
        rerun = run.current.number > 0
        ranked = zip(numbers, scores, strict=True)
        candidates = [candidate(people.person(n), s, rng, rerun=rerun) for n, s in ranked]
    counts = ragged({"foundCount": found, "scoredCount": scored}, rng)
    if not candidates and rng.random() < 0.5:
        return counts if rng.random() < 0.5 else {**counts, "candidates": None}
    return {**counts, "candidates": candidates}


def _listed(people: People, run: Run) -> list[int]:
    """Whom the current pass lists: some of those listed before, and others."""
    numbers: list[int] = []
    for this in run.passes:
        if this.outcome == "failed":
            continue
        rng = random.Random(f"{people.seed}/{run.request_id}/{this.number}/people")
        again = rng.sample(numbers, min(-(-len(numbers) // 3), this.size))
        others = rng.sample(range(people.size), this.size + len(again))
        numbers = again + [n for n in others if n not in again][: this.size - len(again)]
        rng.shuffle(numbers)
    return numbers


def _enrichment(people: People, run: Run, rng: random.Random) -> Json:
    """Counts and profiles of an enrichment; a failed profile is told apart and costs nothing."""
    data: list[Json] = []
    for profile_id, fault in _enrichable(people, run, run.current):
        entry: Json = {"profileId": profile_id, "success": fault is None}
        number = people.number(profile_id)
        if fault is None and number is not None:
            entry["candidate"] = candidate(people.person(number), score(rng), rng)
        else:
            entry |= {"errorCode": fault, "errorMessage": _PROFILE_FAILURES[str(fault)]}
        data.append(entry)
    enriched = sum(entry["success"] for entry in data)
    counts = {"enrichedCount": enriched, "failureCount": len(data) - enriched, "creditsConsumed": enriched}
    return {**counts, "data": data}


def _enrichable(people: People, run: Run, this: Pass) -> list[tuple[str, str | None]]:
    """Each profile of an enrichment with the error code of its failure; None = it will succeed."""
    rng = random.Random(f"{people.seed}/{run.request_id}/{this.number}/people")
    asked = run.profile_ids
    if asked is None:
        asked = tuple(people.profile_id(n) for n in rng.sample(range(people.size), this.size))
        # Once in a while the list holds somebody whose profile is gone.
        asked = tuple(f"{rng.getrandbits(48):012x}" if rng.random() < 0.03 else p for p in asked)
    return [(profile_id, _profile_fault(people, profile_id, rng)) for profile_id in asked]


def _profile_fault(people: People, profile_id: str, rng: random.Random) -> str | None:
    timed_out = rng.random() < _TIMED_OUT
    if people.number(profile_id) is None:
        return "PROFILE_NOT_FOUND"
    return "PROFILE_TIMEOUT" if timed_out else None
