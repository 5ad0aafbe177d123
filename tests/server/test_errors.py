"""The border between the app and the caller, where a reply has begun already."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from millstream.server.errors import Errors


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

    anyio.run(Errors(app), {"type": "http", "path": "/p", "method": "GET"}, receive, send)
    return sent


def test_a_reply_that_broke_off_is_not_made_to_look_whole(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        call(ZeroDivisionError("inside"), begun=True)
    assert "A reply to /p broke off." in caplog.text
    assert "inside" in caplog.text


def test_a_caller_that_went_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert call(ClientDisconnect(), begun=False) == []
    assert caplog.text == ""


def test_what_is_under_way_when_the_server_waits_no_longer_may_be_tried_again() -> None:
    assert call(asyncio.CancelledError(), begun=False)[0]["status"] == 503


def test_what_was_not_begun_is_answered() -> None:
    assert call(ZeroDivisionError(), begun=False)[0]["status"] == 500
