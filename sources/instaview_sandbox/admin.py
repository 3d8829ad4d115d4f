"""What the sandbox has beyond the API, under /_sandbox and without a key."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .faults import Fault
from .runs import iso
from .sandbox import Sandbox

__all__ = ["Admin"]


class Admin:
    """The administration of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def routes(self) -> list[Route]:
        """Everything under /_sandbox."""
        return [
            Route("/_sandbox/requests", self.requests, methods=["GET"]),
            Route("/_sandbox/stats", self.stats, methods=["GET"]),
            Route("/_sandbox/faults", self.faults, methods=["GET"]),
            Route("/_sandbox/faults", self.inject, methods=["POST"]),
            Route("/_sandbox/faults", self.clear, methods=["DELETE"]),
            Route("/_sandbox/advance", self.advance, methods=["POST"]),
            Route("/_sandbox/{path:path}", self.unknown),
        ]

    async def requests(self, request: Request) -> Response:
        """GET requests: all ids but the examples', one a line; ?format=json adds kind, state and company."""
        ids = self.sandbox.all_request_ids
        if request.query_params.get("format") != "json":
            return PlainTextResponse("".join(f"{request_id}\n" for request_id in ids))
        now = self.sandbox.now()
        runs = [run for run in map(self.sandbox.run, ids) if run is not None]
        return JSONResponse(
            [
                {"requestId": r.request_id, "kind": r.kind, "state": r.state(now), "companyId": r.company_id}
                for r in runs
            ]
        )

    async def stats(self, request: Request) -> Response:
        """GET stats: see `Records.stats`; `now` is the sandbox's clock."""
        return JSONResponse({"now": iso(self.sandbox.now()), **self.sandbox.records.stats()})

    async def faults(self, request: Request) -> Response:
        """GET faults: those in force, and how often each has struck."""
        return JSONResponse(self.sandbox.faults.describe())

    async def inject(self, request: Request) -> Response:
        """POST faults: put one in force, {"what": "status", "status": 503, "times": 2}."""
        try:
            self.sandbox.inject(Fault.from_json(await _object(request)))
        except ValueError as error:
            return _wrong(error)
        return JSONResponse(self.sandbox.faults.describe(), 201)

    async def clear(self, request: Request) -> Response:
        """DELETE faults: all of them."""
        self.sandbox.clear_faults()
        return Response(status_code=204)

    async def advance(self, request: Request) -> Response:
        """POST advance: add {"seconds": 30} to the sandbox's clock."""
        try:
            seconds = (await _object(request)).get("seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise ValueError("seconds must be a number")
            self.sandbox.advance(seconds)
        except ValueError as error:
            return _wrong(error)
        return JSONResponse({"now": iso(self.sandbox.now())})

    async def unknown(self, request: Request) -> Response:
        """Any other path."""
        return PlainTextResponse("The sandbox has requests, stats, faults and advance here.\n", 404)


async def _object(request: Request) -> dict[str, Any]:
    fields = json.loads(await request.body() or b"null")
    if not isinstance(fields, dict):
        raise ValueError("the body must be a JSON object")
    return fields


def _wrong(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
