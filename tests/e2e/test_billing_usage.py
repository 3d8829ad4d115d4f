"""`load --billing`: what was billed, beside the runs that it was billed for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dlt
import pytest

from instaview import billing_usage, load
from instaview_sandbox import Fault
from instaview_sandbox.keys import ACME, GLOBEX

DAY = 86_400


def billed(m):
    return m.query("SELECT day, cost_key, events, credits_used FROM billing_usage ORDER BY day, cost_key")


def usage_calls(sandbox):
    return [call for call in sandbox.calls if call.path == "/billing/usage"]


def today(sandbox):
    return datetime.fromtimestamp(sandbox.now(), UTC).date()


@pytest.mark.slow
def test_billing_agrees_with_the_runs_that_were_loaded(api, machine):
    sandbox = api(requests=40, started_before=6 * DAY)
    m = machine(sandbox)
    summary = m.load(*sandbox.request_ids, "--billing")
    assert summary["rows"]["billing_usage"] == len(billed(m)) > 3
    assert len(usage_calls(sandbox)) == 31
    assert m.query("SELECT DISTINCT explanation, difference FROM credit_usage_daily") == [("billed as expected", 0.0)]
    consumed = m.query("SELECT SUM(credits_consumed) FROM enrichment_runs")[0][0]
    assert m.query("SELECT SUM(credits) FROM credit_usage_daily WHERE kind = 'enrichment'") == [(consumed,)]
    assert m.query("SELECT DISTINCT company_id, company_name, billing_system FROM billing_usage") == [
        (ACME.company_id, ACME.name, "credits")
    ]


@pytest.mark.slow
def test_a_later_load_asks_for_the_last_days_again_and_late_bookings_come_in(api, machine, monkeypatch):
    sandbox = api()
    m = machine(sandbox)
    sandbox.add("sourcing", 1, candidates=4)
    m.load("--billing")
    calls = len(usage_calls(sandbox))
    assert calls == 1 + 1 + 3, "nothing was billed in all the days before"
    sandbox.add("sourcing", 1, candidates=5)
    summary = m.load("--billing")
    assert len(usage_calls(sandbox)) - calls == 4
    assert (summary["http_requests"], summary["requested"]) == (4, 0)
    assert billed(m) == [(today(sandbox), "sourcing_candidates", 2, 9.0)]


@pytest.mark.slow
def test_a_load_with_nothing_new_makes_five_calls_beside_a_company_that_never_books(api, machine):
    sandbox = api(requests=60, started_before=25 * DAY)
    m = machine(sandbox, "ats")
    m.load("--billing")
    before, calls = billed(m), len(usage_calls(sandbox))
    assert len({day for day, *_ in before}) > 10
    assert m.query("SELECT COUNT(DISTINCT company_id) FROM billing_usage") == [(1,)]
    m.load("--billing")
    assert len(usage_calls(sandbox)) - calls == 5
    assert billed(m) == before


@pytest.mark.slow
def test_bookings_that_are_taken_back_go(api, machine, monkeypatch):
    sandbox = api()
    m = machine(sandbox)
    sandbox.add("sourcing", 1, candidates=4)
    sandbox.add("preview", 1, candidates=4)
    m.load("--billing")
    assert len(billed(m)) == 2
    monkeypatch.setattr("instaview_sandbox.billing.credits_used", lambda people, run, this: 0.0)
    m.load("--billing")
    assert billed(m) == []


@pytest.mark.slow
def test_a_fresh_machine_goes_on_from_the_warehouse(api, machine):
    sandbox = api()
    m = machine(sandbox)
    sandbox.add("sourcing", 1)
    m.load("--billing")
    calls = len(usage_calls(sandbox))
    m.home.rename(m.folder / "lost")
    m.home.mkdir()
    m.load("--billing")
    assert len(usage_calls(sandbox)) - calls == 4


@pytest.mark.slow
def test_since_implies_billing_and_names_the_first_day(api, machine):
    sandbox = api()
    m = machine(sandbox)
    first = today(sandbox) - timedelta(days=2)
    sandbox.add("sourcing", 1)
    assert m.load("--billing-since", first.isoformat())["rows"]["billing_usage"] == 1
    assert len(usage_calls(sandbox)) == 3


@pytest.mark.parametrize("day", ["31.1.2025", "2025-13-01", "9999-01-01"])
def test_a_wrong_day_is_wrong_usage_and_nothing_is_sent(api, machine, day):
    sandbox = api()
    done = machine(sandbox).run("load", "--billing-since", day)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not sandbox.calls


@pytest.mark.slow
def test_without_the_scope_there_is_one_line_and_all_else_is_loaded(api, machine):
    sandbox = api()
    m = machine(sandbox, "sourcing")
    ids = sandbox.add("sourcing", 2)
    done = m.process("load", *ids, "--billing", "--strict")
    assert done.returncode == 0
    assert done.stderr == (
        "billing is left out: the key lacks the scope read:billing; give it that scope, or load without --billing\n"
    )
    assert m.states() == dict.fromkeys(ids, "completed")
    assert len(usage_calls(sandbox)) == 1


@pytest.mark.slow
def test_nothing_is_asked_without_the_option(api, machine):
    sandbox = api()
    m = machine(sandbox)
    m.load(*sandbox.add("sourcing", 1))
    assert usage_calls(sandbox) == []
    assert billed(m) == [], "the table is there all the same"


@pytest.mark.slow
def test_a_load_that_has_waited_does_not_wait_again_for_billing(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 1, state="processing")
    sandbox.inject(Fault("status", status=429, body="{}", retry_after=2, kind="billing"))
    done = m.process("load", *ids, "--billing", "--wait", "4")
    assert done.stderr == "billing is left out: the rate limit leaves no more calls within --wait\n"
    assert len(usage_calls(sandbox)) == 1


@pytest.mark.slow
def test_bookings_of_a_company_that_is_gone_go(api, machine, monkeypatch):
    sandbox = api()
    m = machine(sandbox)
    sandbox.add("sourcing", 1, candidates=4)
    named = {"SOURCES__INSTAVIEW__COMPANY_ID": ACME.company_id}
    m.load("--billing", **named)
    assert len(billed(m)) == 1
    monkeypatch.setattr("instaview_sandbox.endpoints.usage", lambda *_: {"companies": []})
    m.load("--billing", **named)
    assert billed(m) == []


@pytest.mark.slow
def test_a_fault_that_lasts_leaves_the_results_loaded(api, machine):
    sandbox = api()
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 2)
    sandbox.inject(Fault("status", status=500, kind="billing"))
    done = m.process("load", *ids, "--billing", "--no-wait")
    assert done.returncode == 0
    assert "billing is left out" in done.stderr
    assert done.stderr.count("\n") == 1
    assert m.states() == dict.fromkeys(ids, "completed")


@pytest.mark.slow
@pytest.mark.parametrize("envelope", ["flat", "wrapped"])
def test_an_ats_key_brings_all_its_companies_each_in_its_unit(api, machine, envelope):
    sandbox = api(envelope=envelope)
    m = machine(sandbox, "ats")
    sandbox.add("sourcing", 1, candidates=4)
    sandbox.add("sourcing", 1, candidates=9, company_id=GLOBEX.company_id)
    m.load("--billing-since", today(sandbox).isoformat())
    found = m.query("SELECT company_id, billing_system, credits_used, minutes_used FROM billing_usage ORDER BY 1")
    assert found == [(ACME.company_id, "credits", 4.0, None), (GLOBEX.company_id, "minutes", None, pytest.approx(3.6))]
    m.load("--billing-since", today(sandbox).isoformat(), SOURCES__INSTAVIEW__COMPANY_ID=GLOBEX.company_id)
    assert len(m.query("FROM billing_usage")) == 2


@pytest.mark.slow
def test_the_budget_is_that_of_the_results(api, machine):
    sandbox = api(minute_limit=33, minute_seconds=2)
    m = machine(sandbox)
    ids = sandbox.add("sourcing", 20)
    summary = m.load(*ids, "--billing")
    assert summary["rate_limited"] == 0
    assert summary["http_requests"] == 20 + 5
    assert summary["seconds"] > 1


@pytest.mark.slow
def test_the_resource_runs_in_a_pipeline(api, urls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    sandbox = api()
    monkeypatch.setenv("SOURCES__INSTAVIEW__BASE_URL", urls[id(sandbox)])
    monkeypatch.setenv("SOURCES__INSTAVIEW__API_KEY", sandbox.keys["full"])
    sandbox.add("enrichment", 2, candidates=3)
    pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb("file.duckdb"), dataset_name="instaview")
    pipeline.run(billing_usage())
    calls = len(sandbox.calls)
    pipeline.run(billing_usage())
    assert len(sandbox.calls) - calls == 4
    load(pipeline, sandbox.add("sourcing", 1), billing_since=today(sandbox))
    with pipeline.sql_client() as client:
        found = client.execute_sql("SELECT cost_key, events FROM billing_usage ORDER BY 1")
    assert [tuple(row) for row in found or ()] == [("profile_enrichments", 2), ("sourcing_candidates", 1)]
