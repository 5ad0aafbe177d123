"""What a peer can be asked to do on a server where users log in; as `verbs`. The login is in the environment."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Login = dict[str, str]
VARIABLES = {"username": "MLFLOW_TRACKING_USERNAME", "password": "MLFLOW_TRACKING_PASSWORD",
             "token": "MLFLOW_TRACKING_TOKEN"}  # fmt: skip


@contextmanager
def _logged_in(login: Login) -> Iterator[None]:
    for name, variable in VARIABLES.items():
        os.environ.pop(variable, None)
        if name in login:
            os.environ[variable] = login[name]
    try:
        yield
    finally:
        for variable in VARIABLES.values():
            os.environ.pop(variable, None)


def _client(library: Any, store: str) -> Any:
    # Its package also holds MLflow's own server with a login, which needs more packages than the client does.
    package = types.ModuleType("mlflow.server.auth")
    package.__path__ = [str(Path(library.__file__).parent / "server" / "auth")]
    sys.modules.setdefault(package.__name__, package)
    return importlib.import_module("mlflow.server.auth.client").AuthServiceClient(store)


def _refusal(act: Callable[[], Any]) -> str:
    """The code of the error that `act` raises, "" for none; without a code the error's text."""
    try:
        act()
    except Exception as error:
        code = getattr(error, "error_code", "")
        return str(error) if not code or code == "INTERNAL_ERROR" else str(code)
    return ""


def make_users(library: Any, store: str, login: Login, names: list[str], password: str) -> Any:
    """New users, made an administrator and none again, with another password than at first; what is told of them."""
    seen = []
    with _logged_in(login):
        client = _client(library, store)
        for name in names:
            made = client.create_user(name, password + " at first")
            client.update_user_password(name, password)
            client.update_user_admin(name, True)
            was = client.get_user(name).is_admin
            client.update_user_admin(name, False)
            now = client.get_user(name)
            seen.append([made.username, was, now.username, now.is_admin])
        again = _refusal(lambda: client.create_user(names[0], password))
        gone = _refusal(lambda: client.get_user("nobody at all"))
    return {"users": seen, "again": again, "gone": gone}


def grant(library: Any, store: str, login: Login, grants: list[list[str]], admin: Login) -> Any:
    """Give [user, kind, thing, permission]s; the permissions that an administrator is told then."""
    client = _client(library, store)
    with _logged_in(login):
        for item in grants:
            client.grant_user_permission(*item)
    with _logged_in(admin):
        return [client.get_user_permission(*item[:3]).permission for item in grants]


def take_back(library: Any, store: str, login: Login, user: str, kind: str, thing: str) -> Any:
    """Revoke a permission; what revoking it once more says."""
    with _logged_in(login):
        client = _client(library, store)
        client.revoke_user_permission(user, kind, thing)
        return _refusal(lambda: client.revoke_user_permission(user, kind, thing))


def roles(library: Any, store: str, login: Login, user: str, experiment_id: str) -> Any:
    """The life of a role: made, given a permission and a user, changed; its id, and what is told of it."""
    with _logged_in(login):
        client = _client(library, store)
        role = client.create_role("default", "readers", description="읽는 사람")
        given = client.add_role_permission(role.id, "experiment", experiment_id, "READ")
        client.assign_role(user, role.id)
        client.update_role(role.id, name="독자")
        client.update_role_permission(given.id, "EDIT")
        found = client.get_role(role.id)
        seen = {
            "role": [found.name, found.description, found.workspace],
            "listed": [item.name for item in client.list_roles("default") if item.id == role.id],
            "all": [item.name for item in client.list_all_roles() if item.id == role.id],
            "grants": [
                [item.resource_type, item.resource_pattern, item.permission]
                for item in client.list_role_permissions(role.id)
            ],
            "of_user": [item.name for item in client.list_user_roles(user) if item.id == role.id],
            "users": len(client.list_role_users(role.id)),
        }
        return role.id, seen


def end_role(library: Any, store: str, login: Login, user: str, role_id: int) -> Any:
    """A role without its user and permission, then removed; what asking for it then says."""
    with _logged_in(login):
        client = _client(library, store)
        client.unassign_role(user, role_id)
        for item in client.list_role_permissions(role_id):
            client.remove_role_permission(item.id)
        client.delete_role(role_id)
        return _refusal(lambda: client.get_role(role_id))


def delete_user(library: Any, store: str, login: Login, name: str) -> Any:
    """Remove a user; what that says."""
    with _logged_in(login):
        return _refusal(lambda: _client(library, store).delete_user(name))


def tracked_day(library: Any, store: str, login: Login, name: str) -> Any:
    """Somebody logs a run, files and a registered model under `name`; what he reads of them, and their ids."""
    with _logged_in(login):
        library.set_tracking_uri(store)
        experiment_id = library.MlflowClient().create_experiment(name)
        with library.start_run(experiment_id=experiment_id) as run:
            library.log_metrics({"loss": 0.5, "정확도": 1.0})
            library.log_param("lr", "0.1")
            library.log_text("flavors: {}", "model/MLmodel")
            library.log_text("안녕", "model/a.txt")
        version = library.register_model(f"runs:/{run.info.run_id}/model", name)
        found = library.MlflowClient().get_run(run.info.run_id)
        return {
            "experiment_id": experiment_id,
            "run_id": run.info.run_id,
            "metrics": found.data.metrics,
            "text": library.artifacts.load_text(f"runs:/{run.info.run_id}/model/a.txt"),
            "version": int(version.version),
            "model_text": library.artifacts.load_text(f"models:/{name}/1/a.txt"),
        }


def reach(library: Any, store: str, login: Login, experiment_id: str, run_id: str, model: str) -> Any:
    """What somebody can do with things: by name of the act "" or the code of its refusal; and which lists have them."""
    with _logged_in(login):
        library.set_tracking_uri(store)
        client = library.MlflowClient()
        acts = {
            "get experiment": lambda: client.get_experiment(experiment_id),
            "get run": lambda: client.get_run(run_id),
            "read file": lambda: client.download_artifacts(run_id, "model/a.txt", tempfile.mkdtemp()),
            "log": lambda: client.log_metric(run_id, "more", 1.0),
            "log file": lambda: client.log_text(run_id, "x", "b.txt"),
            "delete experiment": lambda: client.delete_experiment(experiment_id),
            "get model": lambda: client.get_registered_model(model),
            "describe model": lambda: client.update_registered_model(model, "new"),
            "new version": lambda: client.create_model_version(model, f"runs:/{run_id}/model", run_id),
        }
        seen: dict[str, Any] = {name: _refusal(act) for name, act in acts.items()}
        lists = {
            "experiments": lambda: [item.experiment_id for item in client.search_experiments()],
            "runs": lambda: [item.info.run_id for item in client.search_runs([experiment_id])],
            "models": lambda: [item.name for item in client.search_registered_models()],
            "versions": lambda: [item.name for item in client.search_model_versions()],
        }
        things = (experiment_id, run_id, model)
        try:
            seen["listed"] = [name for name, ask in lists.items() if set(ask()) & set(things)]
        except Exception as error:
            seen["listed"] = str(error)
        return seen
