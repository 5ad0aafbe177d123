"""The registry where users log in: what may become a version, and what becomes of permissions on models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from millstream.stores.accounts import now
from millstream.values import accounts, ops, queries
from millstream.values.rights import EVERY, EXPERIMENT, REGISTERED_MODEL, Level
from tests.server.auth.conftest import Things, World, bearer
from tests.server.auth.everyone import put

MODEL = "나의 모델 #1?"


class Registry:
    """An editor of one model and one experiment, and things of others."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.user("admin")
        self.editor = world.user("editor")
        self.own, self.other = world.things(), world.things()
        write = world.store.write
        for name in (MODEL, "others"):
            write(ops.CreateRegisteredModel(name=name, time=now()))
        for things, name in ((self.own, MODEL), (self.other, "others")):
            for artifacts in (world.store.artifacts(things.run_id), world.store.model_artifacts(things.model_id)):
                put(artifacts, "model/MLmodel")
            source = f"runs:/{things.run_id}/model"
            write(ops.CreateModelVersion(name=name, source=source, time=now(), run_id=things.run_id))
            write(ops.SetModelAlias(name=name, alias="champion", version=1))
        world.grant("editor", self.own.experiment_id, Level.READ)
        far = write(ops.CreateExperiment(name="far", time=now(), artifact_location="s3://bucket/far"))
        info = write(ops.CreateRun(run_id="f" * 32, experiment_id=far, start_time=now())).info
        self.remote, self.remote_place = info.run_id, info.artifact_uri
        world.grant("editor", far, Level.READ)
        world.grant("editor", MODEL, Level.EDIT, REGISTERED_MODEL)

    def create(self, **fields: Any) -> int:
        """The status of registering a version."""
        path = "/api/2.0/mlflow/model-versions/create"
        return self.world.send("POST", path, self.editor, {"name": MODEL, **fields}).status

    def place(self, things: Things) -> Path:
        """Where the artifacts of a run are."""
        found = self.world.store.artifacts(things.run_id).location.local
        assert found is not None
        return found


@pytest.fixture
def registry(world: World) -> Registry:
    return Registry(world)


def test_files_of_what_may_be_read_become_versions(registry: Registry) -> None:
    own = registry.own
    of_run = f"{own.experiment_id}/{own.run_id}/artifacts/model"
    of_model = f"{own.experiment_id}/models/{own.model_id}/artifacts/model"
    for fields in (
        {"source": f"runs:/{own.run_id}/model", "run_id": own.run_id},
        {"source": f"runs:/{own.run_id}/a b?c#d", "run_id": own.run_id},
        {"source": f"mlflow-artifacts:/{of_run}", "run_id": own.run_id},
        {"source": f"mlflow-artifacts:/{of_model}", "model_id": own.model_id},
        {"source": str(registry.place(own) / "model"), "run_id": own.run_id},
        {"source": f"models:/{MODEL}/1"},
        {"source": f"models:/{MODEL}@champion"},
        {"source": f"models:/{own.model_id}"},
        {"source": f"{registry.remote_place}/model", "run_id": registry.remote},
        {"source": registry.remote_place, "run_id": registry.remote},
    ):
        assert registry.create(**fields) == 200, fields


def test_files_of_others_do_not(registry: Registry) -> None:
    own, other = registry.own, registry.other
    of_run = f"{other.experiment_id}/{other.run_id}/artifacts/model"
    # Whose files they are is said by the run's id alone.
    disguised = f"{own.experiment_id}/{other.run_id}/artifacts/model"
    of_model = f"{own.experiment_id}/models/{other.model_id}/artifacts/model"
    before = registry.world.store.read(queries.SearchModelVersions(filter=f"name = '{MODEL}'"))
    for fields in (
        {"source": f"runs:/{other.run_id}/model", "run_id": other.run_id},
        {"source": f"runs:/{other.run_id}/model", "run_id": own.run_id},
        {"source": f"runs:/{own.run_id}/model", "run_id": other.run_id},
        {"source": f"mlflow-artifacts:/{of_run}", "run_id": other.run_id},
        {"source": f"mlflow-artifacts:/{of_run}", "run_id": own.run_id},
        {"source": f"mlflow-artifacts:///{disguised}", "run_id": own.run_id},
        {"source": f"MLFLOW-ARTIFACTS:/{disguised}", "run_id": own.run_id},
        {"source": f"mlflow-artifacts:/{of_model}", "model_id": own.model_id},
        {"source": f"mlflow-artifacts:/{of_model}", "model_id": other.model_id},
        {"source": str(registry.place(other) / "model"), "run_id": other.run_id},
        {"source": "models:/others/1"},
        {"source": "models:/others@champion"},
        {"source": "models:///others/latest"},
        {"source": "models:/others/None"},
        {"source": f"models:/{other.model_id}"},
        {"source": f"models:/{other.model_id}", "run_id": own.run_id},
        {"source": "s3://bucket/model", "run_id": other.run_id},
        {"source": "s3://bucket/model", "model_id": other.model_id},
        {"source": f"models:/{MODEL}/1", "run_id": other.run_id},
    ):
        assert registry.create(**fields) == 404, fields
    for fields in (
        {"source": str(registry.place(other) / "model"), "run_id": own.run_id},
        {"source": str(registry.place(other) / "model")},
        {"source": f"file://{registry.place(other)}/model", "model_id": own.model_id},
        {"source": f"{registry.place(own)}/../../{other.run_id}/artifacts", "run_id": own.run_id},
        {"source": "/etc/passwd", "run_id": own.run_id},
        {"source": f"mlflow-artifacts:/{own.experiment_id}/{own.run_id}/artifacts/%2e%2e/x", "run_id": own.run_id},
        {"source": f"runs:/{own.run_id}/../{other.run_id}", "run_id": own.run_id},
        {"source": f"models:/{MODEL}/1/../../x"},
    ):
        assert registry.create(**fields) == 400, fields
    # The server, and who serves models with it, would read these with rights of their own.
    for fields in (
        {"source": "s3://bucket/model"},
        {"source": "s3://bucket/model", "run_id": own.run_id},
        {"source": "S3://bucket/model", "model_id": own.model_id},
        {"source": f"{registry.remote_place}/model"},
        {"source": f"{registry.remote_place}/model", "run_id": own.run_id},
        {"source": f"{registry.remote_place}s/model", "run_id": registry.remote},
        {"source": "s3://bucket/far", "run_id": registry.remote},
        {"source": f"mlflow-artifacts://elsewhere/{own.run_id}/artifacts", "run_id": own.run_id},
    ):
        assert registry.create(**fields) == 403, fields
    up = {"source": f"{registry.remote_place}/../../x", "run_id": registry.remote}
    assert registry.create(**up) == 400
    assert registry.world.store.read(queries.SearchModelVersions(filter=f"name = '{MODEL}'")) == before


def test_what_the_server_cannot_name_it_does_not_read(registry: Registry) -> None:
    """A remote place that looks like the artifacts of another's run."""
    other = registry.other
    source = f"s3://bucket/{other.experiment_id}/{other.run_id}/artifacts/model"
    registry.world.store.write(ops.CreateModelVersion(name=MODEL, source=source, time=now()))
    path = "/model-versions/get-artifact?path=MLmodel&version=2&name=%EB%82%98%EC%9D%98%20%EB%AA%A8%EB%8D%B8%20%231%3F"
    assert registry.world.client.get(path, registry.editor).status == 501
    assert registry.world.client.get(path.replace("version=2", "version=1"), registry.editor).status == 200


def test_a_reader_of_a_model_reads_its_files_and_nothing_else_of_the_run(registry: Registry) -> None:
    world, own = registry.world, registry.own
    reader = world.user("reader")
    world.grant("reader", MODEL, Level.READ, REGISTERED_MODEL)
    path = "/model-versions/get-artifact?path=MLmodel&version=1&name=%EB%82%98%EC%9D%98%20%EB%AA%A8%EB%8D%B8%20%231%3F"
    assert world.client.get(path, reader).status == 200
    assert world.client.get(f"/api/2.0/mlflow/runs/get?run_id={own.run_id}", reader).status == 404
    proxied = f"/api/2.0/mlflow-artifacts/artifacts/{own.experiment_id}/{own.run_id}/artifacts/model/MLmodel"
    assert world.client.get(proxied, reader).status == 404
    told = world.client.get("/api/2.0/mlflow/model-versions/search", reader)
    (version,) = told.json()["model_versions"]
    assert version["run_id"] == own.run_id
    assert own.name.encode() not in told.body


def level(world: World, name: str, model: str) -> Level:
    found: Level = world.desk.read(accounts.GetLevel(name=name, kind=REGISTERED_MODEL, thing=model))
    return found


def test_permissions_go_with_the_name_and_end_with_the_model(world: World) -> None:
    world.user("admin")
    maker, other = world.user("maker"), world.user("other")
    world.grant("other", "later", Level.MANAGE, REGISTERED_MODEL)
    world.api("registered-models/create", maker, name="first")
    world.grant("other", "first", Level.READ, REGISTERED_MODEL)
    role = world.desk.write(accounts.CreateRole(name="role"))
    world.desk.write(
        accounts.AddRoleGrant(role_id=role.role_id, kind=REGISTERED_MODEL, pattern="first", level=Level.EDIT)
    )
    world.api("registered-models/rename", maker, name="first", new_name="later")
    assert [level(world, name, "later") for name in ("maker", "other")] == [Level.MANAGE, Level.READ]
    assert [level(world, name, "first") for name in ("maker", "other")] == [Level.NO_PERMISSIONS] * 2
    (given,) = world.desk.read(accounts.GetRole(role_id=role.role_id)).grants
    assert given.pattern == "later"
    # What was the name of another model, whose permissions are gone with it.
    world.api("registered-models/create", other, name="first")
    assert [level(world, name, "first") for name in ("maker", "other")] == [Level.NO_PERMISSIONS, Level.MANAGE]
    assert world.send("DELETE", "/api/2.0/mlflow/registered-models/delete", other, {"name": "later"}).status == 403
    assert world.send("DELETE", "/api/2.0/mlflow/registered-models/delete", maker, {"name": "later"}).status == 200
    world.api("registered-models/create", other, name="later")
    assert [level(world, name, "later") for name in ("maker", "other")] == [Level.NO_PERMISSIONS, Level.MANAGE]
    assert world.desk.read(accounts.GetRole(role_id=role.role_id)).grants == ()


def test_nobody_manages_every_model_by_a_name(world: World) -> None:
    admin, maker = world.user("admin"), world.user("maker")
    world.store.write(ops.CreateRegisteredModel(name="secret", time=now()))
    for who in (maker, admin):
        assert world.send("POST", "/api/2.0/mlflow/registered-models/create", who, {"name": EVERY}).status == 400
    world.api("registered-models/create", maker, name="mine")
    fields = {"name": "mine", "new_name": EVERY}
    assert world.send("POST", "/api/2.0/mlflow/registered-models/rename", maker, fields).status == 400
    assert level(world, "maker", "secret") == Level.NO_PERMISSIONS
    assert level(world, "maker", "mine") == Level.MANAGE
    # One that was there before users were: what is granted on all models stays when it goes.
    world.store.write(ops.CreateRegisteredModel(name=EVERY, time=now()))
    world.grant("maker", EVERY, Level.READ, REGISTERED_MODEL)
    world.api("registered-models/rename", admin, name=EVERY, new_name="plain")
    assert level(world, "maker", "secret") == Level.READ
    world.store.write(ops.CreateRegisteredModel(name=EVERY, time=now()))
    assert world.send("DELETE", "/api/2.0/mlflow/registered-models/delete", admin, {"name": EVERY}).status == 200
    assert level(world, "maker", "secret") == Level.READ


def test_names_that_are_taken_tell_nothing(world: World) -> None:
    world.user("admin")
    maker = world.user("maker")
    world.store.write(ops.CreateRegisteredModel(name="secret", time=now(), description="금고"))
    world.api("registered-models/create", maker, name="mine")
    for path, fields in (("create", {"name": "secret"}), ("rename", {"name": "mine", "new_name": "secret"})):
        reply = world.send("POST", f"/api/2.0/mlflow/registered-models/{path}", maker, fields)
        assert (reply.status, reply.json()["message"]) == (400, "The name 'secret' is taken; use another one.")
    assert level(world, "maker", "secret") == Level.NO_PERMISSIONS


def test_a_token_for_some_models_knows_only_these(world: World) -> None:
    world.user("admin")
    maker = world.user("maker")
    for name in ("one", "two"):
        world.api("registered-models/create", maker, name=name)
    narrow = bearer(world.token("maker", things={REGISTERED_MODEL: ("one",)}).secret)
    found = world.send("GET", "/api/2.0/mlflow/registered-models/search", narrow).json()
    assert [item["name"] for item in found["registered_models"]] == ["one"]
    assert world.send("GET", "/api/2.0/mlflow/registered-models/get?name=two", narrow).status == 404
    assert world.send("POST", "/api/2.0/mlflow/registered-models/create", narrow, {"name": "three"}).status == 403
    elsewhere = bearer(world.token("maker", things={EXPERIMENT: ("0",)}).secret)
    assert world.send("GET", "/api/2.0/mlflow/registered-models/search", elsewhere).json() == {}
    with pytest.raises(Exception, match="no experiment"):
        world.token("maker", things={EXPERIMENT: (EVERY,)})
