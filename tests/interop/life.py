"""The chapters of a client's life with a server, as a peer lives them; each returns what the client saw.

They use what MLflow 1.30 has, and ask `since` before they use something newer. Several clients share a server: `mark`
stands in the names of what one of them makes.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import verbs
import world

ACTIVE, DELETED, ALL = 1, 2, 3


def since(library: Any, *version: int) -> bool:
    """Whether the library is of this version or newer; ours has what the newest has."""
    if library.__name__ == "millstream":
        return True
    return tuple(int(part) for part in library.__version__.split(".")[:2]) >= version


def version(library: Any) -> str:
    """Which client this is."""
    return str(library.__version__)


def pages(search: Any, label: Any) -> list[list[Any]]:
    """What `label` makes of every item, page by page; `search` takes a token."""
    found, token = [], None
    while True:
        page = search(token)
        found.append([label(item) for item in page])
        token = page.token
        if not token:
            return found


def refused(function: Any, *arguments: Any, **named: Any) -> list[str]:
    """Class and code of the error with which a call is refused."""
    try:
        function(*arguments, **named)
    except Exception as error:
        return [type(error).__name__, str(getattr(error, "error_code", ""))]
    return ["accepted", ""]


def experiments(library: Any, store: str, names: list[str]) -> Any:
    """Make, name, tag, find, page, delete and restore five experiments, two of which have a run."""
    speaker = verbs.client(library, store)
    ids = [speaker.create_experiment(name, tags={"순서": str(number)}) for number, name in enumerate(names)]
    runs = [speaker.create_run(experiment).info.run_id for experiment in ids[1:3]]
    speaker.rename_experiment(ids[0], names[0] + " 2")
    speaker.set_experiment_tag(ids[0], "mlflow.note.content", "설명\n둘째 줄")
    speaker.delete_experiment(ids[1])
    speaker.delete_experiment(ids[2])
    speaker.restore_experiment(ids[2])
    read = [speaker.get_experiment(experiment) for experiment in ids]

    mine = f"name LIKE '{names[1].split()[0]} %'"

    def search(view: int) -> Any:
        return pages(
            lambda token: speaker.search_experiments(
                view_type=view,
                max_results=2,
                order_by=["name ASC"],
                filter_string=mine,
                page_token=token,
            ),
            lambda item: names.index(item.name.removesuffix(" 2")),
        )

    return {
        "read": [[item.name, item.lifecycle_stage, dict(item.tags)] for item in read],
        "times": all(0 < item.creation_time <= item.last_update_time for item in read),
        "by name": [ids.index(speaker.get_experiment_by_name(item.name).experiment_id) for item in read],
        "missing": speaker.get_experiment_by_name("no such experiment"),
        "pages": {name: search(view) for name, view in (("active", ACTIVE), ("deleted", DELETED), ("all", ALL))},
        "runs": [speaker.get_run(run_id).info.lifecycle_stage for run_id in runs],
        "listed": _listed(library, speaker, ids),
        "refused": {
            "name taken": refused(speaker.create_experiment, names[3]),
            "name of a deleted one": refused(speaker.create_experiment, names[1]),
            "rename to a taken name": refused(speaker.rename_experiment, ids[3], names[4]),
            "unknown": refused(speaker.get_experiment, "987654321"),
            "deleted twice": refused(speaker.delete_experiment, ids[1]),
            "run in a deleted one": refused(speaker.create_run, ids[1]),
            "filter": refused(speaker.search_experiments, filter_string="name ! 'a'"),
        },
    }


def _listed(library: Any, speaker: Any, ids: list[str]) -> Any:
    """Active experiments by MLflow 1's list, whose pages newer clients do not know."""
    if since(library, 2, 0):
        return None
    found = pages(
        lambda token: speaker.list_experiments(max_results=2, page_token=token), lambda item: item.experiment_id
    )
    assert all(len(page) == 2 for page in found[:-1])
    return sorted(ids.index(experiment) for page in found for experiment in page if experiment in ids)


def runs(library: Any, store: str, mark: str, data: dict[str, Any]) -> Any:
    """A run with everything, in single calls and in batches; read, renamed, ended, deleted, restored."""
    speaker = verbs.client(library, store)
    entities = library.entities
    experiment = speaker.create_experiment(mark + " 실행")
    tags = {"mlflow.runName": "첫 실행", **data["tags"]}
    made = speaker.create_run(experiment, start_time=world.T0, tags=tags)
    run_id = made.info.run_id
    for key, value in data["params"].items():
        speaker.log_param(run_id, key, value)
    for key, points in data["metrics"].items():
        for value, timestamp, step in points[:2]:
            speaker.log_metric(run_id, key, value, timestamp, step)
        rest = [entities.Metric(key, *point) for point in points[2:]]
        speaker.log_batch(run_id, metrics=rest, params=[entities.Param(key + "/batch", "값")])
    speaker.set_tag(run_id, "soon gone", "1")
    speaker.delete_tag(run_id, "soon gone")
    seen = {"before": [made.info.status, made.info.end_time, speaker.get_run(run_id).info.status]}
    speaker.set_terminated(run_id, "FAILED", world.T0 + 5000)
    if since(library, 2, 0):
        speaker.update_run(run_id, name="둘째 이름")
    else:
        speaker.set_tag(run_id, "mlflow.runName", "둘째 이름")
    run = speaker.get_run(run_id)
    seen |= {
        "info": [run.info.status, run.info.start_time, run.info.end_time, run.info.lifecycle_stage],
        "name": [run.data.tags["mlflow.runName"], getattr(run.info, "run_name", "둘째 이름")],
        "params": run.data.params,
        "latest": run.data.metrics,
        "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        "histories": {
            key: [[point.value, point.timestamp, point.step] for point in speaker.get_metric_history(run_id, key)]
            for key in data["metrics"]
        },
        "nothing": speaker.get_metric_history(run_id, "no such metric"),
    }
    speaker.delete_run(run_id)
    seen["deleted"] = [
        speaker.get_run(run_id).info.lifecycle_stage,
        refused(speaker.log_metric, run_id, "m", 1.0),
        [item.info.run_id == run_id for item in speaker.search_runs([experiment], run_view_type=DELETED)],
        len(speaker.search_runs([experiment])),
    ]
    speaker.restore_run(run_id)
    seen["restored"] = [
        speaker.get_run(run_id).info.lifecycle_stage,
        len(speaker.search_runs([experiment])),
    ]
    return seen


def batches(library: Any, store: str, mark: str) -> Any:
    """Batches as large as they may be, and larger ones, which `log_batch` of a client would cut."""
    speaker = verbs.client(library, store)
    entities = library.entities
    experiment = speaker.create_experiment(mark + " limits")

    def attempt(metrics: int, params: int, tags: int) -> Any:
        run_id = speaker.create_run(experiment).info.run_id
        answer = refused(
            speaker._tracking_client.store.log_batch,
            run_id,
            metrics=[entities.Metric("m", step / 8, world.T0 + step, step) for step in range(metrics)],
            params=[entities.Param(f"p{number}", str(number)) for number in range(params)],
            tags=[entities.RunTag(f"t{number}", "값") for number in range(tags)],
        )
        data = speaker.get_run(run_id).data
        points = len(speaker.get_metric_history(run_id, "m"))
        return [*answer, points, len(data.params), sum(key.startswith("t") for key in data.tags)]

    return {
        "full": attempt(800, 100, 100),
        "metrics": attempt(1001, 0, 0),
        "params": attempt(0, 101, 0),
        "tags": attempt(0, 0, 101),
        "together": attempt(900, 50, 51),
        "empty": attempt(0, 0, 0),
    }


def searches(library: Any, store: str, mark: str, count: int, page: int, queries: list[list[Any]]) -> Any:
    """`count` runs, found by filter and order, page by page, by the client and by the fluent function."""
    library.set_tracking_uri(store)
    speaker = library.MlflowClient()
    experiment = speaker.create_experiment(mark + " 찾기")
    for number in range(count):
        run_id = speaker.create_run(experiment, start_time=world.T0 + number, tags={"mlflow.runName": str(number)})
        run_id = run_id.info.run_id
        speaker.log_param(run_id, "even", str(number % 2 == 0))
        if number % 5:
            speaker.log_metric(run_id, "손실", float("nan") if number % 5 == 1 else -number / 4, world.T0, 0)
        speaker.set_terminated(run_id, "KILLED" if number % 3 == 0 else "FINISHED", world.T0 + 1000)
    found = [
        pages(
            lambda token, text=text, order=order: speaker.search_runs(
                [experiment], text, max_results=page, order_by=order, page_token=token
            ),
            lambda run: int(run.data.tags["mlflow.runName"]),
        )
        for text, order in queries
    ]
    frame = library.search_runs([experiment], order_by=["start_time ASC"])
    return {
        "pages": found,
        "frame": [int(name) for name in frame["tags.mlflow.runName"]],
        "infos": None if since(library, 2, 0) else _infos(speaker, experiment, page),
    }


def _infos(speaker: Any, experiment: str, page: int) -> list[int]:
    """Sizes of the pages of MLflow 1's list of runs."""
    found = pages(lambda token: speaker.list_run_infos(experiment, max_results=page, page_token=token), str)
    return [len(part) for part in found]


def files(library: Any, store: str, mark: str, source: str, target: str) -> Any:
    """A directory of files up and down again, whole, in parts and by URI; its listing."""
    library.set_tracking_uri(store)
    speaker = library.MlflowClient()
    experiment = speaker.create_experiment(mark + " 파일")
    run_id = speaker.create_run(experiment).info.run_id
    speaker.log_artifacts(run_id, source)
    speaker.log_artifacts(run_id, source, "아래 쪽/깊이")
    one = Path(source, "a.txt")
    speaker.log_artifact(run_id, str(one), "하나")
    speaker.log_text(run_id, "첫 줄\n", "글/첫 줄.txt")
    speaker.log_dict(run_id, {"a": [1, 2.5], "한글": None}, "글/설정.json")
    listing, folders = {}, [""]
    while folders:
        for entry in speaker.list_artifacts(run_id, folders.pop() or None):
            listing[entry.path] = entry.file_size
            if entry.is_dir:
                folders.append(entry.path)
    os.makedirs(target)
    down = speaker.download_artifacts(run_id, "", target)
    part = library.artifacts.download_artifacts(artifact_uri=f"runs:/{run_id}/아래 쪽/깊이")
    alone = library.artifacts.download_artifacts(run_id=run_id, artifact_path="하나/" + one.name)
    with tempfile.TemporaryDirectory() as empty:
        speaker.log_artifacts(run_id, empty)
        return {
            "uri": speaker.get_run(run_id).info.artifact_uri,
            "listing": listing,
            "down": down,
            "part": part,
            "alone": Path(alone).read_bytes() == one.read_bytes(),
            "text": library.artifacts.load_text(f"runs:/{run_id}/글/첫 줄.txt"),
            "loaded": library.artifacts.load_dict(f"runs:/{run_id}/글/설정.json"),
            "nothing there": list(map(str, speaker.list_artifacts(run_id, "no such folder"))),
            "refused": refused(speaker.list_artifacts, "0" * 32),
        }


def python_model(library: Any, store: str, mark: str, words: str) -> Any:
    """A model that is Python code with a file of its own: logged, found by its run, loaded, asked."""
    import pandas

    library.set_tracking_uri(store)
    library.set_experiment(mark + " 모델")

    class Scale(library.pyfunc.PythonModel):  # local, so that it is pickled whole
        def load_context(self, context: Any) -> None:
            with open(context.artifacts["words"], encoding="utf-8") as file:
                self.words = file.read()

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return [f"{self.words} {value * 2}" for value in model_input["값"]]

    where = {"name": "model"} if since(library, 3, 0) else {"artifact_path": "model"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "말 뭉치.txt")
        path.write_text(words, encoding="utf-8")
        with library.start_run() as run:
            info = library.pyfunc.log_model(
                python_model=Scale(), artifacts={"words": str(path)}, pip_requirements=["mlflow"], **where
            )
    frame = pandas.DataFrame({"값": [1, 2.5]})
    uris = [info.model_uri, f"runs:/{run.info.run_id}/model"]
    models = [library.pyfunc.load_model(uri) for uri in uris]
    return {
        "predictions": [model.predict(frame) for model in models],
        "runs": [model.metadata.run_id == run.info.run_id for model in models],
        "history": "mlflow.log-model.history" in library.get_run(run.info.run_id).data.tags,
        "logged": _logged(library, info, run) if since(library, 3, 0) else None,
    }


def _logged(library: Any, info: Any, run: Any) -> Any:
    found = library.search_logged_models([run.info.experiment_id], output_format="list")
    model = library.get_logged_model(info.model_id)
    outputs = library.get_run(run.info.run_id).outputs.model_outputs
    return [
        [item.model_id == info.model_id for item in found],
        str(model.status.value),
        model.name,
        model.source_run_id == run.info.run_id,
        [item.model_id == info.model_id for item in outputs],
    ]


def datasets(library: Any, store: str, mark: str) -> Any:
    """A run that was fed with a frame and a file; what the run says of them, and the runs of a dataset."""
    import pandas

    library.set_tracking_uri(store)
    library.set_experiment(mark + " 자료")
    frame = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", "한글"]})
    data = library.data.from_pandas(frame, source="https://example.org/a.csv", name=mark + " 자료", digest="d1")
    with library.start_run() as run:
        library.log_input(data, context="training", tags={"나라": "한국"})
        library.log_input(data, context="training")
    (used,) = library.get_run(run.info.run_id).inputs.dataset_inputs
    found = library.search_runs(filter_string=f"datasets.name = '{mark} 자료' AND dataset.context = 'training'")
    return {
        "dataset": [used.dataset.name, used.dataset.digest, used.dataset.source_type],
        "tags": sorted([tag.key, tag.value] for tag in used.tags),
        "columns": [column["name"] for column in json.loads(used.dataset.schema)["mlflow_colspec"]],
        "source": library.data.get_source(used).to_dict()["url"],
        "found": list(found["run_id"]) == [run.info.run_id],
    }
