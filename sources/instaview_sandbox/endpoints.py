"""The documented endpoints: what each needs and what it answers. Keys, limits and faults are `gate`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from . import payloads
from .answers import ApiError
from .billing import usage
from .bodies import encode
from .examples import EXAMPLE_KINDS, EXAMPLES
from .forms import Form
from .keys import Company
from .runs import Kind, Run, iso
from .sandbox import Sandbox

__all__ = ["ENDPOINTS", "Answer", "Ask", "Endpoint"]

Subject = Kind | Literal["billing"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that was let in."""

    sandbox: Sandbox
    companies: tuple[Company, ...]  # those it may see: one, or several for the usage of an ATS key
    now: float  # Unix seconds
    request_id: str
    params: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint says, before any envelope."""

    status: int
    body: bytes
    results: bool = False  # comes in the sandbox's envelope
    final: bool = False  # a finished run's, which faults of the body may spoil


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the API's reference."""

    method: str
    path: str
    scope: str
    subject: Subject
    answer: Callable[[Ask], Answer]
    results: bool = False
    needs_company: bool = True  # an ATS key must say which


def _create(kind: Kind) -> Callable[[Ask], Answer]:
    """POST /sourcing and POST /sourcing/preview, which take the same fields."""
    most = 100 if kind == "preview" else 50

    def create(ask: Ask) -> Answer:
        form = Form(ask.body)
        form.text("title", 200)
        form.text("jobDescription", 10_000)
        form.text("query", 500)
        form.text("location")
        form.text("webhookId")
        form.any_of("title", "jobDescription", "query")
        limit = form.whole_number("limit", most)
        form.check()
        return _accepted(ask.sandbox.create(kind, ask.companies[0].company_id, limit=limit), ask.now)

    return create


def _enrich(ask: Ask) -> Answer:
    form = Form(ask.body)
    profile_ids = form.texts("profileIds", 10)
    form.text("webhookId")
    form.check()
    company_id = ask.companies[0].company_id
    return _accepted(ask.sandbox.create("enrichment", company_id, profile_ids=profile_ids), ask.now)


def _rerun(ask: Ask) -> Answer:
    form = Form(ask.body)
    form.text("query", 500)
    limit = form.whole_number("limit", 50)
    form.any_of("query", "limit")
    form.check()
    if ask.request_id in EXAMPLES:
        raise ApiError(409, "The documented example is not run again.")
    _visible(ask, "sourcing")
    try:
        run = ask.sandbox.rerun(ask.request_id, limit=limit)
    except ValueError as error:
        raise ApiError(409, "A run of this request is in progress.") from error
    return _accepted(run, ask.now, updatedAt=iso(run.current.started_at))


def _accepted(run: Run, now: float, **more: str) -> Answer:
    answer = {**payloads.processing(run, now), **more}
    answer.pop("candidatesSourcedCount", None)
    return Answer(202, encode(answer))


def _results(kind: Kind) -> Callable[[Ask], Answer]:
    def results(ask: Ask) -> Answer:
        run = _visible(ask, kind)
        if run is not None and run.state(ask.now) == "processing":
            return Answer(202, encode(payloads.processing(run, ask.now)), results=True)
        body = EXAMPLES[ask.request_id] if run is None else ask.sandbox.body(run)
        return Answer(200, body, results=True, final=True)

    return results


def _visible(ask: Ask, kind: Kind) -> Run | None:
    """The request, if it is of that kind and the key's company; None for an example, which all may see."""
    if EXAMPLE_KINDS.get(ask.request_id) == kind:
        return None
    run = ask.sandbox.run(ask.request_id)
    if run is None or run.kind != kind or run.company_id not in {c.company_id for c in ask.companies}:
        # Another company's request is deliberately answered like one that does not exist.
        raise ApiError(404, "No such request.")
    return run


def _usage(ask: Ask) -> Answer:
    today = datetime.fromtimestamp(ask.now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = _day(ask.params, "start", today - timedelta(days=29))
    end = _day(ask.params, "end", today)
    if start > end:
        raise ApiError(400, "start is after end.")
    until = end.timestamp() + timedelta(days=1).total_seconds()  # the last of all days has none after it
    return Answer(200, encode(usage(ask.sandbox, ask.companies, start.timestamp(), until, ask.now)), results=True)


def _day(params: Mapping[str, Any], name: str, default: datetime) -> datetime:
    if name not in params:
        return default
    try:
        return datetime.strptime(params[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ApiError(400, f"{name} is not a date like 2024-01-31.") from error


ENDPOINTS = (
    Endpoint("POST", "/sourcing/preview", "sourcing:write", "preview", _create("preview")),
    Endpoint("POST", "/sourcing/enrich", "enrich:write", "enrichment", _enrich),
    Endpoint("POST", "/sourcing", "sourcing:write", "sourcing", _create("sourcing")),
    Endpoint("PATCH", "/sourcing/{id}", "sourcing:write", "sourcing", _rerun),
    Endpoint("GET", "/sourcing/preview/{id}/results", "sourcing:read", "preview", _results("preview"), results=True),
    # The documentation asks for enrich:write even to read.
    Endpoint(
        "GET",
        "/sourcing/enrich/{id}/results",
        "enrich:write",
        "enrichment",
        _results("enrichment"),
        results=True,
    ),
    Endpoint("GET", "/sourcing/{id}/results", "sourcing:read", "sourcing", _results("sourcing"), results=True),
    Endpoint("GET", "/billing/usage", "read:billing", "billing", _usage, needs_company=False),
)
