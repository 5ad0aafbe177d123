"""Which experiment of the target an experiment of the source goes to.

Experiments are the same when their names are. A new one keeps its id where that is free.
"""

from __future__ import annotations

import time

from msgspec import Struct, structs

from millstream.stores.base import Store
from millstream.stores.imports.summary import Summary
from millstream.values import names, ops, queries
from millstream.values.entities import ACTIVE, DELETED, Experiment
from millstream.values.errors import InvalidValue, MillstreamError, NotFound


class Goal(Struct, frozen=True):
    """Where runs of an experiment go; `experiment_id` is None in a dry run that would make the experiment."""

    experiment_id: str | None
    deleted: bool


class Experiments:
    """Finds or makes the experiments of the target."""

    def __init__(self, target: Store, summary: Summary, prefix: str, *, overwrite: bool) -> None:
        """Names get `prefix`, tags are replaced when `overwrite`."""
        self._target = target
        self._summary = summary
        self._prefix = prefix
        self._overwrite = overwrite
        self._given: dict[str, str] = {}

    def goal(self, experiment: Experiment) -> Goal | None:
        """Where the runs of `experiment` go, None (and a problem) when they can go nowhere."""
        name = self._prefix + experiment.name
        if self._given.setdefault(name, experiment.experiment_id) != experiment.experiment_id:
            name = f"{name} ({experiment.experiment_id})"
        try:
            return self._goal(structs.replace(experiment, name=name))
        except MillstreamError as error:
            self._summary.problems.append(f"experiment {experiment.name!r}: {error.message}")
            return None

    def _goal(self, experiment: Experiment) -> Goal | None:
        present = self._named(experiment.name)
        if present is None:
            return self._create(experiment)
        if present.lifecycle_stage == DELETED and experiment.lifecycle_stage == ACTIVE:
            raise InvalidValue(
                f"the target's experiment of this name (id {present.experiment_id}) is deleted. Restore it, or import "
                "under another name with --prefix."
            )
        self._summary.experiments_merged += 1
        if present.experiment_id != experiment.experiment_id:
            self._summary.note(
                f"experiment {experiment.name!r} has the id {present.experiment_id} here, {experiment.experiment_id} "
                "in the source"
            )
        self._merge_tags(present, experiment.tags)
        return Goal(present.experiment_id, present.lifecycle_stage == DELETED)

    def _create(self, experiment: Experiment) -> Goal:
        names.check_experiment_name(experiment.name)
        self._summary.experiments_created += 1
        deleted = experiment.lifecycle_stage == DELETED
        if self._summary.dry_run:
            return Goal(None, deleted)
        now = time.time_ns() // 1_000_000
        free = self._is_free(experiment.experiment_id)
        made = structs.replace(
            experiment,
            experiment_id=experiment.experiment_id if free else "",
            # Never the source's: what lies there belongs to the source, and `gc` goes by the location.
            artifact_location="",
            tags=self._good_tags(experiment),
            creation_time=experiment.creation_time or now,
            last_update_time=experiment.last_update_time or experiment.creation_time or now,
        )
        experiment_id = self._target.write(ops.ImportExperiment(experiment=made))
        if not free:
            self._summary.note(
                f"experiment {experiment.name!r} has the id {experiment_id} here: {experiment.experiment_id} was taken"
            )
        return Goal(experiment_id, deleted)

    def _good_tags(self, experiment: Experiment) -> dict[str, str]:
        good = {}
        for key, value in experiment.tags.items():
            try:
                names.check_key(key, "tag")
                good[key] = names.check_text(value, f"value of tag {key!r}", names.MAX_EXPERIMENT_TAG_VALUE)
            except InvalidValue as error:
                self._summary.problems.append(f"experiment {experiment.name!r}: {error.message} The tag is left out")
        return good

    def _merge_tags(self, present: Experiment, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            if present.tags.get(key) == value:
                continue
            if key in present.tags and not self._overwrite:
                self._summary.note(f"experiment {present.name!r}: tag {key!r} differs and is left as it is")
            elif present.lifecycle_stage == ACTIVE and not self._summary.dry_run:
                op = ops.SetExperimentTag(experiment_id=present.experiment_id, key=key, value=value)
                self._target.write(op)

    def _named(self, name: str) -> Experiment | None:
        try:
            return self._target.read(queries.GetExperimentByName(name=name))
        except NotFound:
            return None

    def _is_free(self, experiment_id: str) -> bool:
        try:
            names.check_experiment_id(experiment_id)
            self._target.read(queries.GetExperiment(experiment_id=experiment_id))
        except NotFound:
            return True
        except MillstreamError:
            return False
        return False
