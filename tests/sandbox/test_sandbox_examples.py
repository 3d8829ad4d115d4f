"""The documented payloads, byte for byte."""

from __future__ import annotations

import json

from instaview_sandbox import EXAMPLES

UUID = "550e8400-e29b-41d4-a716-446655440000"
JANE = {
    "profileId": "a1b2c3d4e5f6", "name": "Jane Smith",
    "linkedinUrl": "https://www.linkedin.com/in/janesmith", "matchScore": 87,
    "rationale": "Strong fintech background with Node.js expertise.",
    "skills": ["Node.js", "TypeScript", "PostgreSQL"],
    "headline": "Senior Software Engineer at Stripe", "location": "San Francisco, CA",
    "currentCompany": "Stripe", "currentRole": "Senior Software Engineer",
    "aiFitPoints": ["5+ years Node.js", "FinTech background"],
    "aiRedFlags": ["No public cloud experience"],
    "aiDetailedRationale": [{"title": "Senior Developer", "company": "Tech Corp", "duration": "2 years",
                             "relevanceExplanation": "Led a team of 5 developers using Python/Django."}],
    "detailedExperience": [{"role": "Staff ML Infrastructure Engineer", "company": "TechCorp",
                            "duration": "2023 - Present",
                            "highlights": ["Architected low-latency prompt caching server decreasing LLM "
                                           "inference cost by 42%."]}],
    "emails": ["jane.smith@example.com"],
}  # fmt: skip
SOURCING = {
    "success": True, "requestId": f"req_{UUID}", "status": "completed",
    "createdAt": "2025-01-01T00:00:00.000Z", "completedAt": "2025-01-01T00:01:30.000Z",
    "foundCount": 42, "scoredCount": 30, "candidates": [JANE],
}  # fmt: skip


def test_the_sourcing_example_is_the_documented_one(api):
    body = api.results(f"req_{UUID}").content
    assert body == json.dumps(SOURCING, separators=(",", ":")).encode()


def test_the_enrichment_example_agrees_with_its_counts(api):
    body = api.results(f"enr_{UUID}").json()
    assert list(body) == [
        "success", "requestId", "status", "createdAt", "completedAt",
        "enrichedCount", "failureCount", "creditsConsumed", "data",
    ]  # fmt: skip
    assert (body["enrichedCount"], body["failureCount"], body["creditsConsumed"]) == (3, 1, 3)
    assert [entry["success"] for entry in body["data"]] == [True, False, True, True]
    assert body["data"][0] == {"profileId": "a1b2c3d4e5f6", "success": True, "candidate": JANE}
    assert body["data"][1]["profileId"] == "b2c3d4e5f6a1"
    assert body["data"][1]["errorCode"] == "PROFILE_TIMEOUT"


def test_the_preview_example_has_the_nine_fields(api):
    body = api.results(f"req_prev_{UUID}").json()
    assert list(body["candidates"][0]) == [
        "profileId", "fullName", "profileUrl", "title", "headline", "location", "country",
        "companyName", "companyUrl",
    ]  # fmt: skip


def test_the_examples_are_always_there_and_always_the_same_bytes(make):
    for api in (make(seed=1), make(seed=2)):
        for request_id, body in EXAMPLES.items():
            answer = api.results(request_id)
            assert (answer.status_code, answer.content) == (200, body)
            assert api.sandbox.payload(request_id) == json.loads(body)
            assert api.sandbox.state(request_id) == "completed"
        assert not set(EXAMPLES) & set(api.sandbox.all_request_ids)


def test_the_wrapped_envelope_leaves_the_example_as_it_is(make):
    api = make(envelope="wrapped")
    for request_id, body in EXAMPLES.items():
        assert body in api.results(request_id).content
