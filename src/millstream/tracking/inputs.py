"""What goes into a run and comes out of it: datasets, logged models, and the points that belong to either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from millstream.stores.base import Store
from millstream.tracking.runs import current_run
from millstream.values import ops
from millstream.values.entities import Dataset, DatasetInput, InputTag, Metric, ModelInput, ModelOutput
from millstream.values.errors import InvalidValue

CONTEXT_TAG = "mlflow.data.context"

# What this process noted already need not be noted with every point.
_noted: set[tuple[str, ...]] = set()


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, Any] | None = None,
    model: ModelInput | None = None,
) -> None:
    """Note that the active run used `dataset` (of `millstream.data`), a logged `model`, or both.

    `context` says what for, e.g. ``"training"``; `tags` are further notes on this use. Noting one again changes
    nothing.
    """
    log_inputs([dataset], [context], [tags], [model])


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, Any] | None] | None = None,
    models: Sequence[ModelInput | None] | None = None,
) -> None:
    """Note several datasets and logged models that the active run used; `contexts` and `tags_list` go with `datasets`.

    InvalidValue when the lists are not equally long.
    """
    given = [item for item in (datasets, contexts, tags_list, models) if item is not None]
    if len({len(item) for item in given}) > 1:
        raise InvalidValue("log_inputs takes lists of one length: datasets, contexts, tags_list and models.")
    count = len(given[0]) if given else 0
    uses = zip(datasets or [None] * count, contexts or [None] * count, tags_list or [None] * count, strict=True)
    sources = tuple(to_input(dataset, context, tags) for dataset, context, tags in uses if dataset is not None)
    used = tuple(ModelInput(model.model_id) for model in models or () if model is not None)
    if not sources and not used:
        raise InvalidValue("log_input takes a dataset, a model, or both; got neither.")
    run = current_run()
    run.store.write(ops.LogInputs(run_id=run.info.run_id, datasets=sources, models=used))


def log_outputs(models: Sequence[ModelOutput] | None = None) -> None:
    """Note logged models that the active run made."""
    run = current_run()
    outputs = tuple(ModelOutput(model.model_id, model.step) for model in models or ())
    run.store.write(ops.LogOutputs(run_id=run.info.run_id, models=outputs))


def to_dataset(dataset: Any) -> Dataset:
    """The entity of a dataset object: of ours, of MLflow's, or an entity itself."""
    entity = dataset._to_mlflow_entity() if hasattr(dataset, "_to_mlflow_entity") else dataset
    try:
        return Dataset(*(getattr(entity, name) for name in Dataset.__struct_fields__))
    except AttributeError as error:
        raise InvalidValue(
            f"{type(dataset).__name__} is not a dataset; make one with millstream.data, e.g. from_pandas(frame)."
        ) from error


def to_input(dataset: Any, context: str | None, tags: Mapping[str, Any] | None) -> DatasetInput:
    """A dataset with the tags of its use."""
    notes = {str(key): str(value) for key, value in (tags or {}).items()}
    if context:
        notes[CONTEXT_TAG] = context
    return DatasetInput(to_dataset(dataset), tuple(InputTag(key, value) for key, value in notes.items()))


def point_out(
    store: Store, run_id: str, points: tuple[Metric, ...], model_id: str | None, dataset: Any
) -> tuple[Metric, ...]:
    """`points` that say which logged model and dataset they are of; both are noted as inputs of the run, once."""
    sources: tuple[DatasetInput, ...] = ()
    used: tuple[ModelInput, ...] = ()
    if dataset is not None:
        entity = to_dataset(dataset)
        points = tuple(
            structs.replace(point, dataset_name=entity.name, dataset_digest=entity.digest) for point in points
        )
        if (run_id, entity.name, entity.digest) not in _noted:
            sources = (DatasetInput(entity),)
    if model_id is not None:
        points = tuple(structs.replace(point, model_id=model_id) for point in points)
        if (run_id, model_id) not in _noted:
            used = (ModelInput(model_id),)
    if sources or used:
        store.write(ops.LogInputs(run_id=run_id, datasets=sources, models=used))
        _noted.update((run_id, source.dataset.name, source.dataset.digest) for source in sources)
        _noted.update((run_id, model.model_id) for model in used)
    return points
