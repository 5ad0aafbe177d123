"""What every kind of artifact store does for one root (a run's artifacts, a model's directory)."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from millstream.values.entities import FileInfo
from millstream.values.paths import Location, RelPath


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
