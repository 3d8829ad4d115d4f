"""Faults: which calls they strike, what they do to the answer. test_sandbox_server has those of the wire."""

from __future__ import annotations

import pytest

from instaview_sandbox import EXAMPLES, Fault


@pytest.mark.parametrize("status", [500, 502, 503, 504, 422])
def test_a_status_comes_in_the_general_envelope(api, status):
    [request_id] = api.sandbox.add("sourcing")
    api.sandbox.inject(Fault("status", status=status, times=1))
    answer = api.results(request_id)
    assert answer.status_code == status
    assert set(answer.json()) == {"success", "data", "error", "timestamp"}
    assert "x-ratelimit-remaining-minute" in answer.headers
    assert api.results(request_id).status_code == 200


def test_body_and_retry_after_can_be_chosen(api):
    [request_id] = api.sandbox.add("sourcing")
    date = "Mon, 15 Jan 2024 12:00:05 GMT"
    for retry_after, header in ((None, None), (0, "0"), (7, "7"), (date, date)):
        api.sandbox.inject(Fault("status", status=503, body="<down>", retry_after=retry_after, times=1))
        answer = api.results(request_id)
        assert (answer.status_code, answer.text) == (503, "<down>")
        assert answer.headers.get("Retry-After") == header


@pytest.mark.parametrize(("retry_after", "told"), [(3, 3), ("12", 12), (0, 0), (None, None), ("Mon, 15 Jan", None)])
def test_a_429_on_order_has_the_documented_body(api, retry_after, told):
    [request_id] = api.sandbox.add("sourcing")
    api.sandbox.inject(Fault("status", status=429, retry_after=retry_after))
    body = api.results(request_id).json()
    assert (body["statusCode"], body["error"], body["remaining"]) == (429, "Too Many Requests", 0)
    assert body.get("retryAfter") == told


def test_a_status_without_a_body_is_well_formed(api):
    api.sandbox.inject(Fault("status", status=204))
    answer = api.call("GET", "/billing/usage")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_gateways_page_comes_with_200(api):
    [request_id] = api.sandbox.add("sourcing")
    api.sandbox.inject(Fault("not_json"))
    answer = api.results(request_id)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html>")


def test_without_a_connection_a_reset_is_an_exception(api):
    api.sandbox.inject(Fault("reset"))
    with pytest.raises(ConnectionResetError):
        api.call("GET", "/billing/usage")
    assert api.sandbox.calls[-1].status == 0


def test_a_fault_strikes_only_the_calls_it_names(api):
    [one, two], [enrichment] = api.sandbox.add("sourcing", 2), api.sandbox.add("enrichment")

    def struck(fault):
        api.sandbox.clear_faults()
        api.sandbox.inject(fault)
        answers = [api.results(one), api.results(two), api.results(enrichment)]
        answers.append(api.call("GET", "/billing/usage"))
        return [answer.status_code == 503 for answer in answers]

    assert struck(Fault("status")) == [True, True, True, True]
    assert struck(Fault("status", kind="sourcing")) == [True, True, False, False]
    assert struck(Fault("status", kind="enrichment")) == [False, False, True, False]
    assert struck(Fault("status", kind="billing")) == [False, False, False, True]
    assert struck(Fault("status", request_id=two)) == [False, True, False, False]
    assert struck(Fault("status", times=2)) == [True, True, False, False]
    assert struck(Fault("status", times=0)) == [False, False, False, False]


def test_times_can_count_for_each_request(api):
    ids = api.sandbox.add("sourcing", 3)
    api.sandbox.inject(Fault("status", times=2, each=True))
    rounds = [[api.results(request_id).status_code for request_id in ids] for _ in range(3)]
    assert rounds == [[503] * 3, [503] * 3, [200] * 3]


def test_faults_strike_in_the_order_they_were_injected(api):
    [request_id] = api.sandbox.add("sourcing")
    api.sandbox.inject(Fault("status", status=500, times=1))
    api.sandbox.inject(Fault("status", status=502, times=2))
    assert [api.results(request_id).status_code for _ in range(4)] == [500, 502, 502, 200]
    api.sandbox.inject(Fault("status"))
    api.sandbox.clear_faults()
    assert api.results(request_id).status_code == 200


def test_probability_is_the_same_for_a_seed_whatever_the_order(make):
    def struck(seed, backwards=False):
        api = make()
        ids = api.sandbox.add("sourcing", 200)
        api.sandbox.inject(Fault("status", probability=0.3, seed=seed))
        order = reversed(ids) if backwards else ids
        return {request_id for request_id in order if api.results(request_id).status_code == 503}

    assert 30 < len(struck(1)) < 90
    assert struck(1) == struck(1, backwards=True)
    assert struck(1) != struck(2)


def test_another_requests_id_in_an_otherwise_good_answer(api):
    for kind, prefix in (("sourcing", "req_"), ("enrichment", "enr_"), ("preview", "req_prev_")):
        [request_id] = api.sandbox.add(kind)
        fault = Fault("wrong_request", times=1)
        api.sandbox.inject(fault)
        body = api.results(request_id).json()
        assert body["requestId"].startswith(prefix)
        assert body["requestId"] != request_id
        assert body == api.sandbox.payload(request_id, fault)
        assert {**body, "requestId": request_id} == api.results(request_id).json()


@pytest.mark.parametrize(("kind", "entries"), [("sourcing", "candidates"), ("enrichment", "data")])
def test_a_profile_listed_twice_differs_the_second_time(api, kind, entries):
    [request_id] = api.sandbox.add(kind, candidates=6)
    good = api.results(request_id).json()[entries]
    api.sandbox.inject(Fault("duplicate_profile"))
    spoilt = api.results(request_id).json()[entries]
    assert spoilt[:6] == good
    assert len(spoilt) == 7
    assert spoilt[6]["profileId"] == good[0]["profileId"]
    assert spoilt[6] != good[0]


def test_faults_of_the_body_wait_for_an_answer_they_can_spoil(api):
    [slow] = api.sandbox.add("sourcing", seconds=10, candidates=3)
    [empty] = api.sandbox.add("sourcing", candidates=0)
    api.sandbox.inject(Fault("duplicate_profile", times=1))
    assert api.results(slow).status_code == 202
    assert api.results(empty).json() == api.sandbox.payload(empty)
    api.clock.now += 10
    assert len(api.results(slow).json()["candidates"]) == 4
    assert len(api.results(slow).json()["candidates"]) == 3


def test_drift_adds_unknown_fields_at_every_level_and_misfit_values(api):
    [request_id] = api.sandbox.add("sourcing", candidates=50)
    good = api.results(request_id).json()
    fault = Fault("drift", seed=3)
    api.sandbox.inject(fault)
    body = api.results(request_id).json()
    assert body == api.sandbox.payload(request_id, fault)
    assert body != api.sandbox.payload(request_id, Fault("drift", seed=4))
    assert "xSandboxDrift" in body
    assert all("xSandboxDrift" in candidate for candidate in body["candidates"])
    jobs = [
        job
        for candidate in body["candidates"]
        if isinstance(candidate.get("detailedExperience"), list)
        for job in candidate["detailedExperience"]
        if isinstance(job, dict) and "role" in job
    ]
    assert any("xSandboxDrift" in job for job in jobs)
    types = {type(candidate.get("matchScore")) for candidate in body["candidates"]}
    assert {int, float} < types  # and some that are neither
    assert [c["profileId"] for c in body["candidates"]] == [c["profileId"] for c in good["candidates"]]


def test_faults_of_the_body_spoil_the_examples_and_the_wrapped_envelope_too(make):
    api = make(envelope="wrapped")
    example = next(iter(EXAMPLES))
    fault = Fault("drift")
    api.sandbox.inject(fault)
    assert api.results(example).json()["data"] == api.sandbox.payload(example, fault)


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "nonsense"},
        {"what": "status", "status": 99},
        {"what": "status", "kind": "candidates"},
        {"what": "status", "probability": 1.5},
        {"what": "status", "times": -1},
        {"what": "stall", "seconds": -1},
    ],
)
def test_what_is_no_fault_is_refused_in_python_and_over_http(api, fields):
    with pytest.raises(ValueError, match="must"):
        Fault(**fields)
    assert api.http.post("/_sandbox/faults", json=fields).status_code == 400


def test_faults_over_http(api):
    [request_id] = api.sandbox.add("sourcing")
    fields = {"what": "status", "status": 502, "request_id": request_id, "times": 1}
    assert api.http.post("/_sandbox/faults", json=fields).status_code == 201
    assert [api.results(request_id).status_code for _ in range(2)] == [502, 200]
    [fault] = api.http.get("/_sandbox/faults").json()
    assert (fault["what"], fault["status"], fault["strikes"]) == ("status", 502, 1)

    api.http.post("/_sandbox/faults", json={"what": "not_json"})
    assert api.http.delete("/_sandbox/faults").status_code == 204
    assert api.http.get("/_sandbox/faults").json() == []
    assert api.results(request_id).json()["requestId"] == request_id


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"what": "reset", "who": 1}', b'{"status": 500}'])
def test_a_fault_over_http_must_be_one(api, body):
    answer = api.http.post("/_sandbox/faults", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
