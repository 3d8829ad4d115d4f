"""The Python interface: `instaview_source` in a pipeline, and `load`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import httpx
import pytest
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.pipeline.exceptions import PipelineStepFailed
from fake_api import some_requests

from instaview import (
    DestinationFailed,
    InvalidRequestId,
    KeyRefused,
    Summary,
    UsageError,
    billing_usage,
    instaview_source,
    load,
    pending,
    runner,
)
from instaview_sandbox import Sandbox, create_app

SETTINGS: dict[str, Any] = {"poll_interval": 0.1, "wait": 20}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(seed=5, requests=0, minute_limit=100_000, hour_limit=1_000_000, results_per_minute=None)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return tmp_path


@pytest.fixture
def pipeline(here: Path) -> dlt.Pipeline:
    return dlt.pipeline("instaview", destination="duckdb", dataset_name="instaview")


def rows(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(sql) or []]


def transport(sandbox: Sandbox) -> httpx.ASGITransport:
    return httpx.ASGITransport(create_app(sandbox))


@pytest.fixture
def served(api: Any, urls: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox: Sandbox = api()
    monkeypatch.setenv("SOURCES__INSTAVIEW__BASE_URL", urls[id(sandbox)])
    monkeypatch.setenv("SOURCES__INSTAVIEW__API_KEY", sandbox.keys["full"])
    monkeypatch.setenv("SOURCES__INSTAVIEW__POLL_INTERVAL", "0.1")
    return sandbox


@pytest.mark.slow
def test_the_documented_lines_work_and_make_no_second_request(served, pipeline, here):
    ids = served.add("sourcing", 2) + served.add("enrichment", 1) + served.add("preview", 1)
    pipeline.run(instaview_source(ids))
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1") == [("completed", 4)]
    assert rows(pipeline, "SELECT status FROM _dlt_loads") == [(0,)]
    calls = len(served.calls)
    pipeline.run(instaview_source(ids))
    assert len(served.calls) == calls
    assert (here / "instaview_data.duckdb").exists(), "DuckDB cannot tell a file from a dataset of the same name"


@pytest.mark.slow
def test_the_source_takes_up_what_is_unfinished(served, pipeline):
    ids = served.add("sourcing", 2, seconds=60)
    pipeline.run(instaview_source(ids, wait=0))
    assert rows(pipeline, "SELECT DISTINCT state FROM requests") == [("processing",)]
    served.advance(61)
    pipeline.run(instaview_source([]))
    assert rows(pipeline, "SELECT DISTINCT state FROM requests") == [("completed",)]


@pytest.mark.slow
def test_the_source_refreshes_when_asked(served, pipeline):
    ids = served.add("sourcing", 1)
    pipeline.run(instaview_source(ids))
    pipeline.run(instaview_source(ids, refresh=True))
    assert len([c for c in served.calls if c.path.endswith("/results")]) == 2


@pytest.mark.slow
def test_the_source_reads_again_what_broke_off_and_nothing_that_was_loaded(served, pipeline):
    loaded, broken_off = served.add("sourcing", 1), served.add("sourcing", 2)
    pipeline.run(instaview_source(loaded))  # dlt keeps a copy of it
    rows(pipeline, "ALTER TABLE candidates RENAME TO hidden")
    with pytest.raises(PipelineStepFailed):
        pipeline.run(instaview_source(broken_off))
    rows(pipeline, "ALTER TABLE hidden RENAME TO candidates")
    calls = len(served.calls)
    pipeline.run(instaview_source([]))
    assert sorted(call.path.split("/")[-2] for call in served.calls[calls:]) == sorted(broken_off)


@pytest.mark.slow
def test_the_source_reads_what_its_own_pipeline_dropped_and_nothing_of_another_one(served, here):
    ids = {name: served.add("sourcing", 1) for name in ("own", "loaded", "dropped")}
    own = dlt.pipeline("own", destination="duckdb", dataset_name="own_data")
    other = dlt.pipeline("other", destination="duckdb", dataset_name="other_data")  # the active one from now on
    other.run(instaview_source(ids["loaded"]))
    rows(other, "ALTER TABLE candidates RENAME TO hidden")
    with pytest.raises(PipelineStepFailed):
        other.run(instaview_source(ids["dropped"]))
    rows(other, "ALTER TABLE hidden RENAME TO candidates")
    own.run(instaview_source(ids["own"]))
    assert rows(own, "SELECT request_id FROM requests") == [(ids["own"][0],)]
    other.run(instaview_source([]))
    assert {row[0] for row in rows(other, "SELECT request_id FROM requests")} == {*ids["loaded"], *ids["dropped"]}


@pytest.mark.slow
def test_the_source_removes_duplicates_also_after_a_load_that_need_not(served, pipeline):
    load(pipeline, served.add("sourcing", 1))
    pipeline.run(instaview_source(served.add("sourcing", 1)))
    schema: dict[str, Any] = dict(pipeline.default_schema.tables)
    for name in ("requests", "sourcing_runs", "candidates", "profile_skills"):
        assert not schema[name].get("x-stage-data-deduplicated"), name


@pytest.mark.slow
def test_the_source_merges_and_never_appends(served, pipeline):
    ids = served.add("sourcing", 2, candidates=4)
    for _ in range(3):
        pipeline.run(instaview_source(ids, refresh=True))
    assert rows(pipeline, "SELECT count(*), count(DISTINCT candidate_id) FROM candidates") == [(8, 8)]
    assert rows(pipeline, "SELECT count(*) - count(DISTINCT (candidate_id, position)) FROM profile_skills") == [(0,)]


def test_another_dlt_resource_can_give_the_ids(served, pipeline):
    ids = served.add("sourcing", 3)

    @dlt.resource
    def hired() -> Any:
        yield [{"request_id": ids[0]}, {"request_id": ids[1]}]
        yield {"requestId": ids[2]}

    pipeline.run(instaview_source(hired()))
    assert rows(pipeline, "SELECT count(*) FROM sourcing_runs") == [(3,)]


def test_a_malformed_id_is_refused_before_anything_is_sent(served, pipeline):
    good = served.add("sourcing", 1)
    with pytest.raises(InvalidRequestId, match="item 2"):
        instaview_source([*good, "req_../x"])
    assert not served.calls


@pytest.mark.slow
def test_a_refused_key_keeps_what_the_source_had_resolved(served, pipeline, caplog):
    ids = served.add("sourcing", 8)
    from instaview_sandbox import Fault

    pipeline.run(instaview_source(ids[:2]))
    served.inject(Fault("status", status=401, request_id=ids[5]))
    pipeline.run(instaview_source(ids[2:], max_in_flight=1))
    states = dict(rows(pipeline, "SELECT request_id, state FROM requests"))
    assert [states[i] for i in ids[:5]] == ["completed"] * 5
    assert {states[i] for i in ids[5:]} == {"processing"}
    with pytest.raises(PipelineStepFailed) as failed:
        pipeline.run(instaview_source(ids[5:6]))
    assert "refused the key" in str(failed.value)


def test_load_commits_what_was_resolved_before_the_key_was_refused(sandbox, pipeline):
    ids = sandbox.add("sourcing", 6)
    from instaview_sandbox import Fault

    sandbox.inject(Fault("status", status=401, request_id=ids[4]))
    with pytest.raises(KeyRefused) as refused:
        load(pipeline, ids, api_key=sandbox.keys["full"], transport=transport(sandbox), max_in_flight=1, **SETTINGS)
    assert refused.value.summary is not None
    assert (refused.value.summary.completed, refused.value.summary.processing) == (4, 2)
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1 ORDER BY 1") == [
        ("completed", 4),
        ("processing", 2),
    ]


def test_load_takes_up_what_a_plain_pipeline_had_not_loaded_yet(served, pipeline):
    pipeline.extract(instaview_source(served.add("sourcing", 2)))  # and then the process was killed
    assert load(pipeline).completed == 2
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1") == [("completed", 2)]


@pytest.mark.slow
def test_what_was_extracted_before_people_were_to_be_left_out_is_read_again_without_them(served, pipeline, monkeypatch):
    load(pipeline, [])
    pipeline.extract(instaview_source(served.add("sourcing", 1)))
    monkeypatch.setenv("SOURCES__INSTAVIEW__PERSONAL_DATA", "drop")
    pipeline.run(instaview_source(None))
    assert rows(pipeline, "SELECT count(*) > 0, count(name) FROM candidates") == [(True, 0)]


@pytest.mark.slow
def test_a_run_after_one_that_failed_brings_what_it_is_given(served, pipeline, monkeypatch):
    load(pipeline, [])
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", lambda *_, **__: (_ for _ in ()).throw(OSError("the warehouse is down")))
        with pytest.raises(OSError, match="down"):
            pipeline.run(instaview_source(served.add("sourcing", 1)))
    pipeline.run(instaview_source(served.add("sourcing", 2)))
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1") == [("completed", 3)]


@pytest.mark.slow
def test_the_steps_of_a_pipeline_can_be_run_one_by_one(served, pipeline):
    pipeline.extract(instaview_source(served.add("sourcing", 2)))
    pipeline.extract(billing_usage())
    pipeline.normalize()
    pipeline.load()
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1") == [("completed", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("ended", [False, True], ids=["same process", "another process"])
def test_what_a_run_to_another_warehouse_left_is_read_again_there_and_nowhere_else(served, here, ended):
    def pipeline(name: str) -> dlt.Pipeline:
        return dlt.pipeline("two", destination=dlt.destinations.duckdb(f"{name}.duckdb"), dataset_name="instaview")

    first, second = served.add("sourcing", 1), served.add("sourcing", 2)
    load(pipeline("one"), first)
    left = pipeline("other")
    left.extract(instaview_source(second))
    left.normalize()
    if ended:
        pending._made_here.clear()
    pipeline("one").run(instaview_source(None))
    assert rows(pipeline("one"), "SELECT count(*) FROM requests") == [(1,)]
    pipeline("other").run(instaview_source(None))
    assert rows(pipeline("other"), "SELECT count(*) FROM requests") == [(2,)]
    load(pipeline("one"))
    assert rows(pipeline("one"), "SELECT count(*) FROM requests") == [(1,)]


@pytest.mark.slow
def test_a_fault_after_the_rows_of_a_package_are_in_does_not_have_them_twice(served, pipeline, monkeypatch):
    ids = served.add("sourcing", 2)
    load(pipeline, [])
    with monkeypatch.context() as patch:  # new results, which are appended: killed when all is ready to be loaded
        patch.setattr(dlt.Pipeline, "load", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            load(pipeline, ids)
    dlt.config["instaview.load.raise_on_max_retries"] = 5  # as in a new process
    copy, faults = DuckDbCopyJob.run, iter([DatabaseTransientException(OSError("a fault"))])

    def run(job: Any) -> None:
        copy(job)
        if job._load_table["name"] == "candidates":
            for fault in faults:
                raise fault

    monkeypatch.setattr(DuckDbCopyJob, "run", run)
    load(pipeline)
    assert next(faults, None) is None
    assert rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1") == [("completed", 2)]
    assert rows(pipeline, "SELECT count(*) > 0, count(*) = count(DISTINCT candidate_id) FROM candidates") == [
        (True, True)
    ]


@pytest.mark.slow
def test_the_source_leaves_no_data_beside_the_tables(served, pipeline, here):
    pipeline.run(instaview_source([*served.add("sourcing", 1), *served.add("enrichment", 1)]))
    assert rows(pipeline, "SELECT count(*) > 0 FROM candidates") == [(True,)]
    assert rows(pipeline, "SELECT count(*) FROM instaview_staging.candidates") == [(0,)]
    assert [path for path in (here / "dlt").rglob("*_jobs/*") if path.is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("ours_too", [False, True])
def test_packages_of_other_sources_in_the_pipeline_are_loaded_and_kept(served, pipeline, here, monkeypatch, ours_too):
    monkeypatch.setenv("INSTAVIEW__LOAD__DELETE_COMPLETED_JOBS", "false")
    pipeline.run(instaview_source(served.add("sourcing", 1)))

    def notes(*texts: str) -> Any:
        found = dlt.resource([{"text": text} for text in texts], name="notes", write_disposition="append")
        return dlt.source(lambda: found, name="theirs")()

    pipeline.run(notes("first"))
    kept = set((here / "dlt").rglob("load/loaded/*/*/notes.*"))
    pipeline.extract(notes("second"))
    if ours_too:
        rows(pipeline, "ALTER TABLE candidates RENAME TO hidden")
        pipeline.extract(instaview_source(served.add("sourcing", 1)))
        pipeline.normalize()
        with pytest.raises(PipelineStepFailed):
            pipeline.load()
        rows(pipeline, "ALTER TABLE hidden RENAME TO candidates")
        pipeline.extract(notes("third"))
    assert load(pipeline, served.add("sourcing", 1)).completed == 1 + ours_too
    assert {text for (text,) in rows(pipeline, "SELECT text FROM notes")} >= {"first", "second"}
    assert rows(pipeline, "SELECT count(*) FROM notes WHERE text = 'third'") == [(int(ours_too),)]
    assert rows(pipeline, "SELECT count(*) FROM requests WHERE state = 'completed'") == [(2 + ours_too,)]
    assert kept
    assert kept <= set((here / "dlt").rglob("load/loaded/*/*/notes.*"))


@pytest.mark.slow
def test_one_result_that_cannot_be_made_into_rows_is_an_error_and_spoils_no_other(
    served, pipeline, monkeypatch, caplog
):
    from instaview import rows as rows_module

    good, bad = served.add("sourcing", 3), served.add("sourcing", 1)
    normalize = rows_module.normalize

    def breaks(results: Any) -> Any:
        results = list(results)
        if any(result.request.id == bad[0] for result in results):
            raise KeyError(served.payload(bad[0])["candidates"][0]["name"])
        return normalize(results)

    monkeypatch.setattr(rows_module, "normalize", breaks)
    summary = load(pipeline, good + bad)
    assert (summary.completed, summary.error, summary.not_completed) == (3, 1, 1)
    assert rows(pipeline, "SELECT request_id, error_code FROM requests WHERE state <> 'completed'") == [
        (bad[0], "UNREADABLE_RESULT")
    ]
    assert rows(pipeline, "SELECT count(*) FROM sourcing_runs") == [(3,)]
    assert bad[0] in caplog.text
    assert served.payload(bad[0])["candidates"][0]["name"] not in caplog.text
    monkeypatch.setattr(rows_module, "normalize", normalize)
    assert load(pipeline, bad).completed == 1


NOBODY = "nobody"


def answering(names: dict[str, str | None]) -> httpx.MockTransport:
    """The API with one candidate a request, of this name."""

    def answer(request: httpx.Request) -> httpx.Response:
        request_id = request.url.path.split("/")[-2]
        candidate = {"profileId": "p1", "name": names[request_id], "skills": ["SQL"]}
        candidates = [] if names[request_id] == NOBODY else [candidate]
        return httpx.Response(
            200, json={"requestId": request_id, "status": "completed", "candidates": candidates, "foundCount": 1}
        )

    return httpx.MockTransport(answer)


@pytest.fixture
def fussy(pipeline: dlt.Pipeline) -> Callable[..., Summary]:
    """Loads candidates, by their names, into a warehouse that takes no candidate without one."""
    before = "req_00000000-0000-4000-8000-00000000000f"
    load(pipeline, [before], api_key="sk_test", transport=answering({before: "Ann"}))
    rows(pipeline, "ALTER TABLE candidates ALTER name SET NOT NULL")

    def run(*names: str | None, **options: Any) -> Summary:
        ids = [f"req_00000000-0000-4000-8000-{number:012d}" for number in range(len(names))]
        sent = answering({before: "Ann", **dict(zip(ids, names, strict=True))})
        return load(pipeline, ids, api_key="sk_test", transport=sent, **options)

    return run


@pytest.mark.slow
def test_a_result_that_the_warehouse_refuses_is_an_error_and_spoils_no_other(fussy, pipeline, here, caplog):
    summary = fussy("Bea", "Cem", None, "Dan", "Eva")
    assert (summary.completed, summary.error, summary.requested) == (4, 1, 5)
    assert (summary.rows["candidates"], summary.rows["requests"]) == (4, 5)
    bad = "req_00000000-0000-4000-8000-000000000002"
    refused = "SELECT request_id, state, error_code FROM requests WHERE state <> 'completed'"
    assert rows(pipeline, refused) == [(bad, "error", "RESULT_REFUSED")]
    names = [name for (name,) in rows(pipeline, "SELECT name FROM candidates ORDER BY 1")]
    assert names == ["Ann", "Bea", "Cem", "Dan", "Eva"]
    assert bad in caplog.text
    assert not pipeline.has_pending_data
    assert list((here / "dlt").rglob("*.parquet")) == []

    again = fussy("Bea", "Cem", None, "Dan", "Eva")  # as a cron job gives it
    assert (again.skipped, again.error, again.http_requests) == (4, 1, 1), "those that were loaded are not read again"
    assert rows(pipeline, refused) == [(bad, "error", "RESULT_REFUSED")]

    assert fussy("Bea", "Cem", "Zoe", "Dan", "Eva").completed == 1
    assert rows(pipeline, "SELECT name FROM candidates WHERE request_id = '" + bad + "'") == [("Zoe",)]


@pytest.mark.slow
def test_a_finished_request_whose_new_result_is_refused_is_finished_no_more(fussy, pipeline):
    fussy("Bea", "Cem")
    summary = fussy("Bea", None, refresh=True)
    assert (summary.completed, summary.error) == (1, 1)
    states = rows(pipeline, "SELECT state, count(*) FROM requests GROUP BY 1 ORDER BY 1")
    assert states == [("completed", 2), ("error", 1)]
    names = [name for (name,) in rows(pipeline, "SELECT name FROM candidates ORDER BY 1")]
    assert names == ["Ann", "Bea", "Cem"], "what the warehouse refuses takes nothing along"
    assert fussy("Bea", "Cem").completed == 1


@pytest.mark.slow
def test_halves_are_announced_where_the_warehouse_refused_the_announcement(fussy, pipeline, monkeypatch):
    fussy("Bea", "Cem")
    refusal = DestinationFailed("refused")
    refusal.refusal = "refused"
    commit, refusals = runner.commit, [refusal]

    def refusing_once(*arguments: Any, **options: Any) -> list[str]:
        if refusals:
            raise refusals.pop()
        return commit(*arguments, **options)

    monkeypatch.setattr(runner, "commit", refusing_once)
    assert fussy("Bea", None, refresh=True).error == 1
    states = rows(pipeline, "SELECT state, error_code, count(*) FROM requests GROUP BY ALL ORDER BY 1")
    assert states == [("completed", None, 2), ("error", "RESULT_REFUSED", 1)]


@pytest.mark.slow
def test_a_warehouse_that_takes_no_result_at_all_ends_the_load_and_nothing_is_lost(fussy, pipeline):
    with pytest.raises(DestinationFailed, match="it refused a row"):
        fussy(None, None, NOBODY)
    assert rows(pipeline, "SELECT count(*) FROM requests WHERE state = 'error'") == [(0,)]
    rows(pipeline, "ALTER TABLE candidates ALTER name DROP NOT NULL")
    sent = answering({f"req_00000000-0000-4000-8000-{number:012d}": None for number in (0, 1)})
    assert load(pipeline, api_key="sk_test", transport=sent).completed == 2


@pytest.mark.slow
def test_a_table_that_takes_no_result_of_a_kind_is_no_fault_of_the_results(fussy, pipeline):
    bad, preview = (f"req_{kind}00000000-0000-4000-8000-000000000001" for kind in ("", "prev_"))
    with pytest.raises(DestinationFailed, match="it refused a row"):
        load(pipeline, [bad, preview], api_key="sk_test", transport=answering({bad: None, preview: "Pia"}))
    states = rows(pipeline, "SELECT request_id, state FROM requests WHERE request_id LIKE '%1'")
    assert (preview, "completed") in states
    assert (bad, "error") not in states


@pytest.mark.slow
@pytest.mark.parametrize(("status", "state"), [(404, "not_found"), (403, "error")])
def test_a_finished_request_that_is_read_again_in_vain_stays_finished(served, pipeline, status, state):
    from instaview_sandbox import Fault

    ids = served.add("sourcing", 2)
    load(pipeline, ids)
    before = rows(pipeline, "SELECT * FROM requests ORDER BY request_id")
    served.inject(Fault("status", status=status, request_id=ids[0]))
    served.inject(Fault("status", status=status, request_id=ids[1]))
    summary = load(pipeline, ids, refresh=True)
    assert (getattr(summary, state), summary.completed, summary.not_completed) == (2, 0, 2)
    pipeline.run(instaview_source(ids, refresh=True))
    assert rows(pipeline, "SELECT * FROM requests ORDER BY request_id") == before
    assert load(pipeline, ids).skipped == 2


NOT_FOUND = {"success": False, "data": None, "error": {"code": "REQUEST_NOT_FOUND", "message": "Request not found"}}


@pytest.mark.slow
def test_a_404_that_may_be_another_server_s_leaves_an_unfinished_request_unfinished(pipeline):
    answers: dict[str, Any] = {}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(**answers)

    def one_look(*ids: str) -> Summary:
        return load(pipeline, ids or None, api_key="sk_test", look_once=True, transport=httpx.MockTransport(answer))

    (request_id,) = [request.id for request in some_requests(1)]
    answers.update(status_code=202, json={"requestId": request_id, "status": "processing"})
    one_look(request_id)
    answers.update(status_code=404, json={"statusCode": 404, "message": "Cannot GET /v2/x", "error": "Not Found"})
    one_look()
    assert rows(pipeline, "SELECT state FROM requests") == [("processing",)]
    answers.update(json=NOT_FOUND)
    assert one_look().not_found == 1
    assert rows(pipeline, "SELECT state FROM requests") == [("not_found",)]
    assert one_look().requested == 0


@pytest.mark.slow
def test_what_was_given_again_and_not_reached_is_taken_up_by_the_next_load(served, pipeline):
    from instaview_sandbox import Fault

    ids = served.add("sourcing", 3)
    served.inject(Fault("status", status=404, times=1, request_id=ids[0]))
    served.inject(Fault("status", status=403, times=1, request_id=ids[1]))
    found = load(pipeline, ids[:2])
    assert (found.not_found, found.error) == (1, 1)
    served.inject(Fault("status", status=401, times=1))
    with pytest.raises(KeyRefused) as refused:
        load(pipeline, ids, max_in_flight=1)
    assert refused.value.summary.processing == 3
    assert load(pipeline).completed == 3


@pytest.mark.slow
def test_a_key_refused_midway_ends_the_source_in_success_and_the_log_says_so(served, pipeline, caplog):
    from instaview_sandbox import Fault

    first, second = served.add("sourcing", 2)
    served.inject(Fault("status", status=401, request_id=second, times=1))
    pipeline.run(instaview_source([first, second]))
    assert rows(pipeline, "SELECT state FROM requests ORDER BY state") == [("completed",), ("processing",)]
    assert [record.levelname for record in caplog.records if "refused the key" in record.message] == ["ERROR"]
    pipeline.run(instaview_source([]))
    assert rows(pipeline, "SELECT DISTINCT state FROM requests") == [("completed",)]


def test_load_tells_its_progress(sandbox, pipeline):
    seen = []
    ids = sandbox.add("sourcing", 3) + sandbox.add("sourcing", 1, state="failed")
    load(pipeline, ids, api_key=sandbox.keys["full"], transport=transport(sandbox), on_progress=seen.append, **SETTINGS)
    last = seen[-1]
    assert (last.total, last.completed, last.failed, last.processing) == (4, 3, 1, 0)
    assert last.http_requests == 4
    assert last.minute_limit == 100_000


def test_load_works_off_the_main_thread(sandbox, pipeline):
    from concurrent.futures import ThreadPoolExecutor

    ids = sandbox.add("sourcing", 2)
    with ThreadPoolExecutor(1) as pool:
        summary = pool.submit(
            lambda: load(pipeline, ids, api_key=sandbox.keys["full"], transport=transport(sandbox), **SETTINGS)
        ).result()
    assert summary.completed == 2


def test_settings_come_from_the_environment_and_keywords_win(served, pipeline, monkeypatch):
    monkeypatch.setenv("SOURCES__INSTAVIEW__WAIT", "0")
    never = served.add("sourcing", 1, state="processing")
    assert load(pipeline, never).http_requests == 1
    monkeypatch.setenv("SOURCES__INSTAVIEW__POLL_INTERVAL", "-1")
    with pytest.raises(UsageError, match="poll_interval"):
        load(pipeline, never)
    assert load(pipeline, never, poll_interval=0.1).http_requests == 1


def test_a_duckdb_file_of_the_users_choice_named_like_the_dataset_is_refused_in_words(here):
    chosen = dlt.pipeline("p", destination=dlt.destinations.duckdb("same.duckdb"), dataset_name="same")
    with pytest.raises(UsageError, match="same name"):
        load(chosen, [], api_key="sk_test")


def test_times_are_utc_and_the_descriptions_reach_the_schema(sandbox, pipeline):
    ids = sandbox.add("sourcing", 1)
    load(pipeline, ids, api_key=sandbox.keys["full"], transport=transport(sandbox), **SETTINGS)
    stored = rows(pipeline, "SELECT completed_at FROM sourcing_runs")[0][0]
    told = datetime.fromisoformat(sandbox.payload(ids[0])["completedAt"])
    assert stored.astimezone(UTC) == told.astimezone(UTC)
    table = pipeline.default_schema.get_table("candidates")
    assert table["description"]
    assert all(column.get("description") for column in table["columns"].values())


@pytest.mark.slow
def test_the_warehouse_has_no_state_that_grows(served, pipeline):
    for _ in range(4):
        pipeline.run(instaview_source(served.add("sourcing", 1)))
    assert rows(pipeline, "SELECT count(*) FROM _dlt_version") == [(1,)]
    assert rows(pipeline, "SELECT count(*) FROM _dlt_pipeline_state") == [(1,)]


def test_load_leaves_no_data_in_the_working_folder(served, pipeline, here):
    load(pipeline, served.add("sourcing", 3))
    files = {path.relative_to(here / "dlt") for path in (here / "dlt").rglob("*") if path.is_file()}
    load(pipeline, served.add("sourcing", 3))
    assert {path.relative_to(here / "dlt") for path in (here / "dlt").rglob("*") if path.is_file()} == files
    assert not [path for path in files if path.suffix == ".parquet"]
