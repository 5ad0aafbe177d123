"""The registry from training code: functions, client, and what `models:` URIs open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import millstream as mlflow
from millstream.entities import ModelVersion, RegisteredModel
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound

NAME = "예측기 v1.0"


def logged_run(text: str = "하나") -> str:
    with mlflow.start_run() as run:
        mlflow.log_text(text, "model/data 1/w.txt")
    return run.info.run_id


def read(uri: str) -> str:
    return mlflow.artifacts.load_text(f"{uri}/data 1/w.txt")


def test_a_model_of_a_run_is_registered_and_opened() -> None:
    runs = [logged_run(text) for text in ("하나", "둘", "셋")]
    versions = [mlflow.register_model(f"runs:/{run}/model", NAME, tags={"n": 1}) for run in runs]
    assert [version.version for version in versions] == [1, 2, 3]
    assert versions[0].run_id == runs[0]
    assert (versions[0].tags, versions[0].user_id is not None) == ({"n": "1"}, True)
    assert versions[0].source == mlflow.MlflowClient().get_run(runs[0]).info.artifact_uri + "/model"
    client = mlflow.MlflowClient()
    client.transition_model_version_stage(NAME, "2", "staging")
    client.set_registered_model_alias(NAME, "champ", "1")
    for place, text in {
        f"{NAME}/1": "하나",
        f"{NAME}/Staging": "둘",
        f"{NAME}/staging": "둘",
        f"{NAME}/latest": "셋",
        f"{NAME}@champ": "하나",
        f"{NAME}@latest": "셋",
    }.items():
        assert read(f"models:/{place}") == text, place
    assert [item.path for item in mlflow.artifacts.list_artifacts(f"models:/{NAME}/1")] == ["model/data 1"]
    for gone in (f"{NAME}/9", f"{NAME}/Production", "other/1"):
        with pytest.raises(NotFound):
            read(f"models:/{gone}")
    for bad in (f"models:/{NAME}@none", f"models:/{NAME}", "models:/", "models:/a:b/1"):
        with pytest.raises(InvalidValue):
            read(bad)


def test_what_is_not_there_is_not_registered() -> None:
    run = logged_run()
    for uri in (f"runs:/{run}/nothing", f"runs:/{run}/model/nothing", "runs:/" + "0" * 32 + "/model", "models:/m/1"):
        with pytest.raises(NotFound):
            mlflow.register_model(uri, NAME)
    with pytest.raises(InvalidValue):
        mlflow.register_model(f"runs:/{run}/model", "a/b")
    assert mlflow.search_model_versions() == []


def test_a_logged_model_is_registered_and_notes_it(here: Path) -> None:
    model = mlflow.create_external_model(name="agent")
    (here / "w.txt").write_text("안녕")
    mlflow.MlflowClient().log_model_artifact(model.model_id, here / "w.txt", "data 1")
    run = mlflow.MlflowClient().create_run("0")
    mlflow.MlflowClient().log_outputs(run.info.run_id, [mlflow.entities.LoggedModelOutput(model.model_id, 0)])
    first = mlflow.register_model(model.model_uri, NAME)
    second = mlflow.register_model(f"runs:/{run.info.run_id}/agent", NAME)
    assert (first.model_id, second.model_id, second.run_id) == (model.model_id, model.model_id, run.info.run_id)
    assert first.location == second.location == model.artifact_location
    noted = json.loads(mlflow.get_logged_model(model.model_id).tags["mlflow.modelVersions"])
    assert noted == [{"name": NAME, "version": 1}, {"name": NAME, "version": 2}]
    assert read(f"models:/{NAME}/1") == read(f"models:/{NAME}/2") == "안녕"


def test_a_directory_is_registered_and_a_version_copied(here: Path) -> None:
    (here / "모델" / "data 1").mkdir(parents=True)
    (here / "모델" / "data 1" / "w.txt").write_text("곁")
    client = mlflow.MlflowClient()
    version = mlflow.register_model("모델", NAME, tags={"a": "b"})
    client.update_model_version(NAME, 1, "설명")
    client.set_registered_model_alias(NAME, "champ", 1)
    assert (version.run_id, read(f"models:/{NAME}/1")) == (None, "곁")
    copied = client.copy_model_version(f"models:/{NAME}@champ", "새 이름")
    assert (copied.name, copied.version, copied.source) == ("새 이름", 1, f"models:/{NAME}/1")
    assert (copied.tags, copied.description, copied.aliases) == ({"a": "b"}, "설명", [])
    assert client.copy_model_version(f"models:/{NAME}/1", "새 이름").version == 2
    client.delete_registered_model(NAME)
    assert read("models:/새 이름/latest") == "곁"
    for bad in ("모델", "models:/m-" + "0" * 32, f"models:/{NAME}"):
        with pytest.raises(InvalidValue):
            client.copy_model_version(bad, "x")
    assert mlflow.register_model("models:/새 이름/1", "셋째").location == version.source


def test_the_verbs_of_the_client() -> None:
    client = mlflow.MlflowClient()
    made = client.create_registered_model(NAME, tags={"a": 1}, description="d")
    assert isinstance(made, RegisteredModel)
    with pytest.raises(AlreadyExists) as taken:
        client.create_registered_model(NAME)
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
    version = client.create_model_version(NAME, "s3://b/m", description="v", run_link="http://x")
    assert isinstance(version, ModelVersion)
    assert client.get_model_version_download_uri(NAME, "1") == "s3://b/m"
    assert client.get_model_version_stages(NAME, 1) == ["None", "Staging", "Production", "Archived"]
    client.set_model_version_tag(NAME, "1", "k", 5)
    client.transition_model_version_stage(NAME, 1, "Production", archive_existing_versions=True)
    client.set_model_version_tag(NAME, key="s", value="t", stage="production")
    mlflow.set_model_version_tag(NAME, 1, "m", "n")
    assert client.get_model_version(NAME, "1").tags == {"k": "5", "s": "t", "m": "n"}
    client.delete_model_version_tag(NAME, "1", "k")
    client.delete_model_version_tag(NAME, key="s", stage="Production")
    assert client.get_latest_versions(NAME, ["Production"])[0].tags == {"m": "n"}
    client.set_registered_model_tag(NAME, "b", 2)
    client.delete_registered_model_tag(NAME, "a")
    client.set_registered_model_alias(NAME, "champ", "1")
    assert client.get_registered_model(NAME).aliases == {"champ": 1}
    assert client.get_model_version_by_alias(NAME, "champ").version == 1
    client.delete_registered_model_alias(NAME, "champ")
    assert client.update_registered_model(NAME, "새").description == "새"
    assert client.update_model_version(NAME, 1, "새").description == "새"
    assert client.rename_registered_model(NAME, "다른").tags == {"b": "2"}
    client.delete_model_version("다른", 1)
    client.delete_registered_model("다른")
    assert client.list_registered_models() == []
    for call in (
        lambda: client.update_registered_model("x"),
        lambda: client.update_model_version("x", 1),
        lambda: client.get_model_version("x", "one"),
        lambda: client.set_model_version_tag("x", key="k", value="v"),
        lambda: mlflow.set_model_version_tag("x"),
        lambda: client.transition_model_version_stage("x", 1, "foo"),
    ):
        with pytest.raises(InvalidValue):
            call()


def test_searches_go_on_to_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    client = mlflow.MlflowClient()
    for number in range(5):
        client.create_registered_model(f"m{number}")
        client.create_model_version(f"m{number}", "s3://b")
    monkeypatch.setattr("millstream.values.names.MAX_MODELS_PAGE", 2)
    assert [model.name for model in mlflow.search_registered_models()] == [f"m{number}" for number in range(5)]
    assert [model.name for model in mlflow.search_registered_models(3, "name LIKE 'm%'", ["name DESC"])] == [
        "m4",
        "m3",
        "m2",
    ]
    assert len(mlflow.search_model_versions(filter_string="name != 'm1'")) == 4
    page = client.search_model_versions(max_results=2, order_by=["name DESC"])
    rest = client.search_model_versions(max_results=10, order_by="name DESC", page_token=page.token)
    assert [version.name for version in [*page, *rest]] == [f"m{number}" for number in range(4, -1, -1)]


def test_the_registry_may_be_elsewhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = logged_run()
    model = mlflow.create_external_model(name="agent")
    registry = f"sqlite:///{here}/registry.db"
    mlflow.set_registry_uri(registry)
    assert mlflow.get_registry_uri() == registry
    mlflow.register_model(f"runs:/{run}/model", NAME)
    version = mlflow.register_model(model.model_uri, NAME)
    assert version.location == model.artifact_location
    assert read(f"models:/{NAME}/1") == "하나"
    assert len(mlflow.search_model_versions()) == 2
    mlflow.set_registry_uri("")
    assert mlflow.search_registered_models() == []
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", registry)
    assert [found.name for found in mlflow.MlflowClient().search_registered_models()] == [NAME]
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    found = mlflow.MlflowClient(registry_uri=registry).search_registered_models()
    assert [item.name for item in found] == [NAME]
    assert mlflow.MlflowClient().search_registered_models() == []
