"""`meta.yaml` of experiments, runs, datasets, inputs and outputs: bytes to values and back.

Reads what MLflow 1.x to 3.x wrote, writes what MLflow 3.17 writes, plus `run_uuid`, without which 1.x and
2.x cannot open a run.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from millstream.formats.mlruns.scalars import load_simple
from millstream.values.entities import (
    ACTIVE,
    DELETED,
    Dataset,
    DatasetInput,
    Experiment,
    ModelInput,
    ModelOutput,
    RunInfo,
    RunStatus,
    SourceType,
)
from millstream.values.errors import DataDamaged

MAX_BYTES = 20_000_000

# What the YAML library lets through for hostile scalars such as ``!!int ''`` besides its own errors.
_YAML_ERRORS = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump(fields: dict[str, Any]) -> bytes:
    """Block-style UTF-8 YAML with sorted keys, byte for byte as MLflow writes it."""
    text: bytes = yaml.dump(
        fields, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, encoding="utf-8", sort_keys=True
    )
    return text


def load(data: bytes) -> dict[str, Any]:
    """Parse a `meta.yaml`; DataDamaged when it is not a YAML mapping (empty, torn, or something else)."""
    if len(data) > MAX_BYTES:
        raise DataDamaged(f"the file has {len(data)} bytes, more than a meta.yaml can have")
    simple = load_simple(data)
    if simple is not None:
        return simple
    try:
        fields = yaml.load(data, Loader=_Loader)
    except _YAML_ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataDamaged(f"not valid YAML ({reason:.200})") from error
    if not isinstance(fields, dict):
        found = "empty, or not" if fields is None else f"a {type(fields).__name__} and not"
        raise DataDamaged(f"{found} a mapping of fields")
    return fields


def experiment_to_fields(experiment: Experiment, *, rewritten: bool = False) -> dict[str, Any]:
    """Fields of an experiment's `meta.yaml`; MLflow adds `tags` when it rewrites the file."""
    fields: dict[str, Any] = {
        "artifact_location": experiment.artifact_location,
        "creation_time": experiment.creation_time,
        "effective_trace_archival_retention": None,
        "experiment_id": experiment.experiment_id,
        "last_update_time": experiment.last_update_time,
        "lifecycle_stage": experiment.lifecycle_stage,
        "name": experiment.name,
        "trace_location": None,
        "workspace": "default",
    }
    return fields | {"tags": dict(experiment.tags)} if rewritten else fields


def experiment_from_fields(
    fields: dict[str, Any], directory: str, *, in_trash: bool, tags: dict[str, str]
) -> Experiment:
    """An experiment from its fields; its id must be the name of its directory, else DataDamaged."""
    check_id(fields, ("experiment_id",), directory)
    stage = read_stage(fields)
    return Experiment(
        experiment_id=directory,
        name=read_text(fields, "name") or directory,
        artifact_location=read_text(fields, "artifact_location"),
        lifecycle_stage=DELETED if in_trash else stage,
        tags=tags,
        creation_time=read_integer(fields, "creation_time"),
        last_update_time=read_integer(fields, "last_update_time"),
    )


def run_to_fields(info: RunInfo, *, deleted_time: int | None = None) -> dict[str, Any]:
    """Fields of a run's `meta.yaml`; `deleted_time` only where it is set, as MLflow leaves it."""
    fields: dict[str, Any] = {
        "artifact_uri": info.artifact_uri,
        "end_time": info.end_time,
        "entry_point_name": "",
        "experiment_id": info.experiment_id,
        "lifecycle_stage": info.lifecycle_stage,
        "run_id": info.run_id,
        "run_name": info.run_name,
        "run_uuid": info.run_id,
        "source_name": "",
        "source_type": SourceType.LOCAL,
        "source_version": "",
        "start_time": info.start_time,
        "status": RunStatus.from_string(info.status),
        "tags": [],
        "user_id": info.user_id,
    }
    return fields if deleted_time is None else fields | {"deleted_time": deleted_time}


def run_from_fields(fields: dict[str, Any], directory: str, experiment_id: str) -> RunInfo:
    """A run's info from its fields, which must name its directory and experiment, else DataDamaged."""
    check_id(fields, ("run_id", "run_uuid"), directory)
    check_id(fields, ("experiment_id",), experiment_id)
    return RunInfo(
        run_id=directory,
        experiment_id=experiment_id,
        user_id=read_text(fields, "user_id"),
        status=_status(fields),
        start_time=read_integer(fields, "start_time"),
        end_time=read_integer(fields, "end_time"),
        lifecycle_stage=read_stage(fields),
        artifact_uri=read_text(fields, "artifact_uri"),
        run_name=read_text(fields, "run_name") or read_text(fields, "name"),
    )


def dataset_to_fields(dataset: Dataset) -> dict[str, Any]:
    """Fields of a dataset's `meta.yaml`."""
    return dataset.to_dictionary()


def dataset_from_fields(fields: dict[str, Any]) -> Dataset:
    """A dataset from its fields."""
    return Dataset(
        name=read_text(fields, "name"),
        digest=read_text(fields, "digest"),
        source_type=read_text(fields, "source_type"),
        source=read_text(fields, "source"),
        schema=read_text(fields, "schema") or None,
        profile=read_text(fields, "profile") or None,
    )


def input_to_fields(source_id: str, source: DatasetInput | ModelInput) -> dict[str, Any]:
    """Fields of an input's `meta.yaml`. MLflow writes the source's id as the destination's too."""
    is_dataset = isinstance(source, DatasetInput)
    return {
        "destination_id": source_id,
        "destination_type": "RUN",
        "source_id": source_id,
        "source_type": "DATASET" if is_dataset else "MODEL",
        "tags": source.tag_values if isinstance(source, DatasetInput) else {},
    }


def output_to_fields(output: ModelOutput) -> dict[str, Any]:
    """Fields of an output's `meta.yaml`."""
    return {
        "destination_id": output.model_id,
        "destination_type": "MODEL_OUTPUT",
        "source_id": output.model_id,
        "source_type": "RUN_OUTPUT",
        "step": output.step,
        "tags": {},
    }


def input_from_fields(fields: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Id of the source of an input, and the tags of its use."""
    tags = fields.get("tags")
    texts = {str(key): read_text(tags, key) for key in tags} if isinstance(tags, dict) else {}
    return read_text(fields, "source_id"), texts


def output_from_fields(fields: dict[str, Any]) -> ModelOutput:
    """An output from its fields."""
    return ModelOutput(read_text(fields, "source_id"), read_integer(fields, "step") or 0)


# YAML has lists and mappings too, and one that holds itself many times over takes forever to print.
_SCALARS = (str, int, float, bytes, date)


def check_id(fields: dict[str, Any], names: tuple[str, ...], expected: str) -> None:
    """DataDamaged when the first of `names` that is there is not `expected`, the name of the directory."""
    found = next((read_text(fields, name) for name in names if fields.get(name) is not None), None)
    if found != expected:
        raise DataDamaged(f"its {names[0]} is {found!r}, but its directory is {expected!r}")


def read_text(fields: dict[str, Any], name: str) -> str:
    """A field as text, "" when it is not there; DataDamaged for a list or a mapping."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, _SCALARS):
        raise DataDamaged(f"its {name} is not a text")
    try:
        text = str(value)
        text.encode()
    except ValueError as error:  # Thousands of digits, or half of a character.
        raise DataDamaged(f"its {name} is not a text") from error
    return text


def read_integer(fields: dict[str, Any], name: str) -> int | None:
    """A field as a whole number of 64 bits, None when it is not there; DataDamaged when it is none."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataDamaged(f"its {name} is not a number") from error
    if not -(2**63) <= number < 2**63:
        raise DataDamaged(f"its {name} is a number that does not fit in 64 bits")
    return number


def read_stage(fields: dict[str, Any]) -> str:
    """The life-cycle stage, active when there is none; DataDamaged for other words."""
    stage = read_text(fields, "lifecycle_stage") or ACTIVE
    if stage not in (ACTIVE, DELETED):
        raise DataDamaged(f"its lifecycle_stage is {stage!r:.60}, neither {ACTIVE!r} nor {DELETED!r}")
    return stage


def _status(fields: dict[str, Any]) -> str:
    value = fields.get("status")
    if value is None:
        return "RUNNING"
    if isinstance(value, str) and value in RunStatus.NAMES:
        return value
    number = read_integer(fields, "status")
    if number is None or not 1 <= number <= 5:
        raise DataDamaged(f"its status is {number}, which is none of 1 to 5")
    return RunStatus.to_string(number)
