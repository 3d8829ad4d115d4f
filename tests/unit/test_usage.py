"""Answers of `GET /billing/usage` as rows."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from instaview.payload import UnreadableBody
from instaview.usage import companies_of, usage_rows

DAY = date(2025, 1, 31)
DOCUMENTED = {
    "companies": [
        {
            "companyId": "123e4567-e89b-12d3-a456-426614174000",
            "companyName": "Acme Corporation",
            "billingSystem": "credits",
            "totalInterviews": 12,
            "totalCreditsUsed": 60.5,
            "breakdownByCostKey": [{"costKey": "interview_minutes", "events": 10, "creditsUsed": 60.5}],
        }
    ],
    "totalInterviews": 80,
    "totalCreditsUsed": 3000.5,
    "breakdownByCostKey": [{"costKey": "interview_minutes", "events": 10, "creditsUsed": 60.5}],
}


def rows_of(*companies: Any, asked_for: str | None = None) -> list[dict[str, Any]]:
    body = json.dumps({"companies": companies}).encode()
    rows = usage_rows({DAY: companies_of(body)}, asked_for).to_pylist()
    return [{k: v for k, v in row.items() if v is not None and k not in ("_dlt_load_id", "day")} for row in rows]


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_documented_answer_is_one_row_in_either_envelope(wrapped):
    answer = {"success": True, "data": DOCUMENTED, "error": None, "timestamp": "x"} if wrapped else DOCUMENTED
    [row] = usage_rows({DAY: companies_of(json.dumps(answer).encode())}, None).to_pylist()
    assert row == {
        "company_id": "123e4567-e89b-12d3-a456-426614174000",
        "company_name": "Acme Corporation",
        "billing_system": "credits",
        "day": DAY,
        "cost_key": "interview_minutes",
        "events": 10,
        "credits_used": 60.5,
        "minutes_used": None,
        "extra": '{"company": {"totalInterviews": 12}}',
    }


def test_minutes_are_their_own_unit():
    [row] = rows_of(
        {"companyId": "c", "billingSystem": "minutes", "breakdownByCostKey": [{"costKey": "x", "minutesUsed": 0.4}]}
    )
    assert row == {"company_id": "c", "billing_system": "minutes", "cost_key": "x", "minutes_used": 0.4}


@pytest.mark.parametrize(
    ("company", "expected"),
    [
        ({"breakdownByCostKey": [{"costKey": "x", "creditsUsed": 1}]}, ("asked", "credits", "x")),
        ({"companyId": None, "breakdownByCostKey": [{"costKey": "x", "minutesUsed": 1}]}, ("asked", "minutes", "x")),
        ({"companyId": 7, "breakdownByCostKey": [{"costKey": "x"}]}, ("asked", "unknown", "x")),
        ({"companyId": "c", "breakdownByCostKey": [{"creditsUsed": 1}]}, ("c", "credits", "unknown")),
        ({"companyId": "c", "totalCreditsUsed": 5, "breakdownByCostKey": None}, ("c", "credits", "unknown")),
    ],
)
def test_what_is_missing_in_a_key_is_named(company, expected):
    [row] = rows_of(company, asked_for="asked")
    assert (row["company_id"], row["billing_system"], row["cost_key"]) == expected


def test_without_any_company_it_is_unknown():
    assert rows_of({"breakdownByCostKey": [{"costKey": "x"}]})[0]["company_id"] == "unknown"


def test_a_cost_key_listed_twice_adds_up():
    company = {
        "companyId": "c",
        "billingSystem": "credits",
        "breakdownByCostKey": [
            {"costKey": "x", "events": 1, "creditsUsed": 2.5},
            {"costKey": "x", "events": 3, "creditsUsed": 4},
        ],
    }
    [row] = rows_of(company)
    assert (row["events"], row["credits_used"]) == (4, 6.5)
    [row] = rows_of(company, company)
    assert (row["events"], row["credits_used"]) == (8, 13)


def test_nothing_is_lost():
    [row] = rows_of(
        {
            "companyId": "c",
            "plan": "Scale",
            "totalCreditsUsed": 9,
            "breakdownByCostKey": [{"costKey": "x", "events": "many", "creditsUsed": 4, "note": {"a": 1}}],
        }
    )
    assert json.loads(row["extra"]) == {
        "company": {"plan": "Scale", "totalCreditsUsed": 9},
        "events": "many",
        "note": {"a": 1},
    }


def test_what_no_booking_holds_is_kept_also_where_it_is_false_or_zero():
    listed = [{"costKey": "x", "creditsUsed": 4}, None, "later", 0]
    company = {"companyId": "c", "trial": False, "seats": 0, "totalInterviews": 0, "breakdownByCostKey": listed}
    body = {"companies": [company], "currency": "EUR", "final": False, "note": None, "totalInterviews": 0}
    for wrapped in (body, {"success": True, "data": body, "error": None, "timestamp": "t", "region": "eu"}):
        [row] = usage_rows({DAY: companies_of(json.dumps(wrapped).encode())}, None).to_pylist()
        region = {"region": "eu"} if "data" in wrapped else {}
        assert json.loads(row["extra"]) == {
            "company": {"trial": False, "seats": 0, "breakdownByCostKey": ["later", 0]},
            "answer": {**region, "currency": "EUR", "final": False},
        }


def test_an_answer_of_nothing_but_totals_is_a_booking():
    [row] = usage_rows({DAY: companies_of(b'{"companies": null, "totalCreditsUsed": 5.5}')}, "asked").to_pylist()
    assert (row["company_id"], row["cost_key"], row["credits_used"]) == ("asked", "unknown", 5.5)


def test_a_breakdown_that_is_no_list_is_kept():
    [row] = rows_of({"companyId": "c", "totalCreditsUsed": 5, "breakdownByCostKey": {"x": 5}})
    assert json.loads(row["extra"]) == {"company": {"breakdownByCostKey": {"x": 5}}}


def test_a_company_that_is_known_and_left_out_is_told_by_a_row_without_a_cost_key():
    [row] = usage_rows({DAY: []}, "c", {"c"}).to_pylist()
    assert (row["company_id"], row["day"], row["cost_key"]) == ("c", DAY, None)


def test_a_company_without_bookings_is_told_by_a_row_without_a_cost_key():
    days = {DAY: companies_of(b'{"companies": [{"companyId": "c", "totalCreditsUsed": 0}]}')}
    [row] = usage_rows(days, None).to_pylist()
    assert (row["company_id"], row["day"], row["cost_key"]) == ("c", DAY, None)


@pytest.mark.parametrize("body", ['{"companies": null}', '{"companies": []}', "{}", '{"companies": [null, 5]}'])
def test_no_companies_are_no_rows(body):
    assert len(usage_rows({DAY: companies_of(body.encode())}, None)) == 0


@pytest.mark.parametrize("body", ["", "[]", "5", "{", '{"companies": "x"}', '{"success": false, "error": {}}'])
def test_another_body_is_unreadable(body):
    with pytest.raises(UnreadableBody):
        companies_of(body.encode())
