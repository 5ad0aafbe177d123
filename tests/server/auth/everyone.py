"""Every way into the server, every kind of caller, and what each is answered: the rows of `table.txt`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import NODEFAULT, Struct, structs

from millstream.formats.wire.needs import Needs, Who
from millstream.formats.wire.route import Request, Route
from millstream.server import interface
from millstream.server.app import all_routes
from millstream.server.doors import Door, Nothing
from millstream.stores.accounts import now
from millstream.values import accounts, ops
from millstream.values.entities import Dataset, DatasetInput, Metric, Param, RunTag
from millstream.values.rights import EXPERIMENT, REGISTERED_MODEL, Level
from tests.server.auth.conftest import Things, World, bearer
from tests.server.conftest import Reply

CALLERS = ("nobody", "expired", "stranger", "elsewhere", "link", "reader", "narrow", "editor", "manager", "admin")
"""nobody brings nothing; expired a token that is over; stranger has no grants; elsewhere manages another experiment;
link is a share of the experiment; narrow a manager's token to read."""


class Way(Struct, frozen=True):
    """A method and a path, with the fields that a request has and what it needs."""

    method: str
    path: str
    request: type[Request]
    needs: Needs

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def uses_up(self) -> bool:
        """Whether it cannot be done twice with the same things."""
        return self.method == "DELETE" or self.path.rpartition("/")[2] in ONCE or "/permissions/" in self.path


def ways(world: World) -> Iterator[Way]:
    """All there are. A route has the same needs below each of its prefixes, so that one of them does."""
    for route in rows(world):
        for method in route.methods:
            yield Way(method, route.prefixes[0] + route.path, route.request, route.needs)
    for door in doors(world):
        for method in door.methods:
            yield Way(method, door.path, door.request, door.needs)


def rows(world: World) -> tuple[Route, ...]:
    return all_routes(interface.Server("1", 0)) + world.gate.routes


def doors(world: World) -> tuple[Door, ...]:
    found: tuple[Door, ...] = world.app.app.state.doors
    return found


class Everyone:
    """One caller of each kind: headers by name; and things that they have rights on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.headers: dict[str, dict[str, str]] = {"nobody": {}, "admin": world.user("admin")}
        world.user("second admin", admin=True)
        for name in ("stranger", "reader", "editor", "manager", "elsewhere"):
            self.headers[name] = world.user(name)
        over = world.token("manager", scope="full", expires=now() + 1)
        while world.accounts.credential(over.secret) is not None:
            pass
        self.headers["expired"] = bearer(over.secret)
        self.headers["narrow"] = bearer(world.token("manager", scope="read").secret)
        world.grant("elsewhere", world.things().experiment_id, Level.MANAGE)
        self._made = 0
        self._things: dict[str, Any] | None = None

    def things_for(self, way: Way) -> dict[str, Any]:
        """Things with which the request can succeed: those of others where it can share them."""
        if way.uses_up or self._things is None:
            self._things = None
            things = self.things()
            prepare(self.world, way.title, things)
            if not way.uses_up:
                self._things = things
            return things
        return self._things

    def things(self) -> dict[str, Any]:
        """New things, as values for the fields of requests; reader, editor and manager have rights on them."""
        self._made += 1
        world, made = self.world, self.world.things()
        model = f"model <{self._made}>"
        for name, level in (("reader", Level.READ), ("editor", Level.EDIT), ("manager", Level.MANAGE)):
            world.grant(name, made.experiment_id, level)
            world.grant(name, model, level, REGISTERED_MODEL)
        share = accounts.CreateShare(
            user="manager", kind=EXPERIMENT, thing=made.experiment_id, time=now(), expires=now() + 3_600_000
        )
        secret = world.desk.write(share).secret
        self.headers["link"] = {"cookie": f"millstream_share={secret.reveal()}"}
        self._fill(made, model)
        role = world.desk.write(accounts.CreateRole(name=f"role {self._made}"))
        add = accounts.AddRoleGrant(role_id=role.role_id, kind=EXPERIMENT, pattern="77", level=Level.READ)
        user = f"user {self._made}"
        world.user(user)
        return {
            **structs.asdict(made),
            "experiment_ids": [made.experiment_id],
            "experiment_name": made.name,
            "run_ids": [made.run_id],
            "source": f"runs:/{made.run_id}/model",
            "name": model,
            "new_name": f"new {self._made}",
            "username": user,
            "role_id": role.role_id,
            "role_permission_id": world.desk.write(add).grant_id,
            "resource_type": EXPERIMENT,
            "resource_id": made.experiment_id,
            "resource_pattern": "78",
            "token_id": world.token("manager").token.token_id,
            "token": secret.reveal(),
            **CONSTANTS,
        }

    def _fill(self, made: Things, model: str) -> None:
        """Something of each sort, with the name of the experiment in it wherever a text can be."""
        store, name = self.world.store, made.name
        store.write(ops.SetExperimentTag(experiment_id=made.experiment_id, key="k", value=name))
        points, texts = (Metric("loss", 1.0, 1, 1),), (Param("a", name),)
        store.write(ops.LogBatch(run_id=made.run_id, metrics=points, params=texts, tags=(RunTag("k", name),)))
        dataset = DatasetInput(Dataset(name=name, digest="d", source_type="local", source="here"))
        store.write(ops.LogInputs(run_id=made.run_id, datasets=(dataset,)))
        store.write(ops.SetLoggedModelTags(model_id=made.model_id, tags={"k": name}))
        store.write(ops.CreateRegisteredModel(name=model, time=now(), tags={"k": model}))
        source = f"runs:/{made.run_id}/model"
        version = ops.CreateModelVersion(name=model, source=source, time=now(), run_id=made.run_id, tags={"k": model})
        store.write(version)
        store.write(ops.SetModelAlias(name=model, alias="champion", version=1))
        for artifacts in (store.artifacts(made.run_id), store.model_artifacts(made.model_id)):
            put(artifacts, "a.txt")
            put(artifacts, "model/a.txt")

    def answer(self, way: Way, caller: str, things: dict[str, Any]) -> Reply:
        """What the server answers `caller` who asks for `things` in this way."""
        fields = self.fields(way, things)
        path, query = way.path, ""
        for name in [*fields]:
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", quote(str(fields[name]), safe=""))
        of_run = f"{things['experiment_id']}/{things['run_id']}/artifacts"
        if "mlflow-artifacts" in path:
            fields = {"path": of_run} if path.endswith("/artifacts") else {}
            fields = PARTS if "/mpu/" in path else fields
            fields = PART if "/mpu/part/" in path else fields
            path = path.replace("{path:path}", f"{of_run}/a.txt")
        path = path.replace("{path:path}", "e/1").replace("{token}", things["token"])
        if way.method in ("GET", "PUT") or way.path.endswith("upload-artifact"):
            query = "?" + urlencode(fields, doseq=True)
            body, typed = b"", {"content-type": "application/octet-stream"} if way.method != "GET" else {}
        else:
            body, typed = json.dumps(fields).encode(), {"content-type": "application/json"}
        return self.world.client.send(way.method, path + query, body, {**typed, **self.headers[caller]})

    def fields(self, way: Way, things: dict[str, Any]) -> dict[str, Any]:
        """Values for the fields that `way` must have, and for those that its needs are about."""
        if way.request is Nothing:
            return {}
        known = {**things, **OTHERWISE.get(way.title.partition("mlflow/")[2], {})}
        if way.path.endswith(("experiments/create", "registered-models/create")):
            known["name"] = things["new_name"]
        if way.path.endswith(("users/create",)):
            known["username"] = things["new_name"]
        wanted = [
            field.name
            for field in structs.fields(way.request)
            if (field.default is NODEFAULT and field.default_factory is NODEFAULT)
            or field.name in ALWAYS
            or (field.name == "run_id" and way.path.endswith("model-versions/create"))
        ]
        found = {name: known[name] for name in wanted}
        if way.path.endswith("presigned-upload-url"):
            found["run_id"] = known["run_id"]
        if "metrics" in way.path and "run_id" in found and "bulk" in way.path:
            found["run_id"] = [found["run_id"]]
        return found

    def word(self, way: Way, caller: str, reply: Reply, things: dict[str, Any]) -> str:
        """The status; for lists also whether (+) the things are among what is told."""
        told = any(things[name].encode() in reply.body for name in ("experiment_name", "run_id", "name"))
        listed = way.needs.narrowed and reply.status == 200
        return f"{reply.status}{'+' if told else '-'}" if listed else str(reply.status)


ONCE = (
    "create",
    "update",
    "rename",
    "delete",
    "restore",
    "delete-tag",
    "delete-experiment-tag",
    "assign",
    "add",
    "revoke",
)
CONSTANTS: dict[str, Any] = {
    "key": "k", "value": 1, "timestamp": 1, "metric_key": "loss", "keys": ["params.a"], "status": 2, "tag_key": "k",
    "model_json": json.dumps({"artifact_path": "a", "flavors": {}, "utc_time_created": "t", "run_id": "r"}),
    "password": "a password long enough", "is_admin": True, "permission": "READ", "workspace": "default",
    "path": "a.txt", "max_results": 1000, "description": "new", "artifact_file_path": "a.txt",
    "alias": "champion", "version": "1", "stage": "Staging", "upload_id": "u", "part_number": 1,
}  # fmt: skip
ALWAYS = ("experiment_ids", "max_results", "description")
"""Fields that can be left out and yet matter."""
PART = {"upload_id": "u", "part_number": 1}
PARTS = {"path": "a.txt", "num_parts": 1, "upload_id": "u", "parts": []}
OTHERWISE: dict[str, dict[str, Any]] = {"runs/log-metric": {"key": "loss"}}


def put(artifacts: Any, name: str) -> None:
    """A file of one byte."""
    import tempfile
    from pathlib import Path

    from millstream.values.paths import RelPath

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x")
        file.write_bytes(b"x")
        artifacts.put_file(file, RelPath.parse(name))


def prepare(world: World, title: str, things: dict[str, Any]) -> None:
    """What must be so before a request can succeed."""
    write = world.desk.write
    if title.endswith("experiments/restore"):
        write(ops.DeleteExperiment(experiment_id=things["experiment_id"], time=now()))
    elif title.endswith("runs/restore"):
        write(ops.DeleteRun(run_id=things["run_id"], time=now()))
    elif "roles/unassign" in title:
        write(accounts.AssignRole(name=things["username"], role_id=things["role_id"]))
    elif "permissions/" in title and not title.endswith(("permissions/create", "permissions/grant")):
        world.grant(things["username"], things["experiment_id"], Level.READ)
        world.grant(things["username"], things["name"], Level.READ, REGISTERED_MODEL)


def is_open(needs: Needs) -> bool:
    return needs.who is Who.ANYONE
