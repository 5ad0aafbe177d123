"""What a peer can be asked to do with logged models and datasets; as `verbs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import verbs


def models_day(library: Any, store: str) -> Any:
    """A user of logged models: external ones, points of models and datasets, tags, params; what they see.

    Ids and times are left out.
    """
    library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    library.set_experiment("모델")
    frame = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    data = library.data.from_pandas(frame, source="https://example.org/a.csv", name="eval", digest="d1")
    first = library.create_external_model(name="하나", params={"lr": "0.1"}, tags={"team": "a"}, model_type="agent")
    with library.start_run(run_name="r") as run:
        second = library.initialize_logged_model(name="둘")
        library.log_metric("acc", 0.5, step=1, model_id=first.model_id)
        library.log_metric("acc", 0.75, step=1, model_id=first.model_id, dataset=data)
        library.log_metrics({"acc": 0.25, "깊은/loss": 2.0}, step=3, model_id=second.model_id)
        library.log_input(data, context="training", tags={"k": "v"})
    library.finalize_logged_model(second.model_id, "FAILED")
    library.set_logged_model_tags(first.model_id, {"team": "b", "x/y": "값"})
    library.delete_logged_model_tag(first.model_id, "x/y")
    library.log_model_params({"depth": "3"}, model_id=first.model_id)
    gone = library.create_external_model(name="gone")
    library.MlflowClient().delete_logged_model(gone.model_id)
    return {
        "models": described(library, library.MlflowClient(), run.info.experiment_id, ids=False),
        "inputs": _inputs(library.get_run(run.info.run_id)),
        "frame": _frame(library),
        "searches": _searches(library),
        "gone": verbs.refusal(library.get_logged_model, gone.model_id),
        "active": _active(library, first.model_id),
        "source": _source(library, run.info.run_id),
    }


def describe_models(library: Any, store: str, experiment: str) -> Any:
    """All logged models of the experiment of this name."""
    speaker = verbs.client(library, store)
    return described(library, speaker, speaker.get_experiment_by_name(experiment).experiment_id)


def described(library: Any, speaker: Any, experiment_id: str, ids: bool = True) -> Any:
    """Everything in the logged models of an experiment, by name."""
    found = {}
    for listed in speaker.search_logged_models([experiment_id]):
        model = speaker.get_logged_model(listed.model_id)
        assert model.name == listed.name
        points = [[m.key, m.value, m.step, m.dataset_name, m.dataset_digest] for m in model.metrics or ()]
        facts = {
            "type": model.model_type or None,  # the real client says "" of a server's silence
            "from a run": bool(model.source_run_id),
            "status": str(getattr(model.status, "value", model.status)),
            "params": model.params,
            "tags": {key: value for key, value in model.tags.items() if "source.git" not in key},
            "metrics": sorted(points, key=str),
            "uri": model.model_uri == f"models:/{model.model_id}",
        }
        if ids:
            facts |= {
                "id": model.model_id,
                "source": model.source_run_id or None,
                "made": model.creation_timestamp,
                "changed": model.last_updated_timestamp,
                "location": model.artifact_location,
                "runs": sorted({str(m.run_id) for m in model.metrics or ()}),
            }
        found[model.name] = facts
    return found


def _inputs(run: Any) -> Any:
    return {
        "datasets": [
            {
                "name": item.dataset.name,
                "digest": item.dataset.digest,
                "type": item.dataset.source_type,
                "source": item.dataset.source,
                "schema": item.dataset.schema,
                "profile": item.dataset.profile,
                "tags": [[tag.key, tag.value] for tag in item.tags],
            }
            for item in run.inputs.dataset_inputs
        ],
        "models": len(run.inputs.model_inputs),
    }


def _frame(library: Any) -> Any:
    frame = library.search_logged_models(order_by=[{"field_name": "metrics.acc", "ascending": False}])
    return {"columns": list(frame.columns), "names": list(frame["name"]), "status": list(frame["status"])}


def _searches(library: Any) -> Any:
    found = {}
    for text in (
        "name = '하나'",
        "name LIKE '%나'",
        "metrics.acc > 0.4",
        "params.lr = '0.1'",
        "tags.team = 'b'",
        "attributes.model_type = 'agent'",
        "creation_timestamp > 5",
        "name = '하나' AND params.lr = '9'",
    ):
        models = library.search_logged_models(filter_string=text, output_format="list")
        found[text] = sorted(model.name for model in models)
    return found


def _active(library: Any, model_id: str) -> Any:
    with library.set_active_model(model_id=model_id) as model:
        inside = library.get_active_model_id() == model_id == model.model_id
    library.clear_active_model()
    return [inside, library.get_active_model_id()]


def _source(library: Any, run_id: str) -> Any:
    source = library.data.get_source(library.get_run(run_id).inputs.dataset_inputs[0])
    return [type(source).__name__, source.to_dict()]


def log_named_classifier(library: Any, store: str) -> Any:
    """A classifier logged under a name; the run's id, the model's id, its URI and the predictions."""
    library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    library.set_experiment("분류")
    model, frame = verbs.classifier()
    with library.start_run() as run:
        library.log_metric("acc", 0.5)
        logged = library.sklearn.log_model(
            model, name="model", input_example=frame.head(2), pip_requirements=["scikit-learn"]
        )
    predictions = [int(value) for value in model.predict(frame)]
    return [run.info.run_id, logged.model_id, logged.model_uri, predictions]


def measure_and_log(library: Any, store: str) -> Any:
    """Points of some steps, then two models, which the client logs points for; what the run and the models have."""
    library.set_tracking_uri(store)
    library.set_experiment("두 번")
    model, _ = verbs.classifier()
    with library.start_run() as run:
        for step in range(4):
            library.log_metrics({"깊은/loss": 1 / (step + 1), "nan": float("nan")}, step=step, timestamp=step + 1)
        made = [
            library.sklearn.log_model(model, name=name, step=step, pip_requirements=["scikit-learn"]).model_id
            for name, step in (("first", 0), ("again", 0), ("last", 3))
        ]
    speaker = library.MlflowClient()
    found: dict[str, Any] = {
        key: [
            [point.step, point.timestamp, str(point.value)]
            for point in speaker.get_metric_history(run.info.run_id, key)
        ]
        for key in ("깊은/loss", "nan")
    }
    for model_id in made:
        points = speaker.get_logged_model(model_id).metrics
        assert {point.run_id for point in points} == {run.info.run_id}
        found[speaker.get_logged_model(model_id).name] = sorted([p.key, p.step, str(p.value)] for p in points)
    return found
