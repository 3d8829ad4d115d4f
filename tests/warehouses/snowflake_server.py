"""fakesnow's server, with what it gets wrong put right. Runs in the emulator's environment, not in the project's.

    python snowflake_server.py PORT

Each change makes it answer as Snowflake does:

- PUT to a quoted stage, commas in FILE_FORMAT, a quoted MATCH_BY_COLUMN_NAME: rewritten to the form that it knows;
- several statements at once, one after the other, with the error that Snowflake gives for one among several;
- REMOVE of a staged file, which it does not know;
- a NULL timestamp is NULL; it was 1970-01-01;
- COPY of JSON minds MATCH_BY_COLUMN_NAME, as COPY of Parquet does already;
- NULL in a column that takes none is an error of SQL, and so is what it cannot do at all: both were HTTP errors, which
  Snowflake's client tries again for many minutes.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import fakesnow.arrow as arrow
import fakesnow.copy_into as copy_into
import fakesnow.cursor as cursor  # imports `parse_one` by name, and has to be loaded before it is replaced
import fakesnow.dialect as dialect
import fakesnow.server as server
import pyarrow as pa
import sqlglot
import uvicorn
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from sqlglot.tokens import TokenType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# ---------------------------------------------------------------------- forms of SQL

_parse_one = dialect.parse_one


def parse_one(sql: str, *arguments: Any, **options: Any) -> Any:
    expression = _parse_one(sql, *arguments, **options)
    if isinstance(expression, exp.Put):
        target = expression.args.get("target")
        if isinstance(target, exp.Var) and target.name.startswith("'"):
            target.set("this", sqlglot.parse_one(target.name, read="snowflake").name)
    elif isinstance(expression, exp.Copy):
        for parameter in expression.args.get("params") or []:
            name = parameter.this.name.upper()
            if name == "FILE_FORMAT":
                kept = [e for e in parameter.expressions if not isinstance(e, exp.SequenceProperties)]
                parameter.set("expressions", kept)
            elif name == "MATCH_BY_COLUMN_NAME" and isinstance(parameter.expression, exp.Literal):
                parameter.set("expression", exp.Var(this=parameter.expression.name))
    return expression


def replace_parse_one() -> None:
    holders = [m for n, m in sys.modules.items() if n.startswith("fakesnow") and hasattr(m, "parse_one")]
    for module in holders:
        if module.parse_one is _parse_one:
            module.parse_one = parse_one


# ---------------------------------------------------------------------- several statements

_query_request = server.query_request
_SEVERAL = ("100132", "P0000")
"""The error number and SQL state that Snowflake gives for a statement among several."""
_INTERNAL = ("000603", "XX000")
"""Those of an error of its own."""


def statements(sql: str) -> list[str]:
    parts, start = [], 0
    for token in sqlglot.tokenize(sql, read="snowflake"):
        if token.token_type == TokenType.SEMICOLON:
            parts.append(sql[start : token.start])
            start = token.end + 1
    return [part.strip() for part in (*parts, sql[start:]) if part.strip()]


async def query_request(request: Request) -> Response:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = server.gzip.decompress(body)
    document = json.loads(body)
    parts = statements(document["sqlText"]) or [document["sqlText"]]
    for part in parts:
        if part.upper().startswith("REMOVE "):
            part = remove_file(part)
        response = await _query_request(_with_body(request, {**document, "sqlText": part}))
        answer = json.loads(response.body)
        if response.status_code == 500:
            answer["code"], answer["data"] = _INTERNAL[0], dict(zip(("errorCode", "sqlState"), _INTERNAL, strict=True))
            response = server.JSONResponse(answer)
        if not answer.get("success"):
            if len(parts) > 1 and answer.get("data"):
                answer["code"] = answer["data"]["errorCode"] = _SEVERAL[0]
                answer["data"]["sqlState"] = _SEVERAL[1]
                return server.JSONResponse(answer)
            return response
    return response


def remove_file(sql: str) -> str:
    """Removes a file from its stage; the statement to answer with."""
    name = sql.strip("'\" ").rpartition("/")[2]
    for file in Path(server.stage.LOCAL_BUCKET_PATH).rglob(name):
        file.unlink()
    return "SELECT 'removed'"


def _with_body(request: Request, document: dict[str, Any]) -> Request:
    body = json.dumps(document).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(k, v) for k, v in request.scope["headers"] if k.lower() not in (b"content-encoding", b"content-length")]
    return Request({**request.scope, "headers": headers}, receive)


# ---------------------------------------------------------------------- NULL in a column that takes none

_execute = cursor.FakeSnowflakeCursor._execute


def execute(self: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return _execute(self, *arguments, **options)
    except duckdb.ConstraintException as error:
        raise ProgrammingError(msg=str(error), errno=100072, sqlstate="22000") from error


# ---------------------------------------------------------------------- NULL timestamps

_timestamp_to_struct = arrow.timestamp_to_sf_struct


def timestamp_to_struct(timestamps: Any) -> Any:
    if isinstance(timestamps, pa.ChunkedArray):
        timestamps = timestamps.combine_chunks()
    struct = _timestamp_to_struct(timestamps)
    if isinstance(struct, pa.ChunkedArray):
        struct = struct.combine_chunks()
    fields = [field.fill_null(0) for field in struct.flatten()]
    return pa.StructArray.from_arrays(fields, fields=list(struct.type), mask=timestamps.is_null())


# ---------------------------------------------------------------------- COPY of JSON by names

_column_names, _params = copy_into._get_parquet_column_names, copy_into._params


def json_names(url: str) -> list[str]:
    literal = copy_into.FileTypeHandler.file_literal(url).sql(dialect="duckdb")
    sql = "SELECT DISTINCT unnest(json_keys(json)) FROM read_json_objects({}, format='newline_delimited')"
    return [row[0] for row in duckdb.connect().execute(sql.format(literal)).fetchall()]


class ReadNewlineJson(copy_into.ReadParquet):
    def read_expression(self, url: str) -> Any:
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in json_names(url))  # INSERT casts to the column's type
        literal = self.file_literal(url).sql(dialect="duckdb")
        sql = f"read_json({literal}, format='newline_delimited', columns={{{columns}}})"
        return sqlglot.parse_one(sql, read="duckdb")


def column_names(url: str, connection: Any) -> Any:
    return json_names(url) if ".jsonl" in url else _column_names(url, connection)


def params(*arguments: Any, **options: Any) -> Any:
    found = _params(*arguments, **options)
    by_name = found.match_by_column_name != copy_into.MatchByColumnName.NONE
    if by_name and isinstance(found.file_format, copy_into.ReadJSON):
        found.file_format = ReadNewlineJson()
    return found


replace_parse_one()
cursor.FakeSnowflakeCursor._execute = execute
arrow.timestamp_to_sf_struct = timestamp_to_struct
copy_into._get_parquet_column_names, copy_into._params = column_names, params
routes = server.app.router.routes
routes[:] = [
    Route(r.path, query_request, methods=["POST"]) if getattr(r, "endpoint", None) is _query_request else r
    for r in routes
]

if __name__ == "__main__":
    # most of an emulator's work is to parse SQL, and most of that would go into looking for garbage
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    uvicorn.run(server.app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
