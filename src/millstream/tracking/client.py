"""MlflowClient: the same verbs as the fluent functions, with the run or experiment named in each call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import structs

from millstream.stores.histories import history_pages
from millstream.stores.open import open_store
from millstream.tracking import artifacts, state
from millstream.tracking.context import user_name
from millstream.tracking.convert import now, to_float, to_metric, to_tags
from millstream.tracking.model_client import ModelVerbs
from millstream.tracking.places import registry_store
from millstream.tracking.registry_client import RegistryVerbs
from millstream.values import names, ops, queries
from millstream.values.entities import (
    DatasetInput,
    Experiment,
    FileInfo,
    Metric,
    ModelInput,
    Page,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from millstream.values.errors import InvalidValue, NotFound


class MlflowClient(ModelVerbs, RegistryVerbs):
    """A store by its URI, or, without one, the store that the fluent functions use now."""

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        """Open the store `tracking_uri`, and `registry_uri` for registered models; a new directory is made later."""
        self._uri = tracking_uri or state.uri()
        self._store = open_store(self._uri)
        self._registry = open_store(registry_uri) if registry_uri else registry_store(self._store)

    @property
    def tracking_uri(self) -> str:
        """The URI of the store."""
        return self._uri or self._store.uri

    def create_run(
        self,
        experiment_id: str | int,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        *,
        run_id: str | None = None,
    ) -> Run:
        """Start a run in status RUNNING; it stays so until `set_terminated`."""
        texts = {tag.key: tag.value for tag in to_tags(tags or {})}
        return self._store.write(
            ops.CreateRun(
                run_id=run_id or names.new_run_id(),
                experiment_id=names.check_experiment_id(experiment_id),
                start_time=now() if start_time is None else start_time,
                user_id=texts.get(names.USER_TAG) or user_name(),
                run_name=run_name,
                tags=texts,
            )
        )

    def get_run(self, run_id: str) -> Run:
        """A run with its latest data."""
        return self._store.read(queries.GetRun(run_id=run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that the run was started in, None for an outermost one."""
        parent = self.get_run(run_id).data.tags.get(names.PARENT_RUN_TAG)
        return self.get_run(parent) if parent else None

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change the status or the name of a run."""
        self._store.write(ops.UpdateRun(run_id=run_id, status=status, run_name=name))

    def set_terminated(self, run_id: str, status: str | int | None = None, end_time: int | None = None) -> None:
        """End a run with `status` (FINISHED when None) at `end_time` (ms, now when None)."""
        word = RunStatus.to_string(status) if isinstance(status, int) else status or "FINISHED"
        self._store.write(ops.UpdateRun(run_id=run_id, status=word, end_time=now() if end_time is None else end_time))

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._store.write(ops.DeleteRun(run_id=run_id, time=now()))

    def move_runs(self, run_ids: Sequence[str], experiment_id: str | int) -> None:
        """Give runs to another experiment."""
        ids = (run_ids,) if isinstance(run_ids, str) else tuple(run_ids)
        self._store.write(ops.MoveRuns(run_ids=ids, experiment_id=names.check_experiment_id(experiment_id)))

    def restore_run(self, run_id: str) -> None:
        """Undo `delete_run`."""
        self._store.write(ops.RestoreRun(run_id=run_id))

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> None:
        """Append one point to a metric."""
        point = to_metric(key, value, step, timestamp)
        if model_id is not None or dataset_name is not None:
            point = structs.replace(point, model_id=model_id, dataset_name=dataset_name, dataset_digest=dataset_digest)
        self._store.write(ops.LogBatch(run_id=run_id, metrics=(point,)))

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Keep a param; it cannot change later. Returns `value`."""
        self._store.write(ops.LogBatch(run_id=run_id, params=(Param(key, str(value)),)))
        return value

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> None:
        """Log points, params and tags in one call; any number of each."""
        points = tuple(structs.replace(m, value=to_float(m.key, m.value)) for m in metrics)
        texts = tuple(Param(param.key, str(param.value)) for param in params)
        notes = tuple(RunTag(tag.key, str(tag.value)) for tag in tags)
        self._store.write(ops.LogBatch(run_id=run_id, metrics=points, params=texts, tags=notes))

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> None:
        """Set or overwrite a tag."""
        self._store.write(ops.LogBatch(run_id=run_id, tags=(RunTag(key, str(value)),)))

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound when the run has none of that name."""
        self._store.write(ops.DeleteTag(run_id=run_id, key=key))

    def log_inputs(
        self, run_id: str, datasets: Sequence[DatasetInput] | None = None, models: Sequence[ModelInput] | None = None
    ) -> None:
        """Note datasets and logged models that the run used; noting one again changes nothing."""
        self._store.write(ops.LogInputs(run_id=run_id, datasets=tuple(datasets or ()), models=tuple(models or ())))

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of a metric, in the order written."""
        found: list[Metric] = []
        for page in self.metric_history_pages(run_id, key):
            found += page
        return found

    def metric_history_pages(self, run_id: str, key: str, max_results: int = 25_000) -> Iterator[Page[Metric]]:
        """The points of a metric in the order written, `max_results` at a time; one page is held at once."""
        return history_pages(self._store, run_id, key, max_results)

    def metric_envelope(
        self,
        run_id: str,
        key: str,
        x: str = "step",
        low: int | None = None,
        high: int | None = None,
        width: int = 1000,
    ) -> queries.Envelope:
        """A metric as it looks in a chart `width` pixels wide, exact at every zoom: first, last, min, max, NaN.

        `x` is "step", "time" (ms since 1970) or "relative" (ms since the run's start); `low` and `high` are in its
        units, the series' own when None. A series of any length costs what is drawn.
        """
        return self._store.read(queries.MetricEnvelope(run_id=run_id, key=key, x=x, low=low, high=high, width=width))

    def search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> Page[Run]:
        """A page of runs that match; its `token` asks for the next one.

        With `columns`, the runs have only the metrics, params and tags that these name, as in ``["metrics.loss"]``.
        """
        return self._store.read(
            queries.SearchRuns(
                experiment_ids=_listed(experiment_ids),
                filter=filter_string or "",
                view=run_view_type,
                order_by=(order_by,) if isinstance(order_by, str) else tuple(order_by or ()),
                max_results=max_results,
                page_token=page_token,
                columns=None if columns is None else tuple(columns),
            )
        )

    def count_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
    ) -> int:
        """How many runs match."""
        return self._store.read(
            queries.CountRuns(experiment_ids=_listed(experiment_ids), filter=filter_string or "", view=run_view_type)
        )

    def facet_runs(
        self,
        experiment_ids: Sequence[str | int],
        keys: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_values: int = 100,
    ) -> list[queries.Facet]:
        """For each of `keys` (``params.lr``, ``metrics.loss.min``, ``status``) what the matching runs have there.

        That is how many runs have it, the most frequent values with their numbers, and the bounds of numbers.
        """
        return self._store.read(
            queries.FacetRuns(
                experiment_ids=_listed(experiment_ids),
                keys=tuple(keys),
                filter=filter_string or "",
                view=run_view_type,
                limit=max_values,
            )
        )

    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> str:
        """Make an experiment; returns its id."""
        texts = {tag.key: tag.value for tag in to_tags(tags or {})}
        location = os.fspath(artifact_location) if artifact_location else None
        return self._store.write(ops.CreateExperiment(name=name, time=now(), artifact_location=location, tags=texts))

    def get_experiment(self, experiment_id: str | int) -> Experiment:
        """An experiment by id, deleted ones too."""
        return self._store.read(queries.GetExperiment(experiment_id=str(experiment_id)))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """An experiment by name, deleted ones too; None when there is none."""
        try:
            return self._store.read(queries.GetExperimentByName(name=name))
        except NotFound:
            return None

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """A page of experiments that match; its `token` asks for the next one."""
        return self._store.read(
            queries.SearchExperiments(
                view=view_type,
                filter=filter_string or "",
                order_by=tuple(order_by or ()),
                max_results=1000 if max_results is None else max_results,
                page_token=page_token,
            )
        )

    def list_experiments(self, view_type: int = ViewType.ACTIVE_ONLY) -> Page[Experiment]:
        """MLflow 1.x's name for `search_experiments`."""
        return self.search_experiments(view_type, names.MAX_RESULTS)

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name."""
        self._store.write(ops.RenameExperiment(experiment_id=str(experiment_id), name=new_name, time=now()))

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Mark an experiment and its runs as deleted."""
        self._store.write(ops.DeleteExperiment(experiment_id=str(experiment_id), time=now()))

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Undo `delete_experiment`."""
        self._store.write(ops.RestoreExperiment(experiment_id=str(experiment_id), time=now()))

    def set_experiment_tag(self, experiment_id: str | int, key: str, value: Any) -> None:
        """Set a tag of an experiment."""
        op = ops.SetExperimentTag(experiment_id=str(experiment_id), key=key, value=str(value))
        self._store.write(op)

    def delete_experiment_tag(self, experiment_id: str | int, key: str) -> None:
        """Remove a tag of an experiment."""
        self._store.write(ops.DeleteExperimentTag(experiment_id=str(experiment_id), key=key))

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Entries directly below a directory of the run's artifacts."""
        return self._store.read(queries.ListArtifacts(run_id=run_id, path=path or ""))

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Make an artifact available locally; returns its path. See `artifacts.download_artifacts`."""
        return artifacts.download_artifacts(
            run_id=run_id, artifact_path=path, dst_path=dst_path, tracking_uri=self.tracking_uri
        )

    def log_artifact(self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Store a copy of a file (or of a directory under its name)."""
        artifacts.put(self._store, run_id, local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Store copies of all files below a directory."""
        artifacts.put_directory(self._store, run_id, local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Store `text` as an artifact."""
        artifacts.put_text(self._store, run_id, text, artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Store a dictionary as JSON or YAML."""
        artifacts.put_dict(self._store, run_id, dictionary, artifact_file)

    def log_figure(
        self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Store a matplotlib or plotly figure."""
        artifacts.put_figure(self._store, run_id, figure, artifact_file, save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Store an image under a file name, or under a `key` for each `step`."""
        artifacts.put_image(self._store, run_id, image, artifact_file, key=key, step=step, timestamp=timestamp)


def _listed(experiment_ids: Sequence[str | int]) -> tuple[str, ...]:
    if isinstance(experiment_ids, str | int):
        raise InvalidValue(f"experiment_ids takes a list of ids; got {experiment_ids!r}. Write [{experiment_ids!r}].")
    return tuple(str(experiment_id) for experiment_id in experiment_ids)
