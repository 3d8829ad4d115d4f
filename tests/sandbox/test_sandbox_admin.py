"""What lies beside the API: lists of requests, statistics, the clock, the record of calls, usage."""

from __future__ import annotations

import pytest

from instaview_sandbox import GLOBEX, Fault


def test_requests_are_listed_one_a_line_without_a_key(make):
    api = make(requests=5)
    more = api.sandbox.add("preview", 2)
    answer = api.http.get("/_sandbox/requests")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.splitlines() == [*api.sandbox.request_ids, *more]
    assert len(api.sandbox.request_ids) == 5


def test_requests_as_json_tell_kind_and_state(api):
    [one] = api.sandbox.add("enrichment", seconds=5)
    [other] = api.sandbox.add("sourcing", state="failed", company_id=GLOBEX.company_id)
    listed = api.http.get("/_sandbox/requests", params={"format": "json"}).json()
    assert [(r["requestId"], r["kind"], r["state"]) for r in listed] == [
        (one, "enrichment", "processing"),
        (other, "sourcing", "failed"),
    ]
    assert listed[1]["companyId"] == GLOBEX.company_id


def test_stats_count_calls_polls_and_the_gaps_between_them(make):
    api = make(minute_limit=4)
    [request_id] = api.sandbox.add("sourcing", seconds=18)
    for pause in (10, 7, 60):
        api.results(request_id)
        api.clock.now += pause
    api.call("GET", "/sourcing/req_unknown/results")
    stats = api.http.get("/_sandbox/stats").json()
    assert stats["calls"] == {"GET /sourcing/{id}/results": {"202": 3, "404": 1}}
    assert stats["requests"] == {request_id: {"polls": 3, "minGapSeconds": 7.0}}
    assert stats["rateLimited"] == 0
    for _ in range(6):
        api.results(request_id)
    stats = api.http.get("/_sandbox/stats").json()
    assert stats["rateLimited"] == 3
    assert stats["calls"]["GET /sourcing/{id}/results"] == {"202": 3, "404": 1, "200": 3, "429": 3}
    assert stats["requests"][request_id] == {"polls": 9, "minGapSeconds": 0.0}


def test_calls_are_recorded_without_secrets_and_bounded(make):
    api = make(max_calls=3)
    [request_id] = api.sandbox.add("sourcing")
    api.http.get("/billing/usage")
    api.sandbox.inject(Fault("status", times=1))
    api.results(request_id, "sourcing")
    api.call("POST", "/sourcing", json={})
    path = f"/sourcing/{request_id}/results"
    assert [tuple(call) for call in api.sandbox.calls] == [
        (api.clock.now, "GET", "/billing/usage", None, 401),
        (api.clock.now, "GET", path, "sourcing", 503),
        (api.clock.now, "POST", "/sourcing", "full", 400),
    ]
    api.results(request_id)
    assert [call.status for call in api.sandbox.calls] == [503, 400, 200]
    assert "sk_test_" not in repr(api.sandbox.calls)


def test_administration_is_not_recorded(api):
    api.http.get("/_sandbox/stats")
    assert not api.sandbox.calls


def test_time_can_be_advanced_from_outside(api):
    [request_id] = api.sandbox.add("sourcing", seconds=3600)
    answer = api.http.post("/_sandbox/advance", json={"seconds": 3599.5})
    assert answer.json() == {"now": "2024-01-15T12:59:59.500Z"}
    assert api.results(request_id).status_code == 202
    api.http.post("/_sandbox/advance", json={"seconds": 0.5})
    assert api.results(request_id).status_code == 200


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": "5"}, {"seconds": True}, []])
def test_time_does_not_go_backwards_or_sideways(api, body):
    before = api.sandbox.now()
    assert api.http.post("/_sandbox/advance", json=body).status_code == 400
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="forwards"):
            api.sandbox.advance(seconds)
    assert api.sandbox.now() == before


def test_an_unknown_admin_path_needs_no_key_to_be_404(api):
    assert api.http.get("/_sandbox/nothing").status_code == 404


def usage(api, key="full", **params):
    answer = api.call("GET", "/billing/usage", key, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_usage_is_what_the_runs_have_cost(api):
    sourcing = api.sandbox.add("sourcing", 2, candidates=7)
    api.sandbox.add("sourcing", 1, "failed", candidates=50)
    api.sandbox.add("sourcing", 1, "processing", candidates=50)
    api.sandbox.add("preview", 1, candidates=41)
    [enrichment] = api.sandbox.add("enrichment", 1, candidates=10)
    enriched = api.sandbox.payload(enrichment)["creditsConsumed"]
    body = usage(api)
    assert body["totalCreditsUsed"] == 14 + 3 + enriched
    [company] = body["companies"]
    assert company["billingSystem"] == "credits"
    assert company["totalCreditsUsed"] == body["totalCreditsUsed"]
    assert not any("Minutes" in name for name in company)
    events = {entry["costKey"]: (entry["events"], entry["creditsUsed"]) for entry in body["breakdownByCostKey"]}
    assert events == {
        "sourcing_candidates": (2, 14),
        "preview_pages": (1, 3),
        "profile_enrichments": (1, enriched),
    }
    api.sandbox.rerun(sourcing[0], seconds=0, state="completed", candidates=5)
    assert usage(api)["totalCreditsUsed"] == 19 + 3 + enriched


def test_usage_is_told_by_company_each_in_its_unit(api):
    api.sandbox.add("sourcing", candidates=4)
    api.sandbox.add("sourcing", candidates=9, company_id=GLOBEX.company_id)
    assert usage(api)["totalCreditsUsed"] == 4
    in_minutes = usage(api, "other")
    assert in_minutes["totalMinutesUsed"] == pytest.approx(3.6)
    assert in_minutes["breakdownByCostKey"] == [
        {"costKey": "sourcing_candidates", "events": 1, "minutesUsed": pytest.approx(3.6)}
    ]
    assert "Credits" not in str(in_minutes)
    both = usage(api, "ats")
    assert [company["billingSystem"] for company in both["companies"]] == ["credits", "minutes"]
    assert (both["totalCreditsUsed"], both["totalMinutesUsed"]) == (4, pytest.approx(3.6))
    assert usage(api, "ats", companyId=GLOBEX.company_id)["companies"] == both["companies"][1:]


def test_usage_at_midnight_belongs_to_the_day_that_begins(api):
    api.sandbox.add("sourcing", candidates=4, seconds=0)
    api.clock.now += 86_400 - api.clock.now % 86_400
    api.sandbox.add("sourcing", candidates=9, seconds=0)
    assert usage(api, start="2024-01-15", end="2024-01-15")["totalCreditsUsed"] == 4
    assert usage(api, start="2024-01-16", end="2024-01-16")["totalCreditsUsed"] == 9


def test_usage_is_of_the_days_asked_for(api):
    api.sandbox.add("sourcing", candidates=4, seconds=0)  # on 15 January 2024
    api.clock.now += 40 * 86_400
    api.sandbox.add("sourcing", candidates=9, seconds=0)  # on 24 February
    assert usage(api)["totalCreditsUsed"] == 9
    assert usage(api, start="2024-01-15", end="2024-01-15")["totalCreditsUsed"] == 4
    assert usage(api, start="2024-01-16", end="2024-02-23")["totalCreditsUsed"] == 0
    assert usage(api, start="2024-01-01", end="9999-12-31")["totalCreditsUsed"] == 13
    for params in ({"start": "yesterday"}, {"start": "2024-02-02", "end": "2024-01-01"}):
        assert api.call("GET", "/billing/usage", params=params).status_code == 400
