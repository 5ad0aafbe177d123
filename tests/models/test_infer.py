"""Signatures inferred from every kind of example."""

from __future__ import annotations

import datetime
import sys

import numpy as np
import pandas as pd
import pytest

from millstream.formats.signature import AnyType, Array, ColSpec, Object, ParamSpec, Property, TensorSpec
from millstream.models.infer import infer_params, infer_schema, infer_signature
from millstream.values.errors import InvalidValue


def test_each_dtype_of_a_frame_has_its_column_type() -> None:
    frame = pd.DataFrame(
        {
            "bool": [True, False],
            "int8": np.array([1, 2], "int8"),
            "uint16": np.array([1, 2], "uint16"),
            "int32": np.array([1, 2], "int32"),
            "uint32": np.array([1, 2], "uint32"),
            "int64": [1, 2],
            "float32": np.array([1, 2], "float32"),
            "float64": [0.5, 1.5],
            "text": ["가", "b"],
            "object": pd.Series(["a", "b"], dtype="object"),
            "bytes": [b"a", b"b"],
            "date": pd.to_datetime(["2020-02-15", "2020-02-16"]),
            "zoned": pd.to_datetime(["2020-02-15", "2020-02-16"], utc=True),
            "category": pd.Categorical(["x", "y"]),
            "Int64": pd.array([1, 2], dtype="Int64"),
            "list": [[1.0], [2.0]],
        }
    )
    kinds = dict(zip(infer_schema(frame).input_names(), infer_schema(frame).input_types(), strict=True))
    assert kinds == {
        "bool": "boolean", "int8": "integer", "uint16": "integer", "int32": "integer", "uint32": "long",
        "int64": "long", "float32": "float", "float64": "double", "text": "string", "object": "string",
        "bytes": "binary", "date": "datetime", "zoned": "datetime", "category": "string", "Int64": "long",
        "list": Array("double"),
    }  # fmt: skip


def test_columns_with_gaps_are_optional_and_whole_numbers_stay_whole() -> None:
    frame = pd.DataFrame(
        {
            "full": [1, 2],
            "nan": [1.0, None],
            "Int64": pd.array([1, None], dtype="Int64"),
            "ints": pd.Series([1, None], dtype="object"),
            "text": ["a", None],
            "empty": pd.Series([None, None], dtype="object"),
        }
    )
    assert infer_schema(frame).inputs == [
        ColSpec("long", "full"),
        ColSpec("double", "nan", False),
        ColSpec("long", "Int64", False),
        ColSpec("long", "ints", False),
        ColSpec("string", "text", False),
        ColSpec(AnyType(), "empty", False),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (np.zeros((5, 28, 28), "float32"), TensorSpec("float32", (-1, 28, 28))),
        (np.zeros(5, "int64"), TensorSpec("int64", (-1,))),
        (pd.Series([1, 2], name="y"), ColSpec("long", "y")),
        (pd.Series([1.5]), ColSpec("double")),
        (["a", "b"], ColSpec("string")),
        ([1, 2.5], ColSpec("double")),
        ([[1, 2], [3]], ColSpec(Array("long"))),
        ("text", ColSpec("string")),
        (np.float32(1), ColSpec("float")),
        (datetime.date(2020, 2, 15), ColSpec("datetime")),
    ],
)
def test_what_is_no_table_is_one_column_or_tensor(data: object, expected: object) -> None:
    assert infer_schema(data).inputs == [expected]


def test_a_torch_tensor_is_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    assert infer_schema(torch.ones(2, 3, requires_grad=True)).inputs == [TensorSpec("float32", (-1, 3))]


def test_dictionaries_are_columns_or_named_tensors() -> None:
    assert infer_schema({"a": np.zeros((2, 3)), "b": np.zeros(2, "int64")}).inputs == [
        TensorSpec("float64", (-1, 3), "a"),
        TensorSpec("int64", (-1,), "b"),
    ]
    assert infer_schema({"a": [1, 2], "b": "x"}).inputs == [ColSpec(Array("long"), "a"), ColSpec("string", "b")]


def test_records_are_columns_and_absent_keys_optional() -> None:
    records = [{"a": 1, "b": {"k": "x"}}, {"a": 2.5}]
    assert infer_schema(records).inputs == [
        ColSpec("double", "a"),
        ColSpec(Object((Property("k", "string"),)), "b", False),
    ]


def test_parameters_are_scalars_or_flat_lists() -> None:
    assert infer_params({"n": 5, "t": 0.5, "on": True, "words": ["a"]}).params == [
        ParamSpec("n", "long", 5),
        ParamSpec("t", "double", 0.5),
        ParamSpec("on", "boolean", True),
        ParamSpec("words", "string", ["a"], (-1,)),
    ]
    with pytest.raises(InvalidValue, match="'deep'"):
        infer_params({"deep": {"a": 1}})


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "empty list"),
        ([1, "a"], "long, string"),
        (pd.DataFrame({"mixed": pd.Series([1, "a"], dtype="object")}), "'mixed'"),
        (pd.DataFrame({"z": np.array([1j])}), "complex128"),
        (pd.DataFrame({"u": np.array([1], "uint64")}), "uint64"),
        (object(), "object"),
    ],
)
def test_what_has_no_type_is_refused(data: object, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        infer_signature(data)


def test_a_frame_of_numbers_is_not_walked_cell_by_cell() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((4000, 16)))
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        infer_schema(frame)
    finally:
        sys.setprofile(None)
    assert calls < frame.size / 4
