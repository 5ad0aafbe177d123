"""Files named after keys: a `/` in a key of a metric, param or tag makes sub-directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from millstream.drivers.files.atomic import create_file, failure
from millstream.formats.mlruns import layout
from millstream.values.errors import InvalidValue, StorageFailed

_COLLISIONS = (NotADirectoryError, IsADirectoryError, FileExistsError)


def key_path(directory: str, part: str, key: str) -> str:
    """File of a metric, param or tag. `key` has passed `names.check_key`, so it stays below."""
    return os.path.join(directory, part, key)


def remove_key(directory: str, part: str, key: str) -> bool:
    """Remove the file of `key`, and the directories that it leaves empty; False when there is no such file."""
    path = key_path(directory, part, key)
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        if os.path.isdir(path):  # Some systems say "not permitted" here.
            return False
        raise failure("remove", path, error) from error
    try:
        while (path := os.path.dirname(path)) != os.path.join(directory, part):
            os.rmdir(path)
    except OSError:
        pass  # Not empty, or somebody else was quicker.
    return True


_BOTH = "'a' and 'a/b' cannot both be used, because '/' stands for a directory"


@contextmanager
def keeping_key(what: str, key: str) -> Iterator[None]:
    """Turn a collision of file names while `key` is written into an InvalidValue that says so."""
    try:
        yield
    except StorageFailed as error:
        if not isinstance(error.__cause__, _COLLISIONS):
            raise
        raise InvalidValue(
            f"The {what} name {key!r} {_collision(error.__cause__)}",
            told=f"The {what} name {key!r} collides with another one: {_BOTH}. Use another name.",
        ) from error


def _collision(error: BaseException) -> str:
    """What is in the way of the file that could not be written, and what to do."""
    path = getattr(error, "filename2", None) or getattr(error, "filename", None) or ""
    if os.path.isdir(path):
        if any(files for _, _, files in os.walk(path)):
            return f"collides with those that are kept in the directory {path!r} and begin with it. Use another name."
        return (
            f"collides with the directory {path!r}, in which there is no file. Remove that directory, or use another "
            "name."
        )
    while path and not os.path.lexists(path):
        path = os.path.dirname(path)
    there = f"the file {path!r}" if path and not os.path.isdir(path) else "another one"
    return f"collides with {there}: {_BOTH}. Use another name."


def add_params(directory: str, params: Mapping[str, str], changed: Callable[[str, str, str], Exception]) -> None:
    """Add the params of a run or a model; all are checked before the first is written.

    Of one that has another value already `changed` makes the error, from its key and both values.
    """
    for key, value in params.items():
        _check_unchanged(directory, key, value, changed)
    for key, value in params.items():
        with keeping_key("param", key):
            made = create_file(key_path(directory, layout.PARAMS, key), value.encode(), directory)
        if not made:
            _check_unchanged(directory, key, value, changed)


def _check_unchanged(directory: str, key: str, value: str, changed: Callable[[str, str, str], Exception]) -> None:
    path = key_path(directory, layout.PARAMS, key)
    try:
        with open(path, "rb") as file:
            present = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        with keeping_key("param", key):
            raise failure("read", path, error) from error
    if present != value.encode():
        raise changed(key, present.decode(errors="replace"), value)
