"""Request text → request structs: what is taken, what is refused, and the words of the refusal."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.experiments import ById, Search
from millstream.formats.wire.metrics import Bulk, Interval, LogBatch, LogMetric
from millstream.formats.wire.runs import ById as RunById
from millstream.formats.wire.runs import Create, LogParameter, Update
from millstream.values.errors import BadRequest, InvalidValue

POINT = {"run_id": "r", "key": "loss", "value": 0.5, "timestamp": 1}


def metric(**change: Any) -> LogMetric:
    return read_body(msgspec.json.encode(POINT | change), LogMetric)


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"value": "0.25"}, "value", 0.25),
        ({"value": 3}, "value", 3.0),
        ({"value": "Infinity"}, "value", math.inf),
        ({"value": "-Infinity"}, "value", -math.inf),
        ({"timestamp": "1700000000000"}, "timestamp", 1_700_000_000_000),
        ({"timestamp": 2**63 - 1}, "timestamp", 2**63 - 1),
        ({"timestamp": str(2**63 - 1)}, "timestamp", 2**63 - 1),
        ({"step": -5}, "step", -5),
        ({"step": None}, "step", 0),
        ({"step": 2.0}, "step", 2),
        ({"unheard_of": {"a": [1]}}, "key", "loss"),
        ({"modelId": "m-1"}, "model_id", "m-1"),
        ({"key": "손실 값/1"}, "key", "손실 값/1"),
    ],
)
def test_harmless_forms_are_taken(change: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(metric(**change), field) == expected


def test_nan_comes_as_a_string() -> None:
    assert math.isnan(metric(value="NaN").value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"value": True},
            "Invalid value true for parameter 'value' supplied: It must be a number. Hint: Value was of type",
        ),
        ({"value": "high"}, "Invalid value \"high\" for parameter 'value'"),
        ({"value": "1e400"}, "for parameter 'value' supplied: Number out of range"),
        ({"value": [1]}, "for parameter 'value' supplied: It must be a number."),
        ({"timestamp": 2**63}, "Invalid value 9223372036854775808 for parameter 'timestamp'"),
        ({"timestamp": str(-(2**63) - 1)}, "for parameter 'timestamp'"),
        ({"timestamp": 10**40}, "for parameter 'timestamp'"),
        ({"timestamp": 1.5}, "Invalid value 1.5 for parameter 'timestamp' supplied: It must be a whole number."),
        ({"timestamp": False}, "for parameter 'timestamp' supplied: It must be a whole number."),
        ({"step": "null"}, "for parameter 'step' supplied: It must be a whole number."),
        ({"key": 7}, "Invalid value 7 for parameter 'key' supplied: It must be a string."),
        ({"key": ""}, "Missing value for required parameter 'key'. See the API docs"),
        ({"key": None}, "Missing value for required parameter 'key'. See the API docs"),
        ({"value": None}, "Missing value for required parameter 'value'. See the API docs"),
        ({"run_id": ""}, "Missing value for required parameter 'run_id'. See the API docs"),
        ({"model_id": "a", "modelId": "a"}, "gives 'model_id' twice"),
        ({"run_uuid": "other"}, "gives 'run_id' twice"),
    ],
)
def test_what_would_change_silently_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        metric(**change)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"run_id": "r", "key": "k", "value": NaN}',
            "Invalid value NaN for parameter 'value' supplied: JSON has no bare",
        ),
        (b'{"value": -Infinity}', "Invalid value -Infinity for parameter 'value'"),
        (b'{"value": 1e400}', "Invalid value 1e400 for parameter 'value' supplied: It is out of the range"),
        (b'{"key": "\\ud800"}', "for parameter 'key' supplied: a lone surrogate"),
        (b'{"a": [{"b": NaN}]}', "for parameter 'a[0].b'"),
        (b'{"run_id": ', "not valid JSON"),
        (b"\xff{}", "byte 0 is not UTF-8"),
        (b'{"key": "\xff"}', "is not UTF-8"),
        (b"[1]", "must be a JSON object; got [1]"),
        (b"3", "must be a JSON object"),
        (b'"[]"', "must be a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"other":' + b"[" * 70 + b"]" * 70 + b"}", "'other' is nested more than 64 levels"),
    ],
)
def test_unreadable_bodies_say_why(body: bytes, words: str) -> None:
    with pytest.raises((BadRequest, InvalidValue)) as caught:
        read_body(body, LogMetric)
    assert caught.value.http_status == 400
    assert words in caught.value.message


@pytest.mark.parametrize(
    "change", [{"run_uuid": "r"}, {"runUuid": "r"}, {"runId": "r"}, {"run_id": "", "run_uuid": "r"}]
)
def test_every_spelling_of_a_run_id(change: dict[str, str]) -> None:
    assert read_body(msgspec.json.encode(change), RunById).run_id == "r"
    assert read_body(msgspec.json.encode(change | {"run_uuid": "r"}), RunById).run_id == "r"


def test_a_body_inside_a_json_string_is_read_again() -> None:
    inner = msgspec.json.encode({"experiment_id": "7"}).decode()
    assert read_body(msgspec.json.encode(inner), ById).experiment_id == "7"


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b'""', b'"{}"'])
def test_an_empty_body_lacks_what_is_required(body: bytes) -> None:
    with pytest.raises(InvalidValue, match="Missing value for required parameter 'experiment_id'"):
        read_body(body, ById)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"metrics": [{"value": 1, "timestamp": 1}]}, "Missing value for required parameter 'metrics[0].key'"),
        ({"metrics": [POINT, {"key": "k", "timestamp": 1}]}, "Missing value for required parameter 'metrics[1].value'"),
        ({"metrics": [{"key": "k", "value": 1}]}, "Missing value for required parameter 'metrics[0].timestamp'"),
        ({"params": [{"key": "", "value": "1"}]}, "Missing value for required parameter 'params[0].key'"),
        ({"tags": [{"value": "1"}]}, "Missing value for required parameter 'tags[0].key'"),
        ({"tags": [{"key": "a", "value": 1}]}, "Invalid value 1 for parameter 'tags[0].value' supplied"),
        ({"metrics": [3]}, "Invalid value 3 for parameter 'metrics[0]' supplied: It must be an object."),
        ({"metrics": [None]}, "for parameter 'metrics[0]'"),
        ({"metrics": {}}, "for parameter 'metrics' supplied: It must be a list."),
        ({"metrics": [{"key": "k", "value": 1, "timestamp": True}]}, "for parameter 'metrics[0].timestamp'"),
        ({"metrics": [POINT | {"modelId": "a", "model_id": "b"}]}, "gives 'metrics[0].model_id' twice"),
    ],
)
def test_elements_are_named_by_their_place(body: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_body(msgspec.json.encode({"run_id": "r"} | body), LogBatch)
    assert words in caught.value.message


def test_camel_case_inside_of_lists() -> None:
    batch = read_body(msgspec.json.encode({"runId": "r", "metrics": [POINT | {"datasetName": "d"}]}), LogBatch)
    assert batch.metrics[0].dataset_name == "d"


def test_an_id_as_a_number_is_refused() -> None:
    with pytest.raises(InvalidValue, match="Invalid value 0 for parameter 'experiment_id'"):
        read_body(b'{"experiment_id": 0}', Create)


def test_text_that_reads_null_stays_text() -> None:
    assert read_body(b'{"run_id": "r", "key": "k", "value": "null"}', LogParameter).value == "null"
    assert read_body(b'{"run_id": "r", "run_name": "null"}', Update).run_name == "null"


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidValue) as caught:
        metric(timestamp="x" * 10_000)
    assert len(caught.value.message) < 500


def test_query_strings() -> None:
    query = b"run_ids=a&run_ids=b&metric_key=loss%2Fval&start_step=-1&end_step=9&other=1&other=2"
    request = read_query(query, Interval)
    assert (request.run_ids, request.metric_key, request.start_step, request.end_step) == (
        ("a", "b"),
        "loss/val",
        -1,
        9,
    )
    assert read_query(b"run_id=a&metric_key=%EC%86%90%EC%8B%A4+1", Bulk).metric_key == "손실 1"
    assert read_query(b"run_id=a&run_uuid=a", RunById).run_id == "a"
    assert read_query(b"max_results=5&view_type=ALL&order_by=name&order_by=x", Search).order_by == ("name", "x")


@pytest.mark.parametrize(
    ("query", "request_type", "words"),
    [
        (b"runId=a", RunById, "Missing value for required parameter 'run_id'"),
        (b"run_id=", RunById, "Missing value for required parameter 'run_id'"),
        (b"run_id=a&run_id=b", RunById, "'run_id' is given more than once"),
        (b"run_id=a&run_uuid=b", RunById, "gives 'run_id' twice"),
        (b"run_id=%FF", RunById, "not UTF-8"),
        (b"max_results=ten", Search, "Invalid value \"ten\" for parameter 'max_results'"),
        (b"metric_key=a", Bulk, "Missing value for required parameter 'run_id'"),
        (b"&".join([b"run_id=a"] * 1001), Bulk, "more than 1000 parameters"),
    ],
)
def test_query_strings_that_are_refused(query: bytes, request_type: Any, words: str) -> None:
    with pytest.raises((InvalidValue, BadRequest)) as caught:
        read_query(query, request_type)
    assert words in caught.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["run_id", "runId", "run_uuid", "metrics", "params", "tags", "key", "value", "timestamp", "step"]
)
bodies = st.dictionaries(
    names, json_values | st.lists(st.dictionaries(names, json_values, max_size=4), max_size=3), max_size=5
)


@given(bodies)
def test_any_json_is_read_or_refused_with_400(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidValue, BadRequest):
        read_body(msgspec.json.encode(body), LogBatch)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_400(body: bytes) -> None:
    for read in (read_body, read_query):
        with contextlib.suppress(InvalidValue, BadRequest):
            read(body, LogMetric)
