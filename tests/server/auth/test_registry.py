"""Rights on registered models: they come, move and go with the models, and reach what a version is made of."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.stores.accounts import now
from millstream.values import ops
from millstream.values.rights import EVERY, REGISTERED_MODEL, Level
from tests.server.auth.conftest import World

RM, MV = "/api/2.0/mlflow/registered-models", "/api/2.0/mlflow/model-versions"


def status(world: World, method: str, path: str, who: dict[str, str], fields: Any = None) -> int:
    return world.send(method, path, who, fields).status


def test_who_makes_a_model_manages_it_under_every_name_until_it_is_gone(world: World) -> None:
    world.user("admin", admin=True)
    maker, other = world.user("maker"), world.user("other")
    world.api("registered-models/create", maker, name="m")
    world.grant("other", "m", Level.READ, REGISTERED_MODEL)
    # What was granted on a name that nothing had is void when something gets it.
    world.grant("other", "n", Level.MANAGE, REGISTERED_MODEL)
    world.api("registered-models/rename", maker, name="m", new_name="n")
    assert status(world, "GET", f"{RM}/get?name=n", maker) == status(world, "GET", f"{RM}/get?name=n", other) == 200
    assert status(world, "PATCH", f"{RM}/update", other, {"name": "n", "description": "x"}) == 403
    assert status(world, "DELETE", f"{RM}/delete", maker, {"name": "n"}) == 200
    world.api("registered-models/create", other, name="n")
    assert status(world, "GET", f"{RM}/get?name=n", maker) == 404
    assert world.send("GET", f"{RM}/search", maker).json() == {}
    assert world.send("GET", f"{RM}/search", other).json()["registered_models"][0]["name"] == "n"


def test_what_is_sent_again_under_its_key_leaves_the_rights_as_they_are(world: World) -> None:
    world.user("admin", admin=True)
    maker, other = world.user("maker"), world.user("other")

    def send(path: str, key: str, **fields: str) -> None:
        assert world.send("POST", f"/api/2.0/mlflow/{path}", {**maker, "idempotency-key": key}, fields).status == 200

    def create() -> None:
        send("registered-models/create", "1", name="m")
        send("experiments/create", "2", name="e")

    create()
    found = world.send("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=e", maker).json()
    world.grant("other", "m", Level.EDIT, REGISTERED_MODEL)
    world.grant("other", found["experiment"]["experiment_id"], Level.READ)
    world.gate._identities.outdate()
    create()
    assert status(world, "PATCH", f"{RM}/update", other, {"name": "m", "description": "x"}) == 200
    assert status(world, "GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=e", other) == 200

    send("registered-models/rename", "3", name="m", new_name="n")
    world.api("registered-models/create", maker, name="m")
    world.grant("other", "m", Level.READ, REGISTERED_MODEL)
    send("registered-models/rename", "3", name="m", new_name="n")
    assert status(world, "GET", f"{RM}/get?name=m", other) == status(world, "GET", f"{RM}/get?name=n", other) == 200


def test_a_version_is_made_of_what_its_maker_may_read(world: World) -> None:
    world.user("admin", admin=True)
    maker = world.user("maker")
    things = world.things()
    world.store.write(ops.CreateRegisteredModel(name="theirs", time=now()))
    world.store.write(ops.CreateModelVersion(name="theirs", source="s3://b/m", time=now()))
    world.api("registered-models/create", maker, name="m")
    world.store.write(ops.CreateModelVersion(name="m", source="s3://b/m", time=now()))
    artifacts = f"mlflow-artifacts:/{things.experiment_id}/{things.run_id}/artifacts"
    asked = (
        {"source": "models:/theirs/1"},
        {"source": f"models:/{things.model_id}"},
        {"source": f"runs:/{things.run_id}/x", "run_id": things.run_id},
        {"source": artifacts, "run_id": things.run_id},
        {"source": "models:/m/1", "run_id": things.run_id},
        {"source": "models:/m/1", "model_id": things.model_id},
    )
    for fields in asked:
        assert status(world, "POST", f"{MV}/create", maker, {"name": "m", **fields}) == 404, fields
    world.grant("maker", "theirs", Level.READ, REGISTERED_MODEL)
    world.grant("maker", things.experiment_id, Level.READ)
    for fields in asked:
        assert status(world, "POST", f"{MV}/create", maker, {"name": "m", **fields}) == 200, fields
    assert status(world, "POST", f"{MV}/create", maker, {"name": "theirs", "source": "models:/m/1"}) == 403
    assert status(world, "POST", f"{MV}/create", maker, {"name": "m", "source": "s3://b/m"}) == 403


@pytest.mark.parametrize(("path", "field"), [("create", "name"), ("rename", "new_name")])
def test_no_model_gets_the_name_that_stands_for_all(world: World, path: str, field: str) -> None:
    world.user("admin", admin=True)
    maker = world.user("maker")
    world.store.write(ops.CreateRegisteredModel(name="theirs", time=now()))
    world.api("registered-models/create", maker, name="m")
    reply = world.send("POST", f"{RM}/{path}", maker, {"name": "m", field: EVERY})
    assert (reply.status, reply.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert status(world, "GET", f"{RM}/get?name=theirs", maker) == 404
