"""The JSON texts of signatures: read as MLflow writes them, written as MLflow reads them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.signature import (
    SCALAR_TYPES,
    AnyType,
    Array,
    ColSpec,
    Map,
    ModelSignature,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)
from millstream.values.errors import DataDamaged, InvalidValue

TEXTS = [
    '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b", "required": false}]',
    '[{"type": "string", "required": true}]',
    '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]',
    '[{"name": "x", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
    '[{"type": "array", "items": {"type": "array", "items": {"type": "double"}}, "name": "a", "required": true}]',
    '[{"type": "object", "properties": {"k": {"type": "long", "required": false}}, "name": "o", "required": true}]',
    '[{"type": "map", "values": {"type": "any"}, "name": "m", "required": true}]',
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_schema_of_mlflow_is_written_as_it_was_read(text: str) -> None:
    schema = Schema.from_json(text)
    assert json.loads(schema.to_json()) == json.loads(text)
    assert Schema.from_json(schema.to_json()) == schema


def test_params_are_written_as_they_were_read_and_the_oldest_spelling_is_read() -> None:
    text = (
        '[{"name": "t", "default": 0.5, "shape": null, "type": "double"}, '
        '{"name": "s", "default": ["a"], "shape": [-1], "type": "string"}]'
    )
    schema = ParamSchema.from_json(text)
    assert schema.params[1] == ParamSpec("s", "string", ["a"], (-1,))
    assert json.loads(schema.to_json()) == json.loads(text)
    assert ParamSchema.from_json(text.replace('"type"', '"dtype"')) == schema


def test_optional_of_mlflow_2_means_not_required() -> None:
    assert Schema.from_json('[{"type": "long", "name": "a", "optional": true}]').required_input_names() == []


def test_a_numpy_dtype_and_a_list_make_a_tensor_spec() -> None:
    numpy = pytest.importorskip("numpy")
    spec = TensorSpec(numpy.dtype("float32"), [-1, 3])
    assert (spec.type, spec.shape) == ("float32", (-1, 3))
    assert spec == TensorSpec("float32", (-1, 3))


def test_a_signature_round_trips_with_absent_parts() -> None:
    signature = ModelSignature(Schema([ColSpec("double", "a")]), None, ParamSchema([ParamSpec("n", "long", 5)]))
    assert signature.to_dict()["outputs"] is None
    assert ModelSignature.from_dict(signature.to_dict()) == signature


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"type": "complex", "name": "a"}]',
        '[{"type": "long", "name": "a", "required": "yes"}]',
        '[{"type": "array", "name": "a"}]',
        '[{"type": "object", "name": "a"}]',
        '[{"type": "tensor"}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": 1, "shape": [1]}}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [1.5]}}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-2]}}]',
        '[{"type": "array", "items": ' * 40 + '{"type": "long"}' + "}" * 40 + "]",
    ],
)
def test_a_text_that_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(DataDamaged):
        Schema.from_json(text)


@pytest.mark.parametrize(
    ("specs", "complaint"),
    [
        ([], "at least one"),
        ([ColSpec("long", "a"), TensorSpec("int64", (-1,), "b")], "not both"),
        ([ColSpec("long", "a"), ColSpec("long")], "Either every column"),
        ([ColSpec("long", "a"), ColSpec("long", "a")], "'a'"),
        ([TensorSpec("int64", (-1,)), TensorSpec("int64", (-1,))], "need names"),
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(specs: list[ColSpec | TensorSpec], complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        Schema(specs)


def test_an_unknown_column_type_is_refused() -> None:
    with pytest.raises(InvalidValue, match="'decimal'"):
        ColSpec("decimal", "a")


_types = st.recursive(
    st.sampled_from(SCALAR_TYPES) | st.just(AnyType()),
    lambda inner: (
        st.builds(Array, inner)
        | st.builds(Map, inner)
        | st.dictionaries(st.text(max_size=5), st.tuples(inner, st.booleans()), max_size=3).map(
            lambda found: Object(tuple(Property(key, kind, required) for key, (kind, required) in found.items()))
        )
    ),
    max_leaves=5,
)


@given(
    st.lists(st.tuples(_types, st.text(max_size=8), st.booleans()), min_size=1, max_size=5, unique_by=lambda c: c[1])
)
def test_any_schema_survives_its_text(columns: list[tuple[object, str, bool]]) -> None:
    schema = Schema(ColSpec(kind, name, required) for kind, name, required in columns)  # type: ignore[arg-type]
    assert Schema.from_json(schema.to_json()) == schema
