"""Request bodies of every generation, and the answers that go with them."""

from __future__ import annotations

import datetime
import json
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from millstream.serving.codec import (
    CSV,
    JSON,
    Kind,
    Request,
    Table,
    Tensor,
    UnsupportedType,
    encode,
    parse_content_type,
)
from millstream.serving.codec import decode as decode_body
from millstream.values.errors import BadRequest

ROWS = [[1, 2.5], [3, None]]


def decode(body: Any, content_type: str = JSON) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_body(data, parse_content_type(content_type))


@pytest.mark.parametrize(
    ("body", "content_type", "bare"),
    [
        ({"dataframe_split": {"columns": ["a", "b"], "data": ROWS}}, JSON, False),
        ({"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": ROWS}}, JSON, False),
        ({"dataframe_records": [{"a": 1, "b": 2.5}, {"b": None, "a": 3}]}, JSON, False),
        ({"instances": [{"a": 1, "b": 2.5}, {"a": 3, "b": None}]}, JSON, False),
        ({"inputs": [{"a": 1, "b": 2.5}, {"a": 3, "b": None}], "ignored": 1}, JSON, False),
        ({"columns": ["a", "b"], "data": ROWS}, JSON, True),
        ({"columns": ["a", "b"], "index": [0, 1], "data": ROWS}, "application/json; format=pandas-split", True),
        ({"columns": ["a", "b"], "index": [0, 1], "data": ROWS}, "application/json-numpy-split", True),
        ([{"a": 1, "b": 2.5}, {"a": 3, "b": None}], "application/json; format=pandas-records", True),
        ([{"a": 1, "b": 2.5}, {"a": 3, "b": None}], "Application/JSON; charset=UTF-8", True),
    ],
)
def test_every_form_of_a_table_is_the_same_table(body: Any, content_type: str, bare: bool) -> None:
    request = decode(body, content_type)
    assert request.data == Table(["a", "b"], ROWS)
    assert request.bare is bare


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], [1, 2], {"x": [[1]], "y": [2]}, []])
def test_tensors_come_as_they_are(form: str, value: Any) -> None:
    request = decode({form: value, "params": {"n": 1}})
    assert request == Request(Tensor(value), {"n": 1})


def test_csv_has_a_header_and_text() -> None:
    body = '﻿a,"b,c"\r\n1,"여러\n줄"\r\n\r\n2,\r\n'.encode()
    rows = [["1", "여러\n줄"], ["2", ""]]
    assert decode(body, "text/csv; charset=utf-8").data == Table(["a", "b,c"], rows, text=True)


def test_a_key_that_one_record_lacks_is_noticed() -> None:
    data = decode([{"a": 1, "b": 2}, {"a": 3}]).data
    assert isinstance(data, Table)
    assert data.rows[1] == [3, msgspec.UNSET]


def test_column_names_may_be_numbers() -> None:
    assert decode({"columns": [0, 1.5], "data": [[1, 2]]}).data == Table(["0", "1.5"], [[1, 2]])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON.*truncated"),
        (b'{"inputs": [NaN]}', r"not valid JSON.*byte 12"),
        (b'{"inputs": [Infinity]}', "not valid JSON"),
        (b'{"inputs": [1e400]}', "not valid JSON"),
        (b'{"inputs": ["\xff"]}', "not valid JSON"),
        (b'{"inputs": ' + b"[" * 100_000, "deeply"),
        (b"5", "a JSON object, not a whole number"),
        (b"null", "a JSON object, not null"),
        (b"{}", "exactly one.*none of them"),
        (b'{"data": [[1]]}', "none of them"),
        (b'{"inputs": [1], "instances": [1]}', "has instances and inputs"),
        (b'{"inputs": 5}', "'inputs' must be a list or an object"),
        (b'{"inputs": [1], "params": [1]}', "'params' must be an object, not a list"),
        (b"[1, 2]", "Row 0 of the list must be an object"),
        (b'[{"a": 1}, 2]', "Row 1 of the list must be an object"),
        (b'{"dataframe_split": [[1]]}', "'columns' and 'data'"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "'columns' and 'data'"),
        (b'{"dataframe_split": {"columns": "a", "data": [[1]]}}', "'columns' must be a list"),
        (b'{"dataframe_split": {"columns": [["a"]], "data": [[1]]}}', "column name must be text"),
        (b'{"dataframe_split": {"columns": [true], "data": [[1]]}}', "column name must be text"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1], 2]}}', "Row 1 of 'data' must be a list"),
        (b'{"dataframe_split": {"colums": ["a"], "data": [[1]]}}', "'colums'"),
        (b'{"dataframe_records": {"a": 1}}', "'dataframe_records' must be a list"),
    ],
)
def test_other_bodies_are_refused_with_the_place(body: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint) as caught:
        decode(body)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("body", [b"\xff\xfe", b'a,b\n"1,2\n'])
def test_broken_csv_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="CSV"):
        decode(body, CSV)


@pytest.mark.parametrize(
    "header",
    [None, "", "text/plain", "application/xml", "application/json; charset=latin-1", "application/json; format=other",
     "text/csv; format=pandas-split", "application/json; x=1"],
)  # fmt: skip
def test_other_content_types_are_refused(header: str | None) -> None:
    with pytest.raises(UnsupportedType):
        parse_content_type(header)


def test_content_types_are_read_without_regard_to_case() -> None:
    assert parse_content_type('APPLICATION/JSON; Charset="utf-8"') == Kind(JSON)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.5], [np.nan]]), [[0.5], [None]]),
        (np.array([np.inf]), [None]),
        (np.array(["가"]), ["가"]),
        (np.array(["2020-02-15"], "datetime64[D]"), ["2020-02-15T00:00:00"]),
        (pd.DataFrame({0: [1.5], "b": ["x"]}), [{"0": 1.5, "b": "x"}]),
        (pd.DataFrame({"t": pd.to_datetime(["2020-02-15", None])}), [{"t": "2020-02-15T00:00:00"}, {"t": None}]),
        (pd.Series([1, 2], name="y"), [{"y": 1}, {"y": 2}]),
        (pd.Series([0.5]), [{"0": 0.5}]),
        ({1: np.float32(0.5), "x": [np.int64(1), np.array([2])]}, {"1": 0.5, "x": [1, [2]]}),
        (np.float64(0.5), 0.5),
        ([datetime.date(2020, 2, 15), b"ab", (1, None)], ["2020-02-15", "YWI=", [1, None]]),
        ("text", "text"),
    ],
)
def test_answers_become_plain_json(value: Any, expected: Any) -> None:
    assert json.loads(encode(value, bare=True)) == expected
    assert json.loads(encode(value, bare=False)) == {"predictions": expected}


def test_answers_without_a_form_are_an_error() -> None:
    with pytest.raises(TypeError, match="object"):
        encode([object()], bare=True)
