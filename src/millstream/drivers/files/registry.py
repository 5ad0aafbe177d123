"""Writing the registry of a tree. Several processes may write it; they take turns, and MLflow may read meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from msgspec import structs

from millstream.drivers.files import reader, registered
from millstream.drivers.files.atomic import failure, replace_file, temporary_name
from millstream.drivers.files.keys import keeping_key, key_path, remove_key
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.registry import (
    GONE_STAGE,
    made_by,
    note_made,
    registered_to_fields,
    version_directory,
    version_to_fields,
)
from millstream.values import names, ops, refusals
from millstream.values.entities import ARCHIVED, ModelVersion, RegisteredModel
from millstream.values.errors import DataDamaged
from millstream.values.stages import newest_by_stage


class RegistryFiles:
    """Reads and writes the registered models of one tree. Safe for threads and for several processes."""

    def __init__(self, tree: Tree) -> None:
        """Keep them in the directory `models` of `tree`."""
        self._tree = tree
        self.home = os.path.join(tree.root, layout.MODELS)
        self.writers: dict[type, Callable[[Any], Any]] = {
            ops.CreateRegisteredModel: self.create,
            ops.RenameRegisteredModel: self.rename,
            ops.UpdateRegisteredModel: self.update,
            ops.DeleteRegisteredModel: self.delete,
            ops.SetRegisteredModelTag: self.set_tag,
            ops.DeleteRegisteredModelTag: self.delete_tag,
            ops.SetModelAlias: self.set_alias,
            ops.DeleteModelAlias: self.delete_alias,
            ops.CreateModelVersion: self.create_version,
            ops.UpdateModelVersion: self.update_version,
            ops.TransitionModelVersion: self.transition,
            ops.DeleteModelVersion: self.delete_version,
            ops.SetModelVersionTag: self.set_version_tag,
            ops.DeleteModelVersionTag: self.delete_version_tag,
        }

    def directory(self, name: str) -> str:
        """Directory of a registered model; NotFound when there is none."""
        path = os.path.join(self.home, names.check_registered_name(name))
        if not os.path.isfile(os.path.join(path, layout.META)):
            raise refusals.no_registered_model(name, self._tree.root)
        return path

    def get(self, name: str) -> RegisteredModel:
        """A registered model; versions that cannot be read are left out."""
        return registered.read_registered(self.directory(name)).model

    def version(self, name: str, number: int) -> ModelVersion:
        """A version of a registered model; NotFound for one that is not there."""
        directory = self.directory(name)
        found = registered.read_version(directory, number, registered.read_aliases(directory))
        if found is None:
            raise refusals.no_version(name, number)
        return found

    def by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that `alias` stands for, the newest for "latest"."""
        directory = self.directory(name)
        if names.is_latest(alias):
            return self._newest(directory, name)
        number = registered.read_aliases(directory).get(alias)
        if number is None:
            raise refusals.no_alias(name, alias)
        return self.version(name, number)

    def _newest(self, directory: str, name: str) -> ModelVersion:
        aliases = registered.read_aliases(directory)
        for number in reversed(registered.version_numbers(directory)):
            with suppress(DataDamaged):
                found = registered.read_version(directory, number, aliases)
                if found is not None:
                    return found
        raise refusals.no_versions(name)

    def latest(self, name: str, stages: tuple[str, ...]) -> list[ModelVersion]:
        """The newest version of each stage."""
        return newest_by_stage(registered.read_registered(self.directory(name)).versions, stages)

    def create(self, op: ops.CreateRegisteredModel) -> RegisteredModel:
        """Make the directory of a registered model; its meta.yaml comes last, so that nobody sees half a model."""
        directory = os.path.join(self.home, op.name)
        model = RegisteredModel(op.name, op.time, op.time, op.description, dict(op.tags))
        with self._tree.lock():
            if os.path.lexists(os.path.join(directory, layout.META)):
                if _made(directory, op.op_id) is not None:
                    return self.get(op.name)
                raise refusals.registered_model_exists(op.name)
            with making(directory):
                # Of somebody who was killed here.
                shutil.rmtree(os.path.join(directory, layout.TAGS), ignore_errors=True)
                put_tags(directory, directory, op.tags)
                fields = registered_to_fields(model)
                write_fields(directory, fields | note_made({}, op.op_id, 0), directory)
        return model

    def rename(self, op: ops.RenameRegisteredModel) -> RegisteredModel:
        """Move the directory: the name of a model is that of its directory. What its files say of it follows.

        One that was cut off is completed when it is sent again.
        """
        old, new = os.path.join(self.home, op.name), os.path.join(self.home, op.new_name)
        with self._tree.lock():
            there = reader.read_fields(new) if os.path.lexists(os.path.join(new, layout.META)) else {}
            if made_by(there, op.op_id) is not None:
                return self.get(op.new_name)
            if os.path.isdir(old) or there.get("name") != op.name:
                old = self.directory(op.name)
                if there:
                    raise refusals.registered_model_exists(op.new_name)
                try:
                    os.rename(old, new)
                except OSError as error:
                    raise failure("rename", old, error) from error
            for number in registered.version_numbers(new):
                with suppress(DataDamaged):
                    _change(os.path.join(new, version_directory(number)), new, name=op.new_name)
            fields = reader.read_fields(new)
            changes = {"name": op.new_name, "last_updated_timestamp": op.time}
            write_fields(new, fields | changes | note_made(fields, op.op_id, 0), new)
        return self.get(op.new_name)

    def update(self, op: ops.UpdateRegisteredModel) -> RegisteredModel:
        """Set the description."""
        with self._tree.lock():
            directory = self.directory(op.name)
            _change(directory, directory, description=op.description, last_updated_timestamp=op.time)
        return self.get(op.name)

    def delete(self, op: ops.DeleteRegisteredModel) -> None:
        """Set the directory aside under a hidden name, so that it is gone at once, and remove it."""
        with self._tree.lock():
            directory = self.directory(op.name)
            gone = os.path.join(self.home, f"{layout.GONE_PREFIX}{os.urandom(4).hex()}")
            try:
                os.rename(directory, gone)
            except OSError as error:
                raise failure("rename", directory, error) from error
            # With it goes what a process that was killed here has left.
            for name in os.listdir(self.home):
                if name.startswith(layout.GONE_PREFIX):
                    _remove(os.path.join(self.home, name))

    def set_tag(self, op: ops.SetRegisteredModelTag) -> None:
        """Set or overwrite a tag."""
        directory = self.directory(op.name)
        put_tags(directory, directory, {op.key: op.value})

    def delete_tag(self, op: ops.DeleteRegisteredModelTag) -> None:
        """Remove a tag, if it is there."""
        directory = self.directory(op.name)
        if remove_key(directory, layout.TAGS, op.key):
            _touch(directory)

    def set_alias(self, op: ops.SetModelAlias) -> None:
        """Let an alias stand for a version."""
        with self._tree.lock():
            directory = self.directory(op.name)
            self.version(op.name, op.version)
            path = os.path.join(directory, layout.ALIASES, op.alias)
            replace_file(path, str(op.version).encode(), directory)
            _note_aliases(directory)

    def delete_alias(self, op: ops.DeleteModelAlias) -> None:
        """Let an alias stand for nothing."""
        with self._tree.lock():
            directory = self.directory(op.name)
            if remove_key(directory, layout.ALIASES, op.alias):
                _note_aliases(directory)

    def create_version(self, op: ops.CreateModelVersion) -> ModelVersion:
        """Make the next version. Whoever makes the directory of a number has that number; it is filled in one go."""
        with self._tree.lock():
            directory = self.directory(op.name)
            made = _made(directory, op.op_id)
            if made and os.path.lexists(os.path.join(directory, version_directory(made), layout.META)):
                return self.version(op.name, made)
            version = ModelVersion(
                name=op.name,
                version=max(registered.version_numbers(directory), default=0) + 1,
                creation_timestamp=op.time,
                last_updated_timestamp=op.time,
                source=op.source,
                description=op.description,
                user_id=op.user_id,
                run_id=op.run_id,
                run_link=op.run_link,
                model_id=op.model_id,
                storage_location=op.storage_location,
                tags=dict(op.tags),
            )
            staged = os.path.join(directory, temporary_name())
            with making(staged):
                put_tags(staged, staged, op.tags)
                while True:
                    # Before the version is there, so that it is found by whoever does not hear of it.
                    fields = reader.read_fields(directory) | {"last_updated_timestamp": op.time}
                    write_fields(directory, fields | note_made(fields, op.op_id, version.version), directory)
                    write_fields(staged, version_to_fields(version), staged)
                    if place_version(staged, os.path.join(directory, version_directory(version.version))):
                        return version
                    version = structs.replace(version, version=version.version + 1)

    def update_version(self, op: ops.UpdateModelVersion) -> ModelVersion:
        """Set the description."""
        with self._tree.lock():
            self._change_version(op.name, op.version, description=op.description, last_updated_timestamp=op.time)
        return self.version(op.name, op.version)

    def transition(self, op: ops.TransitionModelVersion) -> ModelVersion:
        """Set the stage; others of it are archived afterwards, so that it is never empty."""
        with self._tree.lock():
            directory = self.directory(op.name)
            self._change_version(op.name, op.version, current_stage=op.stage, last_updated_timestamp=op.time)
            if op.archive:
                for other in registered.read_registered(directory).versions:
                    if other.current_stage == op.stage and other.version != op.version:
                        changes = {"current_stage": ARCHIVED, "last_updated_timestamp": op.time}
                        self._change_version(op.name, other.version, **changes)
            _change(directory, directory, last_updated_timestamp=op.time)
        return self.version(op.name, op.version)

    def delete_version(self, op: ops.DeleteModelVersion) -> None:
        """Mark a version as deleted; its directory stays, and so its number is not given again."""
        with self._tree.lock():
            directory = self.directory(op.name)
            for alias in self.version(op.name, op.version).aliases:
                remove_key(directory, layout.ALIASES, alias)
            _note_aliases(directory, last_updated_timestamp=op.time)
            # Last: as long as it is there, all of this can be done again.
            self._change_version(op.name, op.version, current_stage=GONE_STAGE, last_updated_timestamp=op.time)

    def set_version_tag(self, op: ops.SetModelVersionTag) -> None:
        """Set or overwrite a tag of a version."""
        directory = self.directory(op.name)
        self.version(op.name, op.version)
        put_tags(os.path.join(directory, version_directory(op.version)), directory, {op.key: op.value})

    def delete_version_tag(self, op: ops.DeleteModelVersionTag) -> None:
        """Remove a tag of a version, if it is there."""
        directory = self.directory(op.name)
        self.version(op.name, op.version)
        if remove_key(os.path.join(directory, version_directory(op.version)), layout.TAGS, op.key):
            _touch(directory)

    def _change_version(self, name: str, number: int, **changes: Any) -> None:
        self.version(name, number)
        directory = self.directory(name)
        _change(os.path.join(directory, version_directory(number)), directory, **changes)


# Every file is first written in the model's own directory: so that one's time says that something changed.


@contextmanager
def making(directory: str) -> Iterator[None]:
    """A new directory, which is removed again after an error; one that is there already stays."""
    made = not os.path.lexists(directory)
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise failure("make the directory", directory, error) from error
    try:
        yield
    except BaseException:
        if made:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def place_version(staged: str, place: str) -> bool:
    """Give the directory `staged` the name `place`; False when somebody else has it."""
    try:
        if os.name != "nt":  # Elsewhere an empty directory gives way to one that takes its name.
            os.mkdir(place)
        os.rename(staged, place)
    except FileExistsError:
        return False
    except OSError as error:
        with suppress(OSError):
            os.rmdir(place)
        raise failure("make the directory", place, error) from error
    return True


def _made(directory: str, op_id: str) -> int | None:
    """What the op of this id was to make in the model's directory, before its answer was lost: see `made_by`."""
    return made_by(reader.read_fields(directory), op_id) if op_id else None


def put_tags(directory: str, scratch: str, tags: dict[str, str]) -> None:
    """Set tags of a model or version in `directory`; they are first written in `scratch`."""
    for key, value in tags.items():
        with keeping_key("tag", key):
            replace_file(key_path(directory, layout.TAGS, key), value.encode(), scratch)


def write_fields(directory: str, fields: dict[str, Any], scratch: str) -> None:
    """Replace the meta.yaml in `directory`."""
    replace_file(os.path.join(directory, layout.META), meta.dump(fields), scratch)


def _change(directory: str, scratch: str, **changes: Any) -> None:
    """Rewrite some fields of a meta.yaml; what else it says stays."""
    write_fields(directory, reader.read_fields(directory) | changes, scratch)


def _note_aliases(directory: str, **changes: Any) -> None:
    """MLflow repeats the aliases in the model's meta.yaml."""
    aliases = {alias: str(version) for alias, version in registered.read_aliases(directory).items()}
    _change(directory, directory, aliases=aliases, **changes)


def _touch(directory: str) -> None:
    """Let the directory look changed."""
    with suppress(OSError):
        os.utime(directory)


def _remove(gone: str) -> None:
    """Remove a directory, its meta.yaml last: without that, MLflow would read no model at all."""
    try:
        for name in sorted(os.listdir(gone), key=lambda name: name == layout.META):
            path = os.path.join(gone, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        os.rmdir(gone)
    except OSError as error:
        raise failure("remove", gone, error) from error
