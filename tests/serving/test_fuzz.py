"""Whatever the body: an answer or one of our errors, and the error never repeats the body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.formats.mlmodel import Model
from millstream.formats.signature import ColSpec, ModelSignature, ParamSchema, ParamSpec, Schema, TensorSpec
from millstream.models.pyfunc import PyFuncModel
from millstream.serving.codec import CSV, JSON, Kind, decode, encode
from millstream.serving.plan import Plan
from millstream.values.errors import MillstreamError


class Echo:
    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        return data


SCHEMAS = {
    "doubles": Schema([ColSpec("double", "a"), ColSpec("double", "b", False)]),
    "mixed": Schema([ColSpec(kind, kind) for kind in ("long", "float", "boolean", "string", "binary", "datetime")]),
    "nameless": Schema([ColSpec("long"), ColSpec("double")]),
    "tensor": Schema([TensorSpec("float32", (-1, 2))]),
    "tensors": Schema([TensorSpec("int64", (-1,), "a"), TensorSpec("float64", (-1, 2), "b")]),
    "none": None,
}
PARAMS = ParamSchema([ParamSpec("n", "long", 1)])
PLANS = {
    name: Plan(PyFuncModel(Model(signature=ModelSignature(schema, None, PARAMS)), Echo()))
    for name, schema in SCHEMAS.items()
}

names = st.sampled_from(["a", "b", "long", "float", "boolean", "string", "binary", "datetime", ""])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "1", "YWI=", "2020-02-15", "가"])
)
rows = st.lists(st.lists(scalars, max_size=3), max_size=3)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
tables = st.fixed_dictionaries({"columns": st.lists(names, max_size=3), "data": rows})
records = st.lists(st.dictionaries(names, scalars, max_size=3), max_size=3)
bodies = (
    anything
    | tables
    | records
    | st.builds(lambda table, n: {"dataframe_split": table, "params": {"n": n}}, tables, scalars)
    | st.builds(lambda key, value: {key: value}, st.sampled_from(["inputs", "instances"]), rows | records | anything)
)


def answer(name: str, body: bytes, kind: Kind) -> None:
    refused = None
    try:
        request = decode(body, kind)
        encode(PLANS[name].predict(request), bare=request.bare)
    except MillstreamError as error:
        refused = error
    assert refused is None or (refused.http_status == 400 and len(refused.message) < 400)


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=150)
@given(body=bodies)
def test_any_json_is_answered_or_refused(name: str, body: Any) -> None:
    answer(name, json.dumps(body).encode(), Kind(JSON))


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=40)
@given(body=st.text(alphabet='ab,"\n\r1.x ', max_size=30))
def test_any_csv_is_answered_or_refused(name: str, body: str) -> None:
    answer(name, body.encode(), Kind(CSV))
