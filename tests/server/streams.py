"""Callers that are told of changes by a server process."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct


class Event(Struct):
    """One event; `data` is decoded."""

    name: str
    id: str
    data: Any


class Stream:
    """A connection that follows changes."""

    def __init__(self, port: int, last: str = "", **chosen: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        query = f"?{urlencode(chosen)}" if chosen else ""
        self._connection.request("GET", f"/api/ui/changes{query}", headers={"Last-Event-ID": last} if last else {})
        self.reply = self._connection.getresponse()
        self.comments = 0

    def events(self) -> Iterator[Event]:
        """As they come, until the server ends the stream."""
        fields: dict[str, str] = {}
        for line in iter(self.reply.readline, b""):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == ":":
                self.comments += 1
            elif name:
                fields[name] = value
            elif fields:
                if "event" in fields:
                    yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}

    def until(self, name: str, **wanted: Any) -> Event:
        """The next event of this name whose data has what is wanted."""
        for event in self.events():
            if event.name == name and all(event.data.get(key) == value for key, value in wanted.items()):
                return event
        raise AssertionError(f"The stream ended without {name} {wanted}.")

    def close(self) -> None:
        """Go without a word."""
        self._connection.close()
        self.reply.close()
