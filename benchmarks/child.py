"""One measurement in a process of its own, so that its peak memory is its own: `measure.py NAME FOLDER`.

Prints one line of JSON. `run.py` starts it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_Result = dict[str, Any]


@contextmanager
def _timed(result: _Result) -> Iterator[None]:
    """Seconds on the clock and of the processor (all threads) spent inside; imports are done before."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    yield
    result["seconds"] = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    result["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result["peak_mb"] = _peak_mb()


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _count(file: Path, schema: str) -> _Result:
    """Rows in all tables, to see that every way loaded the same; after the measurement."""
    import duckdb

    with duckdb.connect(file, read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [schema]).fetchall()
        tables = [name for (name,) in names if not name.startswith("_dlt")]
        counts = {name: connection.sql(f'SELECT count(*) FROM {schema}."{name}"').fetchall()[0][0] for name in tables}
    return {"rows": sum(counts.values())}


def _transport(bodies: Any) -> Any:
    import httpx

    headers = {"Content-Type": "application/json"}
    for window in ("Minute", "Hour"):
        headers[f"X-RateLimit-Limit-{window}"] = headers[f"X-RateLimit-Remaining-{window}"] = "1000000"
        headers[f"X-RateLimit-Reset-{window}"] = str(int(time.time()) + 60)

    class Memory(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers=headers, content=bodies.read(request.url.path.split("/")[-2]))

    return Memory()


def _pipeline(work: Path, name: str = "benchmark") -> Any:
    import dlt

    return dlt.pipeline(
        name,
        pipelines_dir=str(work / "pipelines"),
        destination=dlt.destinations.duckdb(str(work / "warehouse.duckdb")),
        dataset_name="results",
    )


def load(folder: Path, work: Path) -> _Result:
    """The public `instaview.load`: client, polling, normalising, committing."""
    import instaview
    from bodies import Bodies

    bodies, result = Bodies(folder), _Result()
    transport, run = _transport(bodies), instaview.load
    with _timed(result):
        summary = run(_pipeline(work), bodies.ids, api_key="sk_test", transport=transport)
    assert summary.completed == len(bodies.ids), summary
    return result | {"loads": len(summary.load_ids)} | _count(work / "warehouse.duckdb", "results")


def commit(folder: Path, work: Path) -> _Result:
    """The same rows, committed in the same batches, without client and polling."""
    from bodies import Bodies
    from instaview.destination import prepare
    from instaview.ledger import Plan
    from instaview.polling import Batch
    from instaview.request_ids import parse_request
    from instaview.resolver import Tracked
    from instaview.runner import Summary, _Committer
    from instaview.settings import COMMIT_RESULTS

    bodies, result, summary = Bodies(folder), _Result(), Summary()
    now = datetime.now(UTC)
    with _timed(result):
        pipeline = _pipeline(work)
        prepare(pipeline)
        committer, plan = _Committer(pipeline, summary), Plan([], [], {}, tables_exist=False)
        committer.free()
        ended: list[Tracked] = []
        for request_id in bodies.ids:
            request = parse_request(request_id)
            ended.append(Tracked(request, "completed", 1, now, now, 200, body=bodies.read(request_id)))
            if len(ended) == COMMIT_RESULTS or request_id == bodies.ids[-1]:
                committer.commit(Batch(ended, first=False, last=request_id == bodies.ids[-1]), plan, [])
                ended = []
    return result | {"loads": len(summary.load_ids)} | _count(work / "warehouse.duckdb", "results")


def normalise(folder: Path, work: Path) -> _Result:
    """Only bodies to Arrow tables, which are thrown away."""
    from bodies import Bodies
    from instaview.normalize import Result, normalize
    from instaview.request_ids import parse_request
    from instaview.source import BODIES_AT_ONCE

    bodies, result, rows = Bodies(folder), _Result(), 0
    with _timed(result):
        for start in range(0, len(bodies.ids), BODIES_AT_ONCE):
            ids = bodies.ids[start : start + BODIES_AT_ONCE]
            tables = normalize([Result(parse_request(i), bodies.read(i)) for i in ids], "1")
            rows += sum(map(len, tables.values()))
    return result | {"rows": rows}


def floor(folder: Path, work: Path) -> _Result:
    """DuckDB's own `read_json` and `UNNEST`."""
    import duckdb

    result = _Result()
    script = (_HERE / "floor.sql").read_text().replace("$path", f"'{folder / 'bodies.ndjson'}'")
    with _timed(result), duckdb.connect(work / "warehouse.duckdb") as connection:
        connection.execute(script)
    return result | _count(work / "warehouse.duckdb", "results")


def plain_dlt(folder: Path, work: Path) -> _Result:
    """The same bodies as dicts through a plain dlt resource: dlt nests the tables, merges by the request's id."""
    import dlt
    import orjson

    from bodies import Bodies

    bodies, result = Bodies(folder), _Result()

    @dlt.resource(primary_key="requestId", write_disposition="merge", name="sourcing_runs", file_format="parquet")
    def runs() -> Iterator[Any]:
        for request_id in bodies.ids:
            yield orjson.loads(bodies.read(request_id))

    with _timed(result):
        _pipeline(work).run(runs(), loader_file_format="parquet")
    return result | _count(work / "warehouse.duckdb", "results")


def finished(folder: Path, work: Path) -> _Result:
    """A warehouse in which every request is finished; `nothing_new` runs on it."""
    import instaview
    from bodies import Bodies

    bodies = Bodies(folder)
    (work / "ids").write_text("\n".join(bodies.ids))
    instaview.load(_pipeline(work, "instaview"), bodies.ids, api_key="sk_test", transport=_transport(bodies))
    return {"seconds": 0.0, "cpu": 0.0}


def nothing_new(folder: Path, work: Path) -> _Result:
    """Loads what is finished already. Its time is that of the whole process, taken by `run.py`."""
    import instaview

    summary = instaview.load(_pipeline(work, "instaview"), (work / "ids").read_text().split(), api_key="sk_test")
    assert summary.skipped == summary.requested > 0, summary
    assert summary.http_requests == 0, summary
    return {"seconds": 0.0, "cpu": 0.0}


def rate_limit(folder: Path, work: Path) -> _Result:
    """All the simulated plans."""
    from rate_limit import CASES, simulate

    result = _Result()
    with _timed(result):
        result["cases"] = {case.name: simulate(case) for case in CASES}
    return result


_ALL: dict[str, Callable[[Path, Path], _Result]] = {
    function.__name__: function
    for function in (load, commit, normalise, floor, plain_dlt, finished, nothing_new, rate_limit)
}


def main() -> None:
    """Runs what the command line names; the third argument is a work folder to keep."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    with tempfile.TemporaryDirectory(prefix="instaview-benchmark-") as temporary:
        work = Path(sys.argv[3] if len(sys.argv) > 3 else temporary)
        os.environ["DLT_DATA_DIR"] = str(work)
        os.chdir(work)
        try:
            result = _ALL[name](folder, work)
        finally:
            os.chdir(_HERE)
    print(json.dumps({"peak_mb": _peak_mb()} | result))


if __name__ == "__main__":
    main()
