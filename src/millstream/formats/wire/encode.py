"""Results → reply objects in MLflow's shape: snake_case, no empty lists and maps, non-finite doubles as strings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from millstream.values.entities import DatasetInput, Experiment, FileInfo, Metric, Run, RunInfo, RunInputs, RunOutputs


def write_body(reply: Mapping[str, Any]) -> bytes:
    """JSON text of a reply. Doubles in it must have gone through `double`: JSON has no NaN."""
    return msgspec.json.encode(reply)


def double(value: float) -> float | str:
    """`value`, or the string ``"NaN"``, ``"Infinity"``, ``"-Infinity"`` that stands for it in JSON."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def without_empty(**fields: Any) -> dict[str, Any]:
    """`fields` without those that are None, an empty list or an empty map; empty strings, 0 and false stay."""
    return {name: value for name, value in fields.items() if value is not None and value != [] and value != {}}


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """A map as MLflow's list of key and value."""
    return [{"key": key, "value": value} for key, value in values.items()]


def experiment(item: Experiment) -> dict[str, Any]:
    """Reply object of an experiment."""
    return without_empty(
        experiment_id=item.experiment_id,
        name=item.name,
        artifact_location=item.artifact_location,
        lifecycle_stage=item.lifecycle_stage,
        last_update_time=item.last_update_time,
        creation_time=item.creation_time,
        tags=pairs(item.tags),
    )


def run_info(info: RunInfo) -> dict[str, Any]:
    """Reply object of a run's info; `end_time` is absent while it has none."""
    return without_empty(
        run_id=info.run_id,
        run_uuid=info.run_id,
        experiment_id=info.experiment_id,
        run_name=info.run_name,
        user_id=info.user_id,
        status=info.status,
        start_time=info.start_time,
        end_time=info.end_time,
        artifact_uri=info.artifact_uri,
        lifecycle_stage=info.lifecycle_stage,
    )


def metric(point: Metric) -> dict[str, Any]:
    """Reply object of one point."""
    return without_empty(
        key=point.key,
        value=double(point.value),
        timestamp=point.timestamp,
        step=point.step,
        run_id=point.run_id,
        model_id=point.model_id,
        dataset_name=point.dataset_name,
        dataset_digest=point.dataset_digest,
    )


def file(item: FileInfo) -> dict[str, Any]:
    """Reply object of an entry of an artifact listing."""
    return without_empty(path=item.path, is_dir=item.is_dir, file_size=None if item.is_dir else item.file_size)


def metrics(points: Iterable[Metric]) -> dict[str, Any]:
    """Reply of the metric routes; `{}` when there are no points."""
    return without_empty(metrics=[metric(point) for point in points])


def run(item: Run) -> dict[str, Any]:
    """Reply object of a run. `inputs` is always there, `outputs` only when it has some."""
    data = without_empty(
        metrics=[metric(point) for point in item.data.latest],
        params=pairs(item.data.params),
        tags=pairs(item.data.tags),
    )
    reply = {"info": run_info(item.info), "data": data, "inputs": _inputs(item.inputs)}
    if outputs := _outputs(item.outputs):
        reply["outputs"] = outputs
    return reply


def _inputs(inputs: RunInputs) -> dict[str, Any]:
    return without_empty(
        dataset_inputs=[_dataset_input(item) for item in inputs.dataset_inputs],
        model_inputs=[{"model_id": item.model_id} for item in inputs.model_inputs],
    )


def _dataset_input(item: DatasetInput) -> dict[str, Any]:
    dataset = item.dataset
    return without_empty(
        tags=[{"key": tag.key, "value": tag.value} for tag in item.tags],
        dataset=without_empty(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
    )


def _outputs(outputs: RunOutputs) -> dict[str, Any]:
    return without_empty(
        model_outputs=[{"model_id": item.model_id, "step": item.step} for item in outputs.model_outputs],
    )
