"""What a server lists: taken as names, never as paths that lead elsewhere."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Struct

from millstream.drivers.artifacts.parallel import each
from millstream.drivers.artifacts.proxied import PREFIX, Server
from millstream.values.errors import BadRequest, InvalidValue
from millstream.values.paths import RelPath
from millstream.values.readers import converter


class Entry(Struct, frozen=True):
    """An entry of a directory: its name as the server says it, and as a name if it can be one."""

    said: str
    name: RelPath | None
    is_dir: bool
    size: int | None


class File(Struct, frozen=True):
    """A file, by its path from where the walk began, and its size (bytes) if the server says it."""

    below: RelPath
    size: int | None


class _Entry(Struct):
    path: str
    is_dir: bool = False
    file_size: int | None = None


class _Entries(Struct):
    files: list[_Entry] = []


_to_entries = converter(_Entries, strict=False)


def list_entries(server: Server, path: RelPath) -> list[Entry]:
    """Entries directly below a directory of the server's store; none when there is no such directory."""
    answer = server.ask("GET", f"{PREFIX}/artifacts?path={quote(str(path), safe='/')}")
    try:
        found = _to_entries(answer).files
    except msgspec.ValidationError as error:
        raise BadRequest(f"{server.public} lists files in words of its own: {error}.") from error
    return [Entry(item.path, _name(item.path), item.is_dir, None if item.is_dir else item.file_size) for item in found]


def _name(text: str) -> RelPath | None:
    try:
        name = RelPath.parse(text)
    except InvalidValue:
        return None
    return name if len(name.segments) == 1 else None


class Walk:
    """All that is below a directory: `files`, and the `folders` on the way, the first one if anything is in it."""

    def __init__(self, server: Server, root: RelPath) -> None:
        """Walk; InvalidValue when the server lists what could not be copied to where it is asked to be."""
        self.folders: list[RelPath] = []
        self.files: list[File] = []
        self._server, self._root = server, root
        level = [RelPath()]
        while level:
            self._next: list[RelPath] = []
            each(level, self._look)
            level = self._next
        self.folders.sort()
        self.files.sort(key=_below)

    @property
    def size(self) -> int:
        """Bytes in all files, as far as the server says."""
        return sum(file.size or 0 for file in self.files)

    def _look(self, folder: RelPath) -> None:
        found = list_entries(self._server, self._root / folder)
        if found and not folder.segments:
            self.folders.append(folder)
        for entry in found:
            if entry.name is None:
                raise InvalidValue(f"{self._server.public} lists {entry.said[:200]!r}, which no file here may be.")
            place = RelPath((*folder.segments, *entry.name.segments))
            if entry.is_dir:
                RelPath.parse(str(place))  # so deep that nobody could ask for it
                self.folders.append(place)
                self._next.append(place)
            else:
                self.files.append(File(place, entry.size))


def _below(file: File) -> RelPath:
    return file.below
