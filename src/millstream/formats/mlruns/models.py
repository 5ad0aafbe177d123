"""Logged models in a tree: their `meta.yaml` and metric files, as MLflow 3 writes them.

A line of a metric file is ``<timestamp> <value> <step> <run id>``, and `` <dataset name> <digest>`` where the point
was logged for a dataset.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from millstream.formats.mlruns.meta import check_id, read_integer, read_stage, read_text
from millstream.formats.mlruns.points import INT64
from millstream.values.entities import DELETED, LoggedModel, LoggedModelStatus, Metric
from millstream.values.errors import DataDamaged


def model_to_fields(model: LoggedModel) -> dict[str, Any]:
    """Fields of a logged model's `meta.yaml`; `lifecycle_stage` only once it is deleted, as MLflow leaves it."""
    fields: dict[str, Any] = {
        "artifact_location": model.artifact_location,
        "creation_timestamp": model.creation_timestamp,
        "experiment_id": model.experiment_id,
        "last_updated_timestamp": model.last_updated_timestamp,
        "model_id": model.model_id,
        "model_type": model.model_type,
        "name": model.name,
        "source_run_id": model.source_run_id,
        "status": model.status.number,
        "status_message": model.status_message,
    }
    return fields | {"lifecycle_stage": DELETED} if model.lifecycle_stage == DELETED else fields


def model_from_fields(fields: dict[str, Any], directory: str, experiment_id: str) -> LoggedModel:
    """A logged model from its fields, which must name its directory and experiment, else DataDamaged."""
    check_id(fields, ("model_id",), directory)
    check_id(fields, ("experiment_id",), experiment_id)
    made = read_integer(fields, "creation_timestamp") or 0
    return LoggedModel(
        model_id=directory,
        experiment_id=experiment_id,
        name=read_text(fields, "name") or directory,
        artifact_location=read_text(fields, "artifact_location"),
        creation_timestamp=made,
        last_updated_timestamp=read_integer(fields, "last_updated_timestamp") or made,
        model_type=read_text(fields, "model_type") or None,
        source_run_id=read_text(fields, "source_run_id") or None,
        status=_status(fields),
        status_message=read_text(fields, "status_message") or None,
        lifecycle_stage=read_stage(fields),
    )


def _status(fields: dict[str, Any]) -> LoggedModelStatus:
    value = fields.get("status")
    words = list(LoggedModelStatus)
    if isinstance(value, str) and value in words:
        return LoggedModelStatus(value)
    number = read_integer(fields, "status") or 0
    if not 0 <= number < len(words):
        raise DataDamaged(f"its status is {number}, which is none of 0 to {len(words) - 1}")
    return words[number]


def format_model_point(point: Metric) -> bytes:
    """One line of a logged model's metric file."""
    dataset = f" {point.dataset_name} {point.dataset_digest}" if point.dataset_name else ""
    return f"{point.timestamp} {point.value!r} {point.step} {point.run_id}{dataset}\n".encode()


def parse_model_points(data: bytes, key: str, model_id: str) -> tuple[list[Metric], int]:
    """The points of complete lines, and how many of those lines are none."""
    points: list[Metric] = []
    bad = 0
    for line in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]:
        fields = line.split()
        try:
            if len(fields) not in (4, 6):
                raise ValueError
            time, value, step = int(fields[0]), float(fields[1]), int(fields[2])
            run_id, *dataset = (field.decode() for field in fields[3:])
            if not (-INT64 <= time < INT64 and -INT64 <= step < INT64):
                raise ValueError
        except ValueError:
            bad += bool(fields)
            continue
        name, digest = dataset or (None, None)
        points.append(Metric(key, value, time, step, run_id, model_id, name, digest))
    return points, bad


def latest(points: Iterable[Metric]) -> list[Metric]:
    """Of each key and dataset the last written point of the highest step, as of a run's metrics."""
    found: dict[tuple[str, str | None, str | None], Metric] = {}
    for point in points:
        place = (point.key, point.dataset_name, point.dataset_digest)
        before = found.get(place)
        if before is None or point.step >= before.step:
            found[place] = point
    return list(found.values())
