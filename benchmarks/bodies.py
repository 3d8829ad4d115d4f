"""Made-up results of sourcing runs, the same each time: what the benchmarks load.

A candidate has about 37 rows in the `profile_*` tables and 4 kB of JSON. The bodies stand in one file, one a line, so
that DuckDB reads the same bytes; an index beside it says where each begins.
"""

from __future__ import annotations

import json
import random
import tempfile
import uuid
from array import array
from pathlib import Path
from typing import Any

RUNS = 2_000
CANDIDATES = 30
_VERSION = 1  # counts up with every change to what is made

_FIRST = "Ada Bela Ciro Dana Emil Fay Goran Hana Ivo Jana Kai Lena Milo Nora Otto Pia Quin Rita Samo Tea".split()
_LAST = "Adler Brook Cerny Dubois Egger Farkas Gruber Horak Ilic Jonas Klein Lorenz Maly Novak Ortega Polak".split()
_SKILLS = (
    "Python Go Rust Java TypeScript Kotlin SQL PostgreSQL Kafka Spark dbt Airflow Terraform Kubernetes AWS "
    "GCP Azure Linux GraphQL React Django FastAPI Redis Snowflake BigQuery PyTorch Statistics Mentoring Agile "
    "Security"
).split()
_COMPANIES = [f"{name} {form}" for name in _LAST for form in ("Labs", "Systems", "Bank", "Health")]
_ROLES = [f"{rank} {job}" for rank in ("Junior", "Senior", "Staff", "Lead") for job in ("Engineer", "Analyst", "Nurse")]
_PLACES = ["Bratislava", "Brno", "Vienna", "Graz", "Berlin", "Porto", "Ghent", "Lyon", "Oslo", "Tartu"]
_WORDS = (
    "built led scaled the a team of service platform pipeline for customers with latency cost by percent "
    "weekly and migrated designed shipped reporting billing payments search cluster on-call quality data "
    "model tests review"
).split()


class Bodies:
    """The bodies in their file; each is read when it is asked for, out of the page cache, so none is held."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bodies.ndjson"
        self._file = self.path.open("rb")
        self._begins = array("Q")
        self._begins.frombytes((folder / "begins").read_bytes())
        self.ids = (folder / "ids").read_text().split()
        self._number = {_rest(request_id): number for number, request_id in enumerate(self.ids)}

    def read(self, request_id: str) -> bytes:
        """The body for a request id."""
        number = self._number[_rest(request_id)]
        begin, end = self._begins[number], self._begins[number + 1]
        self._file.seek(begin)
        return self._file.read(end - begin - 1)

    def original(self, request_id: str) -> str:
        """The id that stands in the body, of an id that `another` made from it."""
        return self.ids[self._number[_rest(request_id)]]


def another(request_id: str, time: int) -> str:
    """Another id for the same body, so that few bodies can serve for many requests."""
    return f"req_{(int(request_id[4:12], 16) + time) % 2**32:08x}{_rest(request_id)}"


def _rest(request_id: str) -> str:
    return request_id[12:]


def make_bodies(runs: int) -> Path:
    """The folder with so many bodies: made at the first call, then kept in the system's folder for temporary files."""
    folder = Path(tempfile.gettempdir()) / f"instaview-benchmark-{_VERSION}-{runs}"
    if (folder / "ids").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(20250101)
    begins, ids = array("Q", [0]), []
    with (folder / "bodies.ndjson").open("wb") as file:
        for _ in range(runs):
            request_id = f"req_{uuid.UUID(int=chance.getrandbits(128), version=4)}"
            file.write(json.dumps(_run(chance, request_id)).encode() + b"\n")
            begins.append(file.tell())
            ids.append(request_id)
    (folder / "begins").write_bytes(begins.tobytes())
    (folder / "ids").write_text("\n".join(ids))  # last: says that the rest is whole
    return folder


def _run(chance: random.Random, request_id: str) -> dict[str, Any]:
    day = chance.randint(1, 28)
    return {
        "success": True,
        "requestId": request_id,
        "status": "completed",
        "createdAt": f"2025-01-{day:02}T08:{chance.randint(0, 59):02}:00.000Z",
        "completedAt": f"2025-01-{day:02}T09:{chance.randint(0, 59):02}:30.000Z",
        "foundCount": chance.randint(CANDIDATES, 90),
        "scoredCount": CANDIDATES,
        "candidates": [_candidate(chance) for _ in range(CANDIDATES)],
    }


def _candidate(chance: random.Random) -> dict[str, Any]:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    role, company = chance.choice(_ROLES), chance.choice(_COMPANIES)
    handle = f"{first}.{last}.{chance.randint(1, 999_999)}".lower()
    return {
        "profileId": f"{chance.getrandbits(48):012x}",
        "name": f"{first} {last}",
        "linkedinUrl": f"https://profiles.example.com/in/{handle}",
        "matchScore": chance.randint(0, 200) / 2,
        "rationale": _words(chance, 25),
        "skills": chance.sample(_SKILLS, chance.randint(9, 16)),
        "headline": f"{role} at {company}",
        "location": chance.choice(_PLACES),
        "currentCompany": company,
        "currentRole": role,
        "aiFitPoints": [_words(chance, 9) for _ in range(chance.randint(2, 5))],
        "aiRedFlags": [_words(chance, 9) for _ in range(chance.randint(0, 3))],
        "aiDetailedRationale": [
            {
                "title": chance.choice(_ROLES),
                "company": chance.choice(_COMPANIES),
                "duration": f"{chance.randint(1, 9)} years",
                "relevanceExplanation": _words(chance, 18),
            }
            for _ in range(chance.randint(2, 4))
        ],
        "detailedExperience": [
            {
                "role": chance.choice(_ROLES),
                "company": chance.choice(_COMPANIES),
                "duration": f"{2010 + number} - {2012 + number}",
                "highlights": [_words(chance, 14) for _ in range(chance.randint(2, 4))],
            }
            for number in range(chance.randint(3, 5))
        ],
        "emails": [f"{handle}@example.com"][: chance.randint(0, 2)],
    }


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS, k=count)).capitalize() + "."
