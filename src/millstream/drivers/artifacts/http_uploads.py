"""Large files that go in parts: each with its checksum, several at once, and on from where an upload broke off.

The server knows which parts are there. The token of an upload is made from what is sent and where to, so that the
next process that sends the same file goes on with it.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec

from millstream.drivers.artifacts.base import Plan, Told
from millstream.drivers.artifacts.parallel import each
from millstream.drivers.artifacts.proxied import NOT_REACHED, Server, may_go, straight
from millstream.drivers.rest.client import read_all
from millstream.drivers.rest.connection import Response
from millstream.formats.digests import CONTENT, print_digest, sha256
from millstream.values.errors import BadRequest, InvalidValue, NotFound, StorageFailed
from millstream.values.paths import RelPath
from millstream.values.readers import converter, json_reader

LARGE = 16 * 2**20
"""Files longer than this (bytes) go in parts."""
PART = 8 * 2**20
"""Bytes of a part, unless there were too many parts."""
_MOST_PARTS = 9_000
_AT_ONCE = 4
_HELD = 64 * 2**20
"""Most bytes of all parts on their way."""
_ANYTHING = (200, 400, 403, 404, 405, 500, 501, 502, 503, 504)


class _Address(msgspec.Struct):
    url: str
    part_number: int
    headers: dict[str, str] = {}


class _Stored(msgspec.Struct):
    part_number: int
    size: int
    etag: str


class _Begun(msgspec.Struct):
    upload_id: str
    credentials: list[_Address] = []
    parts: list[_Stored] | None = None


class _Tag(msgspec.Struct):
    etag: str


_to_begun = converter(_Begun, strict=False)
_read_tag = json_reader(_Tag)


class Upload:
    """A large file on its way to the place `path` of the server's store."""

    def __init__(self, server: Server, path: RelPath, source: Path, file: BinaryIO, told: Told | None) -> None:
        """Send `file`, which was opened from `source`; `told` is told how many bytes more are there."""
        self.server, self._path, self._file, self._told = server, path, file, told
        facts = os.fstat(file.fileno())
        self._size = facts.st_size
        part_size = max(PART, -(-self._size // _MOST_PARTS))
        name = f"{server.public} {path} {source.resolve()} {self._size} {facts.st_mtime_ns}"
        self._plan = Plan(sha256(name.encode("utf-8", "surrogateescape"))[:32], self._size, part_size)
        self._etags: dict[int, str] = {}

    def run(self) -> bool:
        """Send it. False when the server takes no parts, and the file has to go as a whole."""
        for last in (False, True):
            begun = self._begin()
            if begun is None:
                return False
            try:
                self._send(begun)
                return True
            except (NotFound, BadRequest, InvalidValue):
                # Somebody ended the upload, or what the server has is not what was sent: once more from the start.
                if last:
                    raise
                self._begin_again()
            except _PastFailed:
                self._abort(begun)
                self._begin_again()
                return False
        return False

    def _begin_again(self) -> None:
        done, self._etags = self._etags, {}
        self._tell(-sum(self._plan.stretch(number)[1] for number in done))

    def _abort(self, begun: _Begun) -> None:
        """Leave nothing where nobody will go on; whatever the server says to that."""
        self._ask("abort", {"upload_id": begun.upload_id}, good=_ANYTHING)

    def _begin(self) -> _Begun | None:
        plan = self._plan
        fields = {"num_parts": plan.count, "size": plan.size, "part_size": plan.part_size}
        # What it says of the path it also says when the file comes as a whole.
        answer = self._ask("create", fields, good=(200, 400, 404, 405, 501))
        if not answer:
            return None
        try:
            begun = _to_begun(answer)
        except msgspec.ValidationError as error:
            raise BadRequest(f"{self.server.public} began an upload in words of its own: {error}.") from error
        if begun.parts is not None or self._addresses(begun):
            return begun
        self._abort(begun)
        return None

    def _addresses(self, begun: _Begun) -> dict[int, _Address]:
        if not (self.server.direct and may_go("DIRECT_UPLOADS")) or len(begun.credentials) != self._plan.count:
            return {}
        return {address.part_number: address for address in begun.credentials}

    def _ask(self, verb: str, fields: Mapping[str, object], good: tuple[int, ...] = (200,)) -> dict[str, object]:
        folder = RelPath(self._path.segments[:-1])
        named = {"path": self._path.name, "token": self._plan.token, **fields}
        return self.server.ask("POST", self.server.at(f"mpu/{verb}", folder), named, good=good)

    def _send(self, begun: _Begun) -> None:
        whole = hashlib.sha256()
        sending = _Sending(self, begun.upload_id, self._addresses(begun), begun.parts)
        self._file.seek(0)

        def parts() -> Iterator[tuple[int, bytes]]:
            for number in range(1, self._plan.count + 1):
                length = self._plan.stretch(number)[1]
                data = self._file.read(length)
                if len(data) != length:
                    raise StorageFailed(f"{self._path.name!r} became shorter while it was sent. Send it again.")
                whole.update(data)
                yield number, data

        each(parts(), sending.send, at_once=max(1, min(_AT_ONCE, _HELD // self._plan.part_size)))
        urls = {address.part_number: address.url for address in begun.credentials}
        named = [
            {"part_number": number, "etag": etag, "url": urls.get(number, "")}
            for number, etag in sorted(self._etags.items())
        ]
        fields = {"upload_id": begun.upload_id, "parts": named, "sha256": whole.hexdigest()}
        self._ask("complete", fields)

    def _tell(self, count: int) -> None:
        if self._told is not None and count:
            self._told(count)

    def stored(self, number: int, etag: str, size: int) -> None:
        """A part is there."""
        self._etags[number] = etag
        self._tell(size)

    def put(self, upload_id: str, number: int, data: bytes) -> str:
        """Send a part through the server: its etag."""
        server = self.server
        target = server.at("mpu/part", self._path)
        headers = {CONTENT: print_digest(sha256(data)), "Content-Type": "application/octet-stream"}
        query = f"?upload_id={quote(upload_id, safe='')}&part_number={number}"
        answer = server.client.request("PUT", target + query, read_all, headers=headers, body=data)
        try:
            return _read_tag(answer).etag
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"{server.public} took a part in words of its own: {error}.") from error


class _PastFailed(Exception):
    """The store behind the server cannot be reached, and the server takes no parts for it."""


class _Sending:
    """The parts of one upload on their way, by several threads."""

    def __init__(
        self, upload: Upload, upload_id: str, addresses: dict[int, _Address], there: list[_Stored] | None
    ) -> None:
        self._upload, self._id, self._addresses = upload, upload_id, addresses
        self._through = there is not None
        self._there = {part.part_number: part for part in there or ()}

    def send(self, part: tuple[int, bytes]) -> None:
        """Have the server have it."""
        number, data = part
        known = self._there.get(number)
        if known is not None and known.size == len(data) and _is(known.etag, data):
            etag = known.etag
        else:
            etag = self._past(number, data) or self._upload.put(self._id, number, data)
        self._upload.stored(number, etag, len(data))

    def _past(self, number: int, data: bytes) -> str:
        """Send a part straight to the store behind the server: its etag; "" when that cannot be."""
        address = self._addresses.get(number)
        if address is None:
            return ""
        # The store compares; a part that was damaged on its way is refused.
        md5 = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        try:
            client, target = straight(address.url)
            etag = client.once("PUT", target, _etag, headers={**address.headers, "Content-MD5": md5}, body=data)
        except NOT_REACHED as error:
            self._upload.server.part()
            if not self._through:
                raise _PastFailed from error
            self._addresses = {}
            return ""
        return etag


def _is(etag: str, data: bytes) -> bool:
    """Whether a stored part is `data`: its etag is a SHA-256, or what S3 mostly says, an MD5."""
    etag = etag.strip('"')
    return etag in (sha256(data), hashlib.md5(data, usedforsecurity=False).hexdigest())


def _etag(response: Response) -> str:
    response.read()
    return response.headers.get("etag", "")
