"""Values for an entry point's parameters: complete, of the declared types and storable, before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from millstream.formats.mlproject import EntryPoint, ParameterSpec
from millstream.tracking.artifacts import download_artifacts
from millstream.values.errors import InvalidValue, MillstreamError, ProjectFailed
from millstream.values.names import MAX_PARAM_VALUE, check_key, check_text
from millstream.values.paths import Location

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)
_BOOLS = frozenset(("true", "false", "yes", "no", "on", "off", "1", "0"))
_REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]+:")


class Arguments(Struct, frozen=True):
    """Checked values as text: `values` fill the command's placeholders, `extras` are appended, `logged` go to the run.

    `values` and `logged` differ for paths: the run notes what was given, the command gets an absolute local path.
    """

    values: dict[str, str]
    extras: dict[str, str]
    logged: dict[str, str]


class _Place(Struct, frozen=True):
    """What a path may be relative to, and where remote ones are brought."""

    project: Path
    storage: Path | None


def resolve_parameters(
    entry: EntryPoint, given: Mapping[str, object], project: Path, storage_dir: str | None = None
) -> Arguments:
    """Join `given` with the defaults of `entry` and check everything; ProjectFailed names what is missing or wrong.

    A relative path that was given is taken from the working directory, a default from the project's directory (the
    working directory when it is not there). A remote ``path`` is downloaded below `storage_dir`.
    """
    texts = {name: _text(name, value) for name, value in given.items() if value is not None}
    declared = {spec.name: spec for spec in entry.parameters}
    defaults = {name: spec.default for name, spec in declared.items() if spec.default is not None}
    missing = [name for name in declared if name not in texts and name not in defaults]
    if missing:
        raise ProjectFailed(f"No value given for missing parameters: {', '.join(map(repr, missing))}")
    extras = {name: text for name, text in texts.items() if name not in declared}
    wanted = {name: texts.get(name, defaults.get(name, "")) for name in declared}
    place = _Place(project, Path(storage_dir).absolute() if storage_dir else None)
    values = {}
    for name, spec in declared.items():
        _check_storable(name, wanted[name])
        values[name] = _check_type(spec, wanted[name], place, is_default=name not in texts)
    return Arguments(values, extras, wanted | extras)


def _text(name: str, value: object) -> str:
    text = value if isinstance(value, str) else os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    _check_storable(name, text)
    return text


def _check_storable(name: str, text: str) -> None:
    """Each value becomes a param of the run; better to refuse it here than after the run was made."""
    try:
        check_text(text, f"value of parameter {check_key(name, 'parameter')!r}", MAX_PARAM_VALUE)
    except InvalidValue as error:
        raise ProjectFailed(error.message) from error


def _check_type(spec: ParameterSpec, text: str, place: _Place, *, is_default: bool) -> str:
    kind = spec.type.lower()
    if kind == "path":
        return _path(spec.name, text, place, is_default=is_default)
    check = _CHECKS.get(kind)
    if check is not None and not check(text):
        said = " (its default)" if is_default else ""
        raise ProjectFailed(f"The parameter {spec.name!r} must be {_ARTICLES[kind]} {spec.type}; got {text!r}{said}.")
    return text


def _path(name: str, text: str, place: _Place, *, is_default: bool) -> str:
    """The absolute path of an existing local file or directory; a remote one is downloaded first."""
    if _REMOTE.match(text) and not text.lower().startswith("file:"):
        return _download(name, text, place)
    local = Location.parse(text).local if text.lower().startswith("file:") else Path(text)
    assert local is not None
    bases = (place.project, Path.cwd()) if is_default else (Path.cwd(),)
    for base in bases:
        if text and (base / local).exists():
            return os.path.abspath(base / local)
    raise ProjectFailed(
        f"Got value {text!r} for parameter {name!r} of type path, but there is no such file or directory "
        f"({os.path.abspath(bases[0] / local)})."
    )


def _download(name: str, uri: str, place: _Place) -> str:
    try:
        if place.storage is None:
            return os.path.abspath(download_artifacts(artifact_uri=uri))
        target = place.storage / f"param_{name.replace('/', '_')}"
        target.mkdir(parents=True, exist_ok=True)
        return os.path.abspath(download_artifacts(artifact_uri=uri, dst_path=str(target)))
    except (MillstreamError, OSError) as error:
        raise ProjectFailed(f"Parameter {name!r} of type path: {uri!r} could not be fetched. {error}") from error


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False


_CHECKS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("int", "integer", "long"), _INT.fullmatch),
    **dict.fromkeys(("float", "double", "number"), _FLOAT.fullmatch),
    **dict.fromkeys(("bool", "boolean"), lambda text: text.lower() in _BOOLS),
    "uri": _is_uri,
}
_ARTICLES = {word: "an" if word in ("int", "integer") else "a" for word in _CHECKS}
