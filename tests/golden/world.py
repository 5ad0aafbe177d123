"""The small world that golden trees hold: written through any client that speaks MLflow's Python API.

Used by `make.py` with old and new MLflow versions and by the live comparison with both libraries, so it stays
within Python 3.8 and the calls that MLflow 1.30 already had, and asks before it uses newer ones.
"""

from __future__ import annotations

import inspect
import os
import tempfile

T0 = 1_700_000_000_000
NAN, INF = float("nan"), float("inf")

# One row a run: experiment, params, metric points {key: [(value, step), ...]}, tags, final status.
# None as status leaves the run RUNNING. Start times collide on purpose every third run.
DIGITS = [
    (
        {"model": "tree", "depth": "3"},
        {"loss": [(0.9, 0), (0.5, 1)], "val/loss": [(0.6, 0)]},
        {"stage": "dev"},
        "FINISHED",
    ),
    ({"model": "tree", "empty": ""}, {"loss": [(0.25, 0)], "odd": [(NAN, 0)]}, {"stage": "prod"}, "FINISHED"),
    ({"model": "Trie", "이름": "밀물"}, {"loss": [(0.5, 5), (0.7, 3)], "odd": [(INF, 0)]}, {"stage": "dev"}, "FAILED"),
    (
        {"model": "forest", "이름": "썰물"},
        {"loss": [(NAN, 0)], "odd": [(-INF, 0)], "val/loss": [(0.2, 0)]},
        {},
        "KILLED",
    ),
    ({"lines": "first\nsecond\n"}, {"odd": [(0.0, 0), (1.0, 1), (0.0, 2)]}, {"stage": "Dev"}, "FINISHED"),
    (
        {"lines": "a\r\nsecond", "quoted": "it's"},
        {"loss": [(1e-308, 0)], "with space": [(2, 0)]},
        {"team name": "north"},
        None,
    ),
    ({"long": "긴 값 " * 100}, {"loss": [(1e308, -3)], "a.b": [(3, 0)]}, {"team name": "North"}, "FINISHED"),
    (
        {"percent": "100%", "dotted": "a.c"},
        {"loss": [(-0.5, 0)], "한글 지표": [(1, 0)]},
        {"note": "둘째 줄\n셋째"},
        "FINISHED",
    ),
    (
        {"percent": "100 per cent", "dotted": "abc"},
        {"deep/er/key": [(1, 0), (2, 0), (1, 0)]},
        {"deep/tag": "x"},
        "FINISHED",
    ),
    (
        {"model": "tree", "true": "True", "none": "None", "number": "0.1"},
        {"odd": [(NAN, 0), (2.5, 1)]},
        {},
        "SCHEDULED",
    ),
    ({"model": "tree"}, {"loss": [(0.5, 0)], "odd": [(2.5, 0), (NAN, 1)]}, {"stage": "dev", "empty": ""}, "FINISHED"),
    ({"한글/매개 변수": "값"}, {"한글/손실": [(0.125, 0)]}, {"한글/꼬리표": "값"}, "FINISHED"),
]


# One row a logged model: name, type, status, params, tags, points (key, value, step, dataset).
MODELS = [
    ("나무", "classifier", "READY", {"depth": "3", "empty": ""}, {"kind": "tree", "한글": "값"},
     [("acc", 0.25, 1, "train"), ("acc", 0.75, 2, "train"), ("acc", 0.5, 2, "test"), ("plain", 3.0, 0, None)]),
    ("forest", "classifier", "READY", {"depth": "12"}, {"kind": "Tree"},
     [("acc", 0.9, 0, "train"), ("acc", 0.4, 0, "test"), ("acc", -1.0, 0, None)]),
    ("forest", None, None, {"depth": "3"}, {}, []),
    ("far", "regressor", "READY", {"깊이": "긴 값 " * 50}, {"kind": "line", "note": "둘째 줄\n셋째"},
     [("plain", 2.0, -1, None)]),
    ("broken", None, "FAILED", {}, {"kind": "tree"}, [("acc", 0.75, 5, None)]),
    ("gone", "classifier", "READY", {"depth": "3"}, {"kind": "tree"}, [("acc", 1.0, 0, "train")]),
]  # fmt: skip


def write_world(client, root, long_value=5000):
    """Write the world with `client` into its store; returns ids by name.

    `root` is the directory of a file store, None for a database. `long_value` is the length of the longest param,
    which old versions limit.
    """
    ids = {}
    digits = client.create_experiment("digits", tags={"team": "vision", "mlflow.note.content": "설명\n둘째 줄"})
    korean = client.create_experiment("한국어 실험", tags={"team": "language", "team name": "north"})
    trashed = client.create_experiment("trashed")
    client.create_experiment("empty")
    renamed = client.create_experiment("old name", tags={"team/sub": "x"})
    client.rename_experiment(renamed, "new name")
    for number, row in enumerate(DIGITS):
        _write_run(client, ids, digits, number, row)
    client.log_param(ids["run-06"], "longest", "x" * long_value)
    _write_family(client, ids, korean)
    for number in (20, 21):
        _write_run(
            client, ids, trashed, number, ({"model": "tree"}, {"loss": [(0.1, 0)]}, {"stage": "dev"}, "FINISHED")
        )
    for number in (30, 31):
        _write_run(client, ids, digits, number, ({"model": "gone"}, {"loss": [(0.1, 0)]}, {}, "FINISHED"))
        client.delete_run(ids[f"run-{number:02d}"])
    client.delete_run(ids["run-08"])
    client.restore_run(ids["run-08"])
    client.set_tag(ids["run-00"], "rewritten", "one")
    client.set_tag(ids["run-00"], "rewritten", "둘")
    client.set_tag(ids["run-00"], "dropped", "soon")
    client.delete_tag(ids["run-00"], "dropped")
    client.log_text(ids["run-00"], "hello\n한글\n", "notes/hello.txt")
    client.delete_experiment(trashed)
    _write_inputs(client, ids)
    _write_dataset_metric(client, ids)
    if root is not None:
        _write_ancient(root, digits, ids["run-04"])
    return ids


def _write_run(client, ids, experiment, number, row, tags=None):
    params, metrics, run_tags, status = row
    name = f"run-{number:02d}"
    start = T0 + (number - number % 3) * 1000 + (1000 if number == 4 else 0)
    user = {"mlflow.user": "golden"} if number % 2 == 0 else {}
    run = client.create_run(
        experiment, start_time=start, tags={"mlflow.runName": name, **user, **(tags or {}), **run_tags}
    )
    ids[name] = run.info.run_id
    for key, value in params.items():
        client.log_param(run.info.run_id, key, value)
    for key, points in metrics.items():
        for index, (value, step) in enumerate(points):
            client.log_metric(run.info.run_id, key, value, timestamp=start + index, step=step)
    if status is not None:
        client.set_terminated(run.info.run_id, status=status, end_time=T0 + 100_000 + number * 1000)


def _write_family(client, ids, experiment):
    _write_run(client, ids, experiment, 12, ({"model": "부모"}, {"loss": [(0.3, 0)]}, {"stage": "dev"}, "FINISHED"))
    parent = {"mlflow.parentRunId": ids["run-12"]}
    _write_run(client, ids, experiment, 13, ({"model": "자식"}, {"loss": [(0.4, 0)]}, {}, "FINISHED"), parent)
    grandparent = {"mlflow.parentRunId": ids["run-13"]}
    _write_run(client, ids, experiment, 14, ({"model": "손자"}, {}, {}, None), grandparent)


def _write_inputs(client, ids):
    """Datasets, where the client knows them (MLflow 2.4 and newer)."""
    if not hasattr(client, "log_inputs"):
        return
    for name, dataset, digest, context in (
        ("run-00", "train set", "d1", "training"),
        ("run-00", "test set", "d2", "evaluation"),
        ("run-02", "train set", "d3", "training"),
        ("run-12", "학습", "d1", None),
    ):
        client.log_inputs(ids[name], datasets=[dataset_input(client, dataset, digest, context)])


def _write_dataset_metric(client, ids):
    """A metric measured on a dataset, where the client knows that (MLflow 3): five fields a line."""
    if "dataset_digest" in inspect.signature(client.log_metric).parameters:
        client.log_metric(
            ids["run-00"], "on data", 0.75, timestamp=T0, step=0, dataset_name="train", dataset_digest="d1"
        )


def dataset_input(client, name, digest, context):
    """A dataset with its tags as the library behind `client` spells them."""
    library = type(client).__module__.split(".")[0]
    entities = __import__(library + ".entities", fromlist=["entities"])
    dataset = entities.Dataset(
        name=name,
        digest=digest,
        source_type="local",
        source='{"uri": "데이터.csv"}',
        schema='{"cols": 3}',
        profile=None,
    )
    tags = {"mlflow.data.context": context} if context else {}
    if library == "mlflow":
        tags = [entities.InputTag(key, value) for key, value in tags.items()]
    return entities.DatasetInput(dataset=dataset, tags=tags)


def _write_ancient(root, experiment, run_id):
    """A metric as MLflow 1.0 wrote it: two fields a line, no step."""
    with open(os.path.join(root, experiment, run_id, "metrics", "ancient"), "w", newline="\n") as file:
        file.write(f"{T0} 0.5\n{T0 + 1} 0.25\n")


def write_registry(client, ids):
    """Registered models with versions, stages, tags and (MLflow 2.3 and newer) aliases."""
    client.create_registered_model("digits 모델", tags={"team": "vision", "한글": "값"}, description="설명\n둘째 줄")
    client.create_registered_model("empty model")
    for number, name in enumerate(("run-00", "run-01", "run-10")):
        source = client.get_run(ids[name]).info.artifact_uri + "/model"
        tags = {"number": str(number)}
        client.create_model_version("digits 모델", source, ids[name], tags=tags, description="판 " + str(number))
    client.transition_model_version_stage("digits 모델", "1", "Production")
    client.delete_model_version("digits 모델", "2")
    if hasattr(client, "set_registered_model_alias"):
        client.set_registered_model_alias("digits 모델", "champion", "3")
        client.set_registered_model_alias("digits 모델", "previous", "1")


def write_registry_world(client):
    """Runs and a logged model with files, and registered models whose versions come from them, and from elsewhere."""
    experiment = client.create_experiment("등록부")
    runs = [client.create_run(experiment, start_time=T0 + i).info for i in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "MLmodel"), "w", newline="\n") as file:
            file.write("flavors: {}\n")
        for run in runs:
            client.log_artifacts(run.run_id, folder, "모델 a")
            client.set_terminated(run.run_id, end_time=T0 + 9)
    model = client.create_logged_model(experiment, name="나무", source_run_id=runs[0].run_id).model_id
    write_model_files(client, model)
    client.finalize_logged_model(model, "READY")
    client.create_registered_model("digits 모델", tags={"team": "vision", "한글": "값"}, description="설명\n둘째 줄")
    client.create_registered_model("empty model")
    for number, run in enumerate(runs):
        source = run.artifact_uri + "/모델 a"
        client.create_model_version("digits 모델", source, run.run_id, tags={"n": str(number)}, description="판")
    client.create_model_version("digits 모델", "models:/" + model, model_id=model)
    client.create_model_version("digits 모델", "s3://bucket/모델", tags={"mlflow.note": "멀리"})
    client.create_model_version("digits 모델", "s3://bucket/gone")
    client.transition_model_version_stage("digits 모델", "1", "Production")
    client.transition_model_version_stage("digits 모델", "2", "Archived")
    client.delete_model_version("digits 모델", "5")
    client.set_registered_model_alias("digits 모델", "champion", "3")
    client.set_registered_model_alias("digits 모델", "previous", "1")
    client.copy_model_version("models:/digits 모델/1", "copy 한글")


def write_model_world(client):
    """Logged models in two experiments, with params, tags, measurements with and without a dataset, and files."""
    entities = __import__(type(client).__module__.split(".")[0] + ".entities", fromlist=["entities"])
    first = client.create_experiment("모델")
    second = client.create_experiment("other models")
    runs = [client.create_run(experiment, start_time=T0 + i) for i, experiment in enumerate((first, first, second))]
    runs = [run.info.run_id for run in runs]
    for number, (name, kind, status, params, tags, points) in enumerate(MODELS):
        # MLflow's file store looks for a model in the experiment of the run that measures it.
        home, run = (second, runs[2]) if name == "far" else (first, runs[number % 2])
        model = client.create_logged_model(
            home, name=name, model_type=kind, params=params, tags=tags, source_run_id=run
        ).model_id
        # Of one time and step MLflow's database keeps one point only.
        for later, (key, value, step, dataset) in enumerate(points):
            more = {} if dataset is None else {"dataset_name": dataset, "dataset_digest": "d1"}
            client.log_metric(run, key, value, timestamp=T0 + later, step=step, model_id=model, **more)
        client.log_outputs(run, models=[entities.LoggedModelOutput(model, number)])
        client.log_inputs(runs[(number + 1) % 3], models=[entities.LoggedModelInput(model)])
        if status is not None:
            client.finalize_logged_model(model, status)
        if name == "나무":
            write_model_files(client, model)
        if name == "gone":
            client.delete_logged_model(model)
    for run in runs:
        client.set_terminated(run, end_time=T0 + 100_000)


def write_model_files(client, model_id):
    """Files of a logged model, one in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "속"))
        for name, text in (("MLmodel", "flavors: {}\n"), (os.path.join("속", "weights.txt"), "0.5\n")):
            with open(os.path.join(folder, name), "w", newline="\n") as file:
                file.write(text)
        client.log_model_artifacts(model_id, folder)


def write_logged_models(client, ids):
    """Logged models, where the client knows them (MLflow 3): one of a run, with a metric on data; one deleted."""
    if not hasattr(client, "create_logged_model"):
        return
    entities = __import__("mlflow.entities", fromlist=["entities"])
    run = client.get_run(ids["run-00"])
    made = {"experiment_id": run.info.experiment_id, "source_run_id": run.info.run_id}
    model = client.create_logged_model(
        name="나무", tags={"kind": "tree"}, params={"depth": "3"}, model_type="classifier", **made
    )
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run.info.run_id, models=[entities.LoggedModelOutput(model.model_id, 7)])
    client.log_metric(
        run.info.run_id, "accuracy", 0.75, timestamp=T0, step=7, model_id=model.model_id,
        dataset_name="train", dataset_digest="d1",
    )  # fmt: skip
    client.log_inputs(ids["run-01"], models=[entities.LoggedModelInput(model.model_id)])
    gone = client.create_logged_model(name="gone", **made)
    client.finalize_logged_model(gone.model_id, "FAILED")
    client.delete_logged_model(gone.model_id)
