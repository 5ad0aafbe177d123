"""What a peer can be asked to do with registered models; as `verbs`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import verbs


def _open(library: Any, store: str) -> Any:
    # MLflow says of stages at every call that they are deprecated.
    warnings.filterwarnings("ignore", category=FutureWarning)
    library.set_tracking_uri(store if "://" in store else Path(store).as_uri())
    return library.MlflowClient()


def registry_day(library: Any, store: str) -> Any:
    """A user of the registry: names, versions, tags, aliases, stages, searches, refusals; what they see.

    Times, run ids and places are left out.
    """
    client = _open(library, store)
    seen: dict[str, Any] = {}
    library.set_experiment("등록")
    with library.start_run() as run:
        library.log_text("flavors: {}", "model/MLmodel")
        library.log_text("하나", "model/w.txt")
    run_id = run.info.run_id
    made = client.create_registered_model("분류기 v1.0", tags={"team": "a"}, description="첫째")
    seen["made"] = [made.name, made.description, dict(made.tags), list(made.latest_versions)]
    first = library.register_model(f"runs:/{run_id}/model", "분류기 v1.0", tags={"k": "v"})
    client.create_model_version("분류기 v1.0", "s3://bucket/둘", description="둘", run_link="http://x")
    client.copy_model_version("models:/분류기 v1.0/1", "사본")
    library.register_model(f"runs:/{run_id}/model", "새 모델")
    seen["run"] = first.run_id == run_id and first.source.endswith(f"{run_id}/artifacts/model")
    client.set_registered_model_alias("분류기 v1.0", "champ", "1")
    client.set_registered_model_alias("분류기 v1.0", "챔프", "2")
    client.set_registered_model_alias("분류기 v1.0", "champ", "2")
    client.delete_registered_model_alias("분류기 v1.0", "챔프")
    client.transition_model_version_stage("분류기 v1.0", "1", "staging")
    client.transition_model_version_stage("분류기 v1.0", "2", "Staging", archive_existing_versions=True)
    client.set_model_version_tag("분류기 v1.0", "1", "deep/k", "값")
    client.delete_model_version_tag("분류기 v1.0", "1", "k")
    client.set_registered_model_tag("분류기 v1.0", "b", "2")
    client.delete_registered_model_tag("분류기 v1.0", "team")
    client.update_registered_model("분류기 v1.0", "바뀜")
    client.update_model_version("분류기 v1.0", "1", "바뀜")
    client.create_model_version("분류기 v1.0", "s3://bucket/셋")
    client.delete_model_version("분류기 v1.0", "3")
    seen["number"] = int(client.create_model_version("분류기 v1.0", "s3://bucket/넷").version)
    seen["alias"] = int(client.get_model_version_by_alias("분류기 v1.0", "champ").version)
    seen["latest"] = sorted(
        [int(v.version), v.current_stage] for v in client.get_latest_versions("분류기 v1.0", ["None", "staging"])
    )
    seen["searches"] = _searches(client)
    seen["refusals"] = _refusals(client)
    seen["text"] = [
        library.artifacts.load_text(f"models:/{place}/w.txt") for place in ("분류기 v1.0/1", "사본/1", "새 모델/1")
    ]
    client.create_registered_model("gone")
    client.delete_registered_model("gone")
    return {**seen, "models": describe_registry(library, store, exact=False)}


def rename_model(library: Any, store: str, name: str, new_name: str) -> Any:
    """Give a model another name."""
    client = _open(library, store)
    client.rename_registered_model(name, new_name)
    return describe_registry(library, store, exact=False)


def _searches(client: Any) -> Any:
    found: dict[str, Any] = {}
    for text in ("", "name = '사본'", "name LIKE '%v1%'", "name ILIKE '%V1%'", "tags.b = '2'", "tags.b != '2'"):
        found[text] = [model.name for model in client.search_registered_models(text)]
    for text in (
        "name = '분류기 v1.0'",
        "name = '분류기 v1.0' AND version_number > 1",
        "version_number = '1'",
        "source_path LIKE 's3://%'",
        "tags.`deep/k` = '값'",
        "name IN ('사본', 'x')",
    ):
        versions = client.search_model_versions(text, order_by=["name ASC", "version_number DESC"])
        found[text] = [[version.name, int(version.version)] for version in versions]
    page = client.search_registered_models(max_results=2)
    rest = client.search_registered_models(max_results=2, page_token=page.token)
    found["pages"] = [[model.name for model in page], [model.name for model in rest]]
    return found


def _refusals(client: Any) -> Any:
    name = "분류기 v1.0"
    return {
        what: verbs.refusal(*call)
        for what, call in {
            "taken": (client.create_registered_model, name),
            "empty": (client.create_registered_model, ""),
            "slash": (client.create_registered_model, "a/b"),
            "colon": (client.create_registered_model, "a:b"),
            "no model": (client.get_registered_model, "none"),
            "no version": (client.get_model_version, name, "99"),
            "deleted version": (client.get_model_version, name, "3"),
            "no alias": (client.get_model_version_by_alias, name, "none"),
            "bad alias": (client.set_registered_model_alias, name, "v1", "1"),
            "latest": (client.set_registered_model_alias, name, "latest", "1"),
            "alias of none": (client.set_registered_model_alias, name, "a", "99"),
            "bad stage": (client.transition_model_version_stage, name, "1", "foo"),
            "bad filter": (client.search_registered_models, "nothing = 'x'"),
            "rename taken": (client.rename_registered_model, name, "사본"),
            "delete none": (client.delete_registered_model, "none"),
        }.items()
    }


def describe_registry(library: Any, store: str, exact: bool = True) -> Any:
    """Everything in the registry; with `exact` times and places too."""
    client = _open(library, store)
    found: dict[str, Any] = {}
    for listed in client.search_registered_models():
        model = client.get_registered_model(listed.name)
        versions = client.search_model_versions(f"name = '{model.name}'", order_by=["version_number ASC"])
        found[model.name] = {
            "description": model.description or None,
            "tags": dict(model.tags),
            "aliases": {alias: int(version) for alias, version in model.aliases.items()},
            "latest": sorted([int(v.version), v.current_stage] for v in model.latest_versions),
            "versions": [_described(client, version, exact) for version in versions],
            **({"times": [model.creation_timestamp, model.last_updated_timestamp]} if exact else {}),
        }
    return found


def _described(client: Any, version: Any, exact: bool) -> Any:
    alone = client.get_model_version(version.name, version.version)
    facts = {
        "version": int(version.version),
        "stage": alone.current_stage,
        "description": alone.description or None,
        "tags": dict(alone.tags),
        "aliases": sorted(alone.aliases),
        "of a run": bool(alone.run_id),
        "link": alone.run_link or None,
        "status": str(alone.status),
    }
    if exact:
        facts |= {
            "run": alone.run_id or None,
            "source": alone.source,
            "place": client.get_model_version_download_uri(version.name, version.version),
            "times": [alone.creation_timestamp, alone.last_updated_timestamp],
        }
    return facts


def register_classifier(library: Any, store: str, name: str) -> Any:
    """A classifier logged and registered in one call, twice; its predictions."""
    client = _open(library, store)
    library.set_experiment("분류")
    model, frame = verbs.classifier()
    for _ in range(2):
        with library.start_run():
            library.sklearn.log_model(
                model,
                name="model",
                input_example=frame.head(2),
                registered_model_name=name,
                pip_requirements=["scikit-learn"],
            )
    client.set_registered_model_alias(name, "champ", "1")
    client.transition_model_version_stage(name, "2", "Production")
    return [int(value) for value in model.predict(frame)]
