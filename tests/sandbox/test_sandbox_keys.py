"""Keys, scopes and companies."""

from __future__ import annotations

import re

import pytest

from instaview_sandbox import ACME, EXAMPLES, GLOBEX


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_keys_look_the_part_and_are_plainly_fake(api):
    assert set(api.sandbox.keys) == {"full", "sourcing", "suspended", "ats", "other"}
    for secret in api.sandbox.keys.values():
        assert re.fullmatch("sk_test_SANDBOX[A-Za-z0]+", secret)
        assert len(secret) == 46


@pytest.mark.parametrize("header", [None, "", "Bearer ", "Bearer sk_test_unknown", "Basic {full}", "{full}"])
def test_an_unknown_key_is_401(api, header):
    headers = {} if header is None else {"Authorization": header.format(**api.sandbox.keys)}
    answer = api.http.get("/billing/usage", headers=headers)
    assert error(answer) == (401, "INVALID_API_KEY")
    assert not any(name.startswith("x-ratelimit") for name in answer.headers)


def test_a_suspended_key_is_401_everywhere(api):
    [request_id] = api.sandbox.add("sourcing")
    assert error(api.results(request_id, "suspended")) == (401, "API_KEY_SUSPENDED")
    assert error(api.call("POST", "/sourcing", "suspended", json={"title": "t"})) == (
        401,
        "API_KEY_SUSPENDED",
    )


def test_a_missing_scope_is_403_and_named(api):
    [sourcing], [enrichment] = api.sandbox.add("sourcing"), api.sandbox.add("enrichment")
    assert api.results(sourcing, "sourcing").status_code == 200
    for answer, scope in (
        (api.results(enrichment, "sourcing"), "enrich:write"),
        (api.call("POST", "/sourcing/enrich", "sourcing", json={"profileIds": ["p"]}), "enrich:write"),
        (api.call("GET", "/billing/usage", "sourcing"), "read:billing"),
    ):
        assert error(answer) == (403, "INSUFFICIENT_PERMISSIONS")
        assert scope in str(answer.json()["error"]["details"])


def test_another_companys_request_does_not_exist(api):
    [theirs] = api.sandbox.add("sourcing", company_id=GLOBEX.company_id)
    assert api.results(theirs, "other").status_code == 200
    assert error(api.results(theirs, "full")) == (404, "REQUEST_NOT_FOUND")
    assert error(api.call("PATCH", f"/sourcing/{theirs}", json={"limit": 1})) == (404, "REQUEST_NOT_FOUND")


def test_a_regular_key_may_name_its_own_company_only(api):
    [request_id] = api.sandbox.add("sourcing")
    assert api.results(request_id, params={"companyId": ACME.company_id}).status_code == 200
    answer = api.results(request_id, params={"companyId": GLOBEX.company_id})
    assert error(answer) == (403, "INSUFFICIENT_PERMISSIONS")


def test_an_ats_key_must_say_for_which_company(api):
    [ours] = api.sandbox.add("sourcing", company_id=ACME.company_id)
    [theirs] = api.sandbox.add("sourcing", company_id=GLOBEX.company_id)
    assert api.results(ours, "ats").status_code == 400
    for request_id, right, wrong in ((ours, ACME, GLOBEX), (theirs, GLOBEX, ACME)):
        assert api.results(request_id, "ats", params={"companyId": right.company_id}).status_code == 200
        answer = api.results(request_id, "ats", params={"companyId": wrong.company_id})
        assert error(answer) == (404, "REQUEST_NOT_FOUND")
    assert api.results(ours, "ats", params={"companyId": "nobody"}).status_code == 403


def test_an_ats_key_posts_for_the_company_it_names(make):
    api = make(run_seconds=(0, 0))
    params = {"companyId": GLOBEX.company_id}
    request_id = api.call("POST", "/sourcing", "ats", json={"title": "t"}, params=params).json()["requestId"]
    assert api.results(request_id, "other").status_code == 200
    assert api.results(request_id, "full").status_code == 404


def test_the_examples_are_for_every_company(api):
    for request_id in EXAMPLES:
        assert api.results(request_id, "other").status_code == 200
        assert api.results(request_id, "ats", params={"companyId": GLOBEX.company_id}).status_code == 200
