"""What the dashboard reads from the warehouse: a few small tables, once. No names, no addresses of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt
import pandas as pd
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from ..exceptions import UsageError
from ..ledger import open_ledger
from ..warehouse_errors import warehouse_errors

# what to read: the columns with their types, and the rest of the query over names in braces
_Query = tuple[dict[str, str], str]

_QUERIES: dict[str, _Query] = {
    "quality": (
        {
            "request_id": "text",
            "company_id": "text",
            "completed_at": "time",
            "day": "day",
            **dict.fromkeys(("found", "scored", "delivered", "delivered_last_pass", "with_score"), "number"),
            **dict.fromkeys(("score_average", "score_q1", "score_median", "score_q3"), "number"),
            **dict.fromkeys(("strong", "red_flags", "enriched_later", "email_known"), "number"),
        },
        "FROM {candidate_quality}",
    ),
    "scores": (
        {"request_id": "text", "band_from": "number", "candidates": "number"},
        "FROM {score_distribution}",
    ),
    "skills": (
        {"request_id": "text", "skill": "text", "candidates": "number", "with_score": "number", "score_sum": "number"},
        "FROM (SELECT c.request_id, s.skill, COUNT(*) AS candidates, COUNT(c.match_score) AS with_score, "
        "SUM(c.match_score) AS score_sum FROM {candidates} c INNER JOIN (SELECT DISTINCT candidate_id, skill "
        "FROM {profile_skills} WHERE TRIM(skill) <> '') s ON s.candidate_id = c.candidate_id "
        "GROUP BY c.request_id, s.skill) skilled",
    ),
    "credits": (
        {
            "day": "day",
            "company_id": "text",
            "kind": "text",
            **dict.fromkeys(("credits", "computed_credits", "billed_credits", "billed_minutes"), "number"),
        },
        "FROM {credit_usage_daily}",
    ),
    "health": (
        {
            "day": "day",
            "company_id": "text",
            **dict.fromkeys(("requests", "completed", "processing"), "number"),
        },
        "FROM {run_health}",
    ),
    "unsuccessful": (
        {
            "request_id": "text",
            "company_id": "text",
            "kind": "text",
            "state": "text",
            "error_code": "text",
            "first_seen_at": "time",
            "asked_at": "time",
            "polls": "number",
        },
        "FROM (SELECT q.request_id, q.company_id, q.kind, q.state, q.error_code, q.first_seen_at, "
        "COALESCE(r.created_at, q.first_seen_at) AS asked_at, q.polls FROM {requests} q LEFT JOIN ("
        "SELECT request_id, created_at FROM {sourcing_runs} UNION ALL "
        "SELECT request_id, created_at FROM {enrichment_runs} UNION ALL "
        "SELECT request_id, created_at FROM {preview_runs}) r ON r.request_id = q.request_id "
        "WHERE q.state <> 'completed') unsuccessful",
    ),
    "profile_failures": (
        {"day": "day", "company_id": "text", "error_code": "text", "failed": "number"},
        "FROM {enrichment_outcomes} WHERE outcome = 'profile failed'",
    ),
    "companies": (
        {"company_id": "text", "company_name": "text"},
        "FROM (SELECT company_id, MAX(company_name) AS company_name FROM {billing_usage} GROUP BY company_id) named",
    ),
}


@dataclass(frozen=True)
class Snapshot:
    """The warehouse at one moment, as far as the figures need it.

    Days are those of UTC, without a zone. `last_load` is None where nothing was ever loaded.
    """

    quality: pd.DataFrame
    scores: pd.DataFrame
    skills: pd.DataFrame
    credits: pd.DataFrame
    health: pd.DataFrame
    unsuccessful: pd.DataFrame
    profile_failures: pd.DataFrame
    companies: pd.DataFrame
    last_load: datetime | None

    def company_names(self) -> dict[str, str]:
        """All companies that occur, by id: the name where billing tells it, else the id."""
        frames = (self.quality, self.credits, self.health, self.companies)
        ids = sorted({company for frame in frames for company in frame["company_id"].dropna()})
        told = self.companies.dropna(subset=["company_name"])
        # where two have the same name, only the ids tell them apart
        names = told[~told["company_name"].duplicated(keep=False)].set_index("company_id")["company_name"]
        return {company_id: str(names.get(company_id, company_id)) for company_id in ids}


def read_snapshot(pipeline: dlt.Pipeline) -> Snapshot:
    """Reads everything once; filters then cost the warehouse nothing.

    Raises:
        UsageError: the tables are there, the views are not.
        DestinationFailed: the warehouse cannot be reached.
    """
    with warehouse_errors(pipeline):
        with open_ledger(pipeline) as ledger:
            last = ledger.last_load() if ledger is not None else None
        if ledger is None:
            frames = {name: _frame(columns, []) for name, (columns, _) in _QUERIES.items()}
        else:
            with pipeline.sql_client() as client:
                frames = {name: _read(client, query) for name, query in _QUERIES.items()}
    return Snapshot(**_with_only_company(frames), last_load=_utc(last[1]) if last else None)


def _read(client: Any, query: _Query) -> pd.DataFrame:
    columns, rest = query
    sql = f"SELECT {', '.join(columns)} {rest.format_map(_Names(client))}"
    try:
        rows = client.execute_sql(sql)
    except DestinationUndefinedEntity as error:
        raise UsageError("the views are not there yet: create them with `instaview views`") from error
    return _frame(columns, [tuple(row) for row in rows or ()])


def _frame(columns: dict[str, str], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """A frame with the same types whatever warehouse the rows come from."""
    frame = pd.DataFrame.from_records(rows, columns=list(columns))
    for name, kind in columns.items():
        if kind == "number":
            frame[name] = pd.to_numeric(frame[name].astype("Float64")).astype(float)
        elif kind == "day":
            frame[name] = pd.to_datetime(frame[name])
        elif kind == "time":
            frame[name] = pd.to_datetime(frame[name], utc=True)
        else:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame


def _with_only_company(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Where billing knows only one company, what names none is taken for its own, as in `credit_usage_daily`."""
    known = frames["companies"]["company_id"].unique()
    if len(known) == 1:
        for frame in frames.values():
            if "company_id" in frame:
                frame["company_id"] = frame["company_id"].fillna(known[0])
    return frames


def _utc(time: datetime) -> datetime:
    return pd.to_datetime(time, utc=True).to_pydatetime()


class _Names(dict[str, str]):
    """Names of the model, qualified for a warehouse."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, name: str) -> str:
        return str(self._client.make_qualified_table_name(name))
