"""What every kind of artifact store does for one root (a run's artifacts, a model's directory)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from msgspec import Struct

from millstream.values.addresses import Signed
from millstream.values.entities import FileInfo
from millstream.values.paths import Location, RelPath
from millstream.values.settings import setting

Told = Callable[[int], None]
Progress = Callable[[int, int], None]


class Facts(Struct, frozen=True):
    """What is known of a stored file: its size (bytes), its time of change (ns), and what names this version of it.

    The files that a remote store opens have these as `facts`.
    """

    size: int
    changed: int
    etag: str = ""


def facts_of(file: BinaryIO) -> Facts:
    """The facts of a file that some store opened."""
    raw = getattr(file, "raw", file)
    if hasattr(raw, "facts"):
        facts: Facts = raw.facts
        return facts
    found = os.fstat(file.fileno())
    return Facts(found.st_size, found.st_mtime_ns)


class Draft(Protocol):
    """A file that is being written. Until `commit` it is not there, and what was there before is."""

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        ...

    def commit(self) -> None:
        """Put the file in its place."""
        ...

    def discard(self) -> None:
        """Forget it. Never fails; after `commit` it does nothing."""
        ...


class Plan(Struct, frozen=True):
    """How a file is sent in parts: all have `part_size` bytes, the last one what is left of `size`.

    `token` (32 hexadecimal digits) is chosen by the sender; with the same token he goes on with the same upload.
    """

    token: str
    size: int
    part_size: int

    @property
    def count(self) -> int:
        """How many parts."""
        return -(-self.size // self.part_size)

    def stretch(self, number: int) -> tuple[int, int]:
        """Where the part `number` (from 1) begins, and its length (bytes)."""
        start = (number - 1) * self.part_size
        return start, min(self.part_size, self.size - start)


class Part(Struct, frozen=True):
    """A part that is stored; its `etag` is the SHA-256 of it, or in a bucket of S3 what that one calls it."""

    number: int
    size: int
    etag: str


Resumed = tuple[str, list[Signed], list[Part]]
"""The id of an upload, an address for each part if clients may send them there, and the parts that are there."""


class PartDraft(Protocol):
    """A part that is being written; as long as it is not committed it does not count."""

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        ...

    def commit(self) -> str:
        """Count it; its etag. InvalidValue when it is not what was announced."""
        ...

    def discard(self) -> None:
        """Let it go. Never fails."""
        ...


class Resuming(Protocol):
    """Artifacts that take a file in parts, and go on with one that broke off. What is there is known to the store."""

    def resume_parts(self, path: RelPath, plan: Plan, seconds: int) -> Resumed:
        """Begin to write `path`, or go on; addresses are good for `seconds`. NoRoom when the whole cannot be."""
        ...

    def part(self, path: RelPath, upload_id: str, number: int, size: int, sha256: str) -> PartDraft:
        """Begin to write a part of `size` bytes; NotFound when there is no such upload."""
        ...

    def complete_parts(
        self, path: RelPath, upload_id: str, etags: dict[int, str], *, token: str = "", sha256: str = ""
    ) -> None:
        """Put the file in its place; asked again it does nothing. InvalidValue when it is not what was announced."""
        ...

    def abort_parts(self, path: RelPath, upload_id: str, *, token: str = "") -> None:
        """Forget the upload."""
        ...


class Artifacts(Protocol):
    """Files below one `location`. Paths are relative to it and cannot leave it."""

    @property
    def location(self) -> Location:
        """The root."""
        ...

    def list(self, path: RelPath) -> list[FileInfo]:
        """Files and directories directly below `path`, by name; [] when there is nothing. Paths are from the root."""
        ...

    def put_file(self, source: Path, path: RelPath, told: Told | None = None) -> None:
        """Store a copy of the local file `source` as `path`: whole or not at all.

        `told` is told how many bytes more are there; fewer than none when something has to be sent again.
        """
        ...

    def put_bytes(self, data: bytes, path: RelPath) -> None:
        """Store `data` as `path`: whole or not at all."""
        ...

    def draft(self, path: RelPath) -> Draft:
        """Begin to write `path` piece by piece."""
        ...

    def open(self, path: RelPath) -> BinaryIO:
        """Open a stored file for reading; NotFound when there is none."""
        ...

    def delete(self, path: RelPath) -> None:
        """Remove a file or a directory with all below it; NotFound when there is none."""
        ...

    def local_path(self, path: RelPath) -> Path | None:
        """Where `path` lies on this machine, None for a remote store."""
        ...

    def download(self, path: RelPath, target: Path, progress: Progress | None = None) -> Path:
        """Copy a file or a directory tree below the local directory `target`; returns where it went.

        `progress` is told (bytes done, all bytes).
        """
        ...


class Signing(Protocol):
    """Artifacts that clients may reach by themselves, with addresses that were signed for them."""

    def sign(self, method: str, path: RelPath, seconds: int) -> Signed:
        """An address for GET or PUT of the file `path`; NotFound when there is none to get."""
        ...

    def begin_parts(self, path: RelPath, count: int, seconds: int) -> tuple[str, list[Signed]]:
        """Begin to write `path` in `count` parts: the id of the upload, an address for PUT of each part."""
        ...

    def complete_parts(
        self, path: RelPath, upload_id: str, etags: dict[int, str], *, token: str = "", sha256: str = ""
    ) -> None:
        """Put the file in its place: its parts by number, each with the ETag that its PUT was answered with."""
        ...

    def abort_parts(self, path: RelPath, upload_id: str, *, token: str = "") -> None:
        """Forget the upload."""
        ...


def signing_of(artifacts: Artifacts) -> Signing | None:
    """`artifacts` as something that signs addresses; None when they are where none can be, or are not to be, signed."""
    return cast(Signing, artifacts) if hasattr(artifacts, "begin_parts") and setting("SIGN_ADDRESSES") else None


def resuming_of(artifacts: Artifacts) -> Resuming | None:
    """`artifacts` as something that goes on with uploads; None when they cannot."""
    return cast(Resuming, artifacts) if hasattr(artifacts, "resume_parts") else None
