"""The payloads that the documentation of the API prints, served byte for byte under their own ids.

The sourcing answer is InstaView's, character by character. Of the enrichment the documentation prints one
success and one failure and leaves the candidate out; the candidate is the sourcing example's, and two more
successes make the list agree with its own counts. The preview is not printed there at all: its fields are
the nine documented ones, its candidate the same invented person.
"""

from __future__ import annotations

from .runs import Kind

__all__ = ["EXAMPLES", "EXAMPLE_KINDS"]

_UUID = "550e8400-e29b-41d4-a716-446655440000"
SOURCING_ID, ENRICHMENT_ID, PREVIEW_ID = f"req_{_UUID}", f"enr_{_UUID}", f"req_prev_{_UUID}"

_JANE = (
    '{"profileId":"a1b2c3d4e5f6","name":"Jane Smith","linkedinUrl":"https://www.linkedin.com/in/janesmith",'
    '"matchScore":87,"rationale":"Strong fintech background with Node.js expertise.",'
    '"skills":["Node.js","TypeScript","PostgreSQL"],"headline":"Senior Software Engineer at Stripe",'
    '"location":"San Francisco, CA","currentCompany":"Stripe","currentRole":"Senior Software Engineer",'
    '"aiFitPoints":["5+ years Node.js","FinTech background"],"aiRedFlags":["No public cloud experience"],'
    '"aiDetailedRationale":[{"title":"Senior Developer","company":"Tech Corp","duration":"2 years",'
    '"relevanceExplanation":"Led a team of 5 developers using Python/Django."}],'
    '"detailedExperience":[{"role":"Staff ML Infrastructure Engineer","company":"TechCorp",'
    '"duration":"2023 - Present","highlights":["Architected low-latency prompt caching server decreasing LLM '
    'inference cost by 42%."]}],"emails":["jane.smith@example.com"]}'
)
_SECOND = (
    '{"profileId":"c3d4e5f6a1b2","name":"Ľubica Hraško","linkedinUrl":'
    '"https://www.linkedin.com/in/lubica-hrasko-c3d4e5f6a1b2","matchScore":74.5,'
    '"rationale":"Payments background; leads by example.","skills":["Go","PostgreSQL"],'
    '"headline":"Backend Engineer at Lanternloom Labs","location":"Bratislava",'
    '"currentCompany":"Lanternloom Labs","currentRole":"Backend Engineer","aiFitPoints":["6+ years of Go"],'
    '"aiRedFlags":[],"aiDetailedRationale":[],"detailedExperience":[{"role":"Backend Engineer",'
    '"company":"Lanternloom Labs","duration":"2021 - Present","highlights":[]}],"emails":[]}'
)
_THIRD = (
    '{"profileId":"d4e5f6a1b2c3","name":"Tāne Makoaloha","linkedinUrl":'
    '"https://www.linkedin.com/in/tane-makoaloha-d4e5f6a1b2c3","matchScore":61,"rationale":null,'
    '"skills":["Kafka"],"headline":"Platform Engineer at Sorrelworks","location":"Wellington",'
    '"currentCompany":"Sorrelworks","currentRole":"Platform Engineer","emails":["tane@example.org"]}'
)

_SOURCING = (
    f'{{"success":true,"requestId":"{SOURCING_ID}","status":"completed",'
    '"createdAt":"2025-01-01T00:00:00.000Z","completedAt":"2025-01-01T00:01:30.000Z",'
    f'"foundCount":42,"scoredCount":30,"candidates":[{_JANE}]}}'
)
_ENRICHMENT = (
    f'{{"success":true,"requestId":"{ENRICHMENT_ID}","status":"completed",'
    '"createdAt":"2025-01-01T00:00:00.000Z","completedAt":"2025-01-01T00:00:05.000Z",'
    '"enrichedCount":3,"failureCount":1,"creditsConsumed":3,"data":['
    f'{{"profileId":"a1b2c3d4e5f6","success":true,"candidate":{_JANE}}},'
    '{"profileId":"b2c3d4e5f6a1","success":false,"errorCode":"PROFILE_TIMEOUT",'
    '"errorMessage":"The profile did not load within 30 seconds."},'
    f'{{"profileId":"c3d4e5f6a1b2","success":true,"candidate":{_SECOND}}},'
    f'{{"profileId":"d4e5f6a1b2c3","success":true,"candidate":{_THIRD}}}]}}'
)
_PREVIEW = (
    f'{{"success":true,"requestId":"{PREVIEW_ID}","status":"completed",'
    '"createdAt":"2025-01-01T00:00:00.000Z","completedAt":"2025-01-01T00:00:20.000Z",'
    '"foundCount":42,"scoredCount":1,"candidates":[{"profileId":"a1b2c3d4e5f6","fullName":"Jane Smith",'
    '"profileUrl":"https://www.linkedin.com/in/janesmith","title":"Senior Software Engineer",'
    '"headline":"Senior Software Engineer at Stripe","location":"San Francisco, CA",'
    '"country":"United States","companyName":"Stripe","companyUrl":"https://stripe.example"}]}'
)

EXAMPLES: dict[str, bytes] = {
    SOURCING_ID: _SOURCING.encode(),
    ENRICHMENT_ID: _ENRICHMENT.encode(),
    PREVIEW_ID: _PREVIEW.encode(),
}
EXAMPLE_KINDS: dict[str, Kind] = {SOURCING_ID: "sourcing", ENRICHMENT_ID: "enrichment", PREVIEW_ID: "preview"}
