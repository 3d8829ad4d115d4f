"""A Singer tap as one writes it with singer-sdk: a stream of runs, and child streams fed from the record at hand.

Runs in the environment that `peers` makes, not in the project's.
"""

from __future__ import annotations

import json
from pathlib import Path

from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th

TEXT, WHOLE, NUMBER = th.StringType, th.IntegerType, th.NumberType
KEYS = {"candidate_id": TEXT, "request_id": TEXT, "profile_id": TEXT, "position": WHOLE}


def schema(**columns):
    return th.PropertiesList(*(th.Property(name, kind) for name, kind in columns.items())).to_dict()


class Runs(RESTStream):
    name = "sourcing_runs"
    path = "/sourcing/{request_id}/results"
    records_jsonpath = "$"
    primary_keys = ("request_id",)
    schema = schema(
        request_id=TEXT,
        status=TEXT,
        created_at=th.DateTimeType,
        completed_at=th.DateTimeType,
        found_count=WHOLE,
        scored_count=WHOLE,
    )
    state_partitioning_keys = ()

    @property
    def url_base(self):
        return self.config["base_url"]

    @property
    def partitions(self):
        return [{"request_id": request_id} for request_id in Path(self.config["ids"]).read_text().split()]

    def post_process(self, row, context=None):
        self.candidates = row["candidates"]
        return {
            "request_id": row["requestId"],
            "status": row["status"],
            "created_at": row["createdAt"],
            "completed_at": row["completedAt"],
            "found_count": row["foundCount"],
            "scored_count": row["scoredCount"],
        }

    def generate_child_contexts(self, record, context):
        yield {"request_id": record["request_id"], "candidates": self.candidates}


class Part(Stream):
    """Rows that the parent's record holds already: no call of its own."""

    parent_stream_type = Runs
    state_partitioning_keys = ()

    def get_records(self, context):
        for place, candidate in enumerate(context["candidates"], 1):
            request_id, profile_id = context["request_id"], candidate["profileId"]
            keys = {"candidate_id": f"{request_id}/{profile_id}", "request_id": request_id, "profile_id": profile_id}
            for row in self.rows(candidate, place):
                yield keys | row


CANDIDATE = {
    "name": "name",
    "linkedin_url": "linkedinUrl",
    "rationale": "rationale",
    "headline": "headline",
    "location": "location",
    "current_company": "currentCompany",
    "current_role": "currentRole",
}


class Candidates(Part):
    name = "candidates"
    primary_keys = ("candidate_id",)
    schema = schema(**KEYS, match_score=NUMBER, **dict.fromkeys(CANDIDATE, TEXT))

    def rows(self, candidate, place):
        texts = {column: candidate[field] for column, field in CANDIDATE.items()}
        yield {"position": place, "match_score": candidate["matchScore"], **texts}


def list_stream(table, field, column):
    def rows(self, candidate, place):
        for position, item in enumerate(candidate[field], 1):
            yield {"position": position, column: item}

    keys = ("candidate_id", "position")
    return type(
        table, (Part,), {"name": table, "primary_keys": keys, "schema": schema(**KEYS, **{column: TEXT}), "rows": rows}
    )


class Rationales(Part):
    name = "profile_rationales"
    primary_keys = ("candidate_id", "position")
    schema = schema(**KEYS, title=TEXT, company=TEXT, duration=TEXT, relevance_explanation=TEXT)

    def rows(self, candidate, place):
        for position, item in enumerate(candidate["aiDetailedRationale"], 1):
            explanation = item.pop("relevanceExplanation")
            yield {"position": position, **item, "relevance_explanation": explanation}


class Experiences(Part):
    name = "profile_experiences"
    primary_keys = ("candidate_id", "position")
    schema = schema(**KEYS, role=TEXT, company=TEXT, duration=TEXT)

    def rows(self, candidate, place):
        for position, item in enumerate(candidate["detailedExperience"], 1):
            yield {"position": position, **{name: item[name] for name in ("role", "company", "duration")}}


class Highlights(Part):
    name = "profile_experience_highlights"
    primary_keys = ("candidate_id", "experience_position", "position")
    schema = schema(**KEYS, experience_position=WHOLE, highlight=TEXT)

    def rows(self, candidate, place):
        for outer, experience in enumerate(candidate["detailedExperience"], 1):
            for position, item in enumerate(experience["highlights"], 1):
                yield {"experience_position": outer, "position": position, "highlight": item}


STREAMS = (
    Runs,
    Candidates,
    list_stream("profile_skills", "skills", "skill"),
    list_stream("profile_fit_points", "aiFitPoints", "fit_point"),
    list_stream("profile_red_flags", "aiRedFlags", "red_flag"),
    list_stream("profile_emails", "emails", "email"),
    Rationales,
    Experiences,
    Highlights,
)


class TapInstaview(Tap):
    name = "tap-instaview"
    config_jsonschema = schema(base_url=TEXT, ids=TEXT)

    def discover_streams(self):
        return [stream(self) for stream in STREAMS]


if __name__ == "__main__":
    import sys

    TapInstaview(config=json.loads(Path(sys.argv[1]).read_text())).sync_all()
