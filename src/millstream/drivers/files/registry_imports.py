"""Writing registered models that come from elsewhere into a tree, as they were there."""

from __future__ import annotations

import os
import shutil

from msgspec import structs

from millstream.drivers.files import reader, registered
from millstream.drivers.files.atomic import failure, replace_file, temporary_name
from millstream.drivers.files.registry import RegistryFiles, making, place_version, put_tags, write_fields
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout
from millstream.formats.mlruns.registry import GONE_STAGE, registered_to_fields, version_directory, version_to_fields
from millstream.values import ops, refusals
from millstream.values.entities import ModelVersion, RegisteredModel


def put_registered(tree: Tree, files: RegistryFiles, op: ops.ImportRegisteredModel) -> RegisteredModel:
    """Make a registered model's directory, or add to one that is there. What is refused changes nothing.

    Its meta.yaml comes last: a new model is there from then on, and what was cut off before is done again.
    """
    model = op.model
    with tree.lock():
        directory = os.path.join(files.home, model.name)
        if op.known:
            files.directory(model.name)
        elif os.path.lexists(os.path.join(directory, layout.META)):
            raise refusals.registered_model_exists(model.name)
        _check(directory, op)
        with making(directory):
            if not op.known:
                # Of somebody who was killed here.
                for part in (layout.TAGS, layout.ALIASES):
                    shutil.rmtree(os.path.join(directory, part), ignore_errors=True)
            for version in op.versions:
                _put_version(directory, version)
            _keep_number(directory, op)
            for version in op.changed:
                _change_version(directory, version)
            _finish(directory, op)
    return files.get(model.name)


def _check(directory: str, op: ops.ImportRegisteredModel) -> None:
    name = op.model.name
    for version in op.versions:
        found = registered.read_version(directory, version.version, {})
        # An import that was cut off may have left some; to one without an id that is known, others did.
        again = not op.known or bool(op.op_id)
        if found is not None and not (again and found == structs.replace(version, aliases=[])):
            raise refusals.version_exists(name, version.version)
    for version in op.changed:
        if registered.read_version(directory, version.version, {}) is None:
            raise refusals.no_version(name, version.version)
    made = {version.version for version in op.versions}
    for number in set(op.model.aliases.values()) - made:
        if registered.read_version(directory, number, {}) is None:
            raise refusals.no_version(name, number)


def _put_version(directory: str, version: ModelVersion) -> None:
    """Fill in a version in one go. One of this number that was deleted or never finished gives way."""
    place = os.path.join(directory, version_directory(version.version))
    staged = os.path.join(directory, temporary_name())
    with making(staged):
        put_tags(staged, staged, version.tags)
        write_fields(staged, version_to_fields(version), staged)
        try:
            if os.path.lexists(place):
                shutil.rmtree(place)
        except OSError as error:
            raise failure("remove", place, error) from error
        if not place_version(staged, place):
            raise refusals.version_exists(version.name, version.version)


def _keep_number(directory: str, op: ops.ImportRegisteredModel) -> None:
    """Leave the highest number to a deleted version, as MLflow does: so it is not given again."""
    if op.last > max(registered.version_numbers(directory), default=0):
        times = op.model.last_updated_timestamp, op.model.last_updated_timestamp
        _put_version(directory, ModelVersion(op.model.name, op.last, *times, "", GONE_STAGE))


def _finish(directory: str, op: ops.ImportRegisteredModel) -> None:
    model = op.model
    for alias, number in model.aliases.items():
        replace_file(os.path.join(directory, layout.ALIASES, alias), str(number).encode(), directory)
    put_tags(directory, directory, model.tags)
    whole = structs.replace(model, aliases=registered.read_aliases(directory))
    fields = registered_to_fields(whole)
    if op.known:
        names = ("aliases", "creation_timestamp", "description", "last_updated_timestamp")
        fields = reader.read_fields(directory) | {name: fields[name] for name in names}
    write_fields(directory, fields, directory)


def _change_version(directory: str, version: ModelVersion) -> None:
    place = os.path.join(directory, version_directory(version.version))
    put_tags(place, directory, version.tags)
    fields = version_to_fields(version)
    # What is not ours stays as it is.
    del fields["deployment_job_state"], fields["workspace"]
    write_fields(place, reader.read_fields(place) | fields, directory)
