"""Artifacts in a bucket: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import obstore
from obstore import exceptions as refusals

from millstream.drivers.artifacts.base import Facts, Progress, Told
from millstream.drivers.artifacts.beneath import Spot
from millstream.drivers.artifacts.buckets import Bucket, open_bucket
from millstream.drivers.artifacts.leftovers import TEMPORARY
from millstream.drivers.artifacts.local import LocalDraft
from millstream.drivers.artifacts.parallel import MANY, Meter, each
from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue, NotFound, NotPermitted, StorageFailed
from millstream.values.paths import Location, RelPath

PIECE = 8 * 2**20
"""Bytes of one part of a large upload."""
_PARTS_AT_ONCE = 2
_MOST_PARTS = 9_000  # S3 takes 10,000
_CHUNK = 2**20


class ObjectDraft:
    """A large object in the making; S3 shows it when it is whole. Parts of one that is given up stay hidden there."""

    def __init__(self, bucket: Bucket, key: str, where: str) -> None:
        """Begin the object `key`, called `where` when something goes wrong."""
        self._where = where
        self._key = key
        self._bucket = bucket
        self._held = bytearray()
        self._writer: Any = None
        self._done = False

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        if self._writer is None:
            self._held += data
            if len(self._held) < PIECE:
                return
            data, self._held = self._held, bytearray()
        with refusing("write", self._where):
            if self._writer is None:
                self._writer = obstore.open_writer(
                    self._bucket.store, self._key, buffer_size=PIECE, max_concurrency=_PARTS_AT_ONCE
                )
            self._writer.write(bytes(data))

    def commit(self) -> None:
        """Show the object, over an older one."""
        with refusing("write", self._where):
            if self._writer is None:
                obstore.put(self._bucket.store, self._key, bytes(self._held), use_multipart=False)
            else:
                self._writer.close()
        self._done = True

    def discard(self) -> None:
        """Forget it."""
        self._writer = None
        self._held = bytearray()


class ObjectFile(io.RawIOBase):
    """An object that is read as it comes, from any place in it, in constant memory."""

    def __init__(self, bucket: Bucket, key: str, where: str, facts: Facts) -> None:
        """Read `key`; `facts` are of the version that is read."""
        super().__init__()
        self.facts = facts
        self._where = where
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._chunks: Iterator[Any] | None = None
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes from the start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on reading elsewhere; asks for it when read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.facts.size}[whence]
        self._at = max(0, base + offset)
        self._chunks, self._left = None, memoryview(b"")
        return self._at

    def readinto(self, target: Any) -> int:
        """Fill `target` as far as there is something."""
        if not self._left:
            self._left = self._next()
        taken = min(len(target), len(self._left))
        target[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        self._at += taken
        return taken

    def _next(self) -> memoryview:
        if self._at >= self.facts.size:
            return memoryview(b"")
        with refusing("read", self._where):
            if self._chunks is None:
                options: Any = {"range": {"offset": self._at}}
                if self.facts.etag:
                    options["if_match"] = self.facts.etag  # never two versions in one file
                self._chunks = iter(obstore.get(self._bucket.store, self._key, options=options).stream(_CHUNK))
            for chunk in self._chunks:
                if len(chunk):
                    return memoryview(chunk).cast("B")
        raise StorageFailed(f"Cannot read {self._where!r}: it ended before its {self.facts.size} bytes.")


class ObjectArtifacts:
    """Files below one prefix of a bucket. A directory is what objects have in common before a slash."""

    def __init__(self, location: Location) -> None:
        """Serve `location`; the bucket is opened when it is first used."""
        self.location = location
        self._root = RelPath(tuple(part for part in unquote(location.path).split("/") if part))

    @property
    def bucket(self) -> Bucket:
        """The bucket that everything is in."""
        return open_bucket(self.location)

    def key(self, path: RelPath) -> str:
        """The name of an object in the bucket."""
        return str(self._root / path)

    def list(self, path: RelPath) -> list[FileInfo]:
        """Entries directly below `path`, by name."""
        prefix = self.key(path)
        with refusing("list", self.where(path)):
            found = obstore.list_with_delimiter(self.bucket.store, prefix or None)
        cut = len(prefix) + 1 if prefix else 0
        entries = [(key[cut:].rstrip("/"), True, None) for key in found["common_prefixes"]]
        entries += [(item["path"][cut:], False, item["size"]) for item in found["objects"]]
        # A name that is not one of ours, or that of an empty object that stands for its directory, cannot be asked for.
        parsed = ((_parse(name), is_dir, size) for name, is_dir, size in entries)
        infos = [
            FileInfo(str(path / name), is_dir, size)
            for name, is_dir, size in parsed
            if name.segments and not name.name.startswith(TEMPORARY)
        ]
        return sorted(infos, key=lambda info: info.path)

    def put_file(self, source: Path, path: RelPath, told: Told | None = None) -> None:
        """Store a copy of the local file `source` as `path`; a large one in parts, some at once."""
        key = self.file_key(path)
        try:
            size = source.stat().st_size
        except OSError as error:
            raise StorageFailed(f"Cannot read {str(source)!r}: {error.strerror or error}.") from error
        piece = max(PIECE, size // _MOST_PARTS + 1)
        with refusing("write", self.where(path)):
            if size <= piece:
                obstore.put(self.bucket.store, key, source.read_bytes(), use_multipart=False)
            else:
                obstore.put(self.bucket.store, key, source, chunk_size=piece, max_concurrency=_PARTS_AT_ONCE)
        if told is not None:
            told(size)

    def put_bytes(self, data: bytes, path: RelPath) -> None:
        """Store `data` as `path`."""
        with refusing("write", self.where(path)):
            obstore.put(self.bucket.store, self.file_key(path), data)

    def draft(self, path: RelPath) -> ObjectDraft:
        """Begin to write `path`."""
        return ObjectDraft(self.bucket, self.file_key(path), self.where(path))

    def open(self, path: RelPath) -> BinaryIO:
        """Open `path` for reading; NotFound when there is no such object."""
        file = ObjectFile(self.bucket, self.file_key(path), self.where(path), self.facts(path))
        return cast(BinaryIO, io.BufferedReader(file, _CHUNK))

    def facts(self, path: RelPath) -> Facts:
        """What the bucket knows of the object `path`."""
        with refusing("read", self.where(path)):
            found = obstore.head(self.bucket.store, self.file_key(path))
        changed = round(found["last_modified"].timestamp()) * 10**9
        return Facts(found["size"], changed, found["e_tag"] or "")

    def delete(self, path: RelPath) -> None:
        """Remove an object, or all below a directory; NotFound when there is none."""
        if not path.segments:
            raise InvalidValue("Name the file or directory to delete; the whole artifact root cannot be deleted.")
        key = self.key(path)
        with refusing("delete", self.where(path)):
            below = [item["path"] for page in obstore.list(self.bucket.store, f"{key}/") for item in page]
            there = self._is_there(key)
            if not there and not below:
                raise FileNotFoundError(key)
            if below:
                obstore.delete(self.bucket.store, below)
            if there:
                # Last: a bucket on a file system may keep the one where a name and what is below it go at once.
                obstore.delete(self.bucket.store, key)

    def _is_there(self, key: str) -> bool:
        try:
            obstore.head(self.bucket.store, key)
        except FileNotFoundError:
            return False
        return True

    def local_path(self, path: RelPath) -> Path | None:
        """None: nothing of it is on this machine."""
        return None

    def download(self, path: RelPath, target: Path, progress: Progress | None = None) -> Path:
        """Copy the object or all below `path` into the directory `target`, under its own name; some at once."""
        goal = target / path.name if path.segments else target
        key = self.key(path)
        with refusing("read", self.where(path)):
            pages = obstore.list(self.bucket.store, f"{key}/" if key else None)
            cut = len(key) + 1 if key else 0
            found = [(_parse(item["path"][cut:]), item["size"]) for page in pages for item in page]
        files = [
            (path / below, goal.joinpath(*below.segments), size)
            for below, size in found
            if below.segments and not below.name.startswith(TEMPORARY)
        ]
        if not files:
            files = [(path, goal, 0 if progress is None else self.facts(path).size)]
        meter = Meter(sum(size for _, _, size in files), progress)
        each(files, lambda file: self._fetch(*file[:2], meter), at_once=MANY, meter=meter)
        return goal

    def _fetch(self, path: RelPath, goal: Path, meter: Meter) -> None:
        with self.open(path) as source:
            _write_whole(source, goal, meter)

    def file_key(self, path: RelPath) -> str:
        """The name of the object `path`."""
        if not path.segments:
            raise InvalidValue("An artifact needs a file name.")
        return self.key(path)

    def where(self, path: RelPath) -> str:
        """What `path` is called when something goes wrong."""
        return str(self.location / path)


def _parse(name: str) -> RelPath:
    """The path that a listing names; the root where it is none that could be asked for."""
    try:
        return RelPath.parse(name)
    except InvalidValue:
        return RelPath()


def _write_whole(source: BinaryIO, goal: Path, meter: Meter) -> None:
    """Copy `source` to `goal`, which is there when it is whole."""
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        draft = LocalDraft(Spot(str(goal)), goal)
    except OSError as error:
        raise StorageFailed(f"Cannot write {str(goal)!r}: {error.strerror or error}.") from error
    try:
        with meter.holding(draft.abandon):
            while piece := source.read(_CHUNK):
                draft.write(piece)
                meter.add(len(piece))
            draft.commit()
    finally:
        draft.discard()


@contextmanager
def refusing(verb: str, where: str) -> Iterator[None]:
    """Say in our words what the bucket refuses."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"There is nothing at {where!r}, or no such bucket.") from error
    except (refusals.PermissionDeniedError, refusals.UnauthenticatedError) as error:
        raise NotPermitted(f"Cannot {verb} {where!r}: the bucket refuses the credentials of this process.") from error
    except (refusals.BaseError, OSError, ValueError) as error:
        # What follows the first line shows requests in full, keys in headers among them.
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise StorageFailed(f"Cannot {verb} {where!r}: {said[:300]}") from error
