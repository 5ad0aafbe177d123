"""Every route and door × every kind of caller: the answers are those of table.txt, and none is missing there.

WRITE_TABLES=1 pytest tests/server/auth/test_table.py    # writes it anew; read the difference
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.routing import Mount

from millstream.formats.wire.needs import Who
from millstream.server import change_stream
from millstream.server.app import refuse
from millstream.server.doors import DoorRoute, WrongMethod
from millstream.server.routes import Known
from millstream.server.static import Pages
from tests.server.auth import everyone
from tests.server.auth.conftest import World
from tests.server.auth.everyone import CALLERS, Everyone, Way

TABLE = Path(__file__).with_name("table.txt")


def answers(everybody: Everyone, way: Way) -> list[str]:
    """What each of `CALLERS` is answered; things are made anew for whoever comes after a change."""
    words = []
    things = everybody.things_for(way)
    for caller in CALLERS:
        reply = everybody.answer(way, caller, things)
        # Nothing is signed where artifacts lie in a directory; what matters is whom it is said to.
        assert reply.status < 500 or (reply.status == 501 and is_signing(way)), (way.title, caller, reply.body)
        words.append(everybody.word(way, caller, reply, things))
        if way.uses_up and reply.status < 400 and way.method != "GET":
            things = everybody.things_for(way)
    return words


def test_everybody_is_answered_as_the_table_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_stream, "LIFE", 0.0)  # a stream ends at once
    everybody = Everyone(world)
    found = {way.title: answers(everybody, way) for way in everyone.ways(world)}
    width = max(map(len, found)) + 2
    lines = ["".ljust(width) + "".join(name.ljust(10) for name in CALLERS).rstrip()]
    lines += [title.ljust(width) + "".join(word.ljust(10) for word in words).rstrip() for title, words in found.items()]
    text = "\n".join(lines) + "\n"
    if os.environ.get("WRITE_TABLES"):
        TABLE.write_text(text, encoding="utf-8")
    assert text == TABLE.read_text(encoding="utf-8")


def test_the_table_grants_no_more_than_the_needs(world: World) -> None:
    """What can be told from the table alone: who is let in by which door."""
    known = {line.split("  ")[0]: line.split()[2:] for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]}
    for way in everyone.ways(world):
        words = dict(zip(CALLERS, known[way.title], strict=True))
        if everyone.is_open(way.needs):
            continue
        assert words["nobody"] == words["expired"] == "401", way
        for caller in ("stranger", "elsewhere"):
            if way.needs.rights and way.needs.who is not Who.MAKER:
                assert words[caller] in ("403", "404"), way
            if way.needs.narrowed:
                assert words[caller] == "200-", way
        if way.method != "GET" and not way.needs.narrowed:
            for caller in ("link", "reader", "narrow"):
                allowed = way.needs.who is Who.MAKER and caller == "reader"
                assert words[caller] in ("403", "404") or allowed or is_read(way), (way, caller, words[caller])


def is_signing(way: Way) -> bool:
    return "/mpu/" in way.path or "/presigned/" in way.path


def is_read(way: Way) -> bool:
    return (
        way.path.endswith(
            (
                "presigned-download-url",
                "ui/series",
                "ui/envelope",
                "ui/curves",
                "ui/opening",
                "ui/tokens",
                "get-latest-versions",
            )
        )
        or "{token_id}" in way.path
    )


def test_nothing_is_served_beside_doors_and_rows(world: World) -> None:
    served = world.app.app.routes
    assert {type(route) for route in served} == {Known, DoorRoute, Mount}
    mounts = [route for route in served if isinstance(route, Mount) and route.app is not refuse]
    # The last one refuses what is no door's.
    assert [route.path for route in mounts] == ["/api", "/ajax-api", ""]
    assert getattr(mounts[-1].app, "__func__", None) is Pages.refuse
    answering = [route for route in served if isinstance(route, DoorRoute) and not isinstance(route.app, WrongMethod)]
    assert [route.path for route in answering] == [door.path for door in everyone.doors(world)]
