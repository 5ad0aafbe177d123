"""Logged models of a source into a store, only what is not there yet."""

from __future__ import annotations

from functools import partial

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.formats.mlruns import layout
from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.additions import model_additions
from millstream.stores.imports.base import Options, Source
from millstream.stores.imports.cleaning import cleaned_model
from millstream.stores.imports.experiments import Goal
from millstream.stores.imports.summary import Summary
from millstream.stores.imports.transport import Transport
from millstream.values import ops, queries
from millstream.values.entities import LoggedModel
from millstream.values.errors import AlreadyExists, NotFound


class Models:
    """Brings logged models one by one."""

    def __init__(self, source: Source, target: Store, options: Options, summary: Summary) -> None:
        """From `source` into `target`; counts and sentences go into `summary`."""
        self._source = source
        self._target = target
        self._options = options
        self._summary = summary
        self._transport = Transport(target, options, summary, layout.MODELS)

    def bring(self, model: LoggedModel, goal: Goal) -> None:
        """Make `model` in the target, or add what it lacks there; an error is about this model alone."""
        model_id = model.model_id
        whose = f"logged model {model_id}"
        model = cleaned_model(model, self._summary.problems.append, files=isinstance(self._target, EmbeddedStore))
        artifacts = self._transport.find(whose, partial(self._source.model_artifacts, model))
        present = self._present(model_id)
        if present is None:
            self._create(model, goal.experiment_id or "", artifacts)
            self._summary.logged_models_created += 1
        else:
            self._extend(model, present)
        self._transport.copy(whose, artifacts, partial(self._target.model_artifacts, model_id, deleted=True))

    def _create(self, model: LoggedModel, experiment_id: str, artifacts: Artifacts | None) -> None:
        if self._options.dry_run:
            return
        with self._transport.placing(experiment_id, model.model_id, model.artifact_location, artifacts) as location:
            self._write(structs.replace(model, experiment_id=experiment_id, artifact_location=location), known=False)

    def _present(self, model_id: str) -> LoggedModel | None:
        try:
            return self._target.read(queries.GetLoggedModel(model_id=model_id, deleted=True))
        except NotFound:
            return None

    def _extend(self, model: LoggedModel, present: LoggedModel) -> None:
        if present.creation_timestamp != model.creation_timestamp:
            raise AlreadyExists(
                f"another logged model of this id, made at {present.creation_timestamp} and not "
                f"{model.creation_timestamp}, is in the target; it is left as it is"
            )
        found = model_additions(present, model, self._summary.note, overwrite=self._options.overwrite)
        if found == structs.replace(present, params={}, tags={}, metrics=()):
            self._summary.logged_models_unchanged += 1
            return
        self._write(found, known=True)
        self._summary.logged_models_extended += 1

    def _write(self, model: LoggedModel, *, known: bool) -> None:
        if not self._options.dry_run:
            self._target.write(ops.ImportLoggedModel(model=model, known=known))
