"""Candidates as the API writes them: one person as one run sees them.

The documentation promises little of optional fields, so now and then one is null, missing or, if it is a
list, empty.
"""

from __future__ import annotations

import random
from typing import Any

from .people import Job, Person, draw, stretch

__all__ = ["candidate", "preview_candidate", "ragged", "score"]

Json = dict[str, Any]


def score(rng: random.Random) -> float | int:
    """A match score from 0 to 100, sometimes with a fraction."""
    exact = 100 - 100 * rng.random() * rng.random()  # more high ones than low ones
    digits = draw(rng, (0, 0, 0, 1, 2))
    return round(exact, digits) if digits else round(exact)


def candidate(person: Person, score: float | int, rng: random.Random, *, rerun: bool = False) -> Json:
    """A candidate of a sourcing run, or an enriched profile, in the documented order of fields."""
    job, trade = person.jobs[0], person.trade
    lists: Json = {
        "skills": list(person.skills),
        "aiFitPoints": stretch(rng, trade.strengths),
        "aiRedFlags": stretch(rng, trade.doubts),
        "aiDetailedRationale": [_relevance(j, rng) for j in person.jobs if rng.random() < 0.6],
        "detailedExperience": [_experience(j, rng) for j in person.jobs],
        "emails": list(person.emails),
    }
    if rerun:
        _shrink(lists, rng)
    optional = {
        "name": person.name,
        "linkedinUrl": person.linkedin_url,
        "matchScore": score,
        "rationale": _rationale(person, rng),
        "skills": lists["skills"],
        "headline": person.headline,
        "location": person.city,
        "currentCompany": job.company,
        "currentRole": job.role,
        "aiFitPoints": lists["aiFitPoints"],
        "aiRedFlags": lists["aiRedFlags"],
        "aiDetailedRationale": lists["aiDetailedRationale"],
        "detailedExperience": lists["detailedExperience"],
        "emails": lists["emails"],
    }
    return {"profileId": person.profile_id, **ragged(optional, rng)}


def preview_candidate(person: Person, rng: random.Random) -> Json:
    """A candidate of a preview: the nine documented fields, which have other names there."""
    job = person.jobs[0]
    optional = {
        "fullName": person.name,
        "profileUrl": person.linkedin_url,
        "title": job.role,
        "headline": person.headline,
        "location": person.city,
        "country": person.country,
        "companyName": job.company,
        "companyUrl": person.company_url,
    }
    return {"profileId": person.profile_id, **ragged(optional, rng)}


def _relevance(job: Job, rng: random.Random) -> Json:
    reason = draw(rng, job.highlights) if job.highlights else f"Worked as {job.role} for {job.length}."
    entry = {
        "title": job.role,
        "company": job.company,
        "duration": job.length,
        "relevanceExplanation": reason,
    }
    return ragged(entry, rng)


def _experience(job: Job, rng: random.Random) -> Json:
    entry = {
        "role": job.role,
        "company": job.company,
        "duration": job.period,
        "highlights": list(job.highlights),
    }
    return ragged(entry, rng)


def _rationale(person: Person, rng: random.Random) -> str:
    skill, strength = draw(rng, person.skills), draw(rng, person.trade.strengths)
    return f"Solid background in {person.trade.name}, with {skill} in daily use. {strength}."


def ragged(fields: Json, rng: random.Random) -> Json:
    """The fields as they come in practice: about one in 25 is null, missing or an empty list."""
    result: Json = {}
    for name, value in fields.items():
        chance = rng.random()
        if chance < 0.013:
            continue
        if chance < 0.026:
            value = None
        elif chance < 0.04 and isinstance(value, list):
            value = []
        result[name] = value
    return result


def _shrink(lists: Json, rng: random.Random) -> None:
    """A later pass may know less than an earlier one: some lists get shorter, some end up empty."""
    for name, items in lists.items():
        chance = rng.random()
        if chance < 0.1:
            lists[name] = []
        elif chance < 0.4:
            lists[name] = items[: int(rng.random() * len(items))]
