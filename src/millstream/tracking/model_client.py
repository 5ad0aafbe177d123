"""The verbs of MlflowClient on logged models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from millstream.stores.base import Store
from millstream.tracking import artifacts, logged_models
from millstream.tracking.convert import now, to_params, to_tags
from millstream.values import ops, queries
from millstream.values.entities import FileInfo, LoggedModel, ModelOutput, Page


class ModelVerbs:
    """Needs `_store`, the store that is asked."""

    _store: Store

    def create_logged_model(
        self,
        experiment_id: str | int,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Make a logged model in status PENDING; the name is made up when None."""
        return logged_models.create(self._store, str(experiment_id), name, source_run_id, tags, params, model_type)

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Say whether a logged model is complete: `status` "READY" or "FAILED"."""
        return logged_models.finalize(self._store, model_id, status)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """A logged model with its params, tags and latest metrics; NotFound when it is deleted."""
        return self._store.read(queries.GetLoggedModel(model_id=model_id))

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a logged model as deleted: searches leave it out."""
        self._store.write(ops.DeleteLoggedModel(model_id=model_id, time=now()))

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set or overwrite tags of a logged model."""
        texts = {tag.key: tag.value for tag in to_tags(tags)}
        self._store.write(ops.SetLoggedModelTags(model_id=model_id, tags=texts))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a logged model; NotFound when it has none of that name."""
        self._store.write(ops.DeleteLoggedModelTag(model_id=model_id, key=key))

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Add params to a logged model; they cannot change later."""
        texts = {param.key: param.value for param in to_params(params)}
        self._store.write(ops.LogLoggedModelParams(model_id=model_id, params=texts))

    def search_logged_models(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """A page (100 when `max_results` is None) of logged models that match; its `token` asks for the next one.

        `order_by` and `datasets` are as in `millstream.search_logged_models`.
        """
        query = logged_models.to_search(experiment_ids, filter_string, datasets, max_results, order_by, page_token)
        return self._store.read(query)

    def log_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        """Note logged models that a run made; noting one again changes nothing."""
        outputs = tuple(ModelOutput(model.model_id, model.step) for model in models)
        self._store.write(ops.LogOutputs(run_id=run_id, models=outputs))

    def log_model_artifact(
        self, model_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store a copy of a file among the files of a logged model."""
        artifacts.put_into(self._store.model_artifacts(model_id), local_path, artifact_path)

    def log_model_artifacts(
        self, model_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store copies of all files below a directory among the files of a logged model."""
        artifacts.put_directory_into(self._store.model_artifacts(model_id), local_dir, artifact_path)

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """Entries directly below a directory of a logged model's files."""
        return self._store.read(queries.ListModelArtifacts(model_id=model_id, path=path or ""))
