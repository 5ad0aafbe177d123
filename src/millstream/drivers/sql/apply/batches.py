"""LogBatch: params, points and tags of one run, all of them or none; many batches at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, update

from millstream.drivers.sql import changelog, ledger, schema
from millstream.drivers.sql.apply.models import take_points
from millstream.drivers.sql.apply.points import Series, Stretch, append
from millstream.drivers.sql.apply.repeats import find_repeats, mark_of
from millstream.drivers.sql.plain import Delete, Find, Plain, Put, PutNew
from millstream.drivers.sql.write import param_row
from millstream.values import names, ops, refusals
from millstream.values.entities import ACTIVE, Metric, RunStatus
from millstream.values.errors import MillstreamError

_RUNS = schema.runs.c
_PARAMS = schema.params.c
_RUNNING = RunStatus.to_string(RunStatus.RUNNING)
# Made once: every batch needs them.
_LOCKED = Find((_RUNS.rid, _RUNS.run_id, _RUNS.lifecycle_stage, _RUNS.status), (_RUNS.run_id,), locked=True)
_PRESENT = Find((_PARAMS.rid, _PARAMS.key, _PARAMS.value), (_PARAMS.rid, _PARAMS.key))
_NEW_PARAMS = Put(schema.params)
_TAGS_NOW = Put(schema.tags, over=True)
_APPLIED = ledger.applied.c
_NOTED = PutNew((_APPLIED.op_id, _APPLIED.time, _APPLIED.digest))
_DIGESTS = Find((_APPLIED.op_id, _APPLIED.digest), (_APPLIED.op_id,))
_FORGOTTEN = Delete(ledger.applied)


class Batches:
    """Batches of one transaction, gathered one after the other and then stored together."""

    def __init__(self, tables: Plain, batches: Sequence[ops.LogBatch], place: str) -> None:
        """Look up, and lock, what `batches` need; `place` names the database in errors."""
        self._tables = tables
        self._place = place
        wanted = sorted({op.run_id for op in batches})
        found = tables.find(_LOCKED, [(run_id,) for run_id in wanted])
        self._runs = {row.run_id: row for row in found}
        self._params = self._present_params(batches)
        # New points of running runs are found without a note: whoever follows them counts.
        self._changed: set[str] = set()
        self._new_params: dict[Series, str] = {}
        self._points: dict[Series, Stretch] = {}
        self._tags: dict[Series, str] = {}

    def add(self, op: ops.LogBatch) -> None:
        """Take a batch in; when it is refused (run, model, a param with another value) nothing of it is."""
        row = self._writable(op.run_id)
        rid = row.rid
        for param in op.params:
            value = self._params.get((rid, param.key), param.value)
            if value != param.value:
                raise refusals.param_changed(op.run_id, param.key, value, param.value)
        metrics: Sequence[Metric] = op.metrics
        if any(metric.model_id for metric in metrics):
            # A model may be missing after another one has had its points.
            with self._tables.connection.begin_nested():
                take_points(self._tables.connection, op.run_id, metrics, self._place)
            metrics = self._new(rid, metrics)
        for param in op.params:
            if (rid, param.key) not in self._params:
                self._params[rid, param.key] = self._new_params[rid, param.key] = param.value
        for metric in metrics:
            stretch = self._points.get((rid, metric.key))
            if stretch is None:
                stretch = self._points[rid, metric.key] = Stretch()
            stretch.add(metric)
        for tag in op.tags:
            self._tags[rid, tag.key] = tag.value
        if op.params or op.tags or row.status != _RUNNING:
            self._changed.add(op.run_id)

    def store(self) -> None:
        """Write all that was taken in."""
        tables = self._tables
        tables.put(_NEW_PARAMS, [param_row(rid, key, value) for (rid, key), value in self._new_params.items()])
        tables.put(_TAGS_NOW, [{"rid": rid, "key": key, "value": value} for (rid, key), value in self._tags.items()])
        for (rid, key), value in self._tags.items():
            if key == names.RUN_NAME_TAG:
                named = update(schema.runs).where(_RUNS.rid == rid).values(run_name=value)
                tables.connection.execute(named)
        if self._points:
            append(tables, self._points)
        changelog.put_runs(tables, self._changed)

    def _new(self, rid: int, metrics: Sequence[Metric]) -> list[Metric]:
        """`metrics` without points that name a model and that the run has already, or has by those before them."""
        asked: dict[str, list[Metric]] = {}
        for metric in metrics:
            if metric.model_id:
                asked.setdefault(metric.key, []).append(metric)
        known = {key: find_repeats(self._tables.connection, rid, key, points) for key, points in asked.items()}
        new: list[Metric] = []
        for metric in metrics:
            marks = known.get(metric.key)
            if marks is not None:
                mark = mark_of(metric.timestamp, metric.value, metric.step)
                stretch = self._points.get((rid, metric.key))
                if metric.model_id and (mark in marks or (stretch is not None and stretch.holds(mark))):
                    continue
                marks.add(mark)
            new.append(metric)
        return new

    def _writable(self, run_id: str) -> Any:
        row = self._runs.get(run_id)
        if row is None:
            raise refusals.no_run(run_id, self._place)
        if row.lifecycle_stage != ACTIVE:
            raise refusals.run_deleted(run_id)
        return row

    def _present_params(self, batches: Sequence[ops.LogBatch]) -> dict[Series, str]:
        asked = {
            (self._runs[op.run_id].rid, param.key) for op in batches if op.run_id in self._runs for param in op.params
        }
        found = self._tables.find(_PRESENT, list(asked))
        return {(row.rid, row.key): row.value for row in found}


def log_batches(
    connection: Connection, batches: Sequence[ops.LogBatch], place: str, now: int
) -> list[MillstreamError | None]:
    """Store those of `batches` that can be, in their order; for each None, or why it was refused.

    A batch whose id was seen before, in this transaction or an earlier one, has no effect and is not refused.
    """
    with Plain(connection) as tables:
        # Of two with one id the first counts.
        digests: dict[str, str | None] = {op.op_id: op.op_digest or None for op in reversed(batches) if op.op_id}
        # Noted before a run is locked: who waits for an id holds no run that its owner might wait for.
        fresh = tables.put_new(_NOTED, [(op_id, now, digest) for op_id, digest in sorted(digests.items())])
        seen = [(op_id,) for op_id in sorted(digests.keys() - fresh)]
        digests |= {row.op_id: row.digest for row in tables.find(_DIGESTS, seen)}
        group = Batches(tables, [op for op in batches if not op.op_id or op.op_id in fresh], place)
        answers = [_taken_in(group, op, fresh, digests.get(op.op_id)) for op in batches]
        group.store()
        tables.delete(_FORGOTTEN, [(op_id,) for op_id in sorted(fresh)])
    return answers


def _taken_in(group: Batches, op: ops.LogBatch, fresh: set[str], digest: str | None) -> MillstreamError | None:
    """Why `op` was refused. Ids that are not in `fresh` were seen before; `digest` was noted with the id."""
    try:
        refusals.check_digest(digest, op.op_digest)
        if op.op_id and op.op_id not in fresh:
            return None
        group.add(op)
    except MillstreamError as error:
        return error
    fresh.discard(op.op_id)
    return None
