"""Ops with an id on a tree: a process that is killed anywhere, and a retry, come to one effect."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from millstream.drivers.files.intents import Intents
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import LoggedModelStatus, Metric, ModelVersion, Param, RunTag, ViewType
from tests.faults.work import Failpoints, Journal
from tests.stores.calls import T0, history, log, new_experiment, new_run
from tests.stores.suites.models import new_model

Make = Callable[[EmbeddedStore], ops.Op[Any]]
POINTS = tuple(Metric(key, value / 3, T0, value) for key in ("m", "n/하나") for value in range(5))


def batch(store: EmbeddedStore) -> ops.Op[Any]:
    run = new_run(store)
    model = new_model(store, "0")
    log(store, run, [("m", 9.0)])
    points = (*POINTS, Metric("of model", 1.5, T0, 2, model_id=model))
    return ops.LogBatch(run_id=run, metrics=points, params=(Param("p", "값"),), tags=(RunTag("t", "1"),))


def registered(store: EmbeddedStore) -> str:
    store.write(ops.CreateRegisteredModel(name="모델", time=T0))
    return "모델"


def version(store: EmbeddedStore) -> ops.Op[Any]:
    return ops.CreateModelVersion(name=registered(store), source="s3://b/m", time=T0, storage_location="s3://b/m")


def tagged(store: EmbeddedStore) -> str:
    run = new_run(store)
    log(store, run, tags={"t": "1"})
    return run


def experiment(store: EmbeddedStore) -> ops.Op[Any]:
    new_run(store)
    return ops.CreateExperiment(name="실험", time=T0, tags={"a": "b"})


def deleted_experiment(store: EmbeddedStore) -> ops.Op[Any]:
    made = new_experiment(store)
    new_run(store, made)
    store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
    return ops.RestoreExperiment(experiment_id=made, time=T0)


def delete_version(store: EmbeddedStore) -> ops.Op[Any]:
    store.write(version(store))
    return ops.DeleteModelVersion(name="모델", version=1, time=T0)


KINDS: dict[str, Make] = {
    "batch": batch,
    "point": lambda store: ops.LogBatch(run_id=new_run(store), metrics=POINTS[:1]),
    "run": lambda store: ops.CreateRun(
        run_id="e" * 32, experiment_id="0", start_time=T0, run_name="이름", tags={"a": "b"}
    ),
    "end": lambda store: ops.UpdateRun(run_id=new_run(store), status="FINISHED", end_time=T0),
    "tag": lambda store: ops.DeleteTag(run_id=tagged(store), key="t"),
    "delete run": lambda store: ops.DeleteRun(run_id=new_run(store), time=T0),
    "experiment": experiment,
    "rename": lambda store: ops.RenameExperiment(experiment_id=new_experiment(store), name="다른", time=T0),
    "delete": lambda store: ops.DeleteExperiment(experiment_id=new_experiment(store), time=T0),
    "restore": deleted_experiment,
    "model": lambda store: ops.CreateLoggedModel(model_id=f"m-{'d' * 32}", experiment_id="0", time=T0, name="n"),
    "final": lambda store: ops.FinalizeLoggedModel(
        model_id=new_model(store, "0"), status=LoggedModelStatus.READY, time=T0
    ),
    "register": lambda store: ops.CreateRegisteredModel(name="모델", time=T0),
    "version": version,
    "rename registered": lambda store: ops.RenameRegisteredModel(name=registered(store), new_name="새", time=T0),
    "delete registered": lambda store: ops.DeleteRegisteredModel(name=registered(store)),
    "delete version": delete_version,
}


# Killed at each step; others at each third.
THOROUGHLY = ("batch", "point")


def die_at(number: int, journal: Path, work: Callable[[], object]) -> bool:
    """Do `work` in a child that is killed at its failpoint `number`; False when it came to its end."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            points = Failpoints(number, Journal(journal))
            points.install()
            for name in ("begin", "settle", "finish"):
                noted = getattr(Intents, name)

                def around(*given: Any, call: Any = noted) -> None:
                    points.reach("before note")
                    call(*given)
                    points.reach("after note")

                setattr(Intents, name, around)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_it_is_killed_a_retry_makes_it_whole(kind: str, tmp_path: Path) -> None:
    undisturbed = EmbeddedStore(tmp_path / "quiet" / "mlruns")
    expected = None
    number = 1
    while True:
        number += 1 if kind in THOROUGHLY else 3
        store = EmbeddedStore(tmp_path / f"killed at {number}" / "mlruns")
        op = structs.replace(KINDS[kind](store), op_id="key-1", op_digest="a")
        store.close()
        killed = die_at(number, tmp_path / "journal", partial(_write, store.root, op))
        answer = store.write(op)
        assert _shown(store.write(op)) == _shown(answer)
        found = summary(store, op)
        if expected is None:
            expected = summary(undisturbed, _carried_out(undisturbed, kind))
        assert found == expected, f"killed at {number}"
        store.close()
        if not killed:
            break


def _shown(answer: Any) -> Any:
    """A version's place is told in one of two ways, that of its source or none."""
    return structs.replace(answer, storage_location=None) if isinstance(answer, ModelVersion) else answer


def _write(root: Path, op: ops.Op[Any]) -> None:
    EmbeddedStore(root).write(op)


def _carried_out(store: EmbeddedStore, kind: str) -> ops.Op[Any]:
    op = KINDS[kind](store)
    store.write(op)
    return op


def summary(store: EmbeddedStore, op: ops.Op[Any]) -> Any:
    """What is to be seen of a store with one thing of each kind, without ids that are made up."""
    everything = (queries.SearchExperiments(view=ViewType.ALL, max_results=100),)
    (experiments,) = (store.read(query) for query in everything)
    ids = tuple(item.experiment_id for item in experiments)
    runs = store.read(queries.SearchRuns(experiment_ids=ids, view=ViewType.ALL, max_results=100))
    models = store.read(queries.SearchLoggedModels(experiment_ids=ids, max_results=100))
    return {
        "experiments": sorted((item.name, item.lifecycle_stage, sorted(item.tags.items())) for item in experiments),
        "runs": [
            (
                run.info.status,
                run.info.lifecycle_stage,
                run.info.end_time,
                sorted((key, value) for key, value in run.data.tags.items() if key != "mlflow.runName"),
                sorted(run.data.params.items()),
                [(key, history(store, run.info.run_id, key)) for key in sorted(run.data.metrics)],
            )
            for run in runs
        ],
        "models": [(str(model.status), len(model.metrics)) for model in models],
        "lines": sorted(
            len(path.read_bytes().splitlines()) for path in store.root.rglob("metrics/**/*") if path.is_file()
        ),
        "registered": [
            (model.name, len(store.read(queries.SearchModelVersions(filter=f"name = '{model.name}'"))))
            for model in store.read(queries.SearchRegisteredModels(max_results=100))
        ],
    }
