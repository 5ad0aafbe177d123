"""Reading the registry of a tree: registered models, each a directory with one for each version."""

from __future__ import annotations

import os
from hashlib import blake2b

from msgspec import Struct, structs

from millstream.drivers.files import reader
from millstream.drivers.files.atomic import failure
from millstream.drivers.files.stamps import Stamp, directory_stamp, file_stamp
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.registry import (
    registered_from_fields,
    version_directory,
    version_from_fields,
    version_in,
)
from millstream.values.entities import ModelVersion, RegisteredModel
from millstream.values.errors import DataDamaged
from millstream.values.names import HIDDEN_PREFIX
from millstream.values.stages import newest_by_stage


class RegistryScan(Struct):
    """All that a registered model's directory says, and `problems`: sentences about files that could not be read."""

    model: RegisteredModel
    versions: list[ModelVersion]
    problems: list[str]


def registered_names(home: str) -> list[str]:
    """Names of the directories of `home` that may be registered models."""
    try:
        with os.scandir(home) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(HIDDEN_PREFIX) and _is_home(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise failure("read the directory", home, error) from error


def _is_home(entry: os.DirEntry[str]) -> bool:
    try:
        return reader.is_text(entry.name) and entry.is_dir()
    except OSError:  # A link that leads in a circle.
        return False


def read_registered(directory: str) -> RegistryScan:
    """A registered model with all of its versions; DataDamaged when its own meta.yaml is not good."""
    fields = reader.read_fields(directory)
    problems: list[str] = []
    aliases = read_aliases(directory, problems)
    versions = []
    for number in version_numbers(directory):
        try:
            version = read_version(directory, number, aliases, problems)
        except DataDamaged as error:
            problems.append(f"{error}; the version is left out")
            continue
        if version is not None:
            versions.append(version)
    model = structs.replace(
        registered_from_fields(fields, os.path.basename(directory)),
        tags=reader.read_texts(os.path.join(directory, layout.TAGS), problems),
        aliases=aliases,
        latest_versions=newest_by_stage(versions),
    )
    return RegistryScan(model, versions, problems)


def read_version(
    directory: str, number: int, aliases: dict[str, int], problems: list[str] | None = None
) -> ModelVersion | None:
    """A version of the model in `directory`, None for one that is not there or deleted; DataDamaged when it is bad.

    A directory without a meta.yaml is a version that was never finished.
    """
    place = os.path.join(directory, version_directory(number))
    path = os.path.join(place, layout.META)
    if not os.path.lexists(path):
        return None
    try:
        version = version_from_fields(meta.load(reader.read_bytes(path)), os.path.basename(directory), number)
    except DataDamaged as error:
        raise DataDamaged(f"{path}: {error}") from error
    if version is None:
        return None
    return structs.replace(
        version,
        tags=reader.read_texts(os.path.join(place, layout.TAGS), [] if problems is None else problems),
        aliases=[alias for alias, meant in aliases.items() if meant == number],
    )


def version_numbers(directory: str) -> list[int]:
    """Numbers of all directories of versions, in order, deleted and damaged ones among them."""
    try:
        return sorted(number for name in os.listdir(directory) if (number := version_in(name)) is not None)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise failure("read the directory", directory, error) from error


def read_aliases(directory: str, problems: list[str] | None = None) -> dict[str, int]:
    """Which version each alias stands for, by alias."""
    found: dict[str, int] = {}
    folder = os.path.join(directory, layout.ALIASES)
    for alias, text in reader.read_texts(folder, [] if problems is None else problems).items():
        if text.strip().isascii() and text.strip().isdecimal() and len(text) < 12:
            found[alias] = int(text)
        elif problems is not None:
            problems.append(f"{os.path.join(folder, alias)}: names no version; the alias is left out")
    return found


def quick_stamp(directory: str) -> Stamp:
    """Changes when a version comes or goes, and with everything that Millstream writes to the model."""
    # A search asks this of every model, so there is nothing to join.
    return (directory_stamp(directory), *file_stamp(f"{directory}{os.sep}{layout.META}"))


def close_stamp(directory: str) -> Stamp:
    """(newest time, digest): changes with any file of the model or its versions, in place too."""
    seen = [f"{file_stamp(os.path.join(directory, layout.META))}"]
    newest = 0
    folders = [os.path.join(directory, part) for part in (layout.TAGS, layout.ALIASES)]
    for number in version_numbers(directory):
        place = os.path.join(directory, version_directory(number))
        stamp = file_stamp(os.path.join(place, layout.META))
        seen.append(f"{number} {stamp}")
        newest = max(newest, *stamp[:1]) if stamp else newest
        folders.append(os.path.join(place, layout.TAGS))
    for folder in folders:
        for key, entry in reader.walk_keys(folder):
            try:
                status = entry.stat()
            except OSError:
                continue
            newest = max(newest, status.st_mtime_ns)
            seen.append(f"{folder} {key} {status.st_mtime_ns} {status.st_size} {status.st_ino}")
    digest = blake2b(os.fsencode("\n".join(seen)), digest_size=7).digest()
    return (newest, int.from_bytes(digest))
