"""A schema against data in memory."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from millstream.formats.signature import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from millstream.models.enforce import enforce_params, enforce_schema
from millstream.values.errors import InvalidValue

AB = Schema([ColSpec("double", "a"), ColSpec("long", "b")])


def one(kind: str, required: bool = True) -> Schema:
    return Schema([ColSpec(kind, "a", required)])


def test_order_is_the_schemas_and_extra_columns_are_dropped() -> None:
    frame = pd.DataFrame({"b": [1], "x": ["?"], "a": [0.5]}, index=[7])
    found = enforce_schema(frame, AB)
    assert list(found.columns) == ["a", "b"]
    assert list(found.index) == [7]


def test_data_that_fits_is_not_copied() -> None:
    frame = pd.DataFrame({"a": [0.5], "b": [1]})
    assert enforce_schema(frame, AB) is frame


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [
        ("long", np.array([1], "int32"), "int64"),
        ("double", np.array([1.5], "float32"), "float64"),
        ("double", np.array([1], "int64"), "float64"),
        ("float", np.array([1], "int64"), "float32"),
        ("long", np.array([1, 2], "object"), "int64"),
        ("double", np.array([1, None], "object"), "float64"),
        ("double", [None, 0.5], "float64"),
        ("boolean", np.array([True], "object"), "bool"),
        ("datetime", ["2020-02-15"], "datetime64[us]"),
        ("long", pd.array([1, 2], dtype="Int64"), "int64"),
    ],
)
def test_safe_conversions_happen(kind: str, values: Any, dtype: str) -> None:
    assert str(enforce_schema(pd.DataFrame({"a": values}), one(kind))["a"].dtype) == dtype


@pytest.mark.parametrize(
    ("kind", "values", "complaint"),
    [
        ("long", [2.5], "'a' must be long"),
        ("integer", [2**31], "row 0.*too large"),
        ("double", [0, 2**53 + 1], "row 1.*too large"),
        ("long", [1.0, None], "row 1.*required"),
        ("boolean", [0, 1], "'a' must be boolean"),
        ("double", ["x"], "'a'"),
        ("double", np.array([1, "x"], "object"), "row 1: double expected, got str"),
        ("long", np.array([1, True], "object"), "row 1: long expected, got bool"),
        ("long", np.array([1, None], "object"), "row 1.*required"),
        ("string", [1], "'a' must be string"),
        ("string", ["a", None], "row 1.*required"),
        ("string", np.array(["a", 1], "object"), "row 1: string expected, got int"),
        ("binary", ["a"], "'a' must be binary"),
        ("datetime", ["tomorrow"], "'a' must be datetime"),
        ("datetime", [5], "'a' must be datetime"),
    ],
)
def test_lossy_conversions_are_refused_by_column_and_row(kind: str, values: Any, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        enforce_schema(pd.DataFrame({"a": values}), one(kind))


def test_optional_columns_may_have_gaps_or_be_absent() -> None:
    assert enforce_schema(pd.DataFrame({"a": [1.0, None]}), one("long", False))["a"].isna().tolist() == [False, True]
    schema = Schema([ColSpec("double", "a"), ColSpec("string", "b", False)])
    assert list(enforce_schema(pd.DataFrame({"a": [1.0]}), schema).columns) == ["a"]


def test_missing_columns_are_named_with_what_was_there_instead() -> None:
    with pytest.raises(InvalidValue, match=r"lacks the column 'b'\. Not known to the model: 'B'"):
        enforce_schema(pd.DataFrame({"a": [1.0], "B": [1]}), AB)


def test_a_column_twice_is_refused() -> None:
    frame = pd.DataFrame([[1.0, 2, 3]], columns=["a", "b", "a"])
    with pytest.raises(InvalidValue, match="'a' twice"):
        enforce_schema(frame, AB)


@pytest.mark.parametrize(
    "data",
    [{"a": 0.5, "b": 1}, {"a": [0.5], "b": [1]}, [{"a": 0.5, "b": 1}], np.array([[0.5, 1]], "object"), [[0.5, 1]]],
)
def test_other_shapes_of_a_table_become_a_frame(data: Any) -> None:
    assert enforce_schema(data, AB).to_dict("records") == [{"a": 0.5, "b": 1}]


def test_an_array_of_another_width_is_refused() -> None:
    with pytest.raises(InvalidValue, match="takes 2 columns; the input has 3"):
        enforce_schema(np.zeros((1, 3)), AB)


def test_tensors_keep_their_shape_and_lose_nothing() -> None:
    schema = Schema([TensorSpec("float32", (-1, 2))])
    assert enforce_schema(np.zeros((3, 2)), schema).dtype == np.float32
    assert enforce_schema(pd.DataFrame(np.zeros((3, 2))), schema).shape == (3, 2)
    with pytest.raises(InvalidValue, match=r"\(-1, 2\).*\(3, 4\)"):
        enforce_schema(np.zeros((3, 4)), schema)
    whole = Schema([TensorSpec("int64", (-1,))])
    assert enforce_schema(np.array([1], "uint8"), whole).dtype == np.int64
    with pytest.raises(InvalidValue, match="must be int64; it is float64"):
        enforce_schema(np.array([1.5]), whole)
    with pytest.raises(InvalidValue, match="different lengths"):
        enforce_schema([[1], [1, 2]], schema)


def test_named_tensors_come_by_name() -> None:
    schema = Schema([TensorSpec("float64", (-1,), "x"), TensorSpec("int64", (-1,), "n")])
    found = enforce_schema({"n": np.array([1]), "x": np.array([0.5]), "other": np.array([0])}, schema)
    assert list(found) == ["x", "n"]
    with pytest.raises(InvalidValue, match="'n'"):
        enforce_schema({"x": np.array([0.5])}, schema)
    with pytest.raises(InvalidValue, match="dictionary"):
        enforce_schema(np.zeros(3), schema)


def test_parameters_have_defaults_and_types(caplog: pytest.LogCaptureFixture) -> None:
    schema = ParamSchema(
        [ParamSpec("n", "long", 5), ParamSpec("t", "double", 0.5), ParamSpec("w", "string", ["a"], (-1,))]
    )
    assert enforce_params({"n": 7, "t": 1}, schema) == {"n": 7, "t": 1.0, "w": ["a"]}
    with caplog.at_level(logging.WARNING):
        assert enforce_params({"unknown": 1}, None) == {}
    assert "'unknown'" in caplog.text
    for name, value in {"n": 1.5, "t": "x", "w": "a"}.items():
        with pytest.raises(InvalidValue, match=f"'{name}'"):
            enforce_params({name: value}, schema)
    with pytest.raises(InvalidValue, match="'n' must be long"):
        enforce_params({"n": True}, schema)


def test_a_number_that_would_become_infinite_is_refused() -> None:
    schema = Schema([TensorSpec("float32", (-1, 1))])
    with pytest.raises(InvalidValue, match="too large for float32"):
        enforce_schema(np.array([[3.5e38]]), schema)
