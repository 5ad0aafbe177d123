"""What every kind of artifact store does for one root (a run's artifacts, a model's directory)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from msgspec import Struct

from millstream.values.addresses import Signed
from millstream.values.entities import FileInfo
from millstream.values.paths import Location, RelPath
from millstream.values.settings import setting


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


class Artifacts(Protocol):
    """Files below one `location`. Paths are relative to it and cannot leave it."""

    @property
    def location(self) -> Location:
        """The root."""
        ...

    def list(self, path: RelPath) -> list[FileInfo]:
        """Files and directories directly below `path`, by name; [] when there is nothing. Paths are from the root."""
        ...

    def put_file(self, source: Path, path: RelPath) -> None:
        """Store a copy of the local file `source` as `path`: whole or not at all."""
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

    def download(self, path: RelPath, target: Path) -> Path:
        """Copy a file or a directory tree below the local directory `target`; returns where it went."""
        ...


class Signing(Protocol):
    """Artifacts that clients may reach by themselves, with addresses that were signed for them."""

    def sign(self, method: str, path: RelPath, seconds: int) -> Signed:
        """An address for GET or PUT of the file `path`; NotFound when there is none to get."""
        ...

    def begin_parts(self, path: RelPath, count: int, seconds: int) -> tuple[str, list[Signed]]:
        """Begin to write `path` in `count` parts: the id of the upload, an address for PUT of each part."""
        ...

    def complete_parts(self, path: RelPath, upload_id: str, etags: dict[int, str]) -> None:
        """Put the file in its place: its parts by number, each with the ETag that its PUT was answered with."""
        ...

    def abort_parts(self, path: RelPath, upload_id: str) -> None:
        """Forget the upload."""
        ...


def signing_of(artifacts: Artifacts) -> Signing | None:
    """`artifacts` as something that signs addresses; None when they are where none can be, or are not to be, signed."""
    return cast(Signing, artifacts) if hasattr(artifacts, "begin_parts") and setting("SIGN_ADDRESSES") else None
