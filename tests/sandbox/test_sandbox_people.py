"""Determinism, and that the people are plausible and nobody."""

from __future__ import annotations

import json
import re

import pytest

from instaview_sandbox import Sandbox


def clock() -> float:
    return 1_705_320_000.0


def test_the_same_seed_gives_the_same_requests_and_answers_in_any_order():
    one, other = Sandbox(3, 80, clock=clock), Sandbox(3, 80, clock=clock)
    assert one.request_ids == other.request_ids
    backwards = {i: other.payload(i) for i in reversed(other.request_ids)}
    assert {i: one.payload(i) for i in one.request_ids} == backwards
    assert [one.state(i) for i in one.request_ids] == [other.state(i) for i in one.request_ids]


def test_added_and_rerun_requests_follow_from_the_seed_too():
    def story() -> list[object]:
        sandbox = Sandbox(5, 10, clock=clock)
        [request_id] = sandbox.add("sourcing", candidates=12)
        sandbox.rerun(request_id, seconds=0)
        return [request_id, sandbox.payload(request_id), sandbox.create("preview", "company").request_id]

    assert story() == story()


def test_another_seed_gives_other_requests_and_people():
    one, other = Sandbox(1, 50, clock=clock), Sandbox(2, 50, clock=clock)
    assert not set(one.request_ids) & set(other.request_ids)
    assert one.people.person(0) != other.people.person(0)


def test_profile_ids_lead_back_to_their_person():
    people = Sandbox(4, 0).people
    ids = [people.profile_id(number) for number in range(5000)]
    assert len(set(ids)) == 5000
    assert [people.number(profile_id) for profile_id in ids] == list(range(5000))
    assert all(re.fullmatch("[0-9a-f]{12}", profile_id) for profile_id in ids)
    for nobody in ("", "a1b2c3d4e5f6", "not-hex", ids[0].upper() + "0"):
        assert people.number(nobody) is None


def test_people_are_varied_and_live_at_example_domains():
    people = [Sandbox(7, 0).people.person(number) for number in range(3000)]
    assert len({person.name for person in people}) > 2000
    assert len({person.trade.name for person in people}) >= 8
    assert len({person.country for person in people}) > 20
    assert any(not person.name.isascii() for person in people)
    for person in people:
        assert re.fullmatch(rf"https://www\.linkedin\.com/in/[a-z-]+-{person.profile_id}", person.linkedin_url), person
        for email in person.emails:
            assert re.fullmatch(r"[a-z.-]+@example\.(com|org|net)", email), email
        assert person.company_url.endswith(".example")
        assert person.jobs[0].until is None
        assert all(job.since <= (job.until or 2025) for job in person.jobs)


def test_one_person_occurs_in_many_requests():
    sandbox = Sandbox(7, 0, clock=clock)
    seen: dict[str, int] = {}
    for request_id in sandbox.add("sourcing", 60, candidates=50):
        for candidate in sandbox.payload(request_id)["candidates"]:
            seen[candidate["profileId"]] = seen.get(candidate["profileId"], 0) + 1
    assert max(seen.values()) > 1


def test_answers_are_kept_encoded_within_bounds():
    sandbox = Sandbox(7, 40, clock=clock, cache_bytes=50_000)
    sandbox.add("sourcing", state="processing")
    sandbox.warm()
    assert 0 < sandbox._bodies.size <= 50_000
    run = sandbox.run(sandbox.request_ids[0])
    assert json.loads(sandbox.body(run)) == sandbox.payload(run.request_id)
    assert sandbox.body(run) is sandbox.body(run)


def test_there_are_only_so_many_people():
    for count in (-1, 10**9):
        with pytest.raises(ValueError, match="candidates"):
            Sandbox(7, 0).add("sourcing", candidates=count)


def test_texts_hold_what_breaks_careless_programs():
    sandbox = Sandbox(7, 0, clock=clock)
    [request_id] = sandbox.add("sourcing", candidates=500)
    text = json.dumps(sandbox.payload(request_id), ensure_ascii=False)
    for awkward in ('\\"', "\\n", "€", "ł", "'"):
        assert awkward in text
