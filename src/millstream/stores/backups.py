"""Backups: a store of one moment with its artifacts as a directory, and a manifest that proves it whole.

<backup>/manifest.json
<backup>/tree/…            a directory store, as it is
<backup>/database.db       a database store, SQLite and PostgreSQL alike
<backup>/artifacts/<id>/…  artifacts of a run that lie outside of the tree
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from sqlalchemy import Connection, func, select

from millstream.drivers.files import reader
from millstream.drivers.files.atomic import failure
from millstream.drivers.files.copying import Copies, check_file, copy_tree
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import copying, schema
from millstream.drivers.sql.engine import sqlite_engine
from millstream.drivers.sql.migrations import prepare
from millstream.formats import manifest as manifests
from millstream.formats.manifest import Counts, Manifest
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.index import Index
from millstream.values.databases import POSTGRESQL
from millstream.values.errors import DataDamaged, InvalidValue, MillstreamError, NotFound, NotSupported, StorageFailed
from millstream.values.paths import Location
from millstream.values.queries import DescribeStore
from millstream.values.space import is_named_after
from millstream.values.version import VERSION

TREE, DATABASE, ARTIFACTS = "tree", "database.db", "artifacts"
Progress = Callable[[int, int], None]


def back_up(store: Store, target: Path, *, artifacts: bool = True, progress: Progress | None = None) -> Manifest:
    """Copy `store` to the new directory `target`: everything acknowledged before this call, each thing once.

    Others may write meanwhile; what they write may be in it or not. `target` is there whole or not at all.
    """
    target = target.absolute()
    if not isinstance(store, EmbeddedStore | DatabaseStore):
        raise NotSupported("Directories and databases are backed up where they are, and not through a server.")
    facts = store.read(DescribeStore())
    if not facts.exists:
        raise NotFound(f"There is no store at {facts.location} to back up.")
    if os.path.lexists(target):
        raise InvalidValue(f"{str(target)!r} is there already; name a directory that is not.")
    if isinstance(store, EmbeddedStore) and target.is_relative_to(os.path.realpath(store.root)):
        raise InvalidValue(f"{str(target)!r} lies in the store itself; name a directory elsewhere.")
    with made_whole(target) as home:
        copies = Copies(home, _counter(progress))
        if isinstance(store, EmbeddedStore):
            kind, place = manifests.DIRECTORY, os.fspath(store.root)
            copy_tree(Tree(store.root), copies, TREE, artifacts=artifacts)
            roots = _outside(home / TREE, store.root) if artifacts else {}
        else:
            kind, place = store.database.kind, store.database.public
            _copy_database(store, home / DATABASE, progress)
            copies.files[DATABASE] = facts_of(home / DATABASE)
            roots = _artifact_places(home / DATABASE) if artifacts else {}
        _copy_artifacts(copies, roots)
        manifest = Manifest(
            kind=kind,
            place=place,
            time=time.time_ns() // 1_000_000,
            program=VERSION,
            artifacts=artifacts,
            counts=count(home, kind),
            files=copies.files,
            folders=copies.folders,
            links=copies.links,
            roots=roots,
            notes=copies.notes,
        )
        _write(home / manifests.NAME, manifests.dump(manifest))
    return manifest


@contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """A new directory beside `target` that takes its name at the end; removed again after an error."""
    home = target.with_name(f".{target.name}.partial-{os.getpid()}-{os.urandom(3).hex()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir()
        try:
            yield home
            if hasattr(os, "sync"):
                os.sync()
            home.rename(target)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
    except OSError as error:
        raise failure("write", target, error) from error


def facts_of(path: Path) -> manifests.FileFacts:
    """Size and checksum of a file."""
    with open(path, "rb") as file:
        return manifests.FileFacts(os.fstat(file.fileno()).st_size, file_digest(file, "sha256").hexdigest())


def _counter(progress: Progress | None) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, done + 1)

    return advance


def _copy_database(store: DatabaseStore, target: Path, progress: Progress | None) -> None:
    path = store.database.path
    if path is not None:
        store.engine()
        copying.copy_sqlite(path, target, progress)
        return
    engine = sqlite_engine(target)
    try:
        prepare(engine, str(target), store.artifact_root)
        with store.snapshot() as source, engine.begin() as connection:
            copying.copy_rows(source, connection, progress)
    finally:
        engine.dispose()
    whole = target.with_suffix(".whole")
    copying.copy_sqlite(target, whole)
    for suffix in ("-wal", "-shm", ""):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    whole.rename(target)


def _outside(tree: Path, root: Path) -> dict[str, str]:
    """Run id to artifact URI of those runs whose artifacts lie on this machine outside of the tree `root`."""
    copy, found = Tree(tree), dict[str, str]()
    for _, directory, _ in copy.experiment_dirs():
        for run_id in copy.run_ids(directory):
            try:
                uri = reader.read_info(os.path.join(directory, run_id)).artifact_uri
                local = Location.parse(uri, base=root.parent).local if uri else None
            except MillstreamError:
                continue
            if local is not None and is_named_after(local, run_id) and not local.is_relative_to(root):
                found[run_id] = uri
    return {run_id: uri for run_id, uri in found.items() if _local(uri, root.parent).is_dir()}


def _local(uri: str, base: Path | None = None) -> Path:
    return Location.parse(uri, base=base).local or Path(os.devnull)


def _artifact_places(database: Path) -> dict[str, str]:
    with _reading(database) as connection:
        rows = list(connection.execute(select(schema.runs.c.run_id, schema.runs.c.artifact_uri)))
        rows += connection.execute(select(schema.logged_models.c.model_id, schema.logged_models.c.artifact_location))
    found = {}
    for run_id, uri in rows:
        try:
            place = _local(uri)
        except InvalidValue:
            continue
        if is_named_after(place, run_id) and place.is_dir():
            found[run_id] = uri
    return found


def _copy_artifacts(copies: Copies, roots: dict[str, str]) -> None:
    for run_id, uri in roots.items():
        copies.folder(os.fspath(_local(uri)), f"{ARTIFACTS}/{run_id}", lambda path: ".millstream-part-" in path)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise failure("write", path, error) from error


def read_manifest(home: Path) -> Manifest:
    """The manifest of the backup `home`; NotFound when it is none, DataDamaged when it cannot be read."""
    path = home / manifests.NAME
    if not path.is_file():
        raise NotFound(f"{str(home)!r} is no backup: it has no {manifests.NAME}.")
    try:
        return manifests.load(path.read_bytes())
    except DataDamaged as error:
        raise DataDamaged(f"The manifest {str(path)!r} is damaged: {error}.") from error
    except OSError as error:
        raise StorageFailed(f"Cannot read {str(path)!r}: {error.strerror}.") from error


def verify(home: Path, progress: Progress | None = None) -> list[str]:
    """What is wrong with a backup, in sentences; [] when every file is as it was copied, none is new, and the store in
    it opens with all that it held."""
    manifest = read_manifest(home)
    wrong = []
    for done, (name, facts) in enumerate(manifest.files.items(), 1):
        reason = check_file(home / name, facts)
        if reason is not None:
            wrong.append(f"{name} {reason}")
        if progress is not None:
            progress(done, len(manifest.files))
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name).relative_to(home).as_posix()
            if path not in manifest.files and path not in manifest.links and path != manifests.NAME:
                wrong.append(f"{path} is not in the manifest")
    if not wrong:
        try:
            found = count(home, manifest.kind)
        except MillstreamError as error:
            return [f"the store in it cannot be opened: {error.message}"]
        if found != manifest.counts:
            wrong.append(f"it holds {_words(found)}, and should hold {_words(manifest.counts)}")
    return wrong


def _words(counts: Counts) -> str:
    return f"{counts.experiments} experiments, {counts.runs} runs and {counts.points} points"


def count(home: Path, kind: str) -> Counts:
    """How much the store in a backup holds, asked of the store itself; nothing in the backup is changed."""
    if kind in (manifests.SQLITE, POSTGRESQL):
        with _reading(home / DATABASE) as connection:
            return count_rows(connection)
    with tempfile.TemporaryDirectory(prefix="millstream-") as scratch:
        index = Index(Tree(home / TREE), Path(scratch, "index.db"))
        try:
            with index.reading() as connection:
                return count_rows(connection)
        finally:
            index.close()


@contextmanager
def _reading(database: Path) -> Iterator[Connection]:
    # A copy, because opening one with our settings writes to it.
    with tempfile.TemporaryDirectory(prefix="millstream-") as scratch:
        path = Path(scratch, DATABASE)
        try:
            shutil.copyfile(database, path)
        except OSError as error:
            raise failure("copy", database, error) from error
        engine = sqlite_engine(path)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def count_rows(connection: Connection) -> Counts:
    """Experiments, runs and points of the tables."""

    def one(statement: object) -> int:
        return int(connection.execute(statement).scalar() or 0)  # type: ignore[call-overload]

    return Counts(
        one(select(func.count()).select_from(schema.experiments)),
        one(select(func.count()).select_from(schema.runs)),
        one(select(func.sum(schema.series.c.count))),
    )
