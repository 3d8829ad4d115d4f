"""Hostile payloads: whatever an answer holds, the load goes on, nothing of it is lost, and no key occurs twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx
import psycopg2
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from payload_fuzz import NO_JSON, REQUEST_PREFIXES, TEXTS, Sent, candidate, payload, payloads
from round_trip import ITEMS, PROFILES, Tables, problems, read, repeated_keys

from instaview import load, resolver
from instaview.lease import TABLE as LEASE
from instaview.normalize import Result, normalize
from instaview.payload import UnreadableBody, read_payload
from instaview.request_ids import parse_request
from instaview.tables import TABLES

BATCH = 10
KEY = "sk_test_0123456789abcdefghijklmnopqrstuvwxyz01"
counted: Counter[str] = Counter()


def request_id(kind: str, number: int) -> str:
    return f"{REQUEST_PREFIXES[kind]}550e8400-e29b-41d4-a716-{number:012x}"


def body_of(sent: Sent, number: int) -> bytes:
    return sent.text.replace("REQUEST-ID", request_id(sent.kind, number)).encode()


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


# ---------------------------------------------------------------------- rows


@examples(40)
@given(st.lists(payloads(), min_size=BATCH, max_size=BATCH))
def test_a_payload_can_be_put_together_again_from_its_rows(batch: list[Sent]) -> None:
    assert_whole(batch)


@pytest.mark.long
@pytest.mark.parametrize("share", range(4))
def test_payloads_at_length(share: int) -> None:
    counted.clear()
    started = time.monotonic()

    @settings(examples(650), derandomize=False, database=None)
    @given(st.lists(payloads(), min_size=BATCH, max_size=BATCH))
    def check(batch: list[Sent]) -> None:
        assert_whole(batch)

    seed(20_250_101 + share)(check)()
    print(f"share {share}: {dict(counted)} in {time.monotonic() - started:.0f} s")
    assert counted["payloads"] >= 5_000


def assert_whole(batch: list[Sent]) -> None:
    """Normalised together as a load does it; each must come out as if alone."""
    results: dict[str, tuple[Sent, bytes]] = {}
    for number, sent in enumerate(batch):
        counted["payloads"] += 1
        try:
            _, body = read_payload(body_of(sent, number))
        except UnreadableBody:
            counted["refused"] += 1
            assert too_deep(sent) or is_no_json(sent)
            continue
        assert not is_no_json(sent)
        results[request_id(sent.kind, number)] = (sent, body)
    tables = {
        name: table.to_pylist()
        for name, table in normalize([Result(parse_request(i), body) for i, (_, body) in results.items()]).items()
    }
    assert repeated_keys(tables) == []
    for id_, (sent, _) in results.items():
        assert_kept(sent, id_, tables)


def assert_kept(sent: Sent, id_: str, tables: Tables) -> None:
    mine = {name: [row for row in rows if row["request_id"] == id_] for name, rows in tables.items()}
    assert problems(sent.kind, id_, read(sent.text.replace("REQUEST-ID", id_)), mine) == []


def too_deep(sent: Sent) -> bool:
    """Whether a payload is nested deeper than what a result can be: the only reason to refuse one."""
    try:
        json.loads(sent.text, parse_int=str)
    except RecursionError:
        return True
    return False


def is_no_json(sent: Sent) -> bool:
    """Whether a payload has numbers that JSON does not know."""

    def refuse(token: str) -> Any:
        raise ValueError(token)

    try:
        json.loads(sent.text, parse_int=str, parse_constant=refuse)
    except ValueError:
        return True
    except RecursionError:
        pass
    return False


@pytest.mark.slow
@pytest.mark.parametrize("token", NO_JSON)
def test_numbers_that_json_does_not_know_are_an_error_of_their_request_alone(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "_LONGEST_BACKOFF", 0.1)
    good, bad = (json.dumps(payload("sourcing", 1)).replace("REQUEST-ID", request_id("sourcing", n)) for n in (1, 2))
    bodies = {
        request_id("sourcing", 1): good.encode(),
        request_id("sourcing", 2): bad.replace('"matchScore": 87', f'"matchScore": {token}').encode(),
    }
    assert token in bodies[request_id("sourcing", 2)].decode()
    tables = loaded(tmp_path, bodies)
    assert [row["state"] for row in sorted(tables["requests"], key=lambda row: row["request_id"])] == [
        "completed",
        "error",
    ]
    assert {row["request_id"] for row in tables["candidates"]} == {request_id("sourcing", 1)}


# ---------------------------------------------------------------------- size


LONG = "0123456789" * 1_000_000
KINDS = [pytest.param(kind, marks=() if kind == "sourcing" else pytest.mark.long) for kind in REQUEST_PREFIXES]


@pytest.mark.parametrize(
    "long",
    [{"name": LONG, "new": LONG, "skills": ["a", LONG]}, pytest.param({"profileId": LONG}, marks=pytest.mark.long)],
    ids=["column, unknown field and list", "id"],
)
def test_a_text_of_ten_megabytes_is_kept(long: dict[str, Any], tmp_path: Path) -> None:
    sent = payload("sourcing", 2)
    sent["candidates"][0] |= long
    assert_loaded_whole(tmp_path, "sourcing", sent)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_result_of_very_many_candidates_is_loaded(kind: str, count: int, tmp_path: Path) -> None:
    profiles = [
        {"profileId": f"p{n}", "name": f"n{n}", "fullName": f"n{n}", "skills": ["a", "b"]} for n in range(count)
    ]
    items = profiles if kind != "enrichment" else [{"profileId": p["profileId"], "candidate": p} for p in profiles]
    body = json.dumps({"requestId": None, "status": "completed", ITEMS[kind]: items}).encode()
    tables = loaded(tmp_path, {request_id(kind, 1): body})
    assert [len(tables[name]) for name in PROFILES.values()].count(count) == 1
    assert len(tables["profile_skills"]) == (0 if kind == "preview" else 2 * count)
    assert repeated_keys(tables) == []


@pytest.mark.parametrize("kind", KINDS)
def test_ids_may_hold_quotes_slashes_and_sql(kind: str, tmp_path: Path) -> None:
    """Twice, so that what is there is found by its key and replaced."""
    ids = [text for text in TEXTS if text and text.isascii()]
    people = [{**candidate(n), "profileId": id_} for n, id_ in enumerate(ids)]
    items = people if kind != "enrichment" else [{"profileId": p["profileId"], "candidate": p} for p in people]
    sent = {"requestId": "REQUEST-ID", "status": "completed", ITEMS[kind]: items}
    first = assert_loaded_whole(tmp_path, kind, sent)
    assert {row["profile_id"] for row in first[PROFILES[kind]]} == {id_ for id_ in ids if "\0" not in id_}
    again = assert_loaded_whole(tmp_path, kind, sent)
    assert {name: len(rows) for name, rows in again.items()} == {name: len(rows) for name, rows in first.items()}


def assert_loaded_whole(tmp_path: Path, kind: str, payload: dict[str, Any]) -> Tables:
    sent = Sent(kind, json.dumps(payload))
    tables = loaded(tmp_path, {request_id(kind, 1): body_of(sent, 1)}, refresh=True)
    assert repeated_keys(tables) == []
    assert_kept(sent, request_id(kind, 1), tables)
    return tables


# ---------------------------------------------------------------------- all the way into a warehouse


def serving(bodies: dict[str, bytes]) -> httpx.MockTransport:
    """The API with these results, to a key that may ask as often as it likes."""
    windows = {"Minute": 60, "Hour": 3600}
    headers = {f"X-RateLimit-{part}-{window}": "1000000" for part in ("Limit", "Remaining") for window in windows}

    def answer(request: httpx.Request) -> httpx.Response:
        resets = {f"X-RateLimit-Reset-{window}": f"{time.time() + seconds:.0f}" for window, seconds in windows.items()}
        body = bodies[request.url.path.split("/")[-2]]
        return httpx.Response(200, content=body, headers={**headers, **resets})

    return httpx.MockTransport(answer)


def run_load(tmp_path: Path, destination: Any, bodies: dict[str, bytes], *, refresh: bool = False) -> None:
    pipeline = dlt.pipeline(
        "hostile", pipelines_dir=str(tmp_path / "dlt"), destination=destination, dataset_name="instaview"
    )
    load(
        pipeline,
        list(bodies),
        api_key=KEY,
        base_url="https://api.example.test",
        transport=serving(bodies),
        refresh=refresh,
    )


def tables_of(connection: Any) -> Tables:
    """All tables that a load has made, which must be those of the model and no others."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'instaview' AND table_type = 'BASE TABLE'"
    )
    names = {name for (name,) in connection.fetchall() if not name.startswith("_dlt")} - {LEASE}
    assert names == {table.name for table in TABLES}
    return {name: rows_of(connection, name) for name in names}


def rows_of(connection: Any, table: str) -> list[dict[str, Any]]:
    connection.execute(f"SELECT * FROM instaview.{table}")
    columns = [column[0] for column in connection.description]
    return [dict(zip(columns, row, strict=True)) for row in connection.fetchall()]


def loaded(tmp_path: Path, bodies: dict[str, bytes], *, refresh: bool = False) -> Tables:
    """All tables of a DuckDB file after a load of these results."""
    file = str(tmp_path / "hostile.duckdb")
    run_load(tmp_path, dlt.destinations.duckdb(file), bodies, refresh=refresh)
    with duckdb.connect(file) as connection:
        return tables_of(connection)


def hostile(count: int) -> list[Sent]:
    """So many payloads that are answers, whatever is in them."""
    pool: list[Sent] = []

    @examples(count)
    @given(payloads(whole_head=True))
    def collect(sent: Sent) -> None:
        pool.append(sent)

    collect()
    return pool


def bodies_of(pool: list[Sent]) -> dict[str, bytes]:
    return {request_id(sent.kind, number): body_of(sent, number) for number, sent in enumerate(pool)}


def assert_all_whole(pool: list[Sent], tables: Tables) -> None:
    ids = list(bodies_of(pool))
    assert {row["request_id"]: row["state"] for row in tables["requests"]} == dict.fromkeys(ids, "completed")
    assert repeated_keys(tables) == []
    by_request: dict[str, Tables] = {id_: {name: [] for name in tables} for id_ in ids}
    for name, rows in tables.items():
        for row in rows:
            by_request[row["request_id"]][name].append(row)
    for id_, sent in zip(ids, pool, strict=True):
        assert problems(sent.kind, id_, read(sent.text.replace("REQUEST-ID", id_)), by_request[id_]) == []
    print(f"{len(pool)} hostile payloads in one load, all completed and whole")


@pytest.mark.parametrize("count", [150, pytest.param(1_500, marks=pytest.mark.long)])
def test_hostile_payloads_go_through_a_load_into_duckdb(count: int, tmp_path: Path) -> None:
    pool = hostile(count)
    assert_all_whole(pool, loaded(tmp_path, bodies_of(pool)))


@pytest.mark.long
def test_hostile_payloads_go_through_a_load_into_postgres(postgres: Any, tmp_path: Path) -> None:
    pool, url = hostile(300), postgres.database()
    run_load(tmp_path, dlt.destinations.postgres(url), bodies_of(pool))
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        assert_all_whole(pool, tables_of(cursor))
