"""MLmodel files of every generation are read, ours are what MLflow 3 reads, broken ones are named."""

from __future__ import annotations

import pytest
import yaml

from millstream.formats.mlmodel import Model, ModelInfo, dump_mlmodel, dump_yaml, parse_mlmodel, parse_yaml
from millstream.formats.signature import ColSpec, ModelSignature, Schema
from millstream.values.errors import DataDamaged

CLASSIC = """\
artifact_path: my_model
flavors:
  python_function:
    data: data
    env: conda.yaml
    loader_module: mlflow.pytorch
    pickle_module_name: mlflow.pytorch.pickle_module
    python_version: 3.6.8
  pytorch:
    model_data: data
    pytorch_version: 1.4.0
run_id: a692b874a5464d9ea0d822b42fcd0000
utc_time_created: '2020-02-18 02:57:54.437482'
"""

NEWEST = """\
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.skops
    predict_fn: predict
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.skops
    serialization_format: skops
    sklearn_version: 1.9.1
    skops_trusted_types: null
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 11081
model_uuid: de35c90de6aa4cb68b9765522977ff16
prompts: null
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "double", "name": "sepal width (cm)", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-22 22:54:54.057209'
"""


def test_reads_the_five_keys_of_mlflow_1() -> None:
    model = parse_mlmodel(CLASSIC.encode())
    assert model.artifact_path == "my_model"
    assert model.pyfunc["env"] == "conda.yaml"
    assert model.flavors["pytorch"] == {"model_data": "data", "pytorch_version": "1.4.0"}
    assert model.run_id == "a692b874a5464d9ea0d822b42fcd0000"
    assert model.utc_time_created == "2020-02-18 02:57:54.437482"
    assert model.mlflow_version is None
    assert model.signature is None


def test_reads_mlflow_3_and_keeps_fields_it_does_not_know() -> None:
    model = parse_mlmodel(NEWEST.encode())
    assert model.mlflow_version == "3.17.2"
    assert model.signature is not None
    assert model.signature.inputs is not None
    assert model.signature.inputs.input_names() == ["sepal length (cm)", "sepal width (cm)"]
    assert model.extra == {"is_signature_from_type_hint": False, "prompts": None, "type_hint_from_example": False}
    assert parse_mlmodel(dump_mlmodel(model).encode()) == model


def test_writes_sorted_yaml_with_json_texts_for_the_signature() -> None:
    signature = ModelSignature(Schema([ColSpec("double", "길이 (cm)")]))
    text = dump_mlmodel(Model(flavors={"b": {}, "a": {"x": 1}}, signature=signature, artifact_path="내 모델"))
    plain = yaml.safe_load(text)
    assert list(plain) == sorted(plain)
    assert plain["signature"] == {
        "inputs": '[{"type":"double","name":"길이 (cm)","required":true}]',
        "outputs": None,
        "params": None,
    }
    assert "내 모델" in text


def test_one_object_in_two_places_is_written_twice() -> None:
    shared = ["a", "b"]
    text = dump_yaml({"one": shared, "two": shared})
    assert parse_yaml(text.encode(), "x") == {"one": ["a", "b"], "two": ["a", "b"]}


def test_a_time_without_quotes_stays_text() -> None:
    model = parse_mlmodel(b"flavors: {}\nutc_time_created: 2020-02-18 02:57:54.437482\n")
    assert model.utc_time_created == "2020-02-18 02:57:54.437482"


def test_model_info_names_the_place() -> None:
    info = ModelInfo.of(parse_mlmodel(CLASSIC.encode()), "runs:/a692/my_model")
    assert (info.model_uri, info.artifact_path, info.name) == ("runs:/a692/my_model", "my_model", "my_model")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "must hold a mapping"),
        (b"- a\n", "must hold a mapping"),
        (b"flavors: {a: b", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"artifact_path: x\n", "'flavors'"),
        (b"flavors: [a]\n", "'flavors'"),
        (b"flavors: {a: text}\n", "'flavors'"),
        (b"flavors: {}\nrun_id: [1]\n", "'run_id' must be str"),
        (b"flavors: {}\nmetadata: text\n", "'metadata' must be dict"),
        (b"flavors: {}\nmodel_size_bytes: true\n", "'model_size_bytes' must be int"),
        (b"flavors: {}\nsignature: text\n", "'signature' must be a mapping"),
        (b"flavors: {}\nsignature: {inputs: [1]}\n", "not a JSON text"),
        (b"flavors: {}\nsignature: {inputs: '{'}\n", "not a JSON list"),
        (b"flavors: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        (b"a: &a [x]\nb: *a\nflavors: {}\n", "aliases"),
        (b"flavors: {}\nx: " + b"y" * 1_000_001, "at most 1000000"),
        (b"[" * 50_000, "deeper than 64"),
        (b"flavors: " + b"{a: " * 70 + b"}" * 70, "deeper than 64"),
    ],
)
def test_names_what_is_wrong_with_a_broken_file(data: bytes, complaint: str) -> None:
    with pytest.raises(DataDamaged, match=complaint) as caught:
        parse_mlmodel(data, "some/MLmodel")
    assert len(caught.value.message) < 500
