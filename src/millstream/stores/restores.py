"""A backup back into a store: a new one, of the same kind, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update

from millstream.drivers.artifacts import disk
from millstream.drivers.files.atomic import failure
from millstream.drivers.files.copying import copy_file
from millstream.drivers.files.reader import read_fields
from millstream.drivers.files.registered import registered_names, version_numbers
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import copying, schema
from millstream.drivers.sql.engine import sqlite_engine, writing
from millstream.drivers.sql.migrations import prepare
from millstream.formats import manifest as manifests
from millstream.formats.manifest import Manifest
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.registry import version_directory
from millstream.stores.backups import ARTIFACTS, DATABASE, TREE, count_rows, made_whole, read_manifest
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.values.databases import SQLITE
from millstream.values.errors import DataDamaged, InvalidState, InvalidValue, MillstreamError, NotSupported
from millstream.values.paths import Location, RelPath
from millstream.values.space import own_artifacts

Progress = Callable[[int, int], None]
# What has artifacts: its id, where they are, and the folder of an experiment's location that they are in.
_URIS = (
    (schema.runs.c.run_id, schema.runs.c.artifact_uri, ""),
    (schema.logged_models.c.model_id, schema.logged_models.c.artifact_location, layout.MODELS),
)


def restore(home: Path, store: Store, progress: Progress | None = None) -> Manifest:
    """Make the empty `store` hold what the backup `home` holds; artifacts go where new ones of `store` would.

    InvalidState when the store is not empty or of another kind, DataDamaged when a file is not what it was.
    """
    if not isinstance(store, EmbeddedStore | DatabaseStore):
        raise NotSupported("A backup is restored into a directory or a database, and not through a server.")
    manifest = read_manifest(home)
    kind = store.database.kind if isinstance(store, DatabaseStore) else manifests.DIRECTORY
    if kind != manifest.kind:
        raise InvalidState(
            f"The backup {str(home)!r} is of a {manifest.kind} store, and cannot be restored into a {kind} store."
        )
    restoring = _Restoring(home, manifest, progress)
    if isinstance(store, EmbeddedStore):
        restoring.into_tree(store.root)
    else:
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
                    places = _rewrite_rows(connection, store, self._manifest)
                with _taken(places):
                    for run_id in self._manifest.roots.keys() & places.keys():
                        self._copy_below(f"{ARTIFACTS}/{run_id}", places[run_id])
                    self._put(store, engine, copy)
            finally:
                engine.dispose()

    def _put(self, store: DatabaseStore, engine: Engine, copy: Path) -> None:
        """Make the store what the database `copy`, which `engine` opens, is."""
        with engine.connect() as connection:
            self._check(connection)
            if store.database.kind != SQLITE:
                store.fill(lambda target: copying.copy_rows(connection, target, self._progress))
        engine.dispose()
        path = store.database.path
        if path is None:
            return
        whole = copy.with_name("whole.db")
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


@contextmanager
def _taken(places: dict[str, Path]) -> Iterator[None]:
    """The artifact directories `places` are made for what is restored, and removed again after an error.

    InvalidState, and nothing is made, when one is there: two stores that share one would remove each other's files.
    """
    for owner, place in places.items():
        if os.path.lexists(place.parent):
            raise _shared(
                owner, f"{str(place.parent)!r} is there already (remove it if a restore that was cut off left it)"
            )
    made = []
    try:
        for owner, place in places.items():
            if not disk.take(place):
                raise _shared(owner, f"{str(place.parent)!r} was just made by somebody else")
            made.append(place)
        yield
    except BaseException:
        for place in made:
            disk.remove_own(place)
        raise


def _shared(owner: str, why: str) -> InvalidState:
    return InvalidState(
        f"The artifacts of {owner} cannot go where new ones of this store would: {why}. Name another directory with "
        "--artifact-root."
    )


def _rewrite_tree(partial: Path, old: Path, new: Path, outside: set[str]) -> None:
    """Let artifact URIs below the tree's old place lead below its new one; those of `outside` lie in the run now.

    Experiments of a tree in a new place have their location there: what lies in another one belongs to the old tree.
    """
    tree, moved = Tree(partial), _Moved(old.parent)
    moved.note(os.fspath(old), _location(new))
    for experiment_id, directory, in_trash in tree.experiment_dirs():
        _rewrite_meta(directory, "artifact_location", moved, None if old == new else new / experiment_id)
        for run_id in tree.run_ids(directory):
            home = new / layout.TRASH if in_trash else new
            inside = home / experiment_id / run_id / layout.ARTIFACTS if run_id in outside else None
            before = _rewrite_meta(os.path.join(directory, run_id), "artifact_uri", moved, inside)
            if inside is not None:
                moved.note(before, _location(inside))
        folder = Path(directory, layout.MODELS)
        for model in folder.iterdir() if folder.is_dir() else ():
            _rewrite_meta(os.fspath(model), "artifact_location", moved)
    registry = partial / layout.MODELS
    for name in registered_names(os.fspath(registry)):
        for number in version_numbers(os.fspath(registry / name)):
            for field in ("source", "storage_location"):
                _rewrite_meta(os.fspath(registry / name / version_directory(number)), field, moved)


class _Moved:
    """Which local directories became which others."""

    def __init__(self, base: Path | None = None) -> None:
        """None yet; relative paths are taken from `base`."""
        self._base = base
        self._places: dict[Path, Location] = {}

    def note(self, old: str, new: Location) -> None:
        """The directory `old` became `new`, whatever became of directories around it."""
        place = self.local(old)
        if place is not None:
            self._places[place] = new

    def local(self, text: str) -> Path | None:
        """The local directory that `text` names, None when it names none."""
        try:
            return Location.parse(text, base=self._base).local
        except InvalidValue:
            return None

    def find(self, text: str) -> Location | None:
        """What became of the place that `text` names; None when it stayed, or is not local."""
        place = self.local(text)
        if place is None:
            return None
        for around in (place, *place.parents):
            if around in self._places:
                return self._places[around] / RelPath(place.relative_to(around).parts)
        return None


def _location(path: Path) -> Location:
    return Location("file", "", path.as_posix())


def _rewrite_meta(directory: str, name: str, moved: _Moved, inside: Path | None = None) -> str:
    """Let a field lead where what it names is now, local places that were not `moved` to `inside`; what it said."""
    try:
        fields = read_fields(directory)
    except MillstreamError:
        return ""
    before = str(fields.get(name) or "")
    found = moved.find(before)
    if found is None and inside is not None and moved.local(before) is not None:
        found = _location(inside)
    if found is None:
        return before
    fields[name] = str(found)
    path = Path(directory, layout.META)
    try:
        path.write_bytes(meta.dump(fields))
    except OSError as error:
        raise failure("write", path, error) from error
    return before


def _rewrite_rows(connection: Connection, store: DatabaseStore, manifest: Manifest) -> dict[str, Path]:
    """Let artifact URIs of local runs and experiments lead below the store's root; where the artifacts of which run go.

    Without artifacts in the backup those of runs stay, and new runs only go there. InvalidState when `gc` would take
    artifacts of the store that was backed up, which may be there still, for those of this one.
    """
    moved = store.database.public != manifest.place
    if not (manifest.artifacts or moved):
        return {}
    root, table = store.artifact_root, schema.experiments
    rows = connection.execute(select(table)).all()
    for row in rows:
        if _is_local(row.artifact_location):
            named = table.c.experiment_id == row.experiment_id
            connection.execute(update(table).where(named).values(artifact_location=str(root / row.experiment_id)))
    targets, places = {}, _Moved()
    for column, uri, folder in _URIS:
        homes = {row.experiment_id: root / row.experiment_id / folder for row in rows}
        found = select(column, column.table.c.experiment_id, uri).where(uri != "")
        for owner, experiment_id, old in connection.execute(found).all():
            if not _is_local(old):
                continue
            # A run that was moved to another experiment keeps the place that it had in the first.
            near = [homes[experiment_id]] if manifest.artifacts else list(homes.values())
            if moved and own_artifacts(old, owner, map(str, near)) is not None:
                raise _shared(owner, f"those of the store that was backed up, {manifest.place}, lie there")
            if manifest.artifacts:
                place = homes[experiment_id] / owner / layout.ARTIFACTS
                connection.execute(update(column.table).where(column == owner).values({uri.key: str(place)}))
                places.note(old, place)
                if place.local is not None:
                    targets[owner] = place.local
    _rewrite_versions(connection, places)
    return targets


def _rewrite_versions(connection: Connection, places: _Moved) -> None:
    """Let versions of registered models lead where the artifacts that they come from are now."""
    table = schema.model_versions
    for row in connection.execute(select(table.c.vid, table.c.source, table.c.storage_location)).all():
        found = {"source": places.find(row.source), "storage_location": places.find(row.storage_location or "")}
        changed = {name: str(place) for name, place in found.items() if place is not None}
        if changed:
            connection.execute(update(table).where(table.c.vid == row.vid).values(changed))


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
