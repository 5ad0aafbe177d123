"""The border between the app and the caller, where a reply has begun already."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from millstream.server.errors import MOST, Errors, error_reply
from millstream.values import refusals
from millstream.values.errors import InvalidValue, NoRoom, StorageFailed, Unavailable

SCOPE = {"type": "http", "path": "/p", "method": "GET"}


def call(error: BaseException, *, begun: bool) -> list[Any]:
    """What is sent when an app raises `error`."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    anyio.run(Errors(app), SCOPE, receive, send)
    return sent


def test_a_reply_that_broke_off_is_not_made_to_look_whole(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        call(ZeroDivisionError("inside"), begun=True)
    assert "(GET /p): the reply broke off." in caplog.text
    assert "inside" in caplog.text


def test_a_caller_that_went_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert call(ClientDisconnect(), begun=False) == []
    assert caplog.text == ""


def test_what_is_under_way_when_the_server_waits_no_longer_may_be_tried_again() -> None:
    assert call(asyncio.CancelledError(), begun=False)[0]["status"] == 503


def test_what_was_not_begun_is_answered() -> None:
    assert call(ZeroDivisionError(), begun=False)[0]["status"] == 500


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (refusals.no_run("r", "/srv/data"), "No run has the id 'r'."),
        (refusals.no_experiment_called("/srv", "/srv"), "No experiment is called '/srv'."),
        (Unavailable("10.0.0.7 refused", told="Try again later."), "Try again later."),
        (StorageFailed("/srv/data is full"), "The server could not do this. Its log says why, under the request id "),
        (StorageFailed("/srv/data is shut", told="It is shut."), "It is shut. Its log says why, under the request id "),
        (NoRoom("/srv/data is full", told="It is full."), "It is full."),
        (InvalidValue("x" * 10**6), "x" * (MOST - 1) + "…"),
    ],
)
def test_no_reply_says_where_things_are_or_runs_on(error: Exception, wanted: str) -> None:
    said = str(json.loads(bytes(error_reply(error, SCOPE).body))["message"])
    assert said.startswith(wanted)
    assert len(said) <= len(wanted) + 16


def test_what_is_not_told_is_logged_where_the_operator_must_act(caplog: pytest.LogCaptureFixture) -> None:
    error_reply(refusals.no_run("r", "/srv/data"), SCOPE)
    assert caplog.text == ""
    error_reply(Unavailable("10.0.0.7 refused", told="Try again later."), SCOPE)
    assert "10.0.0.7 refused" in caplog.text
