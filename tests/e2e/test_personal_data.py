"""Personal data is kept, hashed or dropped before it is written anywhere, and a person can be erased."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

import dlt
import pytest
from dlt.destinations.exceptions import DestinationConnectionError

from instaview.tables import TABLES
from instaview_sandbox import Fault

KEY = "a key of sixteen characters or more"
ERASING = (Path(__file__).parents[2] / "docs/personal_data.md").read_text(encoding="utf-8").split("```sql\n")[1]
HASH = {"SOURCES__INSTAVIEW__PERSONAL_DATA": "hash", "SOURCES__INSTAVIEW__PERSONAL_DATA_KEY": KEY}
DROP = {"SOURCES__INSTAVIEW__PERSONAL_DATA": "drop"}
PERSONAL = {(t.name, c.name): c.personal for t in TABLES for c in t.columns if c.personal}
OTHER_TIMES = ("first_seen_at", "last_polled_at", "resolved_at")


def loaded(m, ids: list[str], **env: str) -> dict[str, list[dict[str, Any]]]:
    m.database.unlink(missing_ok=True)
    m.load(*ids, **env)
    return m.tables()


@pytest.fixture
def ids(api) -> tuple[Any, list[str]]:
    sandbox = api()
    return sandbox, [i for kind in ("sourcing", "enrichment", "preview") for i in sandbox.add(kind, 2)]


@pytest.mark.parametrize("env", [HASH, DROP], ids=["hash", "drop"])
def test_what_is_personal_is_concealed_wherever_it_stands_and_all_else_stays(ids, machine, env):
    sandbox, given = ids
    m = machine(sandbox)
    kept, concealed = loaded(m, given), loaded(m, given, **env)
    hashes: dict[str, str] = {}
    for table, rows in kept.items():
        assert len(rows) == len(concealed[table])
        for before, after in zip(rows, concealed[table], strict=True):
            for column, value in before.items():
                personal = PERSONAL.get((table, column))
                if personal is None:
                    assert after[column] == value or column in OTHER_TIMES
                elif personal == "identity" and env is HASH and value:
                    assert re.fullmatch("[0-9a-f]{32}", after[column])
                    assert hashes.setdefault(value, after[column]) == after[column]
                else:
                    assert after[column] is None
    assert bool(hashes) == (env is HASH)
    assert len(set(hashes.values())) == len(hashes)
    # and no name or address is left in any other column
    told = {row[c] for (t, c), personal in PERSONAL.items() if personal == "identity" for row in kept[t] if row[c]}
    assert len(told) > 20
    texts = [v for rows in concealed.values() for row in rows for v in row.values() if isinstance(v, str)]
    assert [text for text in texts if any(one in text for one in told)] == []


@pytest.mark.slow
def test_another_key_gives_other_hashes_and_capitals_do_not(ids, machine):
    sandbox, given = ids
    m = machine(sandbox)
    emails = "SELECT email FROM profile_emails ORDER BY candidate_id, position"
    loaded(m, given, **HASH)
    first = m.query(emails)
    payload = sandbox.payload(given[0])
    for candidate in payload["candidates"]:
        candidate["emails"] = [f" {email.upper()}" for email in candidate.get("emails") or ()]
    sandbox.inject(Fault("status", status=200, body=json.dumps(payload), request_id=given[0]))
    loaded(m, given, **HASH)
    assert first == m.query(emails)
    loaded(m, given, **HASH | {"SOURCES__INSTAVIEW__PERSONAL_DATA_KEY": KEY + "!"})
    assert not set(first) & set(m.query(emails))


@pytest.mark.slow
def test_a_package_that_an_earlier_load_left_is_not_loaded_as_it_is(ids, machine, monkeypatch):
    sandbox, given = ids
    m = machine(sandbox)
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", locked_out)
        assert m.run("load", *given).returncode == 1
    assert m.load(**DROP)["completed"] == len(given), "their requests are read again"
    assert m.query("SELECT count(*) > 0, count(name) + count(linkedin_url) FROM candidates") == [(True, 0)]


def locked_out(*_: Any, **__: Any) -> NoReturn:
    raise DestinationConnectionError("duckdb", "instaview", "locked by another process", OSError())


@pytest.mark.slow
def test_it_holds_for_what_a_source_made_before_its_pipeline_left(ids, machine):
    sandbox, given = ids
    m = machine(sandbox)
    first = sandbox.add("preview", 1)
    m.load(*first, **DROP)
    code = f"""
import dlt
from dlt.destinations.exceptions import DestinationConnectionError
from instaview import instaview_source, open_pipeline
source = instaview_source({given!r})
def locked_out(*_, **__):
    raise DestinationConnectionError("duckdb", "instaview", "locked by another process", OSError())
dlt.Pipeline.load = locked_out
open_pipeline("duckdb", "instaview").run(source)
"""
    assert m.script(code).returncode == 1
    assert m.load(*given, **DROP)["completed"] == len(given)
    assert m.query("SELECT count(*) > 0, count(name) + count(linkedin_url) FROM candidates") == [(True, 0)]


def test_it_holds_for_the_plain_source_too(ids, machine):
    sandbox, given = ids
    m = machine(sandbox)
    code = f"""
import dlt
from instaview import instaview_source
pipeline = dlt.pipeline("plain", destination="duckdb", dataset_name="instaview")
pipeline.run(instaview_source({given!r}))
"""
    done = m.script(code, **DROP)
    assert done.returncode == 0, done.stderr
    shown = "count(name) + count(linkedin_url) + count(rationale) + count(extra)"
    assert m.query(f"SELECT count(*) > 0, {shown} FROM candidates") == [(True, 0)]
    assert m.query("SELECT count(*) > 0, count(email) FROM profile_emails") == [(True, 0)]


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"SOURCES__INSTAVIEW__PERSONAL_DATA": "mask"}, "personal_data"),
        ({"SOURCES__INSTAVIEW__PERSONAL_DATA": "hash"}, "personal_data_key"),
        (HASH | {"SOURCES__INSTAVIEW__PERSONAL_DATA_KEY": "too short"}, "personal_data_key"),
    ],
)
def test_a_setting_that_would_not_conceal_is_refused(ids, machine, env, says):
    sandbox, given = ids
    m = machine(sandbox)
    done = m.run("load", *given, **env)
    assert done.returncode == 2
    assert says in done.stderr
    assert "too short" not in done.stderr
    assert sandbox.calls == []
    assert not m.database.exists()


def test_a_person_is_erased_as_the_docs_say(ids, machine):
    sandbox, given = ids
    sandbox.inject(Fault("duplicate_profile", request_id=given[0]))
    m = machine(sandbox)
    before = loaded(m, given)
    gone = sandbox.payload(given[0])["candidates"][0]["profileId"]
    statements = ERASING.split("```")[0].replace("a1b2c3d4e5f6", gone).split(";")
    for statement in filter(str.strip, statements):
        m.query(statement)
    after = m.tables()
    assert gone in str(before)
    assert gone not in str(after)
    assert len(after["candidates"]) == len(before["candidates"]) - 1
    assert m.load(*given)["skipped"] == len(given)
    assert gone not in str(m.tables())
