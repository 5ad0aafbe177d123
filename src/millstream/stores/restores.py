"""A backup back into a store: a new one, of the same kind, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select, update

from millstream.drivers.files.atomic import failure
from millstream.drivers.files.copying import copy_file
from millstream.drivers.files.reader import read_fields
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import copying, schema
from millstream.drivers.sql.engine import sqlite_engine, writing
from millstream.drivers.sql.migrations import prepare
from millstream.formats import manifest as manifests
from millstream.formats.manifest import Manifest
from millstream.formats.mlruns import layout, meta
from millstream.stores.backups import ARTIFACTS, DATABASE, TREE, count_rows, made_whole, read_manifest
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.values.databases import SQLITE
from millstream.values.errors import DataDamaged, InvalidState, InvalidValue, MillstreamError
from millstream.values.paths import Location

Progress = Callable[[int, int], None]


def restore(home: Path, store: Store, progress: Progress | None = None) -> Manifest:
    """Make the empty `store` hold what the backup `home` holds; artifacts go where new ones of `store` would.

    InvalidState when the store is not empty or of another kind, DataDamaged when a file is not what it was.
    """
    manifest = read_manifest(home)
    kind = store.database.kind if isinstance(store, DatabaseStore) else manifests.DIRECTORY
    if kind != manifest.kind:
        raise InvalidState(
            f"The backup {str(home)!r} is of a {manifest.kind} store, and cannot be restored into a {kind} store."
        )
    restoring = _Restoring(home, manifest, progress)
    if isinstance(store, EmbeddedStore):
        restoring.into_tree(store.root)
    elif isinstance(store, DatabaseStore):
        restoring.into_database(store)
    return manifest


class _Restoring:
    def __init__(self, home: Path, manifest: Manifest, progress: Progress | None) -> None:
        self._home = home
        self._manifest = manifest
        self._progress = progress
        self._done = 0

    def into_tree(self, root: Path) -> None:
        _clear_empty(root)
        with made_whole(root) as partial:
            self._copy_below(TREE, partial)
            for run_id in self._manifest.roots:
                place = Tree(partial).run_dir(run_id)
                self._copy_below(f"{ARTIFACTS}/{run_id}", Path(place, layout.ARTIFACTS))
            _rewrite_tree(partial, Path(self._manifest.place), root, set(self._manifest.roots))

    def into_database(self, store: DatabaseStore) -> None:
        path = store.database.path
        if path is not None and os.path.lexists(path):
            raise InvalidState(f"{str(path)!r} is there already; restore into a file that is not.")
        with tempfile.TemporaryDirectory(
            prefix="millstream-", dir=None if path is None else _made(path.parent)
        ) as scratch:
            copy = Path(scratch, DATABASE)
            self._copy(DATABASE, copy)
            engine = sqlite_engine(copy)
            try:
                # Brings the copy of an older version to the schema of this one.
                prepare(engine, str(copy), store.artifact_root)
                with writing(engine) as connection:
                    targets = _rewrite_rows(connection, store.artifact_root, self._manifest)
                for run_id, target in targets.items():
                    self._copy_below(f"{ARTIFACTS}/{run_id}", target)
                with engine.connect() as connection:
                    self._check(connection)
                    if store.database.kind != SQLITE:
                        store.fill(lambda target: copying.copy_rows(connection, target, self._progress))
            finally:
                engine.dispose()
            if path is not None:
                whole = Path(scratch, "whole.db")
                copying.copy_sqlite(copy, whole)
                try:
                    os.link(whole, path)
                except FileExistsError as error:
                    raise InvalidState(f"{str(path)!r} is there already; restore into a file that is not.") from error
                except OSError:
                    whole.rename(path)

    def _check(self, connection: Connection) -> None:
        found = count_rows(connection)
        if found != self._manifest.counts:
            raise DataDamaged(f"The backup {str(self._home)!r} holds {found}, and should hold {self._manifest.counts}.")

    def _copy_below(self, part: str, target: Path) -> None:
        prefix = f"{part}/"
        _make(target)
        for name in self._manifest.folders:
            if name.startswith(prefix):
                _make(target / name.removeprefix(prefix))
        for name in self._manifest.files:
            if name.startswith(prefix):
                self._copy(name, target / name.removeprefix(prefix))
        for name, link in self._manifest.links.items():
            if name.startswith(prefix):
                _make((target / name.removeprefix(prefix)).parent)
                os.symlink(link, target / name.removeprefix(prefix))

    def _copy(self, name: str, target: Path) -> None:
        _make(target.parent)
        try:
            found = copy_file(self._home / name, target)
        except OSError as error:
            raise DataDamaged(f"The backup {str(self._home)!r} is damaged: {name}: {error.strerror}.") from error
        if found != self._manifest.files[name]:
            raise DataDamaged(f"The backup {str(self._home)!r} is damaged: {name} is not what was copied.")
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, len(self._manifest.files))


def _clear_empty(root: Path) -> None:
    """Make way at `root` when nothing but empty directories is there."""
    try:
        for path in (root / layout.TRASH, root):
            if path.is_dir():
                path.rmdir()
    except OSError as error:
        raise InvalidState(f"{str(root)!r} is not empty; restore into a directory that is new or empty.") from error
    if os.path.lexists(root):
        raise InvalidState(f"{str(root)!r} is there already; restore into a directory that is new or empty.")


def _rewrite_tree(partial: Path, old: Path, new: Path, outside: set[str]) -> None:
    """Let artifact URIs below the tree's old place lead below its new one; those of `outside` lie in the run now."""
    tree = Tree(partial)
    for experiment_id, directory, in_trash in tree.experiment_dirs():
        _rewrite_meta(directory, "artifact_location", old, new, None)
        for run_id in tree.run_ids(directory):
            home = new / layout.TRASH if in_trash else new
            inside = home / experiment_id / run_id / layout.ARTIFACTS if run_id in outside else None
            _rewrite_meta(os.path.join(directory, run_id), "artifact_uri", old, new, inside)
        folder = Path(directory, layout.MODELS)
        for model in folder.iterdir() if folder.is_dir() else ():
            _rewrite_meta(os.fspath(model), "artifact_location", old, new, None)


def _rewrite_meta(directory: str, name: str, old: Path, new: Path, inside: Path | None) -> None:
    try:
        fields = read_fields(directory)
        local = Location.parse(str(fields.get(name) or ""), base=old.parent).local
    except MillstreamError:
        return
    if inside is not None:
        place = inside
    elif local is not None and local.is_relative_to(old):
        place = new / local.relative_to(old)
    else:
        return
    fields[name] = str(Location("file", "", place.as_posix()))
    path = Path(directory, layout.META)
    try:
        path.write_bytes(meta.dump(fields))
    except OSError as error:
        raise failure("write", path, error) from error


def _rewrite_rows(connection: Connection, root: Location, manifest: Manifest) -> dict[str, Path]:
    """Let artifact URIs of local runs and experiments lead below `root`; where the artifacts of which run go."""
    if not manifest.artifacts:
        return {}
    experiments, runs, models = schema.experiments, schema.runs, schema.logged_models
    for row in connection.execute(select(experiments)).all():
        if _is_local(row.artifact_location):
            place = str(root / row.experiment_id)
            connection.execute(
                update(experiments)
                .where(experiments.c.experiment_id == row.experiment_id)
                .values(artifact_location=place)
            )
    targets = {}
    for row in connection.execute(select(runs)).all():
        if _is_local(row.artifact_uri):
            place = root / row.experiment_id / row.run_id / layout.ARTIFACTS
            connection.execute(update(runs).where(runs.c.rid == row.rid).values(artifact_uri=str(place)))
            if row.run_id in manifest.roots and place.local is not None:
                targets[row.run_id] = place.local
    for row in connection.execute(select(models)).all():
        if _is_local(row.artifact_location):
            place = root / row.experiment_id / layout.MODELS / row.model_id / layout.ARTIFACTS
            connection.execute(
                update(models).where(models.c.model_id == row.model_id).values(artifact_location=str(place))
            )
            if row.model_id in manifest.roots and place.local is not None:
                targets[row.model_id] = place.local
    return targets


def _is_local(uri: str) -> bool:
    try:
        return Location.parse(uri).local is not None
    except InvalidValue:
        return False


def _made(folder: Path) -> Path:
    _make(folder)
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure("make the directory", folder, error) from error
