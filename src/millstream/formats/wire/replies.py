"""A server's replies → entities: MLflow's shape of 1.x to 3.x, where what is empty is absent."""

from __future__ import annotations

import math
from typing import Any

from msgspec import structs

from millstream.formats.mlruns.models import latest
from millstream.formats.model_uris import logged_model_in
from millstream.formats.wire.logged_models import STATUSES
from millstream.values import names
from millstream.values.entities import (
    ACTIVE,
    DELETED,
    NO_STAGE,
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    InputTag,
    LoggedModel,
    LoggedModelStatus,
    Metric,
    ModelInput,
    ModelOutput,
    ModelVersion,
    ModelVersionStatus,
    RegisteredModel,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)
from millstream.values.errors import DataDamaged

_WORDS = {word: status for status, word in STATUSES.items()}
_BROKEN = (AttributeError, KeyError, TypeError, ValueError, OverflowError)


def experiment(reply: Any) -> Experiment:
    """An experiment; DataDamaged when the reply is not one."""
    try:
        return Experiment(
            experiment_id=str(reply["experiment_id"]),
            name=str(reply["name"]),
            artifact_location=str(reply.get("artifact_location", "")),
            lifecycle_stage=_stage(reply),
            tags=texts(reply.get("tags")),
            creation_time=_integer(reply.get("creation_time")),
            last_update_time=_integer(reply.get("last_update_time")),
        )
    except _BROKEN as error:
        raise DataDamaged(f"the server describes an experiment badly ({error!r:.200})") from error


def run_info(reply: Any) -> RunInfo:
    """A run's info; DataDamaged when the reply is not one."""
    try:
        info = reply["info"]
        status = str(info.get("status", "RUNNING"))
        if status not in RunStatus.NAMES:
            raise ValueError(f"status {status!r}")
        tags = texts(reply.get("data", {}).get("tags"))
        return RunInfo(
            run_id=str(info.get("run_id") or info["run_uuid"]),
            experiment_id=str(info["experiment_id"]),
            user_id=str(info.get("user_id", "")),
            status=status,
            start_time=_integer(info.get("start_time")),
            end_time=_integer(info.get("end_time")),
            lifecycle_stage=_stage(info),
            artifact_uri=str(info.get("artifact_uri", "")),
            run_name=str(info.get("run_name") or tags.get(names.RUN_NAME_TAG, "")),
        )
    except _BROKEN as error:
        raise DataDamaged(f"the server describes a run badly ({error!r:.200})") from error


def texts(pairs: Any) -> dict[str, str]:
    """Params or tags: MLflow's list of key and value."""
    return {str(pair["key"]): str(pair.get("value", "")) for pair in pairs or ()}


def point(reply: Any) -> Metric:
    """One point of a metric, with what it was measured with; ValueError or the like when it is none."""
    return Metric(
        key=str(reply["key"]),
        value=float(reply["value"]),
        timestamp=int(reply.get("timestamp", 0)),
        step=int(reply.get("step", 0)),
        model_id=_text(reply, "model_id"),
        dataset_name=_text(reply, "dataset_name"),
        dataset_digest=_text(reply, "dataset_digest"),
    )


def logged_model(reply: Any) -> LoggedModel:
    """A logged model with the latest point of each metric and dataset; DataDamaged when the reply is not one.

    Whether it is deleted is not said: it is active.
    """
    try:
        info, data = reply["info"], reply.get("data", {})
        made = _integer(info.get("creation_timestamp_ms")) or 0
        points = [structs.replace(point(item), run_id=_text(item, "run_id")) for item in data.get("metrics") or ()]
        points.sort(key=lambda item: (item.step, item.timestamp))
        return LoggedModel(
            model_id=str(info["model_id"]),
            experiment_id=str(info["experiment_id"]),
            name=str(info.get("name") or info["model_id"]),
            artifact_location=str(info.get("artifact_uri", "")),
            creation_timestamp=made,
            last_updated_timestamp=_integer(info.get("last_updated_timestamp_ms")) or made,
            model_type=_text(info, "model_type"),
            source_run_id=_text(info, "source_run_id"),
            status=_WORDS[info.get("status", STATUSES[LoggedModelStatus.UNSPECIFIED])],
            status_message=_text(info, "status_message"),
            tags=texts(info.get("tags")),
            params=texts(data.get("params")),
            metrics=tuple(latest(points)),
        )
    except _BROKEN as error:
        raise DataDamaged(f"the server describes a logged model badly ({error!r:.200})") from error


def registered_model(reply: Any) -> RegisteredModel:
    """A registered model with its aliases; DataDamaged when the reply is not one."""
    try:
        made = _integer(reply.get("creation_timestamp")) or 0
        return RegisteredModel(
            name=str(reply["name"]),
            creation_timestamp=made,
            last_updated_timestamp=_integer(reply.get("last_updated_timestamp")) or made,
            description=_text(reply, "description"),
            tags=texts(reply.get("tags")),
            aliases={str(item["alias"]): int(item["version"]) for item in reply.get("aliases") or ()},
        )
    except _BROKEN as error:
        raise DataDamaged(f"the server describes a registered model badly ({error!r:.200})") from error


def model_version(reply: Any) -> ModelVersion:
    """A version of a registered model; DataDamaged when the reply is not one."""
    try:
        made = _integer(reply.get("creation_timestamp")) or 0
        source = str(reply.get("source", ""))
        return ModelVersion(
            name=str(reply["name"]),
            version=int(reply["version"]),
            creation_timestamp=made,
            last_updated_timestamp=_integer(reply.get("last_updated_timestamp")) or made,
            source=source,
            current_stage=str(reply.get("current_stage") or NO_STAGE),
            description=_text(reply, "description"),
            user_id=_text(reply, "user_id"),
            run_id=_text(reply, "run_id"),
            run_link=_text(reply, "run_link"),
            status=str(reply.get("status") or ModelVersionStatus.READY),
            status_message=_text(reply, "status_message"),
            model_id=_text(reply, "model_id") or logged_model_in(source),
            tags=texts(reply.get("tags")),
        )
    except _BROKEN as error:
        raise DataDamaged(f"the server describes a version of a model badly ({error!r:.200})") from error


def _text(reply: Any, name: str) -> str | None:
    value = reply.get(name)
    return str(value) if value else None


def inputs(reply: Any) -> RunInputs:
    """Datasets and logged models that a run used."""
    found = reply.get("inputs") or {}
    return RunInputs(
        tuple(_dataset_input(item) for item in found.get("dataset_inputs") or ()),
        tuple(ModelInput(str(item["model_id"])) for item in found.get("model_inputs") or ()),
    )


def outputs(reply: Any) -> RunOutputs:
    """Logged models that a run made."""
    found = (reply.get("outputs") or {}).get("model_outputs") or ()
    return RunOutputs(tuple(ModelOutput(str(item["model_id"]), int(item.get("step", 0))) for item in found))


def file_info(reply: Any) -> FileInfo:
    """An entry of an artifact listing."""
    size = reply.get("file_size")
    return FileInfo(str(reply["path"]), bool(reply.get("is_dir", False)), None if size is None else int(size))


def _dataset_input(reply: Any) -> DatasetInput:
    found = reply["dataset"]
    dataset = Dataset(
        name=str(found["name"]),
        digest=str(found["digest"]),
        source_type=str(found.get("source_type", "")),
        source=str(found.get("source", "")),
        schema=found.get("schema") or None,
        profile=found.get("profile") or None,
    )
    return DatasetInput(dataset, tuple(InputTag(*item) for item in texts(reply.get("tags")).items()))


def _stage(reply: Any) -> str:
    stage = str(reply.get("lifecycle_stage", ACTIVE))
    if stage not in (ACTIVE, DELETED):
        raise ValueError(f"lifecycle_stage {stage!r}")
    return stage


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    number = int(value)
    if not math.isfinite(number) or not names.INT64_MIN <= number <= names.INT64_MAX:
        raise ValueError(f"the number {number}")
    return number
