"""bqemulator, with what it gets wrong put right. Runs in the emulator's environment, not in the project's.

    python bigquery_server.py start --rest-port N --grpc-port M

Each change makes it answer as BigQuery does:

- no spatial extension of DuckDB, which it would download at its start;
- a failing statement answers with an HTTP error; with 200, Google's client takes it for a success;
- `maxResults=0` leaves `rows` out; with none in it, Google's client takes the first page for an empty one;
- ALTER TABLE reaches the catalogue, and may add several columns at once;
- JSON columns are JSON in the catalogue, not STRING;
- `POST /token` gives out the access token that a service account asks for.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from functools import lru_cache
from typing import Any

import bqemulator.catalog.ddl_sync as ddl_sync
import bqemulator.jobs.executor as executor
import bqemulator.scripting.interpreter as interpreter
import bqemulator.server as server
import sqlglot
from bqemulator.storage.engine import DuckDBEngine

_TABLE = r"(?:`[^`]+`|[\w-]+)(?:\.(?:`[^`]+`|[\w-]+))*"
_ALTER = re.compile(rf"^\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?({_TABLE})\s+(?=ADD\s+COLUMN)?", re.IGNORECASE)
_NEXT_COLUMN = re.compile(r",\s*(?=ADD\s+COLUMN\s)", re.IGNORECASE)
_STATUS = {"notFound": 404, "accessDenied": 403, "duplicate": 409}
_TOKEN = json.dumps({"access_token": "emulator", "expires_in": 3600, "token_type": "Bearer"}).encode()
_JSON = [(b"content-type", b"application/json")]


class AsBigQuery:
    """ASGI middleware over the emulator's REST interface."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or (not path.endswith(("/token", "/queries", "/jobs")) and "/queries/" not in path):
            await self.app(scope, receive, send)
            return
        if path == "/token":
            await _answer(send, {"status": 200, "headers": _JSON}, _TOKEN)
            return
        request = _one_column_a_statement(await _read(receive))
        unsent = [request]

        async def replay() -> Any:
            if unsent:
                return {"type": "http.request", "body": unsent.pop(), "more_body": False}
            return await receive()

        start: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def collect(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                await _answer(send, start, _mended(scope, start, b"".join(chunks)))

        dropped = (b"accept-encoding", b"content-length")
        headers = [(k, v) for k, v in scope["headers"] if k.lower() not in dropped]
        headers.append((b"content-length", str(len(request)).encode()))
        await self.app({**scope, "headers": headers}, replay, collect)


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, start: dict[str, Any], body: bytes) -> None:
    dropped = (b"content-length", b"content-encoding")
    headers = [(k, v) for k, v in start["headers"] if k.lower() not in dropped]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": start["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _one_column_a_statement(body: bytes) -> bytes:
    try:
        document = json.loads(body)
        holder = document if "query" in document else document["configuration"]["query"]
        sql = holder["query"] if isinstance(holder["query"], str) else ""
    except (ValueError, KeyError, TypeError):
        return body
    match = _ALTER.match(sql)
    if match is None:
        return body
    head, columns = sql[: match.end()], _NEXT_COLUMN.split(sql[match.end() :])
    holder["query"] = ";\n".join(head + column for column in columns)
    return json.dumps(document).encode()


def _mended(scope: Any, start: dict[str, Any], body: bytes) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if "/queries" not in scope["path"] or not isinstance(document, dict) or start["status"] != 200:
        return body
    if scope["method"] == "POST" and document.get("errors") and document.get("jobComplete"):
        errors = [{"domain": "global", **error} for error in document["errors"]]
        first = errors[0]
        if first["reason"] == "accessDenied" and "perhaps it does not exist" in first["message"]:
            # of a dataset that is not there; within one's own project BigQuery says notFound
            first["reason"], first["message"] = "notFound", "Not found: Dataset: " + first["message"]
        start["status"] = code = _STATUS.get(first["reason"], 400)
        status = {"code": code, "message": first["message"], "errors": errors, "status": "INVALID_ARGUMENT"}
        return json.dumps({"error": status}).encode()
    if scope["method"] == "GET" and b"maxResults=0" in scope["query_string"] and not document.get("rows"):
        document.pop("rows", None)
        return json.dumps(document).encode()
    return body


_create_app = server.create_app


def create_app(context: Any) -> Any:
    app = _create_app(context)
    app.add_middleware(AsBigQuery)
    return app


_introspect = ddl_sync._introspect_schema


def introspect_with_json(project: str, dataset: str, table: str, context: Any) -> Any:
    schema = _introspect(project, dataset, table, context)
    described = context.engine.execute(f"DESCRIBE {ddl_sync.quoted_table_ref(project, dataset, table)}").fetchall()
    json_columns = {row[0] for row in described if row[1].upper() == "JSON"}
    fields = (f.model_copy(update={"type": "JSON"}) if f.name in json_columns else f for f in schema.fields)
    return schema.model_copy(update={"fields": tuple(fields)})


_sync_created = executor.sync_created_table


def sync_created_or_altered(sql: str, project: str, context: Any) -> None:
    _sync_created(sql, project, context)
    if (match := _ALTER.match(sql)) is None:
        return
    target = [project, *match.group(1).replace("`", "").split(".")][-3:]
    if (table := context.catalog.get_table(*target)) is not None:
        schema = ddl_sync._introspect_schema(*target, context)
        context.catalog.update_table(table.model_copy(update={"schema_": schema}))


_parse_one = sqlglot.parse_one


@lru_cache(2_000)
def _parsed(*args: Any, **options: Any) -> Any:
    tree = _parse_one(*args, **options)
    for node in tree.walk():
        node._meta = None  # where in the text it was: to copy that takes longer than to copy the rest
    return tree


def parse_once(*args: Any, **options: Any) -> Any:
    """A copy of the tree of a text: on its way a statement is parsed twenty times, which is most of the work."""
    return _parsed(*args, **options).copy()


sqlglot.parse_one = parse_once
DuckDBEngine._load_spatial = lambda self: None
server.create_app = create_app
ddl_sync._introspect_schema = introspect_with_json
executor.sync_created_table = interpreter.sync_created_table = sync_created_or_altered

if __name__ == "__main__":
    # most of an emulator's work is to parse SQL, and most of that would go into looking for garbage
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    from bqemulator.cli import main

    sys.argv[0] = "bqemulator"
    main()
