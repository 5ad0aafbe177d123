"""Which function carries out which op, and that an op with an id is carried out once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, select, update

from millstream.drivers.sql import changelog, ledger, read
from millstream.drivers.sql.apply import batches, experiments, imports, models, registry, runs
from millstream.drivers.sql.apply.ids import Ids
from millstream.drivers.sql.apply.rows import insert_one
from millstream.values import ops, refusals
from millstream.values.entities import ModelVersion
from millstream.values.errors import MillstreamError
from millstream.values.paths import Location

T = TypeVar("T")


def _now() -> int:
    return time.time_ns() // 1_000_000


class Applier:
    """Carries out ops, each inside a transaction of the caller."""

    def __init__(self, place: str, root: Location, clock: Callable[[], int] = _now) -> None:
        """`place` names the database in errors; new experiments keep artifacts below `root`; `clock` says the ms."""
        self._place = place
        self.clock = clock
        self._ids = Ids()
        self.writers: dict[type, Callable[..., Any]] = {
            ops.CreateExperiment: partial(experiments.create, root=root),
            ops.RenameExperiment: experiments.rename,
            ops.DeleteExperiment: experiments.remove,
            ops.RestoreExperiment: experiments.restore,
            ops.SetExperimentTag: experiments.set_tag,
            ops.DeleteExperimentTag: experiments.delete_tag,
            ops.CreateRun: partial(runs.create, root=root),
            ops.UpdateRun: runs.change,
            ops.DeleteRun: runs.remove,
            ops.RestoreRun: runs.restore,
            ops.LogBatch: self._log_batch,
            ops.DeleteTag: runs.delete_tag,
            ops.LogInputs: runs.log_inputs,
            ops.LogOutputs: runs.log_outputs,
            ops.CreateLoggedModel: partial(models.create, root=root),
            ops.FinalizeLoggedModel: models.finalize,
            ops.SetLoggedModelTags: models.set_tags,
            ops.DeleteLoggedModelTag: models.delete_tag,
            ops.LogLoggedModelParams: models.log_params,
            ops.DeleteLoggedModel: models.remove,
            **registry.WRITERS,
            ops.MoveRuns: runs.move,
            ops.ImportExperiment: partial(imports.create_experiment, root=root),
            ops.ImportRun: imports.put_run,
            ops.ImportLoggedModel: models.put_model,
        }

    def apply(self, connection: Connection, op: ops.Op[T]) -> T:
        """Carry out `op`; one whose id was seen before has no effect and gets its answer again."""
        if isinstance(op, ops.LogBatch):
            return cast(T, self._log_batch(connection, op, self._place))
        if op.op_id:
            now = self.clock()
            self._ids.forget(connection, 1, now)
            noted = {"op_id": op.op_id, "time": now, "digest": op.op_digest or None}
            if insert_one(connection, ledger.applied, noted) is None:
                return cast(T, self._answer_again(connection, op))
        result = self.writers[type(op)](connection, op, self._place)
        changelog.note(connection, op, result)
        if op.op_id and isinstance(op, ops.CreateExperiment | ops.CreateModelVersion):
            applied = ledger.applied
            kept = result.version if isinstance(result, ModelVersion) else result
            connection.execute(update(applied).where(applied.c.op_id == op.op_id).values(result=str(kept)))
        return cast(T, result)

    def apply_batches(self, connection: Connection, group: Sequence[ops.LogBatch]) -> list[MillstreamError | None]:
        """Carry out a group of batches, in their order; for each None, or why it was refused."""
        now = self.clock()
        self._ids.forget(connection, sum(1 for op in group if op.op_id), now)
        return batches.log_batches(connection, group, self._place, now)

    def _log_batch(self, connection: Connection, op: ops.LogBatch, _place: str) -> None:
        (refused,) = self.apply_batches(connection, [op])
        if refused is not None:
            raise refused

    def _answer_again(self, connection: Connection, op: ops.Op[Any]) -> Any:
        digest = select(ledger.applied.c.digest).where(ledger.applied.c.op_id == op.op_id)
        refusals.check_digest(connection.execute(digest).scalar_one(), op.op_digest)
        if isinstance(op, ops.CreateExperiment | ops.CreateModelVersion):
            statement = select(ledger.applied.c.result).where(ledger.applied.c.op_id == op.op_id)
            result: str = connection.execute(statement).scalar_one()
            if isinstance(op, ops.CreateExperiment):
                return result
            return registry.version_made_before(connection, op, int(result), self._place)
        if isinstance(op, registry.Answered):
            return registry.made_before(connection, op, self._place)
        if isinstance(op, ops.CreateRun):
            return runs.made_before(connection, op)
        if isinstance(op, ops.CreateLoggedModel | ops.FinalizeLoggedModel | ops.SetLoggedModelTags):
            return models.made_before(connection, op)
        if isinstance(op, ops.UpdateRun):
            found = read.run_info(connection, op.run_id)
            if found is None:
                raise refusals.no_run(op.run_id, self._place)
            return found
        return None
