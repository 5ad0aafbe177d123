"""The stream of changes where users log in: what each is told, and when it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from millstream.server import change_stream
from millstream.server.auth.keeper import SHARE_COOKIE
from millstream.stores.accounts import now
from millstream.values import accounts, ops
from millstream.values.entities import RunTag
from millstream.values.rights import RUN, Level
from tests.server.auth.conftest import Things, World, bearer


class Heard:
    """What a stream says, as it comes."""

    def __init__(self) -> None:
        self._bodies, self._arrived = anyio.create_memory_object_stream[bytes](1000)

    async def send(self, message: Any) -> None:
        if message.get("body"):
            await self._bodies.send(message["body"])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._bodies.close()

    def close(self) -> None:
        self._bodies.close()
        self._arrived.close()

    async def next(self, name: str) -> list[Any]:
        """The data of the events that come next, once there are some of this name."""
        async for body in self._arrived:
            parts = [part.split("data: ", 1) for part in body.decode().split("\n\n") if f"event: {name}\n" in part]
            if parts:
                return [json.loads(part[1]) for part in parts]
        return []


@asynccontextmanager
async def following(world: World, who: dict[str, str], query: str = "") -> AsyncIterator[Heard]:
    """A stream that has begun; whoever followed it goes at the end."""
    heard, going = Heard(), anyio.Event()
    headers = [(name.encode(), value.encode()) for name, value in {"host": "localhost", **who}.items()]
    scope = {
        "type": "http", "method": "GET", "path": change_stream.PATH, "raw_path": change_stream.PATH.encode(),
        "query_string": query.encode(), "headers": headers, "root_path": "", "scheme": "http", "client": ("::1", 1),
    }  # fmt: skip

    async def receive() -> Any:
        await going.wait()
        return {"type": "http.disconnect"}

    async with anyio.create_task_group() as group:
        group.start_soon(world.app, scope, receive, heard.send)
        assert await heard.next("ready")
        yield heard
        going.set()
    heard.close()


def set_tag(world: World, things: Things, value: str) -> None:
    world.store.write(ops.LogBatch(run_id=things.run_id, tags=(RunTag("나", value),)))


def test_a_stream_tells_of_what_may_be_read_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_stream, "RENEWAL", 0.01)
    mine, taken, others = world.things(), world.things(), world.things()
    world.user("root", admin=True)
    world.user("kim")
    for things in (mine, taken):
        world.grant("kim", things.experiment_id, Level.READ)
    token = world.token("kim")

    async def live() -> None:
        async with following(world, bearer(token.secret)) as heard:
            for things in (others, taken):
                set_tag(world, things, "1")
            assert [change["run_id"] for change in await heard.next("change")] == [taken.run_id]
            world.grant("kim", taken.experiment_id, Level.DENY)
            for things in (others, taken, mine):
                set_tag(world, things, "2")
            assert [change["run_id"] for change in await heard.next("change")] == [mine.run_id]
            world.desk.write(accounts.RevokeToken(token_id=token.token.token_id))
            assert await heard.next("change") == []  # it has ended

    anyio.run(live)
    assert world.client.get(change_stream.PATH, headers=bearer(token.secret)).status == 401


def test_a_link_to_a_run_follows_it(world: World) -> None:
    things, others = world.things(), world.things()
    world.user("kim", admin=True)
    link = world.desk.write(
        accounts.CreateShare(user="kim", kind=RUN, thing=things.run_id, time=now(), expires=now() + 3_600_000)
    )
    cookie = {"cookie": f"{SHARE_COOKIE}={link.secret.reveal()}"}

    async def live() -> None:
        async with following(world, cookie, f"run_id={things.run_id}") as heard:
            for one in (others, things):
                set_tag(world, one, "1")
            assert [change["run_id"] for change in await heard.next("change")] == [things.run_id]
            world.store.write(ops.RenameExperiment(experiment_id=things.experiment_id, name="새", time=1))
            assert await heard.next("reset") == [{}]

    anyio.run(live)
