"""Logged models: things of their own, with files, params, tags and metrics, beside the runs that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from millstream.formats.mlmodel import FILE_NAME, Model, dump_mlmodel
from millstream.stores.base import Store
from millstream.tracking import state
from millstream.tracking.context import default_tags
from millstream.tracking.convert import now, to_params, to_tags
from millstream.tracking.runs import experiment_for_new_run
from millstream.values import names, ops, queries
from millstream.values.entities import LoggedModel, LoggedModelStatus
from millstream.values.errors import InvalidValue, MissingDependency
from millstream.values.paths import RelPath

if TYPE_CHECKING:
    import pandas

EXTERNAL_TAG = "mlflow.model.isExternal"
_last: ContextVar[str | None] = ContextVar("millstream_last_model", default=None)


class ActiveModel(LoggedModel, frozen=True, kw_only=True):
    """The model that points belong to from now on; a `with` block gives back the one before."""

    before: str | None = None

    def __enter__(self) -> ActiveModel:
        return self

    def __exit__(self, *_error: object) -> None:
        state.set_active_model_id(self.before)


def create(
    store: Store,
    experiment_id: str,
    name: str | None,
    source_run_id: str | None,
    tags: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    model_type: str | None,
) -> LoggedModel:
    """Make a logged model in status PENDING."""
    model = store.write(
        ops.CreateLoggedModel(
            model_id=names.new_model_id(),
            experiment_id=names.check_experiment_id(experiment_id),
            time=now(),
            name=name,
            model_type=model_type,
            source_run_id=source_run_id,
            params={param.key: param.value for param in to_params(params or {})},
            tags={tag.key: tag.value for tag in to_tags(tags or {})},
        )
    )
    _last.set(model.model_id)
    return model


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | int | None = None,
) -> LoggedModel:
    """Make a logged model in status PENDING, to be filled and then finished with `finalize_logged_model`.

    Inside a run it is said to come from that run and lies in its experiment.
    """
    active = state.stack()
    store = active[-1].store if active else state.store()
    if active and source_run_id is None:
        source_run_id = active[-1].info.run_id
    if experiment_id is None and active:
        experiment_id = active[-1].info.experiment_id
    given = {tag.key: tag.value for tag in to_tags(tags or {})}
    place = experiment_for_new_run(store, experiment_id)
    return create(store, place, name, source_run_id, default_tags() | given, params, model_type)


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | int | None = None,
) -> LoggedModel:
    """Make a logged model in status READY whose files are kept elsewhere, e.g. of an agent or a hosted model."""
    marked = {**(tags or {}), EXTERNAL_TAG: "true"}
    model = initialize_logged_model(name, source_run_id, marked, params, model_type, experiment_id)
    active = state.stack()
    store = active[-1].store if active else state.store()
    description = Model(model_id=model.model_id, model_uuid=model.model_id, metadata={EXTERNAL_TAG: True})
    text = dump_mlmodel(description)
    store.model_artifacts(model.model_id).put_bytes(text.encode(), RelPath((FILE_NAME,)))
    return finalize(store, model.model_id, LoggedModelStatus.READY)


def finalize(store: Store, model_id: str, status: str) -> LoggedModel:
    """Set the final status of a logged model."""
    return store.write(ops.FinalizeLoggedModel(model_id=model_id, status=str(status), time=now()))


def finalize_logged_model(model_id: str, status: str) -> LoggedModel:
    """Say whether a logged model is complete: `status` "READY" or "FAILED"."""
    return finalize(state.store(), model_id, status)


def get_logged_model(model_id: str) -> LoggedModel:
    """A logged model with its params, tags and latest metrics; NotFound when it is deleted."""
    return state.store().read(queries.GetLoggedModel(model_id=model_id))


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set or overwrite tags of a logged model."""
    texts = {tag.key: tag.value for tag in to_tags(tags)}
    state.store().write(ops.SetLoggedModelTags(model_id=model_id, tags=texts))


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a logged model; NotFound when it has none of that name."""
    state.store().write(ops.DeleteLoggedModelTag(model_id=model_id, key=key))


def log_model_params(params: Mapping[str, Any], model_id: str | None = None) -> None:
    """Add params to a logged model, the active one when none is named; they cannot change later."""
    model_id = model_id or state.active_model_id()
    if model_id is None:
        raise InvalidValue("log_model_params needs a model_id, or an active model: see set_active_model.")
    texts = {param.key: param.value for param in to_params(params)}
    state.store().write(ops.LogLoggedModelParams(model_id=model_id, params=texts))


def set_active_model(*, name: str | None = None, model_id: str | None = None) -> ActiveModel:
    """Make a logged model the one that `log_metric` is about unless told otherwise; also usable in a `with` block.

    By `name` it is the newest of that name in the active experiment; one is made (`create_external_model`) when
    there is none.
    """
    if (name is None) == (model_id is None):
        raise InvalidValue("set_active_model takes either name or model_id.")
    if model_id is not None:
        model = get_logged_model(model_id)
    else:
        place = experiment_for_new_run(state.store(), None)
        # The name of a model has no quotes.
        named = f"name = '{names.check_model_name(name)}'"
        query = queries.SearchLoggedModels(experiment_ids=(place,), filter=named, max_results=1)
        found = state.store().read(query)
        model = found[0] if found else create_external_model(name)
    before = state.active_model_id()
    state.set_active_model_id(model.model_id)
    facts = {field: getattr(model, field) for field in LoggedModel.__struct_fields__}
    return ActiveModel(**facts, before=before)


def get_active_model_id() -> str | None:
    """The id of the model that `set_active_model` named, None when there is none."""
    return state.active_model_id()


def clear_active_model() -> None:
    """Let no logged model be the active one."""
    state.set_active_model_id(None)


def last_logged_model() -> LoggedModel | None:
    """The logged model that this thread or task made last, as it is stored now."""
    model_id = _last.get()
    return None if model_id is None else get_logged_model(model_id)


def search_logged_models(
    experiment_ids: Sequence[str | int] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, Any]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    output_format: str = "pandas",
) -> pandas.DataFrame | list[LoggedModel]:
    """Logged models that match `filter_string`, as a DataFrame ("pandas") or a list ("list"), newest first.

    Without ids the active experiment is searched. `order_by` is a list of ``{"field_name", "ascending",
    "dataset_name", "dataset_digest"}``; conditions on metrics see only points of `datasets`, when given, each
    ``{"dataset_name", "dataset_digest"}``. `max_results` None means all.
    """
    if output_format not in ("pandas", "list"):
        raise InvalidValue(f"Unsupported output format: {output_format!r}; use 'pandas' or 'list'.")
    store = state.store()
    ids = (experiment_for_new_run(store, None),) if experiment_ids is None else experiment_ids
    found: list[LoggedModel] = []
    for page in _pages(store, ids, filter_string, datasets, order_by, max_results):
        found += page
    return found if output_format == "list" else _to_frame(found)


def _pages(
    store: Store, ids: Any, filter_string: str | None, datasets: Any, order_by: Any, max_results: int | None
) -> Iterator[list[LoggedModel]]:
    token, left = None, max_results
    while left is None or left > 0:
        limit = names.MAX_RESULTS if left is None else min(left, names.MAX_RESULTS)
        page = store.read(to_search(ids, filter_string, datasets, limit, order_by, token))
        yield page
        token = page.token
        left = None if left is None else left - len(page)
        if token is None:
            return


def to_search(
    experiment_ids: Sequence[str | int] | str | int,
    filter_string: str | None,
    datasets: Sequence[Mapping[str, Any]] | None,
    max_results: int | None,
    order_by: Sequence[Mapping[str, Any]] | None,
    page_token: str | None,
) -> queries.SearchLoggedModels:
    """The query that these arguments of MLflow mean."""
    ids = [experiment_ids] if isinstance(experiment_ids, str | int) else experiment_ids
    return queries.SearchLoggedModels(
        experiment_ids=tuple(str(experiment_id) for experiment_id in ids),
        filter=filter_string or "",
        datasets=tuple(
            queries.ModelDataset(_text(item, "dataset_name", "datasets"), item.get("dataset_digest"))
            for item in datasets or ()
        ),
        order_by=tuple(
            queries.ModelOrder(
                _text(item, "field_name", "order_by"),
                bool(item.get("ascending", True)),
                item.get("dataset_name"),
                item.get("dataset_digest"),
            )
            for item in order_by or ()
        ),
        max_results=100 if max_results is None else max_results,
        page_token=page_token,
    )


def _text(item: Any, field: str, what: str) -> str:
    if not isinstance(item, Mapping) or not isinstance(item.get(field), str):
        raise InvalidValue(f"{what} takes dictionaries with {field!r}; got {item!r:.80}.")
    return str(item[field])


def _to_frame(models: list[LoggedModel]) -> pandas.DataFrame:
    try:
        pd = import_module("pandas")
    except ImportError as error:
        raise MissingDependency(
            "search_logged_models returns a pandas DataFrame, and pandas is not installed: pip install pandas, "
            'or pass output_format="list".'
        ) from error
    columns = sorted({*LoggedModel.__struct_fields__} - {"lifecycle_stage"})
    frame: pandas.DataFrame = pd.DataFrame(
        [[_cell(getattr(model, column)) for column in columns] for model in models], columns=columns
    )
    return frame


def _cell(value: Any) -> Any:
    if isinstance(value, LoggedModelStatus):
        return value.value
    return list(value) if isinstance(value, tuple) else value
