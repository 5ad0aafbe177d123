"""meta.yaml files: what MLflow of any version wrote is read, what is written is what MLflow writes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.mlruns import layout, meta
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    ModelInput,
    ModelOutput,
    RunInfo,
    RunStatus,
)
from millstream.values.errors import DataDamaged

# What YAML can hold: MLflow too refuses control characters and lone surrogates.
TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=40)
TRICKY = st.sampled_from(
    ["null", "true", "yes", "1", "1.0", "0x1F", "1e3", "2020-01-01", "~", "- a", "a: b", "#", "'", "=", "<<"]
)
TIME = st.none() | st.integers(-(2**63), 2**63 - 1)


@given(
    TEXT | TRICKY,
    TEXT | TRICKY,
    TEXT,
    TIME,
    TIME,
    st.sampled_from(RunStatus.NAMES),
    st.sampled_from(["active", "deleted"]),
)
def test_a_run_comes_back(
    name: str, user: str, uri: str, start: int | None, end: int | None, status: str, stage: str
) -> None:
    info = RunInfo("r1", "123", user, status, start, end, stage, uri, name)
    found = meta.run_from_fields(meta.load(meta.dump(meta.run_to_fields(info))), "r1", "123")
    assert found == info


@given(TEXT.filter(bool) | TRICKY, TEXT | TRICKY, TIME, TIME)
def test_an_experiment_comes_back(name: str, location: str, made: int | None, updated: int | None) -> None:
    experiment = Experiment("123", name, location, "active", {}, made, updated)
    data = meta.dump(meta.experiment_to_fields(experiment))
    assert meta.experiment_from_fields(meta.load(data), "123", in_trash=False, tags={}) == experiment
    deleted = meta.experiment_from_fields(meta.load(data), "123", in_trash=True, tags={"k": "v"})
    assert (deleted.lifecycle_stage, deleted.tags) == ("deleted", {"k": "v"})


def test_the_bytes_are_those_of_mlflow() -> None:
    info = RunInfo("0" * 32, "0", "지민", "FINISHED", 5, None, "active", "file:///a", "이름")
    assert meta.dump(meta.run_to_fields(info, deleted_time=7)).decode() == (
        "artifact_uri: file:///a\ndeleted_time: 7\nend_time: null\nentry_point_name: ''\nexperiment_id: '0'\n"
        f"lifecycle_stage: active\nrun_id: '{'0' * 32}'\nrun_name: 이름\nrun_uuid: '{'0' * 32}'\nsource_name: ''\n"
        "source_type: 4\nsource_version: ''\nstart_time: 5\nstatus: 3\ntags: []\nuser_id: 지민\n"
    )


@pytest.mark.parametrize("number", range(1, 6))
def test_status_numbers_and_words(number: int) -> None:
    for written in (number, RunStatus.to_string(number), str(number)):
        fields = {"run_id": "r", "experiment_id": "0", "status": written}
        assert meta.run_from_fields(fields, "r", "0").status == RunStatus.to_string(number)


def test_what_old_versions_wrote_is_read() -> None:
    old = "run_uuid: r\nexperiment_id: 0\nname: ''\nstatus: 1\nstart_time: 5\nuser_id: u\nsource_type: 4\n"
    info = meta.run_from_fields(meta.load(old.encode()), "r", "0")
    assert (info.run_id, info.run_name, info.status, info.lifecycle_stage) == ("r", "", "RUNNING", "active")
    assert (info.end_time, info.artifact_uri) == (None, "")
    experiment = meta.experiment_from_fields({"experiment_id": 0, "name": "Default"}, "0", in_trash=False, tags={})
    assert (experiment.lifecycle_stage, experiment.creation_time) == ("active", None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"run_id": "other", "experiment_id": "0"},
        {"run_id": "r", "experiment_id": "1"},
        {"run_id": "r"},
        {"run_id": ["r"], "experiment_id": "0"},
        {"run_id": "r", "experiment_id": "0", "status": 9},
        {"run_id": "r", "experiment_id": "0", "status": "DONE"},
        {"run_id": "r", "experiment_id": "0", "start_time": "yesterday"},
        {"run_id": "r", "experiment_id": "0", "start_time": 2**63},
        {"run_id": "r", "experiment_id": "0", "end_time": float("inf")},
        {"run_id": "r", "experiment_id": "0", "run_name": {"a": 1}},
        {"run_id": "r", "experiment_id": "0", "run_name": "\ud800"},
        {"run_id": "r", "experiment_id": "0", "run_name": 16**5000},
        {"run_id": "r", "experiment_id": "0", "lifecycle_stage": "activ"},
    ],
)
def test_fields_that_cannot_be_right_are_damage(fields: dict[str, object]) -> None:
    with pytest.raises(DataDamaged):
        meta.run_from_fields(fields, "r", "0")


def test_a_file_too_long_to_be_one_is_not_parsed() -> None:
    with pytest.raises(DataDamaged, match="bytes"):
        meta.load(b"a" * (meta.MAX_BYTES + 1))


def test_datasets_inputs_and_outputs_come_back() -> None:
    dataset = Dataset("꽃", "a1", "local", '{"uri": "x"}', None, '{"rows": 3}')
    assert meta.dataset_from_fields(meta.load(meta.dump(meta.dataset_to_fields(dataset)))) == dataset
    source = DatasetInput(dataset, (InputTag("mlflow.data.context", "train"),))
    fields = meta.load(meta.dump(meta.input_to_fields("d1", source)))
    assert meta.input_from_fields(fields) == ("d1", {"mlflow.data.context": "train"})
    assert (fields["source_type"], fields["destination_type"]) == ("DATASET", "RUN")
    assert meta.input_to_fields("m-1", ModelInput("m-1"))["source_type"] == "MODEL"
    output = ModelOutput("m-1", 7)
    assert meta.output_from_fields(meta.load(meta.dump(meta.output_to_fields(output)))) == output


def test_directories_have_the_names_that_mlflow_gives_them() -> None:
    """MD5 of the parts, one after the other."""
    assert layout.dataset_id("a", "b") == layout.input_id("a", "b") == "187ef4436122d1cc2f40dc2b92f0eba0"


@given(st.dictionaries(st.text("abc_", min_size=1), TEXT | TIME | st.booleans(), max_size=5))
def test_what_is_dumped_loads_as_plain_yaml(fields: dict[str, object]) -> None:
    assert yaml.safe_load(meta.dump(fields)) == fields
