"""The client: what an answer of the API becomes, against a transport that is handed in."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from fake_api import START, Scripted, a_request, answering, breaking, flat, refusal, result_of, too_many, wrapped
from how_many import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from instaview import body as body_module
from instaview.answer import Answer, Outcome
from instaview.client import Client
from instaview.clock import Clock
from instaview.request_ids import Request
from virtual_time import now, run

KEY = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz01"
URL = "https://api.example.test"
SOURCING, ENRICHMENT, PREVIEW = a_request(1), a_request(1, "enrichment"), a_request(1, "preview")


def ask(answer: Callable[[httpx.Request], Any], request: Request = SOURCING, base_url: str = URL) -> Answer:
    """What one look at a request gives, where the network answers so."""

    async def look() -> Answer:
        async with Client(base_url, KEY, transport=httpx.MockTransport(answer), clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            return await client.get_result(request)

    return run(look())


def ask_for(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    return ask(answering(status, body, headers))


def sent_for(request: Request, base_url: str = URL) -> httpx.Request:
    """What goes over the wire for a request."""
    sent: list[httpx.Request] = []

    def answer(http_request: httpx.Request) -> httpx.Response:
        sent.append(http_request)
        return result_of(http_request)

    ask(answer, request, base_url)
    assert len(sent) == 1
    return sent[0]


# ---------------------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (SOURCING, f"/sourcing/{SOURCING.id}/results"),
        (ENRICHMENT, f"/sourcing/enrich/{ENRICHMENT.id}/results"),
        (PREVIEW, f"/sourcing/preview/{PREVIEW.id}/results"),
    ],
    ids=["sourcing", "enrichment", "preview"],
)
def test_each_kind_is_read_with_one_get_from_its_own_endpoint(request_: Request, path: str) -> None:
    sent = sent_for(request_)
    assert sent.method == "GET"
    assert str(sent.url) == URL + path


def test_the_key_is_sent_as_a_bearer_token() -> None:
    assert sent_for(SOURCING).headers["Authorization"] == f"Bearer {KEY}"


def test_the_company_is_named_only_where_one_is_given() -> None:
    assert "companyId" not in sent_for(SOURCING).url.params
    assert dict(sent_for(a_request(1, company_id="acme-1")).url.params) == {"companyId": "acme-1"}


@pytest.mark.parametrize("base_url", ["https://proxy.example.test/instaview", "https://proxy.example.test/instaview/"])
def test_a_base_url_may_have_a_path(base_url: str) -> None:
    assert (
        str(sent_for(SOURCING, base_url).url) == f"https://proxy.example.test/instaview/sourcing/{SOURCING.id}/results"
    )


def test_every_call_sent_is_counted() -> None:
    async def look() -> int:
        transport = httpx.MockTransport(answering(500))
        async with Client(URL, KEY, transport=transport, clock=Clock(lambda: START)) as client:
            for _ in range(3):
                client.limiter.reserve()
                await client.get_result(SOURCING)
            return client.calls

    assert run(look()) == 3


# ---------------------------------------------------------------------------- results


@pytest.mark.parametrize("http_status", [200, 202])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("processing", Outcome.PROCESSING),
        ("completed", Outcome.COMPLETED),
        ("failed", Outcome.FAILED),
        ("PROCESSING", Outcome.PROCESSING),
        ("Completed", Outcome.COMPLETED),
        ("FAILED", Outcome.FAILED),
    ],
)
def test_the_status_in_the_body_decides_in_whatever_case(http_status: int, status: str, outcome: Outcome) -> None:
    answer = ask_for(http_status, flat(SOURCING.id, status))
    assert answer.outcome is outcome
    assert answer.http_status == http_status


def test_a_completed_result_is_given_as_it_came() -> None:
    body = json.dumps(flat(SOURCING.id, candidates=[{"profileId": "a", "ünknown": [1.50, None]}]), indent=1).encode()
    answer = ask_for(200, body)
    assert (answer.outcome, answer.body) == (Outcome.COMPLETED, body)


def test_a_compressed_result_is_given_decompressed() -> None:
    body = json.dumps(flat(SOURCING.id, candidates=[])).encode()
    assert ask_for(200, gzip.compress(body), {"Content-Encoding": "gzip"}).body == body


def test_a_result_in_the_general_envelope_is_given_without_it() -> None:
    inner = flat(SOURCING.id, foundCount=3, candidates=[])
    answer = ask_for(200, wrapped(inner))
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body is not None
    assert json.loads(answer.body) == inner


@pytest.mark.parametrize("more", [{"meta": {"page": 1}}, {"success": False}, {"error": {"code": "PARTIAL"}}])
def test_what_an_envelope_holds_beyond_its_documented_fields_is_kept_beside_the_result(more: dict[str, Any]) -> None:
    inner = flat(SOURCING.id, candidates=[], envelope="own")
    answer = ask_for(200, {**wrapped(inner), **more})
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body is not None
    assert json.loads(answer.body) == {**inner, "envelope": more, "envelope#1": "own"}


def test_the_own_data_of_an_enrichment_is_not_taken_for_an_envelope() -> None:
    result = flat(ENRICHMENT.id, enrichedCount=1, data=[{"profileId": "a", "success": True}])
    answer = ask(answering(200, result), ENRICHMENT)
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body is not None
    assert json.loads(answer.body) == result


def test_an_enrichment_in_the_general_envelope_keeps_its_own_data() -> None:
    result = flat(ENRICHMENT.id, enrichedCount=1, data=[{"profileId": "a", "success": True}])
    answer = ask(answering(200, wrapped(result)), ENRICHMENT)
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body is not None
    assert json.loads(answer.body) == result


def test_a_run_that_goes_on_has_no_body_to_load() -> None:
    assert ask_for(202, flat(SOURCING.id, "processing")).body is None
    assert ask_for(202, wrapped(flat(SOURCING.id, "processing"))).outcome is Outcome.PROCESSING


@pytest.mark.parametrize("shape", [lambda body: body, wrapped], ids=["flat", "envelope"])
def test_a_failed_run_tells_why_and_keeps_its_body(shape: Callable[[Any], Any]) -> None:
    failed = flat(SOURCING.id, "failed", errorCode="AGENT_ERROR", errorMessage="The agent gave up.")
    answer = ask_for(200, shape(failed))
    assert (answer.outcome, answer.error_code, answer.error_message) == (
        Outcome.FAILED,
        "AGENT_ERROR",
        "The agent gave up.",
    )
    assert answer.body is not None
    assert json.loads(answer.body) == failed


@pytest.mark.parametrize(
    "reasons", [{}, {"errorCode": None, "errorMessage": None}, {"errorCode": 7, "errorMessage": []}]
)
def test_a_failed_run_need_not_tell_why(reasons: dict[str, Any]) -> None:
    answer = ask_for(200, flat(SOURCING.id, "failed", **reasons))
    assert (answer.outcome, answer.error_code, answer.error_message) == (Outcome.FAILED, None, None)


@pytest.mark.parametrize("request_id", [None, ...], ids=["null", "missing"])
def test_an_answer_that_names_no_request_is_taken_for_the_one_asked_for(request_id: Any) -> None:
    body = flat("", candidates=[])
    del body["requestId"]
    if request_id is not ...:
        body["requestId"] = request_id
    assert ask_for(200, body).outcome is Outcome.COMPLETED


# ---------------------------------------------------------------------------- faults that may pass


@pytest.mark.parametrize("other", [a_request(2).id, "", 7, ["x"], ENRICHMENT.id])
@pytest.mark.parametrize("shape", [lambda body: body, wrapped], ids=["flat", "envelope"])
def test_an_answer_for_another_request_is_a_fault(shape: Callable[[Any], Any], other: Any) -> None:
    answer = ask_for(200, shape(flat(other, candidates=[])))
    assert (answer.outcome, answer.error_code, answer.body) == (Outcome.FAULT, "WRONG_REQUEST", None)


WHOLE = json.dumps(flat(SOURCING.id, candidates=[{"profileId": "a"}])).encode()


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE + b"}",
        b"<html><body>Bad gateway</body></html>",
        b"null",
        b"[]",
        b'"completed"',
        b'{"status": NaN}',
        b"\xff\xfe{}",
        b"[" * 100_000,
    ],
    ids=["empty", "blank", "cut", "half", "more", "html", "null", "list", "text", "nan", "bytes", "deep"],
)
def test_a_body_that_is_not_one_whole_json_object_is_a_fault(status: int, body: bytes) -> None:
    answer = ask_for(status, body)
    assert (answer.outcome, answer.error_code, answer.body) == (Outcome.FAULT, "UNREADABLE_BODY", None)
    assert answer.http_status == status


@pytest.mark.parametrize("status", [201, 203, 204, 206])
def test_an_unreadable_body_is_a_fault_under_any_status_of_success(status: int) -> None:
    assert ask_for(status, b"").outcome is Outcome.FAULT


@pytest.mark.parametrize("status", ["queued", "", None, 5, ["completed"], {"is": "completed"}])
def test_an_unknown_status_is_a_fault_and_not_silence(status: Any) -> None:
    answer = ask_for(200, flat(SOURCING.id, status))
    assert (answer.outcome, answer.error_code) == (Outcome.FAULT, "UNKNOWN_STATUS")


def test_an_object_without_a_status_is_a_fault() -> None:
    assert ask_for(200, {}).error_code == "UNKNOWN_STATUS"
    assert ask_for(200, wrapped({"requestId": SOURCING.id})).error_code == "UNKNOWN_STATUS"


def test_an_error_under_a_status_of_success_is_a_fault_that_tells_its_code() -> None:
    answer = ask_for(200, refusal("INTERNAL_ERROR", "Something broke."))
    assert (answer.outcome, answer.error_code, answer.error_message) == (
        Outcome.FAULT,
        "INTERNAL_ERROR",
        "Something broke.",
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError, "NO_CONNECTION"),
        (httpx.ConnectTimeout, "TIMEOUT"),
        (httpx.ReadTimeout, "TIMEOUT"),
        (httpx.WriteTimeout, "TIMEOUT"),
        (httpx.PoolTimeout, "TIMEOUT"),
        (httpx.ReadError, "NO_CONNECTION"),
        (httpx.WriteError, "NO_CONNECTION"),
        (httpx.CloseError, "NO_CONNECTION"),
        (httpx.ProxyError, "NO_CONNECTION"),
        (httpx.UnsupportedProtocol, "NO_CONNECTION"),
        (httpx.RemoteProtocolError, "BROKEN_ANSWER"),
        (httpx.LocalProtocolError, "NO_CONNECTION"),
    ],
)
def test_a_broken_exchange_is_a_fault_without_a_status(error: type[httpx.TransportError], code: str) -> None:
    answer = ask(breaking(error))
    assert (answer.outcome, answer.http_status, answer.error_code) == (Outcome.FAULT, None, code)
    assert answer.error_message


def test_a_body_that_cannot_be_decompressed_is_a_fault() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces([b"no gzip at all"]))

    assert (ask(answer).outcome, ask(answer).error_code) == (Outcome.FAULT, "BROKEN_ANSWER")


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces, with a pause before each, and may break at its end."""

    def __init__(self, pieces: list[bytes], pause: float = 0.0, breaks: Exception | None = None) -> None:
        self.pieces, self.pause, self.breaks = pieces, pause, breaks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            self.taken += 1
            yield piece
        if self.breaks is not None:
            raise self.breaks


def test_a_connection_that_breaks_in_the_middle_of_a_body_is_a_fault() -> None:
    broken = Pieces([WHOLE[:20]], breaks=httpx.ReadError("reset"))
    answer = ask(lambda request: httpx.Response(200, stream=broken))
    assert (answer.outcome, answer.error_code, answer.body) == (Outcome.FAULT, "NO_CONNECTION", None)


def test_a_body_that_drips_in_for_minutes_is_given_up() -> None:
    dripping = Pieces([b" "] * 1000, pause=5.0)

    async def look() -> tuple[Answer, float]:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=dripping))
        async with Client(URL, KEY, transport=transport, clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            return await client.get_result(SOURCING), now()

    answer, seconds = run(look())
    assert (answer.outcome, answer.error_code) == (Outcome.FAULT, "TIMEOUT")
    assert seconds <= 11


def test_a_large_body_on_a_slow_line_has_the_time_it_needs() -> None:
    """As long as it keeps a pace, and not for ever."""
    body = flat(SOURCING.id, "completed", candidates=["x" * 200_000])
    whole = json.dumps(body).encode()
    pieces = [whole[i : i + 20_000] for i in range(0, len(whole), 20_000)]

    async def look(pause: float) -> Outcome:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Pieces(pieces, pause=pause)))
        async with Client(URL, KEY, transport=transport, clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            return (await client.get_result(SOURCING)).outcome

    assert run(look(1.0)) is Outcome.COMPLETED
    assert run(look(6.0)) is Outcome.FAULT


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599, 408])
@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(refusal("OOPS", "Try again.")).encode()])
def test_trouble_of_the_server_is_a_fault(status: int, body: bytes) -> None:
    answer = ask_for(status, body)
    assert (answer.outcome, answer.http_status) == (Outcome.FAULT, status)
    assert answer.error_code == ("OOPS" if b"OOPS" in body else f"HTTP_{status}")


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "VALIDATION_ERROR", Outcome.REJECTED),
        (401, "INVALID_API_KEY", Outcome.UNAUTHORIZED),
        (401, "API_KEY_SUSPENDED", Outcome.UNAUTHORIZED),
        (403, "INSUFFICIENT_PERMISSIONS", Outcome.FORBIDDEN),
        (403, "WRONG_COMPANY", Outcome.FORBIDDEN),
        (404, "REQUEST_NOT_FOUND", Outcome.NOT_FOUND),
        (409, "CONFLICT", Outcome.REJECTED),
        (422, "UNPROCESSABLE", Outcome.REJECTED),
        (405, "METHOD", Outcome.REJECTED),
        (418, "TEAPOT", Outcome.REJECTED),
    ],
)
def test_a_refusal_is_told_with_its_code(status: int, code: str, outcome: Outcome) -> None:
    answer = ask_for(status, refusal(code, "No."))
    assert (answer.outcome, answer.http_status) == (outcome, status)
    assert (answer.error_code, answer.error_message, answer.body) == (code, "No.", None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": null}', b'{"error": "no"}', b'{"error": {}}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_that_tells_no_code_gets_that_of_its_status(status: int, body: bytes) -> None:
    assert ask_for(status, body).error_code == f"HTTP_{status}"


@pytest.mark.parametrize("body", [b'{"statusCode": 404}', b'{"error": {}}', b"{}"])
def test_a_404_without_a_code_is_the_api_s(body: bytes) -> None:
    assert ask_for(404, body).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("body", [refusal("NO_SUCH_ROUTE", "Cannot GET it."), b"", b"not found", b"[]"])
def test_a_404_of_anything_else_says_nothing_about_the_request(body: Any) -> None:
    answer = ask_for(404, body)
    assert answer.outcome is Outcome.REJECTED
    assert "check base_url" in str(answer.error_message)


def test_a_page_that_says_404_tells_to_check_the_address() -> None:
    assert "check base_url" in str(ask_for(404, b"<html>").error_message)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413, 502])
@pytest.mark.parametrize(
    "page", [b"<html>", b"\n <!DOCTYPE html><title>Blocked</title>", b"<?xml version='1.0'?><Error/>"]
)
def test_a_page_of_a_gateway_says_nothing_about_the_request(status: int, page: bytes) -> None:
    answer = ask_for(status, page)
    assert (answer.outcome, answer.error_code) == (Outcome.FAULT, f"HTTP_{status}")
    assert "gateway" in str(answer.error_message)


def test_a_refused_key_is_refused_also_where_a_page_says_so() -> None:
    answer = ask_for(401, b"<html>Unauthorized</html>")
    assert (answer.outcome, answer.error_code) == (Outcome.UNAUTHORIZED, "HTTP_401")


def test_the_details_of_a_refusal_are_part_of_its_message() -> None:
    answer = ask_for(403, refusal("INSUFFICIENT_PERMISSIONS", "Missing scope.", {"required": ["enrich:write"]}))
    assert answer.error_message is not None
    assert answer.error_message.startswith("Missing scope.")
    assert "enrich:write" in answer.error_message


def test_a_flat_refusal_is_read_too() -> None:
    answer = ask_for(400, {"statusCode": 400, "message": "limit must be a number", "error": "Bad Request"})
    assert (answer.error_code, answer.error_message) == ("HTTP_400", "limit must be a number")


def test_a_message_is_one_bounded_line_without_control_characters() -> None:
    answer = ask_for(400, refusal("X", "a\nb\x1b[31m" + "c" * 10_000))
    assert answer.error_message is not None
    assert answer.error_message.isprintable()
    assert answer.error_message.startswith("a b")
    assert len(answer.error_message) <= 500


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://elsewhere.example.test/", "/login", "http://[", ""])
def test_a_redirect_is_never_followed(status: int, location: str) -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(status, headers={"Location": location})

    assert ask(answer).outcome in (Outcome.REJECTED, Outcome.FAULT)
    assert hosts == ["api.example.test"]


# ---------------------------------------------------------------------------- 429


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(START, UTC) + timedelta(seconds=seconds), usegmt=True)


def limited(header: str | None, body: Any = b"") -> Answer:
    answer = ask_for(429, body, {} if header is None else {"Retry-After": header})
    assert answer.outcome is Outcome.RATE_LIMITED
    return answer


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60),
        (" 60 ", 60),
        ("1.5", 1.5),
        (in_seconds(45), 45),
        ("0", None),
        ("-5", None),
        (in_seconds(0), None),
        (in_seconds(-3600), None),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 99 Foo 2024 99:99:99 GMT", None),
    ],
)
def test_retry_after_may_be_seconds_or_a_date_and_counts_only_in_the_future(
    header: str | None, seconds: float | None
) -> None:
    assert limited(header).retry_after == seconds


@pytest.mark.parametrize("zone", ["", " -0000"])
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Etc/GMT+5")
        time.tzset()
        answer = limited(f"Mon, 15 Jan 2024 12:00:30{zone}")
    time.tzset()
    assert answer.retry_after == 30


@pytest.mark.parametrize(
    "header",
    ["Mon, 15 Jan 2024 12:00:30 +99999999999999999999", "Mon, 15 Jan 2024 12:00:30 +9999999999", "9" * 400],
    ids=["zone", "long zone", "digits"],
)
def test_a_retry_after_beyond_all_bounds_names_no_time(header: str) -> None:
    assert limited(header).retry_after is None


@pytest.mark.parametrize(
    ("header", "in_body", "seconds"),
    [
        ("60", 30, 60),
        ("30", 60, 60),
        (in_seconds(20), 90, 90),
        (in_seconds(90), 20, 90),
        ("0", 30, 30),
        ("-1", 30, 30),
        ("soon", 30, 30),
        (in_seconds(-60), 30, 30),
        (None, 30, 30),
        (None, "30", 30),
        ("30", None, 30),
        ("30", "soon", 30),
        ("30", 0, 30),
        ("30", -9, 30),
        ("30", {"seconds": 9}, 30),
        ("0", 0, None),
    ],
)
def test_the_longer_of_header_and_body_is_what_to_wait(header: str | None, in_body: Any, seconds: float | None) -> None:
    assert limited(header, too_many(in_body)).retry_after == seconds


def test_a_number_in_the_body_beyond_all_bounds_names_no_time() -> None:
    assert limited("30", b'{"statusCode": 429, "retryAfter": 1' + b"0" * 400 + b"}").retry_after == 30


def test_a_429_tells_its_message_and_a_code() -> None:
    answer = limited("60", too_many())
    assert (answer.error_code, answer.error_message) == ("HTTP_429", "Rate limit exceeded")
    assert limited("60", refusal("RATE_LIMIT_EXCEEDED", "Slow down.")).error_code == "RATE_LIMIT_EXCEEDED"


# ---------------------------------------------------------------------------- the limiter is told


def left_after(answer: Scripted) -> tuple[int, float]:
    """Calls left in the minute and the wait before the next call, after one exchange."""

    async def look() -> tuple[int, float]:
        async with Client(URL, KEY, transport=httpx.MockTransport(answer), clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            await client.get_result(SOURCING)
            return client.limiter.budget().minute.remaining, client.limiter.delay()

    return run(look())


def used_up(status: int, body: Any) -> Scripted:
    headers = {
        "X-RateLimit-Limit-Minute": "60",
        "X-RateLimit-Remaining-Minute": "0",
        "X-RateLimit-Reset-Minute": str(int(START) + 30),
    }
    return answering(status, body, headers)


@pytest.mark.parametrize(
    ("status", "body"), [(200, flat(SOURCING.id)), (404, refusal("REQUEST_NOT_FOUND")), (503, b"<html>"), (200, b"{")]
)
def test_the_limiter_learns_from_every_answer(status: int, body: Any) -> None:
    left, delay = left_after(used_up(status, body))
    assert left == 0
    assert 30 <= delay < 33


def test_a_call_without_an_answer_stays_counted_and_holds_up_no_other() -> None:
    assert left_after(breaking(httpx.ConnectError)) == (59, 0)


@pytest.mark.parametrize(("status", "delay"), [(429, math.inf), (503, 0.0)])
def test_after_a_429_only_one_call_goes_until_it_is_answered(status: int, delay: float) -> None:
    async def look() -> float:
        transport = httpx.MockTransport(answering(status))
        async with Client(URL, KEY, transport=transport, clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            await client.get_result(SOURCING)
            assert client.limiter.delay() == 0
            client.limiter.reserve()
            return client.limiter.delay()

    assert run(look()) == delay


def test_a_date_ahead_of_this_clock_is_allowed_for() -> None:
    headers = {
        "X-RateLimit-Remaining-Minute": "0",
        "X-RateLimit-Reset-Minute": str(int(START) + 3630),
        "Date": in_seconds(3600),
    }
    _, delay = left_after(answering(200, flat(SOURCING.id), headers))
    assert 30 <= delay < 33


# ---------------------------------------------------------------------------- what must never happen


def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "LARGEST_BODY", 10_000)
    large = Pieces([b" " * 1000] * 1000)
    answer = ask(lambda request: httpx.Response(200, stream=large))
    assert (answer.outcome, answer.error_code, answer.body) == (Outcome.REJECTED, "BODY_TOO_LARGE", None)
    assert large.taken < 20


def test_a_small_body_that_unpacks_to_too_large_a_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "LARGEST_BODY", 10_000)
    packed = gzip.compress(b" " * 1_000_000)
    assert len(packed) < 10_000
    assert ask_for(200, packed, {"Content-Encoding": "gzip"}).error_code == "BODY_TOO_LARGE"


def test_a_body_of_just_the_largest_size_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "LARGEST_BODY", len(WHOLE))
    assert ask_for(200, WHOLE).outcome is Outcome.COMPLETED


def leaking(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"cannot send {request.headers['Authorization']}", request=request)


@pytest.mark.parametrize(
    "answer",
    [
        leaking,
        answering(401, refusal("INVALID_API_KEY", f"The key {KEY} is unknown.")),
        answering(403, refusal("INSUFFICIENT_PERMISSIONS", "Missing scope.", {"key": KEY})),
        answering(400, {"message": f"Authorization: Bearer {KEY}"}),
        answering(500, refusal(KEY, "x" * 480 + KEY)),
        answering(200, flat(SOURCING.id, "failed", errorCode=KEY, errorMessage=f"called with {KEY}")),
        answering(200, flat(SOURCING.id, KEY)),
        answering(200, flat(KEY)),
    ],
    ids=["no connection", "401", "403", "400", "500", "failed run", "unknown status", "another request"],
)
def test_the_key_is_in_no_code_and_no_message_even_where_the_server_repeats_it(answer: Scripted) -> None:
    got = ask(answer)
    told = f"{got.error_code} {got.error_message}"
    assert KEY not in told
    assert KEY[:20] not in told


def test_the_key_is_not_shown_where_a_client_is() -> None:
    async def show() -> str:
        async with Client(URL, KEY, clock=Clock(lambda: START)) as client:
            return f"{client!r} {client.limiter!r} {vars(client.limiter)!r}"

    assert KEY not in run(show())


header_texts = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.integers(-(10**6), 10**10).map(lambda zone: f"Mon, 15 Jan 2024 12:00:30 {zone:+05d}"),
    st.tuples(*[st.integers(-1, 99)] * 3).map(lambda t: f"Mon, {t[0]} Jan {t[1]:04d} {t[2]}:00:00 GMT"),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(SOURCING.id),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = ["requestId", "status", "errorCode", "errorMessage", "error", "message", "retryAfter", "data", "code"]
objects = st.dictionaries(st.sampled_from(fields), values | st.dictionaries(st.sampled_from(fields), values))
bodies = st.one_of(st.binary(max_size=60), objects.map(lambda o: json.dumps(o).encode()))


@given(
    status=st.sampled_from([200, 202, 204, 301, 400, 401, 403, 404, 429, 429, 500]),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Location", "X-RateLimit-Reset-Hour", "X-RateLimit-Limit-Minute"]),
        header_texts,
    ),
    body=bodies,
)
@settings(max_examples=examples(150), deadline=None, derandomize=True)
def test_whatever_the_api_answers_becomes_an_answer(status: int, headers: dict[str, str], body: bytes) -> None:
    answer = ask_for(status, body, headers)
    assert isinstance(answer, Answer)
    assert answer.retry_after is None or answer.retry_after > 0
    assert (answer.body is not None) == (answer.outcome in (Outcome.COMPLETED, Outcome.FAILED))


# ---------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.COMPLETED), (401, Outcome.UNAUTHORIZED), (403, Outcome.FORBIDDEN), (500, Outcome.FAULT)],
)
def test_the_usage_endpoint_tells_whether_the_key_may_read_it(status: int, outcome: Outcome) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(status, json={})

    async def look() -> Answer:
        async with Client(URL, KEY, transport=httpx.MockTransport(answer), clock=Clock(lambda: START)) as client:
            client.limiter.reserve()
            return await client.get_usage()

    assert run(look()).outcome is outcome
    assert paths == ["/billing/usage"]
