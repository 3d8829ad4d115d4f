"""The three results endpoints: the life of a request as a caller sees it."""

from __future__ import annotations

import re

import pytest

PREVIEW = {
    "profileId", "fullName", "profileUrl", "title", "headline", "location", "country", "companyName",
    "companyUrl",
}  # fmt: skip
CANDIDATE = {
    "profileId", "name", "linkedinUrl", "matchScore", "rationale", "skills", "headline", "location",
    "currentCompany", "currentRole", "aiFitPoints", "aiRedFlags", "aiDetailedRationale", "detailedExperience",
    "emails",
}  # fmt: skip
KINDS = ["sourcing", "enrichment", "preview"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_processing_until_its_time_is_up(api, kind):
    [request_id] = api.sandbox.add(kind, seconds=30, candidates=10)

    answer = api.results(request_id)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["success"], body["requestId"], body["status"]) == (True, request_id, "processing")
    assert body["createdAt"] == "2024-01-15T12:00:00.000Z"
    assert body["message"]
    assert ("candidatesSourcedCount" in body) == (kind != "enrichment")
    assert "completedAt" not in body

    api.clock.now += 29.9
    assert api.results(request_id).status_code == 202
    api.clock.now += 0.1
    answer = api.results(request_id)
    assert answer.status_code == 200
    assert answer.json() == api.sandbox.payload(request_id)
    assert answer.json()["completedAt"] == "2024-01-15T12:00:30.000Z"


def test_progress_is_told_while_sourcing(api):
    [request_id] = api.sandbox.add("sourcing", seconds=100, candidates=20)
    counts = []
    for _ in range(4):
        counts.append(api.results(request_id).json()["candidatesSourcedCount"])
        api.clock.now += 25
    assert counts == [0, 5, 10, 15]


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_run_says_why_and_has_no_results(api, kind):
    ids = api.sandbox.add(kind, 20, "failed")
    bodies = [api.results(request_id).json() for request_id in ids]
    assert {frozenset(body) for body in bodies} == {
        frozenset({"success", "requestId", "status", "createdAt", "completedAt", "errorCode", "errorMessage"})
    }
    assert {body["status"] for body in bodies} == {"failed"}
    assert {body["errorCode"] for body in bodies} <= {"AGENT_ERROR", "INTERNAL_ERROR"}


def test_a_run_may_fail_after_a_while(api):
    [request_id] = api.sandbox.add("sourcing", state="failed", seconds=5)
    assert api.results(request_id).json()["status"] == "processing"
    api.clock.now += 5
    assert api.results(request_id).json()["status"] == "failed"


def test_a_run_may_never_end(api):
    [request_id] = api.sandbox.add("sourcing", state="processing")
    api.clock.now += 10**9
    assert api.results(request_id).status_code == 202
    assert api.sandbox.payload(request_id)["status"] == "processing"


def test_sourcing_lists_candidates_best_first_with_the_documented_fields(api):
    [request_id] = api.sandbox.add("sourcing", candidates=400)
    body = api.results(request_id).json()
    scores = [c["matchScore"] for c in body["candidates"] if c.get("matchScore") is not None]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < scores[0] <= 100
    assert any(isinstance(score, float) for score in scores)
    assert any(isinstance(score, int) for score in scores)
    assert {name for c in body["candidates"] for name in c} == CANDIDATE
    assert len({c["profileId"] for c in body["candidates"]}) == 400
    assert body["foundCount"] >= body["scoredCount"] >= 400


def test_optional_fields_are_missing_null_or_empty_at_times(api):
    [request_id] = api.sandbox.add("sourcing", candidates=2000)
    candidates = api.results(request_id).json()["candidates"]
    for field in CANDIDATE - {"profileId"}:
        assert any(field not in c for c in candidates), field
        assert any(field in c and c[field] is None for c in candidates), field
    for field in (
        "skills",
        "aiFitPoints",
        "aiRedFlags",
        "aiDetailedRationale",
        "detailedExperience",
        "emails",
    ):
        lengths = {len(c[field]) for c in candidates if c.get(field) is not None}
        assert {0, 1, 2, 3} <= lengths, field
    jobs = [job for c in candidates for job in c.get("detailedExperience") or []]
    assert any(job.get("highlights") == [] for job in jobs)
    assert any("highlights" not in job for job in jobs)
    assert all("profileId" in c for c in candidates)


def test_empty_runs_come_in_every_documented_form(api):
    ids = api.sandbox.add("sourcing", 60, candidates=0)
    forms = [api.results(request_id).json().get("candidates", "missing") for request_id in ids]
    assert all(form in ([], None, "missing") for form in forms)
    assert [] in forms
    assert None in forms
    assert "missing" in forms


def test_a_preview_candidate_has_nine_fields_with_names_of_their_own(api):
    [request_id] = api.sandbox.add("preview", candidates=100)
    candidates = api.results(request_id).json()["candidates"]
    assert len(candidates) == 100
    assert {name for c in candidates for name in c} == PREVIEW


def test_an_enrichment_tells_successes_from_failures(api):
    [request_id] = api.sandbox.add("enrichment", candidates=300)
    body = api.results(request_id).json()
    good = [entry for entry in body["data"] if entry["success"]]
    bad = [entry for entry in body["data"] if not entry["success"]]
    assert (body["enrichedCount"], body["failureCount"]) == (len(good), len(bad))
    assert body["creditsConsumed"] == len(good)
    assert all(entry["candidate"]["profileId"] == entry["profileId"] for entry in good)
    assert all("candidate" not in entry and entry["errorMessage"] for entry in bad)
    assert {entry["errorCode"] for entry in bad} == {"PROFILE_TIMEOUT", "PROFILE_NOT_FOUND"}


def test_the_wrapped_envelope_holds_the_same_results(make):
    flat, wrapped = make(), make(envelope="wrapped")
    for kind in KINDS:
        for api in (flat, wrapped):
            api.sandbox.add(kind, 3)
            api.sandbox.add(kind, 1, seconds=60)
    assert flat.sandbox.all_request_ids == wrapped.sandbox.all_request_ids
    for request_id in flat.sandbox.all_request_ids:
        plain, inside = flat.results(request_id), wrapped.results(request_id)
        assert inside.status_code == plain.status_code
        assert set(inside.json()) == {"success", "data", "error", "timestamp"}
        assert inside.json()["data"] == plain.json()
        assert inside.json()["error"] is None


def test_a_request_is_found_only_under_its_own_kind(api):
    [request_id] = api.sandbox.add("enrichment")
    for path in (f"/sourcing/{request_id}/results", f"/sourcing/preview/{request_id}/results"):
        answer = api.call("GET", path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "REQUEST_NOT_FOUND"


def test_an_unknown_request_and_an_unknown_path_are_404(api):
    answer = api.call("GET", "/sourcing/req_00000000-0000-4000-8000-000000000000/results")
    body = answer.json()
    assert answer.status_code == 404
    assert set(body) == {"success", "data", "error", "timestamp"}
    assert (body["success"], body["data"], body["error"]["code"]) == (False, None, "REQUEST_NOT_FOUND")
    assert api.call("GET", "/sourcing").json()["error"]["code"] == "NOT_FOUND"


def test_the_seeded_requests_are_a_mix_and_at_all_stages(make):
    api = make(requests=600, run_seconds=(0, 20))
    kinds = [api.sandbox.kind(request_id) for request_id in api.sandbox.request_ids]
    assert 0.5 < kinds.count("sourcing") / 600 < 0.7
    assert 0.18 < kinds.count("enrichment") / 600 < 0.32
    assert 0.1 < kinds.count("preview") / 600 < 0.2
    states = [api.results(request_id).json()["status"] for request_id in api.sandbox.request_ids]
    assert min(states.count("completed"), states.count("processing")) > 150
    api.clock.now += 20
    states = [api.results(request_id).json()["status"] for request_id in api.sandbox.request_ids]
    assert states.count("processing") == 0
    assert 0.01 < states.count("failed") / 600 < 0.08
    patterns = {"sourcing": "req_", "enrichment": "enr_", "preview": "req_prev_"}
    uuid4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    for request_id, kind in zip(api.sandbox.request_ids, kinds, strict=True):
        assert re.fullmatch(patterns[kind] + uuid4, request_id)
