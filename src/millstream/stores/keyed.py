"""Ops with an id on a tree of files: each has one effect, however often it comes and wherever a process dies.

Most ops on files are such that doing them again changes nothing. Points are not: what is to be appended is noted with
the place where its file ends, and a retry looks behind that place. Something to be deleted that is gone was deleted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import structs

from millstream.drivers.files.intents import DONE, Append, Intents, Noted, end_of_lines, left_of
from millstream.drivers.files.models import ModelFiles
from millstream.drivers.files.runs import RunFiles
from millstream.drivers.files.tree import Tree
from millstream.stores.base import Store
from millstream.values import ops, queries, refusals
from millstream.values.entities import ACTIVE, ModelVersion, Run, RunData
from millstream.values.errors import MillstreamError, NotFound
from millstream.values.rules import check

_DELETIONS = (
    ops.DeleteTag
    | ops.DeleteExperimentTag
    | ops.DeleteLoggedModelTag
    | ops.DeleteExperiment
    | ops.DeleteRegisteredModel
    | ops.DeleteModelVersion
)
_ON_MODELS = ops.CreateLoggedModel | ops.FinalizeLoggedModel | ops.SetLoggedModelTags


class KeyedWrites:
    """Carries out ops with an id."""

    def __init__(
        self,
        path: Path,
        store: Store,
        tree: Tree,
        runs: RunFiles,
        models: ModelFiles,
        carry_out: Callable[[ops.Op[Any]], Any],
    ) -> None:
        """Note keys in `path`; `carry_out` does what an op says, whatever its id."""
        self._tree = tree
        self._intents = Intents(path)
        self._store = store
        self._runs = runs
        self._models = models
        self._carry_out = carry_out

    def close(self) -> None:
        """Close files; they open again when used."""
        self._intents.close()

    def write(self, op: ops.Op[Any]) -> Any:
        """Carry out `op`, or answer as the first time."""
        check(op)
        # Points of a run are appended by one request with a key at a time: what one has left behind is its own.
        subject = op.run_id if isinstance(op, ops.LogBatch) and op.metrics else ""
        with self._intents.alone(op.op_id, *([f"run {subject}"] if subject else [])):
            noted = self._intents.find(op.op_id)
            if noted is not None:
                refusals.check_digest(noted.digest, op.op_digest)
                if noted.state == DONE:
                    return self._answer_again(op, noted)
            if isinstance(op, ops.LogBatch) and subject:
                return self._log(op, noted)
            return self._do(op, noted)

    def was_done(self, query: queries.WasDone) -> bool:
        """Whether the op of that id was carried out to its end."""
        noted = self._intents.find(query.op_id)
        return noted is not None and noted.state == DONE and noted.digest == query.digest

    def _do(self, op: ops.Op[Any], noted: Noted | None) -> Any:
        if isinstance(op, ops.CreateExperiment) and op.experiment_id is None:
            op = structs.replace(op, experiment_id=_experiment_id(op))
        if noted is None:
            self._intents.begin(op.op_id, op.op_digest, "", [])
        try:
            result = self._carry_out(op)
        except MillstreamError as error:
            if noted is None and error.http_status < 500:
                self._intents.forget(op.op_id)
                raise
            if noted is None or not self._is_done(op, error):
                raise
            result = self._found(op)
        kept = str(result.version) if isinstance(result, ModelVersion) else result
        self._intents.finish(op.op_id, kept if isinstance(kept, str) else None)
        return result

    def _is_done(self, op: ops.Op[Any], error: MillstreamError) -> bool:
        """Whether `op`, which was begun before and is refused now, was carried out then."""
        if isinstance(op, _DELETIONS):
            return isinstance(error, NotFound)
        if isinstance(op, ops.CreateExperiment | ops.RestoreExperiment) and op.experiment_id:
            with suppress(NotFound):
                found = self._store.read(queries.GetExperiment(experiment_id=op.experiment_id))
                return isinstance(op, ops.CreateExperiment) or found.lifecycle_stage == ACTIVE
        return False

    def _found(self, op: ops.Op[Any]) -> Any:
        return op.experiment_id if isinstance(op, ops.CreateExperiment) else None

    def _answer_again(self, op: ops.Op[Any], noted: Noted) -> Any:
        read = self._store.read
        if isinstance(op, ops.CreateExperiment):
            return noted.result
        if isinstance(op, ops.CreateRun):
            run = read(queries.GetRun(run_id=op.run_id))
            return Run(run.info, RunData(tags=run.data.tags))
        if isinstance(op, ops.UpdateRun):
            return read(queries.GetRunInfo(run_id=op.run_id))
        if isinstance(op, _ON_MODELS):
            return read(queries.GetLoggedModel(model_id=op.model_id, deleted=True))
        return self._registered(op, noted)

    def _registered(self, op: ops.Op[Any], noted: Noted) -> Any:
        read = self._store.read
        if isinstance(op, ops.CreateModelVersion):
            return read(queries.GetModelVersion(name=op.name, version=int(noted.result or "0")))
        if isinstance(op, ops.UpdateModelVersion | ops.TransitionModelVersion):
            return read(queries.GetModelVersion(name=op.name, version=op.version))
        if isinstance(op, ops.RenameRegisteredModel):
            return read(queries.GetRegisteredModel(name=op.new_name))
        if isinstance(op, ops.CreateRegisteredModel | ops.UpdateRegisteredModel):
            return read(queries.GetRegisteredModel(name=op.name))
        return None

    # --- points ---

    def _log(self, op: ops.LogBatch, noted: Noted | None) -> None:
        self._runs.require_writable(op.run_id)
        self._models.require_all(op.metrics)
        for other in self._intents.begun(op.run_id):
            self._intents.settle(other.op_id, [left for one in other.plan if (left := self._left(one)).text])
        noted = self._intents.find(op.op_id)
        if op.params or op.tags:
            self._carry_out(structs.replace(op, metrics=(), op_id="", op_digest=""))
        plan = self._plan(op) if noted is None else noted.plan
        plan = [structs.replace(one, start=end_of_lines(self._path(one))) for one in plan]
        self._intents.begin(op.op_id, op.op_digest, op.run_id, plan)
        self._runs.append_lines(op.run_id, {one.key: one.text for one in plan if not one.model})
        for one in plan:
            if one.model:
                self._models.append_lines(one.owner, one.key, one.text)
        self._intents.finish(op.op_id, None)
        self._tree.touch(op.run_id)
        for model_id in {one.owner for one in plan if one.model}:
            self._tree.touch_model(model_id)

    def _plan(self, op: ops.LogBatch) -> list[Append]:
        new = op.metrics
        if any(metric.model_id for metric in new):
            new = self._runs.leave_out_repeats(op.run_id, new)
        return [
            *(Append(op.run_id, False, key, 0, text) for key, text in self._runs.lines_of(new).items()),
            *(
                Append(model_id, True, key, 0, text)
                for (model_id, key), text in self._models.lines_of(op.run_id, op.metrics).items()
            ),
        ]

    def _left(self, one: Append) -> Append:
        try:
            return structs.replace(one, text=left_of(self._path(one), one.start, one.text))
        except NotFound:
            return structs.replace(one, text=b"")  # the model was removed since

    def _path(self, one: Append) -> str:
        folder = self._models.metrics(one.owner) if one.model else self._runs.metrics(one.owner)
        return os.path.join(folder, one.key)


def _experiment_id(op: ops.CreateExperiment) -> str:
    """18 digits, as others are made, but each time the same ones."""
    number = int.from_bytes(sha256(f"{op.op_id} {op.op_digest}".encode()).digest())
    return str(10**17 + number % (9 * 10**17))
