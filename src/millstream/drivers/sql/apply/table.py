"""Which function carries out which op, and that an op with an id is carried out once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, select, update

from millstream.drivers.sql import ledger, read
from millstream.drivers.sql.apply import batches, experiments, imports, models, runs
from millstream.drivers.sql.apply.rows import insert_one
from millstream.values import ops, refusals
from millstream.values.paths import Location

T = TypeVar("T")


class Applier:
    """Carries out ops, each inside a transaction of the caller."""

    def __init__(self, place: str, root: Location) -> None:
        """`place` names the database in errors; new experiments keep artifacts below `root`."""
        self._place = place
        self.writers: dict[type, Callable[..., Any]] = {
            ops.CreateExperiment: partial(experiments.create, root=root),
            ops.RenameExperiment: experiments.rename,
            ops.DeleteExperiment: experiments.remove,
            ops.RestoreExperiment: experiments.restore,
            ops.SetExperimentTag: experiments.set_tag,
            ops.DeleteExperimentTag: experiments.delete_tag,
            ops.CreateRun: runs.create,
            ops.UpdateRun: runs.change,
            ops.DeleteRun: runs.remove,
            ops.RestoreRun: runs.restore,
            ops.LogBatch: batches.log_batch,
            ops.DeleteTag: runs.delete_tag,
            ops.LogInputs: runs.log_inputs,
            ops.LogOutputs: runs.log_outputs,
            ops.CreateLoggedModel: models.create,
            ops.FinalizeLoggedModel: models.finalize,
            ops.SetLoggedModelTags: models.set_tags,
            ops.DeleteLoggedModelTag: models.delete_tag,
            ops.LogLoggedModelParams: models.log_params,
            ops.DeleteLoggedModel: models.remove,
            ops.MoveRuns: runs.move,
            ops.ImportExperiment: partial(imports.create_experiment, root=root),
            ops.ImportRun: imports.put_run,
        }

    def apply(self, connection: Connection, op: ops.Op[T]) -> T:
        """Carry out `op`; one whose id was seen before has no effect and gets its answer again."""
        if op.op_id and insert_one(connection, ledger.applied, {"op_id": op.op_id, "time": _now()}) is None:
            return cast(T, self._answer_again(connection, op))
        result = self.writers[type(op)](connection, op, self._place)
        if op.op_id and isinstance(op, ops.CreateExperiment):
            applied = ledger.applied
            connection.execute(update(applied).where(applied.c.op_id == op.op_id).values(result=result))
        return cast(T, result)

    def _answer_again(self, connection: Connection, op: ops.Op[Any]) -> Any:
        if isinstance(op, ops.CreateExperiment):
            statement = select(ledger.applied.c.result).where(ledger.applied.c.op_id == op.op_id)
            return connection.execute(statement).scalar_one()
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


def _now() -> int:
    return time.time_ns() // 1_000_000
