"""Request ids from files and standard input, in every format, and what is said of those that cannot be read."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from how_many import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instaview.exceptions import InvalidRequestId, UnreadableInput, UsageError
from instaview.id_files import read_requests
from instaview.request_ids import Request

UUID = "550e8400-e29b-41d4-a716-446655440000"
A = f"req_{UUID}"
B = f"enr_{UUID}"
C = f"req_prev_{UUID}"

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

Write = Callable[[str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of ids and gives its path. The name says nothing of the format."""

    def write(content: str | bytes) -> str:
        path = tmp_path / "ids"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def ids_in(path: str) -> list[str]:
    return [request.id for request in read_requests([path])]


def refusal(path: str, error: type[UsageError] = UsageError) -> str:
    """The message with which a file is refused: one line, without control characters, that says what was done."""
    with pytest.raises(error) as caught:
        read_requests([path])
    message = str(caught.value)
    assert not CONTROL.search(message)
    assert message.endswith("Nothing was sent")
    return message


# ---------------------------------------------------------------------- what people have at hand


def test_the_answer_to_a_post_as_it_came(write: Write) -> None:
    answer = {"success": True, "requestId": A, "status": "processing", "companyId": "acme"}
    for kept in (answer, {"success": True, "data": answer, "error": None}):
        for indent in (None, 2):
            found = read_requests([write(json.dumps(kept, indent=indent))])
            assert found == [Request(A, "sourcing", "acme")]


def test_an_object_without_an_id_over_many_lines_is_refused_by_name(write: Write) -> None:
    assert "no request_id or requestId in it" in refusal(write(json.dumps({"id": A}, indent=2)))


def test_objects_over_many_lines_each_are_told_how_to_be_written(write: Write) -> None:
    both = "\n".join(json.dumps({"requestId": i}, indent=2) for i in (A, B))
    assert "expected one object or id a line" in refusal(write(both))


@pytest.mark.parametrize("header", ["id", "Request ID", "requestid", "ID der Anfrage"])
def test_a_column_of_another_name_is_told_how_to_be_named(write: Write, header: str) -> None:
    message = refusal(write(f"# ours\n{header}\n\n{A}\n{B}\n"))
    assert f"the column {header!r} must be named request_id or requestId" in message


@pytest.mark.parametrize("columns", ["request_id", "request_id,note"])
def test_comments_in_the_body_of_a_csv_are_passed_over(write: Write, columns: str) -> None:
    more = ",x" * columns.count(",")
    content = f'{columns}\n{A}{more}\n# from here on, theirs, "all" of them\n  #{B}\n{C}{more}\n'
    assert ids_in(write(content)) == [A, C]
    assert "line 5" in refusal(write(content.replace(C, "nonsense")))


@pytest.mark.parametrize("name", ["request_id", "requestId"])
def test_parquet_with_the_ids_as_the_index_of_a_frame(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({name: [A, B], "company_id": ["acme", None]}).set_index(name)
    frame.to_parquet(tmp_path / "ids")
    assert read_requests([str(tmp_path / "ids")]) == [Request(A, "sourcing", "acme"), Request(B, "enrichment")]


# ---------------------------------------------------------------------- text


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n",
        f"{A}\n{B}",
        f"\n\n  {A}  \n\t\n{B}\n\n",
        f"# mine\n{A}\n  # and theirs\n{B}\n",
        f"# mine, from March; theirs\ttoo\n{A}\n{B}\n",
        f"# request_id, company_id\n{A}\n{B}\n",
        f"{A}\r\n\r\n{B}\r\n",
        f"\ufeff{A}\n{B}\n",
        f"\ufeff# mine\r\n{A}\r\n{B}",
        f"{A}\n{B}\n{A}\n{B}\n",
    ],
    ids=ascii,
)
def test_text_with_one_id_a_line(write: Write, content: str) -> None:
    assert read_requests([write(content)]) == [Request(A, "sourcing"), Request(B, "enrichment")]


@pytest.mark.parametrize(
    "content", ["", "\n\n", "# nothing yet\n", "\ufeff", "request_id\n", "request_id,company_id\n", "[]"]
)
def test_a_list_of_nothing_is_empty(write: Write, content: str) -> None:
    assert read_requests([write(content)]) == []


def test_a_malformed_line_is_named(write: Write) -> None:
    path = write(f"# mine\n\n{A}\nnonsense\n")
    assert refusal(path, InvalidRequestId).startswith(f"{path}, line 4: 'nonsense' is not a request id")


@pytest.mark.parametrize(
    "entry",
    [
        f"{A}/../../billing/usage",
        f"{A}' OR 1=1 --",
        f"{A}{'0' * 5000}",
        f"\x1b[2J\x1b[31m{A}",
        f"{A}\x00",
        A.replace("5", "\uff15"),
        f"\u202e{A}",
        f"{A} {B}",
        "42",
        "None",
    ],
    ids=lambda entry: ascii(entry)[:60],
)
def test_malformed_ids_are_refused_in_every_format(write: Write, entry: str) -> None:
    lines = [
        f"{A}\n{entry}\n",
        f'n,request_id\n1,"{entry}"\n',
        json.dumps({"request_id": A}) + "\n" + json.dumps({"request_id": entry}) + "\n",
    ]
    for content in lines:
        path = write(content)
        assert refusal(path, InvalidRequestId).startswith(f"{path}, line 2: ")
    path = write(json.dumps([A, entry]))
    assert refusal(path, InvalidRequestId).startswith(f"{path}, item 2: ")


# ---------------------------------------------------------------------- CSV


@pytest.mark.parametrize(
    "content",
    [
        f"request_id\n{A}\n{B}\n",
        f"requestId\n{A}\n{B}\n",
        f"title,request_id,n\nx,{A},1\ny,{B},2\n",
        f'"title","requestId"\n"a, b","{A}"\n"say ""hi""","{B}"\n',
        f"request_id;title\n{A};x\n{B};y\n",
        f'title;request_id\n"a;b";{A}\n"c,d";{B}\n',
        f"title\trequestId\nx\t{A}\ny\t{B}\n",
        f"request_id , title\n{A} , x\n{B} , y\n",
        f'title, request_id\n"a, b", "{A}"\n"c", "{B}"\n',
        f'request_id, title\n{A}, "a, b"\n{B}, "c, d, e"\n',
        f"request_id,title\r\n{A},x\r\n{B},y\r\n",
        f"\ufefftitle,request_id\nx,{A}\ny,{B}",
        f"\ufeffrequest_id;title\r\n{A};x\r\n{B};y\r\n",
        f"request_id,title\n\n{A},x\n\n{B},y\n\n",
        f"request_id,title\n{A},x\n,nothing\n  ,nothing\n{B},y\n",
        f"request_id,title\n{A}\n{B},y\n",
        f'request_id,title\n{A},"two\nlines"\n{B},y\n',
        f"request_id,title\n{A},x\n{B},y\n{A},again\n",
        f"\n\nrequest_id,title\n{A},x\n{B},y\n",
        f"# exported today, at noon\nrequest_id,title\n{A},x\n{B},y\n",
    ],
    ids=ascii,
)
def test_csv_by_the_column_of_ids(write: Write, content: str) -> None:
    assert ids_in(write(content)) == [A, B]


@pytest.mark.parametrize("column", ["company_id", "companyId"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_companies(write: Write, column: str, delimiter: str) -> None:
    rows = [["title", "request_id", column], ["x", A, "acme"], ["y", B, ""], ["z", C, "007"]]
    content = "\n".join(delimiter.join(row) for row in rows)
    assert read_requests([write(content)]) == [
        Request(A, "sourcing", "acme"),
        Request(B, "enrichment", None),
        Request(C, "preview", "007"),
    ]


@pytest.mark.parametrize(
    ("content", "requests"),
    [
        (f"request_id,company_id\n{A},acme,\n", [Request(A, "sourcing", "acme")]),
        (f"title,request_id\nx,{A},\ny,{B},\n", [Request(A, "sourcing"), Request(B, "enrichment")]),
    ],
)
def test_csv_lines_that_end_in_a_delimiter_do_not_shift_the_columns(
    write: Write, content: str, requests: list[Request]
) -> None:
    assert read_requests([write(content)]) == requests


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("request_id,title\nnonsense,x\n", 2),
        (f"request_id,title\n{A},x\nnonsense,y\n", 3),
        (f"request_id,title\n{A},x\n\nnonsense,y\n", 4),
        (f"request_id,title\r\n{A},x\r\nnonsense,y\r\n", 3),
        (f'request_id,title\n{A},"two\nlines"\nnonsense,y\n', 4),
        (f"\n# exported today\nrequest_id,title\n{A},x\nnonsense,y\n", 5),
        (f"request_id,company_id\n{A},acme\n{B},a/b\n", 3),
    ],
    ids=ascii,
)
def test_a_malformed_id_in_csv_is_named_by_its_line(write: Write, content: str, line: int) -> None:
    path = write(content)
    assert refusal(path, InvalidRequestId).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize(
    "content", ["id,title\n1,x\n", "id;title\n1;x\n", "id\ttitle\n1\tx\n", f"{A},acme\n{B},acme\n"]
)
def test_csv_without_a_column_of_ids_names_the_file(write: Write, content: str) -> None:
    path = write(content)
    message = refusal(path, UnreadableInput)
    assert message.startswith(f"{path}: ")
    assert "no column request_id or requestId" in message


@pytest.mark.parametrize(
    "content",
    [
        f'request_id,title\n{A},"never closed\n',
        f"request_id,title\n{A},x\n{B},y,z,too,many\n",
        "x" * 200_000 + ",y\n",
        '"' + "x" * 200_000,
    ],
    ids=["quote never closed", "too many fields", "one long line", "one long quote"],
)
def test_csv_that_cannot_be_read_names_the_file(write: Write, content: str) -> None:
    path = write(content)
    assert refusal(path).startswith(path)


# ---------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    "content",
    [
        f'{{"request_id": "{A}"}}\n{{"requestId": "{B}", "other": [1]}}\n',
        f'{{"request_id": "{A}"}}\r\n\r\n{{"request_id": "{B}"}}\r\n',
        f'\ufeff\n{{"request_id": "{A}"}}\n{{"request_id": "{B}"}}',
        f'{{"requestId": "{A}", "note": "a\u2028b\x85c"}}\n{{"requestId": "{B}"}}\n',
        f'"{A}"\n"{B}"\n',
        f'["{A}", "{B}"]',
        f'[\n  "{A}",\n  {{"requestId": "{B}"}}\n]\n',
        f'[{{"request_id": "{A}"}}, {{"request_id": "{B}"}}, {{"request_id": "{A}"}}]',
        f'{{"success": true, "requestId": "{A}", "status": "processing"}}\n'
        f'{{"success": true, "data": {{"requestId": "{B}"}}, "error": null}}\n',
    ],
    ids=ascii,
)
def test_json_lines_arrays_and_answers_to_the_post(write: Write, content: str) -> None:
    assert read_requests([write(content)]) == [Request(A, "sourcing"), Request(B, "enrichment")]


def test_json_with_companies(write: Write) -> None:
    rows = [{"request_id": A, "company_id": "acme"}, {"requestId": B, "companyId": "other"}, {"requestId": C}]
    expected = [Request(A, "sourcing", "acme"), Request(B, "enrichment", "other"), Request(C, "preview")]
    assert read_requests([write("\n".join(map(json.dumps, rows)))]) == expected
    assert read_requests([write(json.dumps(rows))]) == expected


def test_webhook_deliveries_as_json_lines(write: Write) -> None:
    def delivery(event: str, **data: Any) -> str:
        return json.dumps({"event": event, "timestamp": "2025-01-01T00:00:00Z", "deliveryId": UUID, "data": data})

    lines = [
        delivery("sourcing.completed", requestId=A, status="completed"),
        delivery("interview.completed", interviewId="int_1"),
        delivery("INTERVIEW_COMPLETED", interviewId="int_2"),
        delivery("ENRICH_FAILED", requestId=B, status="failed"),
        delivery("sourcing.completed", requestId=A, status="completed"),
    ]
    assert ids_in(write("\n".join(lines))) == [A, B]
    assert ids_in(write(f"[{','.join(lines)}]")) == [A, B]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f'{{"request_id": "{A}"}}\n{{"request_id": "{B}"\n', ", line 2: "),
        (f'{{"request_id": "{A}"}}\n\n{{broken}}\n', ", line 3: "),
        (f'{{"request_id": "{A}"}}\n{B}\n', ", line 2: "),
        (f'["{A}", ', ": "),
        (f'["{A}"] trailing', ": "),
        ('{"a": \x1b[31m}\n', ", line 1: "),
        ('["\x1b[31m"]\n', ": "),
        ("[" * 100_000, ": "),
        ('{"a": ' + "[" * 100_000 + "\n", ", line 1: "),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_broken_json_is_named_by_its_place(write: Write, content: str, place: str) -> None:
    path = write(content)
    message = refusal(path, UnreadableInput)
    assert message.startswith(f"{path}{place}")
    assert "not JSON" in message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f'{{"request_id": "{A}"}}\n{{"other": 1}}\n', ", line 2: "),
        (f'{{"request_id": "{A}"}}\n{{"request_id": null}}\n', ", line 2: "),
        (f'{{"request_id": "{A}"}}\n{{"request_id": 42}}\n', ", line 2: "),
        (f'{{"request_id": "{A}"}}\n["{B}"]\n', ", line 2: "),
        (f'{{"request_id": "{A}"}}\n7\n', ", line 2: "),
        (f'["{A}", null]', ", item 2: "),
        (f'["{A}", {{"other": 1}}]', ", item 2: "),
        (f'["{A}", {{"\\u001b[31m": "\\u001b"}}]', ", item 2: "),
        ('{"event": "sourcing.completed", "data": {}}\n', ", line 1: "),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_json_without_an_id_is_named_by_its_place(write: Write, content: str, place: str) -> None:
    path = write(content)
    assert refusal(path, InvalidRequestId).startswith(f"{path}{place}")


# ---------------------------------------------------------------------- Parquet


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[[pd.DataFrame], str]:
    def parquet(frame: pd.DataFrame) -> str:
        path = tmp_path / "ids.bin"
        frame.to_parquet(path)
        return str(path)

    return parquet


Parquet = Callable[[pd.DataFrame], str]


@pytest.mark.parametrize("column", ["request_id", "requestId"])
@pytest.mark.parametrize("dtype", ["object", "str", "string", "category"])
def test_parquet_with_companies_and_gaps(parquet: Parquet, column: str, dtype: str) -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3, 4],
            column: pd.Series([A, None, B, A], dtype=dtype),
            "company_id": pd.Series(["acme", "other", None, None], dtype=dtype),
        }
    )
    assert read_requests([parquet(frame)]) == [Request(A, "sourcing", "acme"), Request(B, "enrichment", None)]


def test_parquet_written_by_something_else_than_pandas(tmp_path: Path) -> None:
    path = tmp_path / "ids.parquet"
    pq.write_table(pa.table({"requestId": pa.array([A, B]).dictionary_encode(), "companyId": ["acme", None]}), path)
    assert read_requests([str(path)]) == [Request(A, "sourcing", "acme"), Request(B, "enrichment")]


def test_a_company_that_is_a_number_is_not_dropped(parquet: Parquet, write: Write) -> None:
    expected = [Request(A, "sourcing", "42")]
    assert read_requests([parquet(pd.DataFrame({"request_id": [A], "company_id": [42]}))]) == expected
    assert read_requests([write(f"request_id,company_id\n{A},42\n")]) == expected
    assert read_requests([write(f"request_id,company_id\n{A},0042\n{B},\n")]) == [
        Request(A, "sourcing", "0042"),
        Request(B, "enrichment"),
    ]
    assert read_requests([write(f'{{"request_id": "{A}", "company_id": 42}}')]) == expected


@pytest.mark.parametrize(
    ("frame", "row"),
    [
        (pd.DataFrame({"request_id": [A, "nonsense"]}), 2),
        (pd.DataFrame({"request_id": [A, None, "\x1b[31m"]}), 3),
        (pd.DataFrame({"request_id": [1, 2]}), 1),
        (pd.DataFrame({"request_id": [A.encode()]}), 1),
        (pd.DataFrame({"request_id": [A], "company_id": ["a/b"]}), 1),
    ],
    ids=range(5),
)
def test_a_malformed_id_in_parquet_is_named_by_its_row(parquet: Parquet, frame: pd.DataFrame, row: int) -> None:
    path = parquet(frame)
    assert refusal(path, InvalidRequestId).startswith(f"{path}, row {row}: ")


def test_parquet_without_a_column_of_ids_names_the_file(parquet: Parquet) -> None:
    path = parquet(pd.DataFrame({"id": [A]}))
    assert refusal(path, UnreadableInput).startswith(f"{path}: no column request_id or requestId")


def test_parquet_that_is_cut_short_names_the_file(parquet: Parquet, write: Write) -> None:
    whole = Path(parquet(pd.DataFrame({"request_id": [A]}))).read_bytes()
    for content in (whole[: len(whole) // 2], b"PAR1", b"PAR1\x1b[31m" * 10):
        path = write(content)
        assert refusal(path, UnreadableInput).startswith(f"{path}: not readable as Parquet")


@pytest.mark.parametrize("end", [b"\xff", b"\xc3"])
def test_parquet_with_texts_that_are_none_names_the_file(write: Write, end: bytes) -> None:
    written = io.BytesIO()
    table = pa.table({"request_id": [A]})
    pq.write_table(table, written, compression="none", use_dictionary=False, write_statistics=False)
    assert A.encode() in written.getvalue()
    path = write(written.getvalue().replace(A.encode(), A.encode()[:-1] + end))
    assert refusal(path, UnreadableInput).startswith(f"{path}: not readable as Parquet")


@pytest.mark.parametrize("notes", ["[]", '{"index_columns": ["x"]}', '{"index_columns": [], "columns": [null]}'])
def test_parquet_is_read_whatever_it_notes_for_pandas(write: Write, notes: str) -> None:
    written = io.BytesIO()
    pq.write_table(pa.table({"request_id": [A]}).replace_schema_metadata({"pandas": notes}), written)
    assert ids_in(write(written.getvalue())) == [A]


def test_parquet_whose_notes_are_no_json_names_the_file(write: Write) -> None:
    written = io.BytesIO()
    pq.write_table(pa.table({"request_id": [A]}).replace_schema_metadata({"pandas": "{"}), written)
    path = write(written.getvalue())
    assert refusal(path, UnreadableInput).startswith(f"{path}: not readable as Parquet")


# ---------------------------------------------------------------------- standard input, several sources


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))


def test_standard_input_takes_every_format(monkeypatch: pytest.MonkeyPatch, parquet: Parquet) -> None:
    frame = Path(parquet(pd.DataFrame({"request_id": [A]}))).read_bytes()
    for content in (
        f"{A}\n".encode(),
        f"# žltý\n{A}\r\n".encode("utf-8-sig"),
        f"title,request_id\nx,{A}\n".encode(),
        f'{{"requestId": "{A}"}}\n'.encode(),
        f'["{A}"]'.encode(),
        frame,
    ):
        pipe(monkeypatch, content)
        assert ids_in("-") == [A]


def test_standard_input_is_named_in_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"nonsense\n")
    assert refusal("-", InvalidRequestId).startswith("standard input, line 1: ")
    pipe(monkeypatch, b"\xff\xfe")
    assert refusal("-", UnreadableInput).startswith("standard input: ")
    pipe(monkeypatch, b"id,title\n")
    assert refusal("-", UnreadableInput).startswith("standard input: ")


def test_several_sources_are_read_in_their_order_and_ids_count_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipe(monkeypatch, f"{B}\n{C}\n".encode())
    (tmp_path / "text").write_text(f"{A}\n{B}\n")
    (tmp_path / "table").write_text(f"request_id,company_id\n{C},acme\n{A},other\n")
    assert read_requests([str(tmp_path / "text"), "-", str(tmp_path / "table")]) == [
        Request(A, "sourcing", "other"),
        Request(B, "enrichment"),
        Request(C, "preview", "acme"),
    ]


def test_no_sources_are_no_requests() -> None:
    assert read_requests([]) == []


# ---------------------------------------------------------------------- files that are none


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "missing.txt")
    assert refusal(path, UnreadableInput).startswith(f"{path}: No such file or directory")


def test_a_folder_is_named(tmp_path: Path) -> None:
    assert refusal(str(tmp_path), UnreadableInput).startswith(f"{tmp_path}: Is a directory")


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)),
        b"\x89PNG\r\n\x1a\n\x00\xff",
        b"PK\x03\x04\xff\xfe",
        f"{A}\n".encode("utf-16"),
        b"\x1f\x8b\x08\x00",
    ],
    ids=["all bytes", "PNG", "ZIP", "UTF-16", "gzip"],
)
def test_a_binary_file_is_named(write: Write, content: bytes) -> None:
    path = write(content)
    assert refusal(path, UnreadableInput).startswith(f"{path}: not UTF-8 text, and not Parquet")


@pytest.mark.parametrize("content", ["nonsense\n", "id,title\n1,x\n", "{broken\n", "[broken\n", None], ids=ascii)
def test_a_file_name_with_control_characters_does_not_bring_them_into_the_message(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ids\x1b[31m\n\x07.txt"
    if content is not None:
        path.write_text(content)
    assert "ids" in refusal(str(path))


@pytest.mark.parametrize(
    "content",
    [
        "id\x1b[31m,title\x07\n1,2\n",
        "\x1b]0;title\x07\n",
        "request_id\nbad\x1b[31m\x7f\n",
        f"request_id,company_id\n{A},\x1b[31m\n",
        '{"request_id": "\\u001b[31m\\u009b"}\n',
        '["\\u202e"]',
    ],
    ids=ascii,
)
def test_control_characters_of_a_file_do_not_reach_the_message(write: Write, content: str) -> None:
    refusal(write(content))


PIECES = [
    A,
    B,
    "\n",
    "\r\n",
    ",",
    ";",
    "\t",
    '"',
    "request_id",
    "requestId",
    "company_id",
    "acme",
    "{",
    "}",
    "[",
    "]",
    ":",
]
PIECES += ["#", " ", "\ufeff", "\x1b[31m", "\x00", "null", "1", "\\", '{"request_id": "', '"}', "PAR1", "\u2028", "'"]


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map(lambda parts: "".join(parts)))
def test_whatever_a_file_holds_it_gives_ids_or_one_clean_message(write: Write, content: str) -> None:
    path = write(content)
    found, message = [], None
    try:
        found = ids_in(path)
    except UsageError as error:
        message = str(error)
    assert message is None or (message.startswith(path) and not CONTROL.search(message))
    assert found == list(dict.fromkeys(found))
    assert set(found) <= {A, B}
