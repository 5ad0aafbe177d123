"""A file or a directory as a dataset, whatever is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from millstream.data.dataset import Dataset
from millstream.data.filesystem_dataset_source import FileSystemDatasetSource
from millstream.values.errors import NotFound, StorageFailed
from millstream.values.paths import Location

BLOCK = 1 << 20
DIGEST_LENGTH = 32


class FileDataset(Dataset):
    """Its digest is the beginning of the SHA-256 of the content; of a directory, of all names and contents in it."""

    def __init__(self, path: Path, name: str | None = None, digest: str | None = None) -> None:
        """Stand for what is at `path` now; NotFound when nothing is."""
        if not path.exists():
            raise NotFound(f"There is no file or directory {str(path)!r} (looked from {Path.cwd()}).")
        self.path = path.resolve()
        location = Location("file", "", self.path.as_posix())
        super().__init__(FileSystemDatasetSource(str(location)), name or self.path.name, digest)
        self._files = list(_files(self.path))

    def _compute_digest(self) -> str:
        try:
            if self.path.is_file():
                return _content(self.path).hex()[:DIGEST_LENGTH]
            whole = sha256()
            for file in self._files:
                below = file.relative_to(self.path).as_posix()
                whole.update(f"{len(below)}:{below}:".encode(errors="surrogateescape"))
                whole.update(_content(file))
        except OSError as error:
            raise StorageFailed(f"{str(self.path)!r} cannot be read: {error}.") from error
        return whole.hexdigest()[:DIGEST_LENGTH]

    @property
    def profile(self) -> dict[str, Any]:
        """How many files and bytes."""
        return {"num_files": len(self._files), "num_bytes": sum(file.stat().st_size for file in self._files)}


def from_file(path: str | os.PathLike[str], name: str | None = None, digest: str | None = None) -> FileDataset:
    """A file or directory of this machine as a dataset, called as the file unless `name` is given."""
    return FileDataset(Path(path), name, digest)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for directory, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(directory, name)
            if file.is_file():
                yield file


def _content(file: Path) -> bytes:
    digest = sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.digest()
