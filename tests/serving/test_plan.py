"""The predict plan: requests against a signature, and errors that name column and row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec import UNSET

from millstream.formats.mlmodel import Model
from millstream.formats.signature import (
    AnyType,
    Array,
    ColSpec,
    ModelSignature,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)
from millstream.models.pyfunc import PyFuncModel
from millstream.serving.codec import Request, Table, Tensor
from millstream.serving.plan import Plan
from millstream.values.errors import InvalidValue


class Echo:
    """A model that answers what it was given."""

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        self.params = params
        return data


class ArrayEcho(Echo):
    def takes_arrays(self, names: list[str]) -> bool:
        return True


def plan(*inputs: ColSpec | TensorSpec, predictor: Any = None, params: ParamSchema | None = None) -> Plan:
    signature = ModelSignature(Schema(inputs), None, params) if inputs else None
    return Plan(PyFuncModel(Model(signature=signature), predictor or Echo()))


def table(columns: list[str] | None, *rows: list[Any], text: bool = False) -> Request:
    return Request(Table(columns, list(rows), text=text))


DOUBLES = (ColSpec("double", "a"), ColSpec("double", "b"))


def test_columns_come_in_the_schemas_order_without_the_extra_ones() -> None:
    found = plan(*DOUBLES).predict(table(["x", "b", "a"], ["?", 2, 1.5], ["?", 4, 3]))
    assert list(found.columns) == ["a", "b"]
    assert found.to_numpy().tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert set(found.dtypes.astype(str)) == {"float64"}


@pytest.mark.parametrize(("kind", "dtype"), [("double", "float64"), ("float", "float32")])
def test_numeric_tables_reach_array_models_as_one_array(kind: str, dtype: str) -> None:
    served = plan(ColSpec(kind, "a"), ColSpec(kind, "b"), predictor=ArrayEcho())
    for request in (table(["b", "a"], [2, 1]), table(["b", "a"], [None, 1]), table(["b", "a"], ["2", "1"], text=True)):
        found = served.predict(request)
        assert isinstance(found, np.ndarray)
        assert found.dtype == dtype
        assert found[0, 0] == 1


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("long", [1, 2.0, -(2**63)], [1, 2, -(2**63)]),
        ("integer", [2**31 - 1], [2**31 - 1]),
        ("double", [1, 0.5, 2**53], [1.0, 0.5, float(2**53)]),
        ("boolean", [True, False], [True, False]),
        ("string", ["", "가"], ["", "가"]),
        ("binary", ["YWI="], [b"ab"]),
        ("datetime", ["2020-02-15T01:02:03"], [pd.Timestamp("2020-02-15T01:02:03")]),
        (Array("double"), [[1.0], []], [[1.0], []]),
        (Object((Property("k", "long"),)), [{"k": 1}], [{"k": 1}]),
        (AnyType(), [1, "x"], [1, "x"]),
    ],
)
def test_each_type_takes_its_values(kind: Any, values: list[Any], expected: list[Any]) -> None:
    found = plan(ColSpec(kind, "c")).predict(table(["c"], *[[value] for value in values]))
    assert found["c"].tolist() == expected


@pytest.mark.parametrize(
    ("kind", "values", "complaint"),
    [
        ("long", [1, 2.5], "'c', row 1: long expected, got a number"),
        ("long", [1, None], "'c', row 1: long expected, got null"),
        ("long", [1, True], "'c', row 1: long expected, got true or false"),
        ("long", [1, "2"], "'c', row 1: long expected, got text"),
        ("long", [2**63], "'c', row 0: the number is too large"),
        ("integer", [0, 2**31], "'c', row 1: the number is too large"),
        ("double", [0.5, "x"], "'c', row 1: double expected, got text"),
        ("double", [0.5, True], "'c', row 1: double expected, got true or false"),
        ("double", [0.5, 2**53 + 1], "'c', row 1: the number is too large"),
        ("double", [0.5, 10**30], "'c', row 1: the number is too large"),
        ("float", [0.5, 1e39], "'c', row 1: the number is too large"),
        ("double", [0.5, [1]], "'c', row 1: double expected, got a list"),
        ("boolean", [True, 1], "'c', row 1: boolean expected, got a whole number"),
        ("string", ["a", 1], "'c', row 1: string expected, got a whole number"),
        ("string", ["a", None], "'c', row 1: string expected, got null"),
        ("binary", ["YWI=", "%"], "'c': row 1: base64"),
        ("datetime", ["yesterday"], "'c': ISO 8601"),
        (Array("double"), [[1.0], 2], "'c', row 1: a list is expected, got a whole number"),
        (Object((Property("k", "long"),)), [[1]], "'c', row 0: an object is expected"),
        ("double", [1.0, UNSET], "'c', row 1: the value is missing"),
    ],
)
def test_wrong_values_are_named_by_column_and_row(kind: Any, values: list[Any], complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        plan(ColSpec(kind, "c")).predict(table(["c"], *[[value] for value in values]))


def test_optional_columns_may_be_absent_or_have_gaps() -> None:
    served = plan(ColSpec("double", "a"), ColSpec("long", "b", False), ColSpec("string", "c", False))
    assert list(served.predict(table(["a"], [1.0])).columns) == ["a"]
    found = served.predict(table(["a", "b", "c"], [None, 1, "x"], [1, UNSET, None]))
    assert found["b"].tolist()[0] == 1
    assert found.isna().to_numpy().tolist() == [[True, False, False], [False, True, True]]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (table(["a"], [1.0]), "lacks the column 'b'"),
        (table(["a", "B"], [1.0, 2]), "lacks the column 'b'.*'B'"),
        (table(["x", "y"], [1.0, 2]), "lacks the columns 'a', 'b'"),
        (table(["a", "b"], [1.0, 2], [1.0]), "Row 1 has 1 values where 2 are expected"),
        (table(["a", "b"]), "no rows"),
        (table([], []), "no columns"),
        (table(["a", "b", "a"], [1, 2, 3]), "'a' twice"),
        (table(None, [1.0, 2, 3]), "takes 2 columns; the request has 3"),
        (Request(Tensor([1, 2])), "takes 2 columns; the request has 1"),
        (Request(Tensor({"a": [1], "b": [1, 2]})), "different lengths"),
    ],
)
def test_tables_that_do_not_fit_are_refused(request_: Request, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        plan(*DOUBLES).predict(request_)


@pytest.mark.parametrize("value", [[[1, 2]], {"a": [1], "b": [2]}, {"b": 2, "a": 1}])
def test_tensor_forms_serve_columns(value: Any) -> None:
    assert plan(*DOUBLES).predict(Request(Tensor(value))).to_dict("records") == [{"a": 1.0, "b": 2.0}]


def test_csv_fields_are_read_by_the_schema() -> None:
    kinds = (ColSpec("double", "d"), ColSpec("long", "l"), ColSpec("string", "s"), ColSpec("boolean", "b"))
    found = plan(*kinds).predict(table(["d", "l", "s", "b"], ["", "7", "007", "True"], text=True))
    assert found.iloc[0, 1:].tolist() == [7, "007", True]
    assert np.isnan(found.iloc[0, 0])
    with pytest.raises(InvalidValue, match="'l', row 0: long expected, got text"):
        plan(*kinds).predict(table(["d", "l", "s", "b"], ["1", "x", "s", "true"], text=True))


def test_tensors_are_checked() -> None:
    served = plan(TensorSpec("float32", (-1, 2)))
    assert served.predict(Request(Tensor([[1, 2.5]]))).dtype == np.float32
    assert served.predict(table(["a", "b"], [1, 2])).tolist() == [[1.0, 2.0]]
    for value, complaint in {
        "[[1, 2, 3]]": "shape",
        "[[1], [1, 2]]": "different lengths",
        "[]": "no values",
        "[[1, None]]": "no null",
        "[[1, 'x']]": "mixes texts",
        "[[1, True]]": "true or false",
        "[['a', 'b']]": "must be float32",
        "{'x': [1]}": "without a name",
    }.items():
        with pytest.raises(InvalidValue, match=complaint):
            served.predict(Request(Tensor(eval(value))))


def test_named_tensors_are_checked() -> None:
    served = plan(TensorSpec("float64", (-1,), "x"), TensorSpec("int64", (-1,), "n"))
    assert served.predict(Request(Tensor({"n": [1], "x": [0.5]})))["n"].tolist() == [1]
    assert served.predict(table(["x", "n"], [0.5, 1]))["x"].tolist() == [0.5]
    with pytest.raises(InvalidValue, match="'n'"):
        served.predict(Request(Tensor({"x": [0.5]})))
    with pytest.raises(InvalidValue, match="must be int64"):
        served.predict(Request(Tensor({"x": [0.5], "n": [1.5]})))


def test_parameters_reach_the_model_checked() -> None:
    echo = Echo()
    served = plan(*DOUBLES, predictor=echo, params=ParamSchema([ParamSpec("n", "long", 5)]))
    served.predict(table(["a", "b"], [1, 2]))
    assert echo.params == {"n": 5}
    with pytest.raises(InvalidValue, match="'n' must be long"):
        served.predict(Request(Table(["a", "b"], [[1, 2]]), {"n": "x"}))


class Sklearnish(Echo):
    def __init__(self) -> None:
        self.feature_names = ["a", "b"]
        self.feature_count = 2


class Torchish(Echo):
    element_type = "float32"


def test_without_a_signature_what_the_model_knows_is_checked() -> None:
    served = plan(predictor=Sklearnish())
    served.predict(table(["a", "b"], [1, 2]))
    with pytest.raises(InvalidValue, match="lacks the column 'b'"):
        served.predict(table(["a", "x"], [1, 2]))
    with pytest.raises(InvalidValue, match="rows of 2 values"):
        served.predict(Request(Tensor([[1, 2, 3]])))
    with pytest.raises(InvalidValue, match="different lengths"):
        served.predict(Request(Tensor([[1, 2], [3]])))
    with pytest.raises(InvalidValue, match="Row 1"):
        plan().predict(table(["a", "b"], [1, 2], [3]))


def test_without_a_signature_types_come_from_the_values() -> None:
    found = plan().predict(table(["i", "f", "s", "g"], ["1", "0.5", "x", "1"], ["2", "1", "2", ""], text=True))
    assert [str(kind) for kind in found.dtypes] == ["int64", "float64", "str", "float64"]
    assert plan().predict(Request(Tensor({"x": [1]})))["x"].tolist() == [1]
    assert plan(predictor=Torchish()).predict(Request(Tensor([[1, 2]]))).dtype == np.float32
