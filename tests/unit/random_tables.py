"""Rows for all tables by chance: small, and full of corners that real data has rarely."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from instaview.tables import LOAD_ID, TABLES

Row = dict[str, Any]
Tables = dict[str, list[Row]]

_MODEL = {table.name: table for table in TABLES}
_MIDNIGHT = datetime(2025, 3, 30, tzinfo=UTC)  # a day on which clocks were changed in much of Europe
_COMPANIES = ("acme", "globex")
_CODES = (None, "PROFILE_TIMEOUT", "PROFILE_NOT_FOUND")
_COST_KEYS = (
    *("sourcing_candidates", "PREVIEW_pages", "profile_enrichments", "candidateSourcing"),
    *("interview_minutes", "resource_storage", "unknown"),
)


def random_tables(seed: int) -> Tables:
    """All tables of the model; the first seeds are the emptiest."""
    chance = random.Random(seed)
    most = min(seed, 12)
    made = _Maker(chance, most)
    for _ in range(chance.randint(0, most)):
        made.sourcing()
    for _ in range(chance.randint(0, most)):
        made.enrichment()
    for _ in range(chance.randint(0, most // 2)):
        made.preview()
    made.requests()
    if chance.random() < 0.8:
        made.billing(chance.choice((_COMPANIES[:1], _COMPANIES)))
    return made.tables


class _Maker:
    def __init__(self, chance: random.Random, most: int) -> None:
        self.chance, self.most = chance, most
        self.tables: Tables = {name: [] for name in _MODEL}
        self._companies = chance.choice(((None,), _COMPANIES, (None, *_COMPANIES)))
        self._runs = 0
        self._people = [f"p{n}" for n in range(1 + most)]

    def add(self, table: str, **values: Any) -> Row:
        row = {**{column.name: None for column in _MODEL[table].columns}, **values, LOAD_ID: "1"}
        self.tables[table].append(row)
        return row

    def time(self, missing: float = 0.1) -> datetime | None:
        """About midnight, within a few days; sometimes not known."""
        chance = self.chance
        if chance.random() < missing:
            return None
        near = timedelta(milliseconds=chance.choice((-1, 0, 1, chance.randint(-7_200_000, 80_000_000))))
        return _MIDNIGHT + timedelta(days=chance.randint(-2, 2)) + near

    def score(self) -> float | None:
        chance = self.chance
        return chance.choice((None, 0.0, 80.0, 79.99, 90.0, 100.0, 30.0, round(chance.uniform(0, 100), 2), 104.5, -3.0))

    def run(self, kind: str, prefix: str, **counts: Any) -> Row:
        chance, created = self.chance, self.time()
        completed = self.time() if created is None else created + timedelta(seconds=chance.choice((0, 0.001, 90, 9e4)))
        self._runs += 1
        failed = chance.random() < 0.2
        return self.add(
            f"{kind}_runs",
            request_id=f"{prefix}_{self._runs:04d}",
            company_id=chance.choice(self._companies),
            status="failed" if failed else "completed",
            created_at=created,
            completed_at=completed if chance.random() < 0.9 else None,
            error_code=chance.choice((None, "AGENT_ERROR")) if failed else None,
            **counts,
        )

    def profiles(self, table: str, run: Row, **values: Any) -> list[Row]:
        chance = self.chance
        people = chance.sample(
            self._people, chance.choice((0, 1, 2, chance.randint(0, len(self._people)))) % (1 + len(self._people))
        )
        rows = []
        for position, person in enumerate(people, 1):
            delivered = chance.choice((run["completed_at"], run["completed_at"], self.time()))  # an earlier pass, too
            rows.append(
                self.add(
                    table,
                    candidate_id=f"{run['request_id']}/{person}",
                    request_id=run["request_id"],
                    profile_id=person,
                    position=position,
                    name=chance.choice((None, f"Name {person}", f"Name {run['request_id']}")),
                    headline=chance.choice((None, "Engineer")),
                    location=chance.choice((None, "Žilina")),
                    run_completed_at=delivered,
                    **{name: value() for name, value in values.items()},
                )
            )
        return rows

    def lists(self, profile: Row) -> None:
        keys = {name: profile[name] for name in ("candidate_id", "request_id", "profile_id")}
        for table, column, choices in (
            ("profile_skills", "skill", ("Python", "python", "SQL", "C++", "", " ", None)),
            ("profile_red_flags", "red_flag", ("hops jobs", "", None)),
            (
                "profile_emails",
                "email",
                ("a@example.com", "A@example.com", f"{profile['profile_id']}@example.com", " ", None),
            ),
        ):
            for position in range(1, self.chance.choice((0, 0, 1, 2, 4)) + 1):
                self.add(table, **keys, position=position, **{column: self.chance.choice(choices)})

    def sourcing(self) -> None:
        chance = self.chance
        run = self.run("sourcing", "req", found_count=chance.choice((None, 40)), scored_count=chance.choice((None, 20)))
        rows = self.profiles("candidates", run, match_score=self.score)
        run["candidate_count"] = chance.choice((None, len(rows), len(rows) // 2))
        for row in rows:
            self.lists(row)
        if chance.random() < 0.05:
            self.tables["sourcing_runs"].remove(run)  # of a load that was cut short

    def enrichment(self) -> None:
        chance = self.chance
        run = self.run("enrichment", "enr", credits_consumed=chance.choice((None, 0, 3)))
        rows = self.profiles(
            "enrichment_profiles",
            run,
            match_score=self.score,
            success=lambda: chance.choice((True, True, False, None)),
            error_code=lambda: chance.choice(_CODES),
        )
        for row in rows:
            if row["success"]:
                self.lists(row)
        listed = [bool(row["success"]) for row in rows]
        run["enriched_count"] = chance.choice((None, 0, sum(listed), sum(listed) + 2))
        run["failure_count"] = chance.choice((None, 0, listed.count(False), listed.count(False) + 3))

    def preview(self) -> None:
        run = self.run("preview", "req_prev", candidate_count=self.chance.choice((None, 0, 1, 20, 21, 100)))
        self.profiles("preview_candidates", run)

    def requests(self) -> None:
        chance = self.chance
        runs = [r for t in ("sourcing_runs", "enrichment_runs", "preview_runs") for r in self.tables[t]]
        for run in runs:
            state = chance.choice((run["status"], run["status"], "processing"))
            self.request(run["request_id"], state, run["company_id"])
        for number in range(chance.randint(0, self.most)):
            state = chance.choice(("processing", "not_found", "error", "completed"))
            self.request(f"req_x{number:03d}", state, chance.choice(self._companies))

    def request(self, request_id: str, state: str, company_id: str | None) -> None:
        chance = self.chance
        self.add(
            "requests",
            request_id=request_id,
            kind="sourcing",
            state=state,
            company_id=company_id,
            first_seen_at=chance.choice((self.time(0.0), _MIDNIGHT, _MIDNIGHT)),
            polls=chance.choice((None, 0, 1, 7)),
        )

    def billing(self, companies: tuple[str, ...]) -> None:
        chance = self.chance
        for company_id in companies:
            system = chance.choice(("credits", "credits", "minutes"))
            for offset in range(-3, 3):
                if chance.random() < 0.2:  # billed in another unit from this day on
                    system = "minutes" if system == "credits" else "credits"
                for cost_key in chance.sample(_COST_KEYS, chance.randint(0, len(_COST_KEYS))):
                    used = chance.choice((None, 0.0, 3.0, float(chance.randint(0, 30)), 12.5))
                    self.add(
                        "billing_usage",
                        company_id=company_id,
                        billing_system=system,
                        day=date(2025, 3, 30) + timedelta(days=offset),
                        cost_key=cost_key,
                        events=chance.randint(0, 9),
                        **{f"{system}_used": used},
                    )


def create_tables(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """The tables of the model with these rows."""
    for table in TABLES:
        connection.register("given", pa.Table.from_pylist(tables[table.name], table.arrow_schema))
        connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM given")
        connection.unregister("given")
