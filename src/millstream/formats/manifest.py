"""`manifest.json` of a backup: what it was made of, and size and SHA-256 of every file in it."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from millstream.values.errors import DataDamaged, NotSupported
from millstream.values.readers import json_reader

FORMAT = 1
NAME = "manifest.json"
DIRECTORY, SQLITE, POSTGRESQL = "directory", "sqlite", "postgresql"


class FileFacts(Struct, frozen=True):
    """Size and checksum of a file as it was copied."""

    size: int
    sha256: str


class Counts(Struct, frozen=True):
    """How much a store holds, deleted things included."""

    experiments: int
    runs: int
    points: int


class Manifest(Struct, frozen=True):
    """`files` and `folders` (the empty ones) by path with ``/``; `links` as they are, not what they lead to.

    `place` is where the store was; `roots` says of runs and models (by id) where artifacts that lie below
    ``artifacts/<id>`` here came from. `notes` are sentences about what was left out.
    """

    kind: str
    place: str
    time: int
    program: str
    artifacts: bool
    counts: Counts
    files: dict[str, FileFacts]
    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    format: int = FORMAT


def dump(manifest: Manifest) -> bytes:
    """As JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


_read_manifest = json_reader(Manifest)


def load(data: bytes) -> Manifest:
    """Read a manifest; DataDamaged when it is none, or names files outside of its backup."""
    try:
        manifest = _read_manifest(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataDamaged(f"not a manifest of a backup ({error})") from error
    if manifest.format != FORMAT:
        raise NotSupported(f"The backup has format {manifest.format}; this Millstream reads {FORMAT}. Use a newer one.")
    for path in (*manifest.files, *manifest.folders, *manifest.links, *manifest.roots):
        if not path or path.startswith("/") or "\0" in path or {"", ".", ".."} & set(path.split("/")):
            raise DataDamaged(f"it names {path!r}, which does not lie in the backup")
    return manifest
