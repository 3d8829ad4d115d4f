"""A town of invented people, each worked out from the seed and their number alone.

Nobody is stored: person number 17 of seed 7 is the same person in every process, whoever asks first. Names
are put together by chance, companies do not exist, e-mail addresses live in the domains that RFC 2606
reserves for examples, and a profile's address ends in its invented id.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from .names import CITIES, COMPANY_FORMS, COMPANY_HEADS, COMPANY_TAILS, CULTURES
from .trades import TRADES, Trade

__all__ = ["Job", "People", "Person", "draw", "stretch"]

T = TypeVar("T")

_IDS = 1 << 48  # profile ids are 12 hexadecimal digits, as in the documented example
_LETTERS = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ß": "ss", "\u0131": "i"})
_THIS_YEAR = 2025


@dataclass(frozen=True, slots=True)
class Job:
    """A position a person holds or held."""

    role: str
    company: str
    since: int
    until: int | None  # None = still there
    highlights: tuple[str, ...]

    @property
    def period(self) -> str:
        """As in `detailedExperience`: `2023 - Present`."""
        return f"{self.since} - {self.until or 'Present'}"

    @property
    def length(self) -> str:
        """As in `aiDetailedRationale`: `2 years`."""
        years = (self.until or _THIS_YEAR) - self.since
        return "less than a year" if years < 1 else "1 year" if years == 1 else f"{years} years"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist. What a run thinks of them is not here but in `payloads`."""

    profile_id: str
    name: str
    linkedin_url: str
    emails: tuple[str, ...]
    trade: Trade
    skills: tuple[str, ...]
    jobs: tuple[Job, ...]  # the present one first, never empty
    city: str
    country: str
    company_url: str

    @property
    def headline(self) -> str:
        """What stands below the name."""
        return f"{self.jobs[0].role} at {self.jobs[0].company}"


class People:
    """The population of one seed: `size` people, numbered from 0."""

    def __init__(self, seed: int, size: int = 100_000) -> None:
        self.seed, self.size = seed, size
        rng = random.Random(f"{seed}/people")
        # n -> n * factor + shift (mod 2^48) is one-to-one for an odd factor: ids look random, never collide,
        # and lead back to their person without a table.
        self._factor, self._shift = rng.randrange(_IDS) | 1, rng.randrange(_IDS)
        self._inverse = pow(self._factor, -1, _IDS)

    def profile_id(self, number: int) -> str:
        """The 12 hexadecimal digits that person `number` goes by."""
        return f"{(number * self._factor + self._shift) % _IDS:012x}"

    def number(self, profile_id: str) -> int | None:
        """Whose profile id this is; None for nobody's."""
        try:
            number = (int(profile_id, 16) - self._shift) * self._inverse % _IDS
        except ValueError:
            return None
        return number if number < self.size and self.profile_id(number) == profile_id else None

    def person(self, number: int) -> Person:
        """Person `number`."""
        rng = random.Random(f"{self.seed}/person/{number}")
        firsts, lasts = draw(rng, CULTURES)
        first, last = draw(rng, firsts), draw(rng, lasts)
        if rng.random() < 0.12:
            last = f"{last}-{draw(rng, lasts)}"
        trade = draw(rng, TRADES)
        profile_id = self.profile_id(number)
        company, company_url = _company(rng)
        city, country = draw(rng, CITIES)
        slug = f"{_plain(first)}-{_plain(last)}"
        return Person(
            profile_id=profile_id,
            name=f"{first} {last}",
            linkedin_url=f"https://www.linkedin.com/in/{slug}-{profile_id}",
            emails=_emails(rng, _plain(first), _plain(last)),
            trade=trade,
            skills=tuple(rng.sample(trade.skills, rng.randint(1, len(trade.skills)))),
            jobs=_jobs(rng, trade, company),
            city=city,
            country=country,
            company_url=company_url,
        )


def draw(rng: random.Random, items: Sequence[T]) -> T:
    """One of the items: `rng.choice`, three times as fast, which counts with 60,000 candidates."""
    return items[int(rng.random() * len(items))]


def stretch(rng: random.Random, items: tuple[T, ...]) -> list[T]:
    """Some of the items, from none to all, that follow one another in the list as a ring."""
    start, count = int(rng.random() * len(items)), int(rng.random() * (len(items) + 1))
    return list((items + items)[start : start + count])


@lru_cache(maxsize=8192)
def _plain(name: str) -> str:
    """The name in lower-case ASCII letters: `Ľubica` -> `lubica`, `O'Marrigan` -> `omarrigan`."""
    flat = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return "".join(c for c in flat if c.isascii() and (c.isalpha() or c == "-")).lower()


def _company(rng: random.Random) -> tuple[str, str]:
    stem = draw(rng, COMPANY_HEADS) + draw(rng, COMPANY_TAILS)
    return stem + draw(rng, COMPANY_FORMS), f"https://www.{stem.lower()}.example"


def _emails(rng: random.Random, first: str, last: str) -> tuple[str, ...]:
    forms = (f"{first}.{last}", f"{first[:1]}{last}", f"{last}.{first}")
    domains = ("example.com", "example.org", "example.net")
    return tuple(f"{form}@{draw(rng, domains)}" for form in stretch(rng, forms))


def _jobs(rng: random.Random, trade: Trade, company: str) -> tuple[Job, ...]:
    jobs: list[Job] = []
    until: int | None = None
    for _ in range(rng.randint(1, 5)):
        since = (until or _THIS_YEAR) - int(rng.random() * 6)
        jobs.append(Job(draw(rng, trade.roles), company, since, until, tuple(stretch(rng, trade.highlights))))
        company, until = _company(rng)[0], since
    return tuple(jobs)
