"""What a peer can be asked to do: each function takes the library and plain JSON values, and returns those.

Nothing here knows which of the two libraries it runs.
"""

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import answers
import world


def client(library: Any, store: str) -> Any:
    """A client of a store: a URI, or the root directory of a tree."""
    return library.MlflowClient(store if "://" in store else Path(store).as_uri())


def write_world(library: Any, store: str, root: str) -> dict[str, str]:
    """The golden world into `store`, whose files are at `root`; ids by name."""
    speaker = client(library, store)
    speaker.search_experiments()  # opens the store, which makes the Default experiment
    return world.write_world(speaker, root)


def describe(library: Any, store: str) -> Any:
    """Everything in the store."""
    return answers.describe(client(library, store))


def describe_golden_models(library: Any, store: str, queries: list[Any]) -> Any:
    """Everything in the store about logged models, and answers to searches for them."""
    speaker = client(library, store)
    experiments = [item.experiment_id for item in speaker.search_experiments()]
    return {
        "models": answers.describe_logged_models(speaker, experiments),
        "links": answers.describe_links(speaker),
        "searches": answers.search_models(speaker, queries),
    }


def describe_golden_registry(library: Any, store: str) -> Any:
    """Everything in the store about registered models; and a file of each version that lies on this machine."""
    speaker = client(library, store)
    found = answers.describe_registry(speaker)
    files = {}
    for name, model in found.items():
        for number in model["versions"]:
            place = speaker.get_model_version_download_uri(name, number)
            if place.startswith("file:"):
                path = url2pathname(urlsplit(place).path)
                with open(os.path.join(path, "MLmodel"), encoding="utf-8") as file:
                    files[f"{name}/{number}"] = file.read()
    return {"registry": found, "files": files}


def search(library: Any, store: str, runs: list[Any], experiments: list[Any]) -> Any:
    """Answers to run and experiment searches."""
    speaker = client(library, store)
    return {
        "runs": answers.search_runs(speaker, runs),
        "experiments": answers.search_experiments(speaker, experiments),
    }


def write_rows(library: Any, store: str, name: str, rows: list[Any]) -> list[str]:
    """An experiment `name` with a run a row of `generator`; their ids."""
    speaker = client(library, store)
    experiment = speaker.create_experiment(name)
    return [_write_row(speaker, experiment, row) for row in rows]


def _write_row(speaker: Any, experiment: str, row: Any) -> str:
    run_id: str = speaker.create_run(experiment, start_time=row["start"], tags=row["tags"]).info.run_id
    for key, value in row["params"].items():
        speaker.log_param(run_id, key, value)
    for key, points in row["metrics"].items():
        for step, value in enumerate(points):
            speaker.log_metric(run_id, key, float(value), timestamp=row["start"] + step, step=step)
    if row["status"] != "RUNNING":
        speaker.set_terminated(run_id, row["status"], row["end"])
    if row["deleted"]:
        speaker.delete_run(run_id)
    return run_id


def call(library: Any, store: str, method: str, arguments: dict[str, Any]) -> Any:
    """One client method; its result when JSON can hold it, a run's id, else None."""
    result = getattr(client(library, store), method)(**arguments)
    if hasattr(result, "info"):
        return result.info.run_id
    return result if isinstance(result, str | int | float) else None


def log_points(library: Any, store: str, run_id: str, key: str, first: int, count: int) -> None:
    """`count` points of one metric, one call each, with steps from `first`."""
    speaker = client(library, store)
    for step in range(first, first + count):
        speaker.log_metric(run_id, key, step / 8, timestamp=world.T0 + step, step=step)


def log_together(library: Any, store: str, callers: int, points: int) -> list[int]:
    """The steps in the history of a run after so many threads at once logged so many points each."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "7"  # as it is where nobody sets it
    try:
        speaker = client(library, store)
        run_id = speaker.create_run("0").info.run_id
        starting = threading.Barrier(callers)

        def log(first: int) -> None:
            starting.wait()
            for step in range(first, first + points):
                speaker.log_metric(run_id, "m", step / 3, timestamp=1, step=step)

        with ThreadPoolExecutor(callers) as pool:
            list(pool.map(log, range(0, callers * points, points)))
        return sorted(point.step for point in speaker.get_metric_history(run_id, "m"))
    finally:
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"


def log_dataset_points(library: Any, store: str) -> str:
    """A run whose points name the dataset that they were measured on, one by one and in a batch; its id."""
    speaker = client(library, store)
    speaker.search_experiments()
    run_id: str = speaker.create_run("0").info.run_id
    speaker.log_metric(run_id, "one", 0.5, timestamp=world.T0, step=0, dataset_name="train", dataset_digest="d1")
    point = library.entities.Metric
    batch = [
        point("many", 0.5, world.T0, 0, dataset_name="train", dataset_digest="d1"),
        point("many", 0.25, world.T0 + 1, 0),
        point("many", 0.125, world.T0 + 2, 0, dataset_name="시험", dataset_digest="d2"),
    ]
    speaker.log_batch(run_id, metrics=batch)
    return run_id


def artifacts(library: Any, store: str, run_id: str) -> Any:
    """Every artifact of a run with its size and text, found by walking the listing."""
    speaker = client(library, store)
    found, folders = {}, [""]
    with tempfile.TemporaryDirectory() as target:
        while folders:
            for entry in speaker.list_artifacts(run_id, folders.pop() or None):
                if entry.is_dir:
                    folders.append(entry.path)
                    continue
                local = Path(speaker.download_artifacts(run_id, entry.path, target))
                found[entry.path] = [entry.file_size, local.read_bytes().decode("utf-8", "replace")]
    return found


def fluent_day(library: Any, store: str, experiment: str = "하루") -> Any:
    """What a notebook user does in a day; returns what they see, without ids and times."""
    library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    library.set_experiment(experiment)
    with library.start_run(run_name="parent", tags={"day": "1"}, description="설명") as parent:
        seen = _log_some(library)
        with library.start_run(run_name="child", nested=True):
            library.log_metric("loss", 0.25, step=3)
        seen["active"] = library.active_run().info.run_id == parent.info.run_id
        seen["uri"] = library.get_artifact_uri("notes").endswith(parent.info.run_id + "/artifacts/notes")
    try:
        with library.start_run(run_name="broken"):
            raise ValueError("on purpose")
    except ValueError:
        pass
    library.start_run(run_name="killed")
    library.end_run("KILLED")
    seen["last"] = library.last_active_run().data.tags["mlflow.runName"]
    with library.start_run(run_id=parent.info.run_id):
        library.set_tag("day", "2")
    return {**seen, **_look_back(library, experiment, parent.info.run_id)}


def _log_some(library: Any) -> dict[str, Any]:
    library.log_param("lr", 0.1)
    library.log_params({"layers": [1, 2], "nothing": None, "flag": True, "말": "한국어"})
    library.log_metric("loss", 1)
    library.log_metric("loss", 0.5, step=1)
    library.log_metrics({"acc": 0.5, "val/acc": 0.25}, step=2)
    library.set_tags({"a": 1, "b": None})
    library.log_text("첫 줄\n", "notes/첫 줄.txt")
    library.log_dict({"a": [1, 2.5], "한글": None}, "config.json")
    library.log_dict({"a": [1, 2.5], "한글": None}, "config.yaml")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.csv")
        Path(path).write_text("a,b\n1,2\n", encoding="utf-8")
        library.log_artifact(path)
        library.log_artifact(path, "data/raw")
        library.log_artifacts(folder, "whole")
    return {"param": library.log_param("again", 5)}


def _look_back(library: Any, experiment: str, run_id: str) -> dict[str, Any]:
    run = library.get_run(run_id)
    speaker = library.MlflowClient()
    listed = library.search_runs(experiment_names=[experiment], order_by=["tags.mlflow.runName"], output_format="list")
    frame = library.search_runs(experiment_names=[experiment], order_by=["tags.mlflow.runName"])
    # Git tags are there only inside a work tree, the traceback is Millstream's own.
    columns = [name for name in frame.columns if "source.git" not in name and "traceback" not in name]
    cells = frame[["status", "metrics.loss", "metrics.acc", "params.lr", "tags.day"]].values.tolist()
    return {
        "params": run.data.params,
        "metrics": run.data.metrics,
        "tags": {k: v for k, v in run.data.tags.items() if "source.git" not in k},
        "runs": [[r.info.run_name, r.info.status, r.data.tags.get("mlflow.parentRunId") == run_id] for r in listed],
        "columns": [name for name in columns if "." not in name] + sorted(name for name in columns if "." in name),
        "groups": [name.split(".")[0] for name in columns],
        "types": {name: str(frame[name].dtype) for name in columns},
        "cells": [[None if cell != cell else cell for cell in row] for row in cells],
        "history": [[m.value, m.step] for m in speaker.get_metric_history(run_id, "loss")],
        "text": library.artifacts.load_text(f"runs:/{run_id}/notes/첫 줄.txt"),
        "loaded": library.artifacts.load_dict(f"runs:/{run_id}/config.json"),
        "listed": sorted(entry.path for entry in speaker.list_artifacts(run_id)),
    }


def long_history(library: Any, store: str) -> Any:
    """A run with full batches and a long history. (The client itself cuts larger batches.)"""
    speaker = client(library, store)
    entities = library.entities
    run_id = speaker.create_run(speaker.create_experiment("batches")).info.run_id
    metrics = [entities.Metric("loss", step / 8, world.T0 + step, step) for step in range(1000)]
    params = [entities.Param(f"p{number}", str(number)) for number in range(100)]
    tags = [entities.RunTag(f"t{number}", "값") for number in range(100)]
    speaker.log_batch(run_id, metrics=metrics[:800], params=params, tags=tags)
    speaker.log_batch(run_id, metrics=metrics[800:])
    run = speaker.get_run(run_id)
    history = speaker.get_metric_history(run_id, "loss")
    return {
        "steps": [point.step for point in history] == list(range(1000)),
        "latest": run.data.metrics,
        "params": len(run.data.params),
        "tags": {value for key, value in run.data.tags.items() if key.startswith("t")} == {"값"},
    }


def refusals(library: Any, store: str) -> dict[str, Any]:
    """Error codes of calls that must be refused."""
    speaker = client(library, store)
    experiment = speaker.create_experiment("refusals")
    run_id = speaker.create_run(experiment).info.run_id
    gone = speaker.create_run(experiment).info.run_id
    speaker.delete_run(gone)
    speaker.log_param(run_id, "p", "1")
    none = "0" * 32
    calls = {
        "unknown run": (speaker.get_run, none),
        "unknown experiment": (speaker.get_experiment, "987654321"),
        "name taken": (speaker.create_experiment, "refusals"),
        "run of an unknown experiment": (speaker.create_run, "987654321"),
        "other param value": (speaker.log_param, run_id, "p", "2"),
        "metric name": (speaker.log_metric, run_id, "../up", 1.0),
        "param name": (speaker.log_param, run_id, "a//b", "1"),
        "tag name": (speaker.set_tag, run_id, "x" * 251, "1"),
        "metric of a deleted run": (speaker.log_metric, gone, "m", 1.0),
        "param of a deleted run": (speaker.log_param, gone, "q", "1"),
        "tag of a deleted run": (speaker.set_tag, gone, "t", "1"),
        "tag that is not there": (speaker.delete_tag, run_id, "t"),
        "metric of an unknown run": (speaker.log_metric, none, "m", 1.0),
        "page token": (speaker.search_runs, [experiment], "", 1, 10, [], "무엇"),
        "filter": (speaker.search_runs, [experiment], "metrics.a ! 1"),
        "too many results": (speaker.search_runs, [experiment], "", 1, 50_001),
    }
    return {name: refusal(*what) for name, what in calls.items()}


def refusal(function: Any, *arguments: Any, **named: Any) -> str:
    """Error code with which a call is refused, or what happened instead."""
    try:
        function(*arguments, **named)
    except Exception as error:
        return str(getattr(error, "error_code", type(error).__name__))
    return "accepted"


def save_classifier(library: Any, path: str) -> list[int]:
    """A small scikit-learn model with signature and example, saved as a directory; its predictions."""
    model, frame = classifier()
    signature = library.models.infer_signature(frame, model.predict(frame))
    library.sklearn.save_model(
        model, path, signature=signature, input_example=frame.head(2), pip_requirements=["scikit-learn"]
    )
    return [int(value) for value in model.predict(frame)]


def log_classifier(library: Any, store: str) -> Any:
    """The same model logged in a run; the run's id and the predictions."""
    library.set_tracking_uri(Path(store).as_uri())
    model, frame = classifier()
    # The process has had other stores, and remembers the experiment that was set there.
    library.set_experiment("classifiers")
    with library.start_run() as run:
        library.sklearn.log_model(model, name="model", input_example=frame.head(2), pip_requirements=["scikit-learn"])
    return [run.info.run_id, [int(value) for value in model.predict(frame)]]


def predict(library: Any, uri: str, store: str | None = None) -> Any:
    """Predictions of a saved model through its own flavour and through pyfunc, and its signature's columns."""
    if store is not None:
        library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    _, frame = classifier()
    native = library.sklearn.load_model(uri)
    general = library.pyfunc.load_model(uri)
    inputs = general.metadata.signature.inputs
    return {
        "native": [int(value) for value in native.predict(frame)],
        "general": [int(value) for value in general.predict(frame)],
        "inputs": inputs.to_dict(),
        "flavors": sorted(general.metadata.flavors),
    }


def classifier() -> Any:
    """A fitted model and the frame that it was fitted on."""
    import numpy
    import pandas
    from sklearn.linear_model import LogisticRegression

    numbers = numpy.random.default_rng(1).normal(size=(40, 3))
    frame = pandas.DataFrame(numbers, columns=["a", "b c", "길이"])
    return LogisticRegression().fit(frame, (numbers[:, 0] > 0).astype(int)), frame
