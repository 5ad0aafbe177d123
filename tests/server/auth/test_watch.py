"""Who watches a server hears who was logged in; the numbers are for those who are."""

from __future__ import annotations

import json
import os
from pathlib import Path

from millstream.server.access import AccessLog
from millstream.server.app import make_app
from millstream.server.watch import Watch
from tests.server.auth.conftest import PASSWORD, World, basic, bearer
from tests.server.conftest import Client


def test_the_log_names_who_was_logged_in_and_never_with_what(world: World, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    log = AccessLog("json", descriptor=descriptor)
    world.client = Client(make_app(world.store, gate=world.gate, watch=Watch(log=log)))
    who = world.user("하늘")
    token = world.token("하늘").secret.reveal()
    target = "/api/2.0/mlflow/experiments/search?max_results=1"
    world.send("GET", target, who)
    world.send("GET", f"{target}&page_token={token}", bearer(token))
    world.send("GET", target, {})
    world.send("GET", target, basic("하늘", "wrong password"))
    world.send("GET", f"/share/{token}", {})
    log.close()
    os.close(descriptor)
    text = path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["user"], line["status"]) for line in lines] == [
        ("하늘", 200),
        ("하늘", 400),
        (None, 401),
        (None, 401),
        (None, 404),
    ]
    assert token not in text
    assert PASSWORD not in text


def test_the_numbers_are_for_whoever_is_logged_in_with_whatever_token(world: World) -> None:
    world.user("admin")
    assert world.send("GET", "/metrics", {}).status == 401
    for scope in ("read", "full"):
        assert world.send("GET", "/metrics", bearer(world.token("admin", scope=scope).secret)).status == 200
