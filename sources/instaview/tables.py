"""The relational model, declared once: tables, columns, types, keys and what they mean.

Everything else derives from it: Arrow schemas and dlt's hints below, empty tables, normalising, the data dictionary and
the sources of dbt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

Type = Literal["text", "bigint", "double", "bool", "timestamp", "date"]
Personal = Literal["identity", "words"]

ARROW_TYPES: Mapping[Type, pa.DataType] = MappingProxyType(
    {
        "text": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
    }
)

SHARED_TEXT = pa.dictionary(pa.int32(), pa.string())
"""Text that many rows share: it is held once in memory and in Parquet, and is text in the warehouse."""

LOAD_ID = "_dlt_load_id"
RUN_DAY = "run_completed_at"
"""The column by whose day BigQuery partitions the tables that have it."""
LOAD_ID_MEANING = "The load that wrote the row; it is committed when _dlt_loads lists it with status 0."


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `field` is the API's name for it, where its value is taken over from a payload as it is.

    `personal` says that it is about a candidate: their `identity`, or `words` of or about them, which may hold it.
    """

    name: str
    type: Type
    description: str
    field: str | None = None
    nullable: bool = True
    personal: Personal | None = None


@dataclass(frozen=True)
class Table:
    """One table. `question` is one that it answers.

    `key` never repeats. `replaced` says that the rows of an owner, which is a candidate (of billing a company's day),
    are replaced as a whole each time that owner is delivered, also by none; other tables are upserted by key. `owner`
    is the first column of the key where it is not given.
    """

    name: str
    description: str
    question: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    replaced: bool = False
    owner: tuple[str, ...] = ()

    @cached_property
    def row_schema(self) -> pa.Schema:
        """The Arrow schema of rows that no load has taken yet."""
        return pa.schema([pa.field(c.name, self._arrow_type(c), nullable=c.nullable) for c in self.columns])

    def _arrow_type(self, column: Column) -> pa.DataType:
        # the many rows of a candidate share its keys, which would be half of their memory
        return SHARED_TEXT if self.replaced and column in _KEYS_OF_CANDIDATE else ARROW_TYPES[column.type]

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of rows in a load, with dlt's load id as last column."""
        return self.row_schema.append(pa.field(LOAD_ID, SHARED_TEXT, nullable=False))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The API's names of the fields that have a column."""
        return frozenset(c.field for c in self.columns if c.field)

    def empty(self) -> pa.Table:
        """The table with no rows."""
        return self.row_schema.empty_table()

    def in_load(self, rows: pa.Table, load_id: str) -> pa.Table:
        """Rows stamped with the load that takes them."""
        load_ids = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(rows)), [load_id])
        return rows.append_column(self.arrow_schema.field(LOAD_ID), load_ids)

    def hints(self, *, deduplicated: bool = False, new: bool = False) -> dict[str, Any]:
        """What dlt has to know: columns, key, how to merge.

        All tables merge alike: the rows of whatever a load delivers are deleted, and what it delivers is inserted. An
        owner without rows in a replaced table is delivered as one row without the last part of the key: it widens the
        scope of what is deleted, and is not inserted itself. The primary key removes duplicates within a load, which
        dlt makes when it is killed between copying a file and noting that it did, or loses the connection there, and
        then goes on. `deduplicated` leaves that step out, for whoever makes sure that this does not happen. `new` says
        that the table holds nothing of what is delivered: the rows are appended, which writes them once and not twice.
        """
        owner = self.owner or self.key[:1]
        merge: dict[str, Any] = {
            "disposition": "merge",
            "strategy": "delete-insert",
            "destination_scope": " AND ".join(f"{name} IN (SELECT {name} FROM {{staging_table}})" for name in owner),
        }
        if self.replaced:
            merge["source_filter"] = f"{self.key[-1]} IS NOT NULL"
        columns = [
            {
                "name": c.name,
                "data_type": c.type,
                "nullable": c.nullable,
                **({"primary_key": True} if c.name in self.key else {}),
                "description": c.description,
            }
            for c in self.columns
        ]
        columns.append({"name": LOAD_ID, "data_type": "text", "nullable": False, "description": LOAD_ID_MEANING})
        return {
            "columns": columns,
            "write_disposition": "append" if new else merge,
            "file_format": "parquet",
            "additional_table_hints": {
                "description": self.description,
                "x-stage-data-deduplicated": deduplicated,  # in write_disposition, dlt passes over a False
                **self._layout(),
            },
        }

    def _layout(self) -> dict[str, Any]:
        """How BigQuery lays the table out, which costs nothing there; other warehouses pass over it.

        The names are those that dlt's `bigquery_adapter` sets.
        """
        names = [column.name for column in self.columns]
        hints: dict[str, Any] = {
            "x-bigquery-cluster-columns": [name for name in ("request_id", "candidate_id") if name in names],
            "x-bigquery-table-description": self.description,
        }
        if RUN_DAY in names:
            hints["x-bigquery-partition"] = {RUN_DAY: "DATE({column_name})"}
        return hints


def _text(name: str, description: str, field: str | None = None, *, personal: Personal | None = None) -> Column:
    return Column(name, "text", description, field, personal=personal)


def _key(name: str, description: str) -> Column:
    return Column(name, "text", description, nullable=False)


_REQUEST_ID = _key("request_id", "The id that the POST answered: req_…, enr_… or req_prev_… and a UUID.")
_CANDIDATE_ID = _key("candidate_id", "request_id/profile_id: one profile as one request delivered it.")
_PROFILE_ID = _key("profile_id", "The API's id of the profile; the same person can occur in many requests.")
_KEYS_OF_CANDIDATE = (_REQUEST_ID, _CANDIDATE_ID, _PROFILE_ID)
_COMPANY_ID = _text("company_id", "The company the request was read for, where one was given (ATS keys).")
_POSITION = Column("position", "bigint", "Place in the API's order, from 1; the best-ranked is first.")
_RUN_COMPLETED_AT = Column(RUN_DAY, "timestamp", "When the pass of the run that delivered this row last was completed.")
_EXTRA = _text(
    "extra",
    "Everything the API sent of this object that has no column, under its API name, and values that did not fit their "
    "column: one JSON object as text; null when there is nothing.",
    personal="words",
)
_ERROR_CODE = _text("error_code", "Why it failed, as a code, e.g. AGENT_ERROR; null when it did not.", "errorCode")
_ERROR_MESSAGE = _text("error_message", "Why it failed, in the API's words.", "errorMessage")


def _run_columns(*counts: Column) -> tuple[Column, ...]:
    return (
        _REQUEST_ID,
        _COMPANY_ID,
        _text("status", "How the run ended: completed or failed.", "status"),
        Column("created_at", "timestamp", "When the run was asked for.", "createdAt"),
        Column("completed_at", "timestamp", "When its last pass ended; later after each re-run.", "completedAt"),
        *counts,
        _ERROR_CODE,
        _ERROR_MESSAGE,
        _EXTRA,
    )


_SOURCING_COUNTS = (
    Column("found_count", "bigint", "Candidates found before scoring.", "foundCount"),
    Column("scored_count", "bigint", "Candidates that the model scored.", "scoredCount"),
    Column("candidate_count", "bigint", "Candidates that the last pass delivered."),
)

_CANDIDATE_FIELDS = (
    _text("name", "Full name.", "name", personal="identity"),
    _text("linkedin_url", "Address of the LinkedIn profile.", "linkedinUrl", personal="identity"),
    Column("match_score", "double", "Fit for the job, 0 to 100; fractions occur.", "matchScore"),
    _text("rationale", "Why the model scored the candidate so, in a sentence or two.", "rationale", personal="words"),
    _text("headline", "Headline of the profile.", "headline", personal="words"),
    _text("location", "Where the person lives.", "location"),
    _text("current_company", "Present employer.", "currentCompany"),
    _text("current_role", "Present job title.", "currentRole"),
)


REQUESTS = Table(
    "requests",
    "One row a request that was ever given: what became of it. It is the ledger that loads go on from.",
    "What became of each request, and which still need a look?",
    ("request_id",),
    (
        _REQUEST_ID,
        _text("kind", "sourcing, enrichment or preview; follows from the prefix of the id."),
        _text(
            "state",
            "processing (looked at again by the next load), completed, failed, not_found or error (looked at again "
            "when given again).",
        ),
        _COMPANY_ID,
        Column("first_seen_at", "timestamp", "When a load first wrote the request down."),
        Column("last_polled_at", "timestamp", "When it was last looked at; null if never yet."),
        Column("resolved_at", "timestamp", "When its present state was learnt; null while it is processing."),
        Column("polls", "bigint", "Calls made for it in all loads together."),
        Column("http_status", "bigint", "HTTP status of the last answer; null where there was none."),
        _text("error_code", "The failed run's own code, the API's, or that of the transport's fault."),
        _text("error_message", "What was wrong, and for errors that can be mended what to do."),
    ),
)

SOURCING_RUNS = Table(
    "sourcing_runs",
    "One row a sourcing run that ended: its counts and times.",
    "How many candidates did each sourcing run find, score and deliver, and when?",
    ("request_id",),
    _run_columns(*_SOURCING_COUNTS),
)

CANDIDATES = Table(
    "candidates",
    "One row a candidate and sourcing run. Candidates that a re-run no longer lists stay.",
    "Who was found for a job, how well do they fit, and why?",
    ("candidate_id",),
    (_CANDIDATE_ID, _REQUEST_ID, _PROFILE_ID, _POSITION, *_CANDIDATE_FIELDS, _RUN_COMPLETED_AT, _EXTRA),
)

ENRICHMENT_RUNS = Table(
    "enrichment_runs",
    "One row an enrichment run that ended: its counts, times and credits.",
    "What did each enrichment run cost, and how much of it succeeded?",
    ("request_id",),
    _run_columns(
        Column("enriched_count", "bigint", "Profiles enriched successfully.", "enrichedCount"),
        Column("failure_count", "bigint", "Profiles that could not be enriched; they are not billed.", "failureCount"),
        Column("credits_consumed", "bigint", "Credits billed: one a profile enriched.", "creditsConsumed"),
    ),
)

ENRICHMENT_PROFILES = Table(
    "enrichment_profiles",
    "One row a profile and enrichment run, also where enriching it failed.",
    "Whose profile was enriched, and why were others not?",
    ("candidate_id",),
    (
        _CANDIDATE_ID,
        _REQUEST_ID,
        _PROFILE_ID,
        _POSITION,
        Column("success", "bool", "Whether the profile was enriched, and so billed.", "success"),
        _ERROR_CODE,
        replace(_ERROR_MESSAGE, personal="words"),
        *_CANDIDATE_FIELDS,
        _RUN_COMPLETED_AT,
        _EXTRA,
    ),
)

PREVIEW_RUNS = Table(
    "preview_runs",
    "One row a preview run that ended: its counts and times.",
    "How many candidates would a search find, before paying for scores?",
    ("request_id",),
    _run_columns(*_SOURCING_COUNTS),
)

PREVIEW_CANDIDATES = Table(
    "preview_candidates",
    "One row a candidate and preview run; a preview has no scores.",
    "Who would a search find?",
    ("candidate_id",),
    (
        _CANDIDATE_ID,
        _REQUEST_ID,
        _PROFILE_ID,
        _POSITION,
        _text("name", "Full name.", "fullName", personal="identity"),
        _text("linkedin_url", "Address of the LinkedIn profile.", "profileUrl", personal="identity"),
        _text("title", "Present job title.", "title"),
        _text("headline", "Headline of the profile.", "headline", personal="words"),
        _text("location", "Where the person lives.", "location"),
        _text("country", "Country the person lives in.", "country"),
        _text("current_company", "Present employer.", "companyName"),
        _text("company_url", "Address of the employer's page.", "companyUrl"),
        _RUN_COMPLETED_AT,
        _EXTRA,
    ),
)


_ITEM_POSITION = Column("position", "bigint", "Place in the list, from 1, in the API's order.")
_EXPERIENCE_POSITION = Column(
    "experience_position", "bigint", "Which experience it belongs to: position in profile_experiences."
)


def _profile_table(
    name: str, row: str, question: str, *columns: Column, places: tuple[Column, ...] = (_ITEM_POSITION,)
) -> Table:
    return Table(
        name,
        f"One row {row} of a candidate or enriched profile, in the API's order; join on candidate_id.",
        question,
        ("candidate_id", *(place.name for place in places)),
        (_CANDIDATE_ID, *places, _REQUEST_ID, _PROFILE_ID, *columns),
        replaced=True,
    )


PROFILE_SKILLS = _profile_table(
    "profile_skills",
    "a skill",
    "What can a candidate do, and who has a skill?",
    _text("skill", "The skill, as the API writes it."),
)
PROFILE_FIT_POINTS = _profile_table(
    "profile_fit_points",
    "a point in favour",
    "What speaks for a candidate?",
    _text("fit_point", "What the model found in favour of the candidate.", personal="words"),
)
PROFILE_RED_FLAGS = _profile_table(
    "profile_red_flags",
    "a red flag",
    "What speaks against a candidate?",
    _text("red_flag", "What the model found against the candidate.", personal="words"),
)
PROFILE_RATIONALES = _profile_table(
    "profile_rationales",
    "a station of the career that the score rests on",
    "Which stations of a career is a score based on?",
    _text("title", "Title of the job.", "title"),
    _text("company", "Name of the employer.", "company"),
    _text("duration", "How long, in the API's words, e.g. 2 years.", "duration"),
    _text("relevance_explanation", "Why the model holds it relevant.", "relevanceExplanation", personal="words"),
    _EXTRA,
)
PROFILE_EXPERIENCES = _profile_table(
    "profile_experiences",
    "a position held",
    "Where did a candidate work, as what and when?",
    _text("role", "Title of the job.", "role"),
    _text("company", "Name of the employer.", "company"),
    _text("duration", "From when to when, in the API's words, e.g. 2023 - Present.", "duration"),
    _EXTRA,
)
PROFILE_EXPERIENCE_HIGHLIGHTS = _profile_table(
    "profile_experience_highlights",
    "a highlight of a position held",
    "What did a candidate achieve in each position?",
    _text("highlight", "What was achieved there.", personal="words"),
    places=(_EXPERIENCE_POSITION, _ITEM_POSITION),
)
PROFILE_EMAILS = _profile_table(
    "profile_emails",
    "an e-mail address",
    "How can a candidate be reached?",
    _text("email", "The address.", personal="identity"),
)

BILLING_USAGE = Table(
    "billing_usage",
    "One row a company, billing system, day and cost key: what was billed. It is filled by loads with --billing alone.",
    "What was billed, on which day and for what?",
    ("company_id", "billing_system", "day", "cost_key"),
    (
        _key("company_id", "The company billed; the one asked for where the answer names none, else unknown."),
        _text("company_name", "Its name.", "companyName"),
        _key("billing_system", "credits or minutes: the unit it is billed in; unknown where neither is named."),
        Column("day", "date", "The day, in UTC, that was asked for.", nullable=False),
        _text("cost_key", "What was billed, in the API's words; unknown for a total that no cost key explains."),
        Column("events", "bigint", "How many times it was billed.", "events"),
        Column("credits_used", "double", "Credits billed; null where the company is billed in minutes.", "creditsUsed"),
        Column("minutes_used", "double", "Minutes billed; null where the company is billed in credits.", "minutesUsed"),
        replace(_EXTRA, personal=None),
    ),
    replaced=True,
    owner=("company_id", "day"),
)

TABLES: tuple[Table, ...] = (
    REQUESTS,
    SOURCING_RUNS,
    CANDIDATES,
    ENRICHMENT_RUNS,
    ENRICHMENT_PROFILES,
    PREVIEW_RUNS,
    PREVIEW_CANDIDATES,
    PROFILE_SKILLS,
    PROFILE_FIT_POINTS,
    PROFILE_RED_FLAGS,
    PROFILE_RATIONALES,
    PROFILE_EXPERIENCES,
    PROFILE_EXPERIENCE_HIGHLIGHTS,
    PROFILE_EMAILS,
    BILLING_USAGE,
)
"""All tables, in the order in which they are documented."""

RESULT_TABLES: tuple[Table, ...] = tuple(table for table in TABLES if table not in (REQUESTS, BILLING_USAGE))
"""The tables whose rows are results of requests."""


@dataclass(frozen=True, slots=True)
class ProfileList:
    """A list that a candidate object holds, and the table its items go to.

    `item` is the one column that takes a plain item; None where items are objects. `inner` is a list within such an
    object.
    """

    field: str
    table: Table
    item: str | None = None
    inner: ProfileList | None = None


PROFILE_LISTS: tuple[ProfileList, ...] = (
    ProfileList("skills", PROFILE_SKILLS, "skill"),
    ProfileList("aiFitPoints", PROFILE_FIT_POINTS, "fit_point"),
    ProfileList("aiRedFlags", PROFILE_RED_FLAGS, "red_flag"),
    ProfileList("aiDetailedRationale", PROFILE_RATIONALES),
    ProfileList(
        "detailedExperience",
        PROFILE_EXPERIENCES,
        inner=ProfileList("highlights", PROFILE_EXPERIENCE_HIGHLIGHTS, "highlight"),
    ),
    ProfileList("emails", PROFILE_EMAILS, "email"),
)


@dataclass(frozen=True, slots=True)
class RunModel:
    """Where the parts of one kind's payload go. `items` is the API's name of its list of profiles."""

    runs: Table
    profiles: Table
    items: str
    lists: Sequence[ProfileList] = ()
    within: str | None = None
    """The field of an item that holds the candidate object; None where the item is that object."""


RUN_MODELS: Mapping[str, RunModel] = MappingProxyType(
    {
        "sourcing": RunModel(SOURCING_RUNS, CANDIDATES, "candidates", PROFILE_LISTS),
        "enrichment": RunModel(ENRICHMENT_RUNS, ENRICHMENT_PROFILES, "data", PROFILE_LISTS, within="candidate"),
        "preview": RunModel(PREVIEW_RUNS, PREVIEW_CANDIDATES, "candidates"),
    }
)


@dataclass(frozen=True, slots=True)
class Relationship:
    """Each row of `table` belongs to the one row, of one of `parents`, that has its `columns` as key."""

    table: Table
    columns: tuple[str, ...]
    parents: tuple[Table, ...]


def relationships() -> tuple[Relationship, ...]:
    """How the tables hang together."""
    found: list[Relationship] = []
    profiles: dict[str, list[Table]] = {}
    for model in RUN_MODELS.values():
        found.append(Relationship(model.runs, REQUESTS.key, (REQUESTS,)))
        found.append(Relationship(model.profiles, model.runs.key, (model.runs,)))
        for inner in model.lists:
            profiles.setdefault(inner.table.name, []).append(model.profiles)
    for inner in PROFILE_LISTS:
        parents = tuple(profiles[inner.table.name])
        found.append(Relationship(inner.table, parents[0].key, parents))
        if inner.inner is not None:
            key = inner.inner.table.key[:-1]  # its own place comes last
            found.append(Relationship(inner.inner.table, key, (inner.table,)))
    return tuple(found)
