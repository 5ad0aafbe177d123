"""Files that come over HTTP: whole, the length and the checksum that were said, or not at all.

When a connection breaks the rest is asked for, of the same version of the file. Two versions are never mixed.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Protocol

import msgspec

from millstream.drivers.artifacts.base import Told
from millstream.drivers.artifacts.proxied import NOT_REACHED, Server, may_go, straight
from millstream.drivers.rest.client import RestClient
from millstream.drivers.rest.connection import Response
from millstream.drivers.rest.retries import Transient
from millstream.formats.digests import WANTED, WHOLE, parse_digest
from millstream.values.errors import BadRequest, InvalidValue, NotFound, StorageFailed, Unavailable
from millstream.values.paths import RelPath
from millstream.values.readers import converter

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_WORTH_ASKING = 2**20
"""Bytes from which on it is asked for an address past the server."""


class Goal(Protocol):
    """Where a file goes."""

    def write(self, data: bytes) -> None:
        """Add `data` at the end."""
        ...

    def restart(self) -> None:
        """Forget what was written."""
        ...


def fetch(
    server: Server, path: RelPath, goal: Goal, size: int | None, told: Told | None, *, listed: bool = True
) -> None:
    """Write the file `path` of the server's store to `goal`, straight from where it lies if that can be reached.

    `size` is what is known of its length. `told` is told how many bytes more have come; fewer than none when
    it begins anew. Of one that is not `listed` older servers say that they are out of order; they are asked once.
    """
    if (size is None or size >= _WORTH_ASKING) and server.direct and may_go("DIRECT_DOWNLOADS") and server.signs():
        found = _ask_address(server, path)
        if found.url and (found.file_size or 0) >= _WORTH_ASKING:
            download = _Download(goal, told)
            try:
                client, target = straight(found.url)
                return download.run(client, target, found.headers, patient=False)
            except StorageFailed:
                raise  # it came, and cannot be written here
            except NOT_REACHED:
                server.part()
                download.restart()
    download = _Download(goal, told)
    try:
        download.run(server.client, server.at("artifacts", path), {WANTED: "sha-256=1"}, sure=listed)
    except Transient as error:
        raise NotFound(f"{server.public} lists no artifact {str(path)!r}, and cannot send it: {error}.") from error
    except Unavailable as error:
        if download.found or path.name.isascii():
            raise
        advice = f"Servers of MLflow 2 hang up when they should send a file of such a name ({path.name!r})."
        raise Unavailable(f"{error.message} {advice}") from error


class _Address(msgspec.Struct):
    url: str = ""
    headers: dict[str, str] = {}
    file_size: int | None = None


_to_address = converter(_Address, strict=False)


def _ask_address(server: Server, path: RelPath) -> _Address:
    answer = server.ask("GET", server.at("presigned", path), good=(200, 501))
    try:
        return _to_address(answer)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{server.public} names an address in words of its own: {error}.") from error


class _Download:
    """A file on its way, and how much of it is there."""

    def __init__(self, goal: Goal, told: Told | None) -> None:
        self.found = False
        """Whether the server has begun to send it."""
        self._goal = goal
        self._told = told
        self._got = 0
        self._etag = ""
        self._digest: Any = None

    def restart(self) -> None:
        """Begin anew."""
        if self._got:
            self._goal.restart()
            self._tell(-self._got)
        self._got, self._etag, self._digest = 0, "", None

    def run(
        self, client: RestClient, target: str, headers: dict[str, str], *, patient: bool = True, sure: bool = True
    ) -> None:
        """Take it, in as many answers as it needs; only `patient` ones wait for a server that does not answer.

        One that is not `sure` to be there does not wait either, unless the server begins to send it.
        """
        retries = client.retries()
        while True:
            before = self._got
            # What cannot be named cannot be gone on with.
            if self._got and not self._etag:
                self.restart()
            rest = {"Range": f"bytes={self._got}-", "If-Range": self._etag} if self._got else {}
            try:
                return client.once("GET", target, self._take, headers=headers | rest, good=(200, 206, 416))
            except Transient as error:
                if self._got > before:
                    retries.begin_again()
                elif not patient or not (sure or self.found):
                    raise
                retries.wait(error, f"GET {target.partition('?')[0]}")

    def _take(self, response: Response) -> None:
        self.found = True
        end = self._begin(response)
        for piece in response.pieces():
            self._goal.write(piece)
            self._got += len(piece)
            if self._digest is not None:
                self._digest.update(piece)
            self._tell(len(piece))
        if end is not None and self._got != end:
            raise Transient(f"{self._got} bytes came of {end}")
        announced = parse_digest(response.headers.get(WHOLE.lower()))
        if announced is not None and self._digest is not None and self._digest.hexdigest() != announced:
            self.restart()
            raise Transient("what came is not what was sent: its SHA-256 is another")

    def _begin(self, response: Response) -> int | None:
        """Go on with an answer that is the rest, else begin anew; the length of the whole if it is said."""
        etag = response.headers.get("etag", "")
        etag = etag if etag.startswith('"') else ""  # a weak one does not name bytes
        if response.status != 200:
            found = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if response.status == 416 or found is None or int(found[1]) != self._got or etag not in ("", self._etag):
                self.restart()
                raise Transient("the server sends another part than the one that was asked for")
            return int(found[3])
        self.restart()
        self._etag = etag
        if WHOLE.lower() in response.headers:
            self._digest = hashlib.sha256()
        if response.headers.get("content-encoding", "identity") != "identity":
            raise InvalidValue("The server sends files in an encoding that nobody asked for.")
        return response.length

    def _tell(self, count: int) -> None:
        if self._told is not None:
            self._told(count)
