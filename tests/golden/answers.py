"""Ask a client that speaks MLflow's Python API everything, and answer in plain JSON values.

The same code runs on the real MLflow (old and new) and on Millstream, so equal answers are equal JSON.
Floats are kept as their `repr`, which keeps NaN, infinities and every bit.
"""

from __future__ import annotations


def describe(client):
    """Every experiment and run with data, inputs and metric histories, deleted ones included."""
    experiments = client.search_experiments(view_type=3, max_results=1000)
    runs = client.search_runs([e.experiment_id for e in experiments], run_view_type=3, max_results=1000)
    ids = sorted(run.info.run_id for run in runs)
    return {
        "experiments": {e.experiment_id: _experiment(client.get_experiment(e.experiment_id)) for e in experiments},
        "runs": {run_id: _run(client.get_run(run_id)) for run_id in ids},
        "histories": {run.info.run_id: _histories(client, run) for run in runs},
    }


def _experiment(experiment):
    names = ("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time")
    return {**{name: getattr(experiment, name, None) for name in names}, "tags": dict(experiment.tags)}


def _run(run):
    info = run.info
    times = ("start_time", "end_time")
    names = ("run_id", "experiment_id", "user_id", "status", *times, "lifecycle_stage", "artifact_uri", "run_name")
    return {
        "info": {name: getattr(info, name, None) for name in names},
        "params": dict(run.data.params),
        "metrics": {key: repr(float(value)) for key, value in run.data.metrics.items()},
        "tags": dict(run.data.tags),
        "datasets": _datasets(run),
    }


def _datasets(run):
    found = []
    for used in getattr(getattr(run, "inputs", None), "dataset_inputs", None) or ():
        names = ("name", "digest", "source_type", "source", "schema", "profile")
        row = {name: getattr(used.dataset, name) for name in names}
        tags = used.tags
        row["tags"] = tags if isinstance(tags, dict) else {tag.key: tag.value for tag in tags}
        found.append(row)
    return sorted(found, key=lambda row: (row["name"], row["digest"]))


def _histories(client, run):
    return {
        key: [
            [point.timestamp, repr(float(point.value)), point.step]
            for point in client.get_metric_history(run.info.run_id, key)
        ]
        for key in sorted(run.data.metrics)
    }


def search_runs(client, queries):
    """One answer a query: the ids page by page, or the error code."""
    by_name = {e.name: e.experiment_id for e in client.search_experiments(view_type=3, max_results=1000)}
    return [_search(_run_page(client, query, by_name), query, lambda run: run.info.run_id) for query in queries]


def search_experiments(client, queries):
    """One answer a query: the names page by page, or the error code."""
    return [_search(_experiment_page(client, query), query, lambda experiment: experiment.name) for query in queries]


def _run_page(client, query, by_name):
    names = sorted(by_name) if query["experiments"] is None else query["experiments"]

    def page(token):
        return client.search_runs(
            [by_name[name] for name in names],
            filter_string=query["filter"],
            run_view_type=query["view"],
            max_results=query["page"] or 1000,
            order_by=query["order_by"],
            page_token=token,
        )

    return page


def _experiment_page(client, query):
    def page(token):
        return client.search_experiments(
            view_type=query["view"],
            max_results=query["page"] or 1000,
            filter_string=query["filter"],
            order_by=query["order_by"] or None,
            page_token=token,
        )

    return page


def _search(page, query, label):
    """All pages of a search as lists of labels; ``{"error": code}`` when it is refused."""
    pages, token = [], None
    try:
        while True:
            found = page(token)
            pages.append([label(item) for item in found])
            token = found.token
            if not token:
                return pages
    except Exception as error:
        return {"error": getattr(error, "error_code", type(error).__name__)}


def describe_registry(client):
    """Every registered model with its versions and aliases, and every logged model."""
    models = {}
    for model in client.search_registered_models():
        versions = client.search_model_versions("name = '" + model.name + "'")
        names = ("creation_timestamp", "last_updated_timestamp", "description")
        models[model.name] = {
            **{name: getattr(model, name) for name in names},
            "tags": dict(model.tags),
            "aliases": dict(getattr(model, "aliases", {})),
            "versions": {str(version.version): _version(version) for version in versions},
        }
    return models


def _version(version):
    names = (
        "creation_timestamp",
        "last_updated_timestamp",
        "description",
        "user_id",
        "current_stage",
        "source",
        "run_id",
        "status",
    )
    return {**{name: getattr(version, name) for name in names}, "tags": dict(version.tags)}


def search_models(client, queries):
    """One answer a query: the ids page by page, or the error code."""
    by_name = {e.name: e.experiment_id for e in client.search_experiments()}
    return [_search(_model_page(client, query, by_name), query, lambda model: model.model_id) for query in queries]


def _model_page(client, query, by_name):
    names = sorted(by_name) if query["experiments"] is None else query["experiments"]

    def page(token):
        return client.search_logged_models(
            [by_name[name] for name in names],
            filter_string=query["filter"] or None,
            datasets=query["datasets"] or None,
            max_results=query["page"],
            order_by=query["order_by"] or None,
            page_token=token,
        )

    return page


def describe_links(client):
    """Of every run the logged models that it used and made, the latter with their steps."""
    ids = [e.experiment_id for e in client.search_experiments()]
    # One by one: MLflow's database leaves links out of a list.
    runs = [client.get_run(run.info.run_id) for run in client.search_runs(ids)]
    return {
        run.info.run_id: [
            sorted(item.model_id for item in run.inputs.model_inputs),
            sorted([item.model_id, item.step] for item in run.outputs.model_outputs),
        ]
        for run in runs
    }


def describe_logged_models(client, experiments):
    """Every logged model that is not deleted, by id; {} for a client that does not know them."""
    if not hasattr(client, "search_logged_models"):
        return {}
    names = ("experiment_id", "name", "artifact_location", "creation_timestamp", "last_updated_timestamp")
    names = (*names, "model_type", "source_run_id", "tags", "params")
    return {
        model.model_id: {
            **{name: getattr(model, name) for name in names},
            "status": str(model.status),
            "metrics": [[m.key, repr(m.value), m.timestamp, m.step, m.dataset_name] for m in model.metrics or ()],
        }
        for model in client.search_logged_models(experiment_ids=experiments)
    }
