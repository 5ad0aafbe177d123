"""One op of every kind, the things it is about, and all that a store says of them."""

from __future__ import annotations

from typing import Any

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    LoggedModel,
    Metric,
    ModelOutput,
    ModelVersion,
    Param,
    RegisteredModel,
    Run,
    RunTag,
    ViewType,
)
from tests.faults.work import T0
from tests.stores.calls import history, log, new_experiment, new_run


def state(store: Store, experiment_id: str, run_id: str) -> Any:
    """All that is known of an experiment with its logged models and registered model, and of a run, wherever it is."""
    experiments = store.read(queries.SearchExperiments(view=ViewType.ALL, max_results=50_000))
    everywhere = tuple(found.experiment_id for found in experiments)
    query = queries.SearchRuns(experiment_ids=everywhere, view=ViewType.ALL, max_results=50_000)
    runs = [run for run in store.read(query) if run.info.run_id == run_id]
    facts = [vars_of(found) for found in experiments if found.experiment_id == experiment_id]
    models = store.read(queries.SearchLoggedModels(experiment_ids=(experiment_id,), max_results=50))
    return (
        facts + [vars_of(model) for model in models],
        [(vars_of(run), points(store, run)) for run in runs],
        _registry(store, int(experiment_id[2:])),
    )


def _registry(store: Store, number: int) -> list[str]:
    """What is found of the registered models that a subject's ops are about, and what each says when asked."""
    listed = ", ".join(f"'{name} {number}'" for name in ("등록", "옮김", "neu"))
    models = store.read(queries.SearchRegisteredModels(filter=f"name IN ({listed})"))
    versions = store.read(queries.SearchModelVersions(filter=f"name IN ({listed})", order_by=("version_number",)))
    for model in models:
        assert store.read(queries.GetRegisteredModel(name=model.name)) == model
    for version in versions:
        assert store.read(queries.GetModelVersion(name=version.name, version=version.version)) == version
    return [*map(repr, models), *map(repr, versions)]


def vars_of(thing: Any) -> str:
    """A text that tells things apart."""
    if isinstance(thing, Run):
        data = thing.data
        return repr((thing.info, sorted(data.params.items()), sorted(data.tags.items()), thing.inputs, thing.outputs))
    if isinstance(thing, LoggedModel):
        times = thing.creation_timestamp, thing.last_updated_timestamp
        texts = sorted(thing.params.items()), sorted(thing.tags.items())
        return repr((thing.model_id, thing.name, thing.status, thing.model_type, thing.source_run_id, times, texts))
    return repr(thing)


def points(store: Store, run: Run) -> dict[str, Any]:
    return {key: history(store, run.info.run_id, key) for key in sorted(run.data.metrics)}


def subject(store: Store, number: int, kind: str) -> tuple[str, str]:
    """An experiment, a run, a logged model and, where ops are about these, a registered one; the same for a number."""
    experiment = new_experiment(store, f"실험 {number}", tags={"old": "1"}, experiment_id=f"55{number}")
    run = new_run(store, experiment, run_name=f"run {number}", run_id=f"{10**9 + number:032x}", start_time=T0)
    log(store, run, [("m", 0.5, 0)], {"p": "1"}, {"t": "1"})
    store.write(
        ops.CreateLoggedModel(
            model_id=model_id(number), experiment_id=experiment, time=T0, name="모델", params={"p": "1"},
            tags={"t": "1"},
        )
    )  # fmt: skip
    if kind in REGISTRY_KINDS:
        _register(store, number, run)
    if kind == "move":
        new_experiment(store, f"target {number}", experiment_id=f"66{number}")
    if kind == "restore run":
        store.write(ops.DeleteRun(run_id=run, time=T0))
    if kind == "restore experiment":
        store.write(ops.DeleteExperiment(experiment_id=experiment, time=T0))
    return experiment, run


def _register(store: Store, number: int, run: str) -> None:
    name = f"등록 {number}"
    store.write(ops.CreateRegisteredModel(name=name, time=T0, tags={"t": "1"}))
    for stage in ("Staging", "None"):
        version = store.write(ops.CreateModelVersion(name=name, source="s3://x", time=T0, run_id=run, tags={"t": "1"}))
        store.write(ops.TransitionModelVersion(name=name, version=version.version, stage=stage, time=T0))
    store.write(ops.SetModelAlias(name=name, alias="old", version=2))


def model_id(number: int) -> str:
    """The id of the logged model that a subject has."""
    return f"m-{10**9 + number:032x}"


def make_op(kind: str, experiment: str, run: str, number: int) -> tuple[ops.Op[Any], str, str]:
    """An op, and the experiment and run that it is about."""
    op_id = f"op-{number}"
    new, model = f"{number:032x}", model_id(number)
    big = tuple(Metric(f"k{place % 3}", place / 3, T0, place) for place in range(300))
    source = DatasetInput(Dataset("자료", f"d{number}", "local", "{}"), {"a": "b"})
    made: dict[str, ops.Op[Any]] = {
        "point": ops.LogBatch(run_id=run, metrics=(Metric("m", 1.5, T0, 1),), op_id=op_id),
        "points": ops.LogBatch(run_id=run, metrics=big, op_id=op_id),
        "param": ops.LogBatch(run_id=run, params=(Param("q", "값"),), op_id=op_id),
        "tag": ops.LogBatch(run_id=run, tags=(RunTag("t", "2"),), op_id=op_id),
        "batch": ops.LogBatch(
            run_id=run, metrics=(Metric("a/b", 1.0, T0, 1),), params=(Param("a/q", "1"),), tags=(RunTag("a/t", "1"),),
            op_id=op_id,
        ),
        "end": ops.UpdateRun(run_id=run, status="FINISHED", end_time=T0 + 9, op_id=op_id),
        "rename": ops.UpdateRun(run_id=run, run_name="새 이름", op_id=op_id),
        "delete run": ops.DeleteRun(run_id=run, time=T0, op_id=op_id),
        "delete tag": ops.DeleteTag(run_id=run, key="t", op_id=op_id),
        "inputs": ops.LogInputs(run_id=run, datasets=(source,), op_id=op_id),
        "outputs": ops.LogOutputs(run_id=run, models=(ModelOutput(f"m-{new}", 3),), op_id=op_id),
        "experiment tag": ops.SetExperimentTag(experiment_id=experiment, key="old", value="2", op_id=op_id),
        "rename experiment": ops.RenameExperiment(experiment_id=experiment, name=f"새 {number}", time=T0, op_id=op_id),
        "delete experiment": ops.DeleteExperiment(experiment_id=experiment, time=T0, op_id=op_id),
        "restore run": ops.RestoreRun(run_id=run, op_id=op_id),
        "restore experiment": ops.RestoreExperiment(experiment_id=experiment, time=T0, op_id=op_id),
        "move": ops.MoveRuns(run_ids=(run,), experiment_id=f"66{number}", op_id=op_id),
        "create model": ops.CreateLoggedModel(
            model_id=f"m-{new}", experiment_id=experiment, time=T0, name="neu", source_run_id=run,
            params={"q": "1", "r": "2"}, tags={"k": "값"}, op_id=op_id,
        ),
        "finish model": ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0 + 9, op_id=op_id),
        "model tags": ops.SetLoggedModelTags(model_id=model, tags={"t": "2", "u": "3"}, op_id=op_id),
        "delete model tag": ops.DeleteLoggedModelTag(model_id=model, key="t", op_id=op_id),
        "model params": ops.LogLoggedModelParams(model_id=model, params={"q": "1", "r": "2"}, op_id=op_id),
        "delete model": ops.DeleteLoggedModel(model_id=model, time=T0 + 9, op_id=op_id),
        "create run": ops.CreateRun(
            run_id=new, experiment_id=experiment, start_time=T0, run_name="x", tags={"k": "값"}, op_id=op_id
        ),
        "create experiment": ops.CreateExperiment(
            name=f"neu {number}", time=T0, experiment_id=f"77{number}", tags={"k": "값"}, op_id=op_id
        ),
    }  # fmt: skip
    op = (made | _registry_ops(number, op_id))[kind]
    if isinstance(op, ops.CreateRun):
        run = op.run_id
    if isinstance(op, ops.CreateExperiment):
        experiment = str(op.experiment_id)
    return op, experiment, run


def _registry_ops(number: int, op_id: str) -> dict[str, ops.Op[Any]]:
    model: dict[str, Any] = {"name": f"등록 {number}", "op_id": op_id}
    version = {**model, "version": 2}
    later = T0 + 9
    return {
        "create registered": ops.CreateRegisteredModel(
            name=f"neu {number}", time=T0, description="설명", tags={"k": "값", "l": "2"}, op_id=op_id
        ),
        "rename registered": ops.RenameRegisteredModel(**model, new_name=f"옮김 {number}", time=later),
        "describe registered": ops.UpdateRegisteredModel(**model, description="설명", time=later),
        "delete registered": ops.DeleteRegisteredModel(**model),
        "registered tag": ops.SetRegisteredModelTag(**model, key="t", value="2"),
        "delete registered tag": ops.DeleteRegisteredModelTag(**model, key="t"),
        "alias": ops.SetModelAlias(**model, alias="old", version=1),
        "delete alias": ops.DeleteModelAlias(**model, alias="old"),
        "create version": ops.CreateModelVersion(**model, source="s3://y", time=later, tags={"k": "값", "l": "2"}),
        "describe version": ops.UpdateModelVersion(**version, description="설명", time=later),
        "stage": ops.TransitionModelVersion(**version, stage="Staging", archive=True, time=later),
        "delete version": ops.DeleteModelVersion(**version, time=later),
        "version tag": ops.SetModelVersionTag(**version, key="t", value="2"),
        "import registered": ops.ImportRegisteredModel(
            model=RegisteredModel(f"neu {number}", T0, later, "설명", {"k": "값"}, {"a": 2}), op_id=op_id, last=4,
            versions=tuple(ModelVersion(f"neu {number}", n, T0, T0, "s3://y", tags={"k": "값"}) for n in (2, 3)),
        ),
        "import version": ops.ImportRegisteredModel(
            model=RegisteredModel(f"등록 {number}", T0, later, "설명", {"k": "값"}, {"old": 3}), known=True,
            op_id=op_id,
            versions=(ModelVersion(f"등록 {number}", 3, T0, T0, "s3://y", tags={"k": "값"}),),
            changed=(ModelVersion(f"등록 {number}", 1, T0, later, "s3://z", tags={"u": "2"}),),
        ),
        "delete version tag": ops.DeleteModelVersionTag(**version, key="t"),
    }  # fmt: skip


REGISTRY_KINDS = frozenset(_registry_ops(0, ""))
KINDS = (
    "point", "points", "param", "tag", "batch", "end", "rename", "delete run", "delete tag", "inputs", "outputs",
    "experiment tag", "rename experiment", "delete experiment", "create run", "create experiment",
    "restore run", "restore experiment", "move",
    "create model", "finish model", "model tags", "delete model tag", "model params", "delete model",
    *sorted(REGISTRY_KINDS),
)  # fmt: skip
# What a folder does with several files is not one change: part of it may be there.
SEVERAL_FILES = {
    "batch",
    "points",
    "rename",
    "delete experiment",
    "restore experiment",
    "inputs",
    "move",
    "model tags",
    "model params",
    "rename registered",
    "create version",
    "stage",
    "delete version",
    "import version",
}
