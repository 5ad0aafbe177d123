"""Taking changed experiments and runs into the index, inside one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection

from millstream.drivers.files import reader, stamps
from millstream.drivers.files.reader import RunScan, SeriesScan
from millstream.drivers.files.runs import STATE_SECONDS
from millstream.drivers.sql import scanned, segments, write
from millstream.drivers.sql.scanned import RunState, SeriesState, State
from millstream.drivers.sql.write import RunRecord
from millstream.formats.mlruns import layout
from millstream.stores.changes import ChangedExperiment, ChangedRun, Changes, settled
from millstream.values.entities import RunStatus
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX

FOREVER = INT64_MAX
# A writer may go on so long before it notices that somebody ended the run; its appends change no directory.
UNAWARE_NS = int(2 * STATE_SECONDS * 1e9)


class _ReadRun(Struct):
    """A run's directory as just read; `scan` is None when it is no readable run, `reason` says why."""

    changed: ChangedRun
    state: RunState
    scan: RunScan | None
    reason: str = ""


class Intake:
    """Brings tables and `state` up to date with changes."""

    def __init__(self, connection: Connection, state: State) -> None:
        """Write through `connection`, whose transaction the caller ends."""
        self._connection = connection
        self._state = state

    def experiments(self, changes: Changes) -> None:
        """Take in changed and vanished experiments, and vanished runs."""
        for experiment_id in changes.gone_experiments:
            self._forget_runs(experiment_id, list(self._state.runs.pop(experiment_id, {}).items()))
            write.drop_experiment(self._connection, experiment_id)
            scanned.drop_experiment_stamp(self._connection, experiment_id)
            scanned.put_problems(self._connection, {experiment_id: []})
            self._state.experiments.pop(experiment_id, None)
        for experiment_id, run_id in changes.gone_runs:
            gone = self._state.runs[experiment_id].pop(run_id)
            self._forget_runs(experiment_id, [(run_id, gone)])
        for changed in changes.experiments:
            self._put_experiment(changed)

    def runs(self, batch: Sequence[ChangedRun]) -> None:
        """Read the runs of `batch` and store what they say."""
        known = self._known_series(batch)
        taken: dict[str, str] = {}
        reads = [self._read(changed, known, taken) for changed in batch]
        good = [(read, read.scan) for read in reads if read.scan is not None]
        lost = [before for read in reads if read.scan is None and (before := self._before(read.changed)) is not None]
        lost_rids = [run.rid for run in lost if run.rid is not None]
        write.drop_runs(self._connection, lost_rids)
        segments.drop_runs(self._connection, lost_rids)
        rids = write.put_runs(self._connection, [_record(scan) for _, scan in good])
        for (read, _), rid in zip(good, rids, strict=True):
            read.state.rid = rid
        series = {rid: _series_states(scan.series) for rid, (_, scan) in zip(rids, good, strict=True)}
        scanned.put_series(self._connection, series)
        for rid, (read, scan) in zip(rids, good, strict=True):
            self._put_segments(rid, known.get(read.changed.run_id, {}), scan.series)
        problems = {_owner(read.changed.experiment_id, read.changed.run_id): _problems(read) for read in reads}
        scanned.put_problems(self._connection, problems)
        by_experiment: dict[str, dict[str, RunState]] = {}
        for read in reads:
            by_experiment.setdefault(read.changed.experiment_id, {})[read.changed.run_id] = read.state
        for experiment_id, states in by_experiment.items():
            scanned.put_run_states(self._connection, experiment_id, states, self._state.generation + 1)
            self._state.runs.setdefault(experiment_id, {}).update(states)

    def _put_segments(self, rid: int, known: dict[str, SeriesScan], found: dict[str, SeriesScan]) -> None:
        gone = [key for key, scan in known.items() if scan.segmented and (key not in found or found[key].renewed)]
        segments.drop(self._connection, rid, gone)
        segments.add(self._connection, rid, {key: scan.segments for key, scan in found.items() if scan.segments})

    def _put_experiment(self, changed: ChangedExperiment) -> None:
        problems = []
        try:
            experiment = reader.read_experiment(changed.directory, changed.experiment_id, in_trash=changed.in_trash)
            write.put_experiment(self._connection, experiment)
        except DataDamaged as error:
            problems.append(f"{error}; the experiment is left out")
            write.drop_experiment(self._connection, changed.experiment_id)
        scanned.put_problems(self._connection, {changed.experiment_id: problems})
        scanned.put_experiment_stamp(self._connection, changed.experiment_id, changed.stamp)
        self._state.experiments[changed.experiment_id] = changed.stamp

    def _forget_runs(self, experiment_id: str, runs: list[tuple[str, RunState]]) -> None:
        write.drop_runs(self._connection, [run.rid for _, run in runs if run.rid is not None])
        rids = [run.rid for _, run in runs if run.rid is not None]
        scanned.put_series(self._connection, {rid: {} for rid in rids})
        segments.drop_runs(self._connection, rids)
        scanned.put_problems(self._connection, {_owner(experiment_id, run_id): [] for run_id, _ in runs})
        scanned.drop_run_states(self._connection, experiment_id, [run_id for run_id, _ in runs])

    def _before(self, changed: ChangedRun) -> RunState | None:
        return self._state.runs.get(changed.experiment_id, {}).get(changed.run_id)

    def _known_series(self, batch: Sequence[ChangedRun]) -> dict[str, dict[str, SeriesScan]]:
        rids = {}
        for changed in batch:
            before = self._before(changed)
            if before is not None and before.rid is not None:
                rids[before.rid] = changed.run_id
        return {
            rids[rid]: {
                key: SeriesScan(
                    state.inode, state.offset, state.summary, state.bad, state.tail, state.time, state.segmented
                )
                for key, state in states.items()
            }
            for rid, states in scanned.load_series(self._connection, list(rids)).items()
        }

    def _read(self, changed: ChangedRun, known: dict[str, dict[str, SeriesScan]], taken: dict[str, str]) -> _ReadRun:
        directory = changed.directory
        # The stamps come from before the reading: what changes meanwhile is found at the next look.
        directories = stamps.run_directories(directory)
        names = tuple(path[len(directory) :] for path in directories)
        shallow = settled(stamps.shallow_stamp(directory, names))
        deep = settled(stamps.deep_stamp(directory))
        written = next(iter(stamps.file_stamp(os.path.join(directory, layout.META))), 0)
        state = RunState(None, shallow, deep, names, watched=0)
        try:
            scan = reader.read_run(directory, known.get(changed.run_id, {}))
        except DataDamaged as error:
            return _ReadRun(changed, state, None, str(error))
        twin = taken.setdefault(changed.run_id, self._twin(changed) or changed.experiment_id)
        if twin != changed.experiment_id:
            state.stamp = ()
            return _ReadRun(changed, state, None, f"{directory}: a run of the same id is in experiment {twin}")
        if scan.elsewhere:
            state.stamp = ()
        state.watched = FOREVER if not RunStatus.is_terminated(scan.info.status) else written + UNAWARE_NS
        return _ReadRun(changed, state, scan)

    def _twin(self, changed: ChangedRun) -> str | None:
        for experiment_id, runs in self._state.runs.items():
            if experiment_id != changed.experiment_id:
                run = runs.get(changed.run_id)
                if run is not None and run.rid is not None:
                    return experiment_id
        return None


def _record(scan: RunScan) -> RunRecord:
    series = {key: state.summary for key, state in scan.series.items()}
    return RunRecord(scan.info, scan.params, scan.tags, series, scan.datasets, scan.models_in, scan.models_out)


def _series_states(series: dict[str, SeriesScan]) -> dict[str, SeriesState]:
    return {
        key: SeriesState(scan.inode, scan.offset, scan.bad, scan.tail, scan.time, scan.segmented, scan.summary)
        for key, scan in series.items()
    }


def _owner(experiment_id: str, run_id: str) -> str:
    return f"{experiment_id}/{run_id}"


def _problems(read: _ReadRun) -> list[str]:
    if read.scan is not None:
        return read.scan.problems
    return [f"{read.reason}; the run is left out"]
