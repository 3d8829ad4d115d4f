"""Making requests: POST, PATCH, and what is refused."""

from __future__ import annotations

import pytest

from instaview_sandbox import EXAMPLES


@pytest.mark.parametrize(
    ("path", "body", "prefix", "kind"),
    [
        ("/sourcing", {"title": "Engineer", "jobDescription": "…", "limit": 5}, "req_", "sourcing"),
        ("/sourcing/enrich", {"profileIds": ["a1b2c3d4e5f6"]}, "enr_", "enrichment"),
        ("/sourcing/preview", {"query": "engineer", "limit": 100}, "req_prev_", "preview"),
    ],
)
def test_post_starts_a_request(make, path, body, prefix, kind):
    api = make(run_seconds=(10, 10), failed_share=0)
    answer = api.call("POST", path, json=body)
    assert answer.status_code == 202
    assert answer.json()["status"] == "processing"
    request_id = answer.json()["requestId"]
    assert request_id.startswith(prefix)
    assert api.sandbox.kind(request_id) == kind
    assert api.results(request_id).status_code == 202
    api.clock.now += 10
    assert api.results(request_id).json()["status"] == "completed"


def test_limit_bounds_the_candidates(make):
    api = make(run_seconds=(0, 0), failed_share=0)
    sizes = set()
    for _ in range(40):
        request_id = api.call("POST", "/sourcing", json={"title": "t", "limit": 3}).json()["requestId"]
        sizes.add(len(api.results(request_id).json().get("candidates") or []))
    assert sizes == {0, 1, 2, 3}


def test_enrich_answers_for_the_profiles_it_was_given(make):
    api = make(run_seconds=(0, 0), failed_share=0)
    known = [api.sandbox.people.profile_id(number) for number in range(8)]
    asked = [*known, "nobody", known[0]]
    request_id = api.call("POST", "/sourcing/enrich", json={"profileIds": asked}).json()["requestId"]
    data = api.results(request_id).json()["data"]
    assert [entry["profileId"] for entry in data] == [*known, "nobody"]
    assert data[-1]["errorCode"] == "PROFILE_NOT_FOUND"
    assert sum(entry["success"] for entry in data) >= 4


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/sourcing", {"title": "t" * 201}, "title"),
        ("POST", "/sourcing", {"title": 7}, "title"),
        ("POST", "/sourcing", {"jobDescription": "d" * 10_001}, "jobDescription"),
        ("POST", "/sourcing", {"query": "q" * 501}, "query"),
        ("POST", "/sourcing", {"title": "t", "limit": 51}, "limit"),
        ("POST", "/sourcing", {"title": "t", "limit": 0}, "limit"),
        ("POST", "/sourcing", {"title": "t", "limit": True}, "limit"),
        ("POST", "/sourcing", {"title": "t", "webhookId": 1}, "webhookId"),
        ("POST", "/sourcing", {}, "title"),
        ("POST", "/sourcing/preview", {"title": "t", "limit": 101}, "limit"),
        ("POST", "/sourcing/enrich", {"profileIds": ["p"] * 11}, "profileIds"),
        ("POST", "/sourcing/enrich", {"profileIds": []}, "profileIds"),
        ("POST", "/sourcing/enrich", {"profileIds": [1]}, "profileIds"),
        ("POST", "/sourcing/enrich", {}, "profileIds"),
        ("PATCH", "/sourcing/req_1", {"limit": 51}, "limit"),
        ("PATCH", "/sourcing/req_1", {"query": "q" * 501}, "query"),
        ("PATCH", "/sourcing/req_1", {}, "query"),
    ],
)
def test_what_breaks_a_documented_limit_is_400_and_starts_nothing(api, method, path, body, field):
    answer = api.call(method, path, json=body)
    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert [problem["field"] for problem in answer.json()["error"]["details"]] == [field]
    assert api.sandbox.all_request_ids == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/sourcing",
            {"title": "t" * 200, "jobDescription": "d" * 10_000, "query": "q" * 500, "limit": 50},
        ),
        ("/sourcing/preview", {"title": "t", "limit": 100}),
        ("/sourcing/enrich", {"profileIds": [f"p{n}" for n in range(10)]}),
    ],
)
def test_the_limits_themselves_are_allowed(api, path, body):
    assert api.call("POST", path, json=body).status_code == 202


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_400(api, body):
    assert api.call("POST", "/sourcing", content=body).status_code == 400


def test_patch_runs_again_under_the_same_id(make):
    api = make(run_seconds=(30, 30), failed_share=0)
    [request_id] = api.sandbox.add("sourcing", candidates=40)
    before = api.results(request_id).json()
    api.clock.now += 100

    answer = api.call("PATCH", f"/sourcing/{request_id}", json={"limit": 50, "query": "more"})
    assert answer.status_code == 202
    assert answer.json()["requestId"] == request_id
    assert answer.json()["updatedAt"] > answer.json()["createdAt"] == before["createdAt"]
    assert api.results(request_id).status_code == 202
    assert api.call("PATCH", f"/sourcing/{request_id}", json={"limit": 9}).status_code == 409

    api.clock.now += 30
    after = api.results(request_id).json()
    assert after == api.sandbox.payload(request_id)
    assert after["completedAt"] > before["completedAt"]
    assert after["createdAt"] == before["createdAt"]
    assert after["candidates"] != before["candidates"]


def test_a_later_pass_repeats_some_candidates_with_other_scores_and_shorter_lists(api):
    [request_id] = api.sandbox.add("sourcing", candidates=200)
    before = {c["profileId"]: c for c in api.results(request_id).json()["candidates"]}
    api.sandbox.rerun(request_id, seconds=0, state="completed", candidates=200)
    after = {c["profileId"]: c for c in api.results(request_id).json()["candidates"]}
    again = before.keys() & after.keys()
    assert 0 < len(again) < 200
    assert any(before[p].get("matchScore") != after[p].get("matchScore") for p in again)

    def sizes(candidate):
        return len(candidate.get("skills") or [])

    assert any(0 < sizes(after[p]) < sizes(before[p]) for p in again)
    assert any(sizes(before[p]) and after[p].get("skills") == [] for p in again)
    assert all(sizes(after[p]) <= sizes(before[p]) or not sizes(before[p]) for p in again)


def test_passes_complete_one_after_the_other_even_if_time_stands_still(api):
    [request_id] = api.sandbox.add("sourcing", seconds=0)
    told = []
    for _ in range(3):
        told.append(api.results(request_id).json()["completedAt"])
        api.sandbox.rerun(request_id, seconds=0)
    assert told == sorted(set(told))


def test_patch_is_for_sourcing_requests_that_exist(api):
    [enrichment] = api.sandbox.add("enrichment")
    for request_id in (enrichment, "req_00000000-0000-4000-8000-000000000000"):
        answer = api.call("PATCH", f"/sourcing/{request_id}", json={"limit": 5})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "REQUEST_NOT_FOUND")
    example = next(i for i in EXAMPLES if i.startswith("req_5"))
    assert api.call("PATCH", f"/sourcing/{example}", json={"limit": 5}).status_code == 409


def test_rerun_in_python_refuses_what_patch_refuses(api):
    [enrichment] = api.sandbox.add("enrichment")
    [running] = api.sandbox.add("sourcing", state="processing")
    for request_id in (enrichment, running, next(iter(EXAMPLES))):
        with pytest.raises(ValueError, match=request_id):
            api.sandbox.rerun(request_id)
    with pytest.raises(KeyError):
        api.sandbox.rerun("req_unknown")
