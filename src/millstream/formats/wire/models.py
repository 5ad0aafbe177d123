"""Datasets and models of a run on the wire: log-inputs, outputs, and log-model of MLflow 1.x."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from millstream.formats.wire.decode import Int64, Text, check, invalid, missing
from millstream.formats.wire.needs import edit, read
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.formats.wire.runs import checked_run
from millstream.values import ops, queries
from millstream.values.entities import Dataset, DatasetInput, InputTag, ModelInput, ModelOutput, Run, RunTag
from millstream.values.errors import InvalidValue
from millstream.values.names import MODEL_HISTORY_TAG, check_text

MAX_DATASETS = 1000
MAX_DATASET = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
MAX_INPUT_TAG_KEY, MAX_INPUT_TAG_VALUE = 255, 500
_MODEL_KEYS = ("artifact_path", "flavors", "utc_time_created", "run_id")


class Tag(Struct, frozen=True, kw_only=True):
    """One tag of the use of a dataset."""

    key: Text
    value: str = ""


class DatasetFields(Struct, frozen=True, kw_only=True):
    """A dataset in a request."""

    name: Text
    digest: Text
    source_type: Text
    source: Text
    schema: str = ""
    profile: str = ""


class Input(Struct, frozen=True, kw_only=True):
    """A dataset with the tags of its use."""

    dataset: DatasetFields
    tags: tuple[Tag, ...] = ()


class ModelIn(Struct, frozen=True, kw_only=True):
    """A logged model that the run used."""

    model_id: Text


class ModelOut(Struct, frozen=True, kw_only=True):
    """A logged model that the run made."""

    model_id: Text
    step: Int64 = 0


class LogInputs(Request, frozen=True, kw_only=True):
    """Fields of runs/log-inputs."""

    run_id: Text
    datasets: tuple[Input, ...] = ()
    models: tuple[ModelIn, ...] = ()


class LogOutputs(Request, frozen=True, kw_only=True):
    """Fields of runs/outputs."""

    run_id: Text
    models: tuple[ModelOut, ...] = ()


class LogModel(Request, frozen=True, kw_only=True):
    """Fields of runs/log-model: the text of an MLmodel file as JSON."""

    run_id: Text
    model_json: Text


def _log_inputs(request: LogInputs, _given: Given) -> ops.LogInputs:
    if len(request.datasets) > MAX_DATASETS:
        raise InvalidValue(f"A request can note at most {MAX_DATASETS} datasets. Got {len(request.datasets)} datasets.")
    return ops.LogInputs(
        run_id=checked_run(request.run_id),
        datasets=tuple(_dataset_input(f"datasets[{index}].", item) for index, item in enumerate(request.datasets)),
        models=tuple(ModelInput(model.model_id) for model in request.models),
    )


def _dataset_input(path: str, item: Input) -> DatasetInput:
    dataset = item.dataset
    for name, limit in MAX_DATASET.items():
        check(f"{path}dataset.{name}", getattr(dataset, name), check_text, f"{name} of the dataset", limit)
    check(
        f"{path}dataset.source_type", dataset.source_type, check_text, "source type of the dataset", MAX_DATASET["name"]
    )
    for index, tag in enumerate(item.tags):
        check(f"{path}tags[{index}].key", tag.key, check_text, "key of the tag", MAX_INPUT_TAG_KEY)
        check(f"{path}tags[{index}].value", tag.value, check_text, f"value of tag {tag.key!r}", MAX_INPUT_TAG_VALUE)
    return DatasetInput(
        Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema or None,
            profile=dataset.profile or None,
        ),
        tuple(InputTag(tag.key, tag.value) for tag in item.tags),
    )


def _log_outputs(request: LogOutputs, _given: Given) -> ops.LogOutputs:
    return ops.LogOutputs(
        run_id=checked_run(request.run_id),
        models=tuple(ModelOutput(model.model_id, model.step) for model in request.models),
    )


def _get_run(request: LogModel) -> queries.GetRun:
    return queries.GetRun(run_id=checked_run(request.run_id))


def _log_model(request: LogModel, given: Given) -> ops.LogBatch:
    """Note a model in the list that the run's history tag holds, as MLflow 1.x did."""
    model = _read_json(request.model_json)
    if not isinstance(model, dict):
        raise invalid("model_json", request.model_json, "It must be the JSON text of an object.")
    for key in _MODEL_KEYS:
        if key not in model:
            raise missing(f"model_json.{key}")
    run: Run = given.first
    try:
        history = _read_json(run.data.tags.get(MODEL_HISTORY_TAG, "[]"))
    except InvalidValue:
        history = None
    if not isinstance(history, list):
        raise InvalidValue(
            f"The tag {MODEL_HISTORY_TAG!r} of run {run.info.run_id!r} does not hold a JSON list; delete it."
        )
    text = msgspec.json.encode([*history, model]).decode()
    return ops.LogBatch(run_id=run.info.run_id, tags=(RunTag(MODEL_HISTORY_TAG, text),))


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise invalid("model_json", text, "It is not valid JSON.") from error


def _route(path: str, **rest: Any) -> Route:
    return Route(methods=("POST",), path=f"runs/{path}", reply=reply_nothing, **rest)


# Whoever may read a run may read the models that it names.
NAMED = edit(run="run_id") & read(logged_model="models.model_id")
ROUTES = (
    _route("log-inputs", needs=NAMED, request=LogInputs, speaks=ops.LogInputs, call=_log_inputs),
    _route("outputs", needs=NAMED, request=LogOutputs, speaks=ops.LogOutputs, call=_log_outputs),
    _route(
        "log-model",
        needs=edit(run="run_id"),
        request=LogModel,
        speaks=ops.LogBatch,
        call=_log_model,
        first=_get_run,
        alone=True,
    ),
)
