"""Where the files are that a ``runs:`` or ``models:`` URI, or a version of a registered model, names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.formats.model_uris import ModelUri, is_model_uri, parse_model_uri
from millstream.stores.base import Store
from millstream.values import ops, queries, refusals
from millstream.values.entities import ModelVersion
from millstream.values.errors import InvalidValue, NotFound
from millstream.values.paths import Location, RelPath

RUNS_SCHEME = "runs:"
# A version may have been registered from another one; nobody does so deeper than this.
_DEEP = 16

Place = tuple[Artifacts, RelPath]


def parse_run_uri(text: str) -> tuple[str, RelPath]:
    """Run id and path of ``runs:/<run id>/<path>``."""
    run_id, _, path = text.removeprefix(RUNS_SCHEME).lstrip("/").partition("/")
    return run_id, RelPath.parse(path.strip("/"))


def below_run(store: Store, run_id: str, path: RelPath) -> Place:
    """An artifact of a run, or the logged model of this name that the run made."""
    artifacts = store.artifacts(run_id)
    if path.segments:
        top = path.segments[0]
        if not any(entry.path == top for entry in artifacts.list(RelPath())):
            model = store.logged_model(run_id, top)
            if model is not None:
                return model, RelPath(path.segments[1:])
    return artifacts, path


def find_version(store: Store, uri: ModelUri) -> ModelVersion:
    """The version of a registered model that `uri` names; NotFound when there is none."""
    if uri.version is not None:
        return store.read(queries.GetModelVersion(name=uri.name, version=uri.version))
    if uri.alias is not None:
        return store.read(queries.GetModelVersionByAlias(name=uri.name, alias=uri.alias))
    found = store.read(queries.GetLatestVersions(name=uri.name, stages=(str(uri.stage),)))
    if not found:
        raise refusals.no_version_in_stage(uri.name, str(uri.stage))
    return found[0]


def settle_source(store: Store, op: ops.CreateModelVersion) -> ops.CreateModelVersion:
    """`op` with the place that a ``models:`` source means now, and the run and logged model that it comes from."""
    if op.storage_location is not None or not is_model_uri(op.source):
        return op
    uri = parse_model_uri(op.source)
    if uri.model_id:
        model = store.read(queries.GetLoggedModel(model_id=uri.model_id))
        place, run_id, model_id = model.artifact_location, model.source_run_id, uri.model_id
    else:
        version = find_version(store, uri)
        place, run_id, model_id = version.location, version.run_id, version.model_id or ""
    if uri.path.segments:
        place = str(Location.parse(place, base=Path.cwd()) / uri.path)
    return structs.replace(
        op, storage_location=place, run_id=op.run_id or run_id, model_id=op.model_id or model_id or None
    )


def version_files(
    store: Store, version: ModelVersion, depth: int = 0, elsewhere: Callable[[str], Place] | None = None
) -> Place:
    """The files of a version of a registered model.

    Those of a run or a logged model of the store are found where they lie now, though the store was moved;
    `elsewhere` (by default `at_location`) finds others.
    """
    text = version.location
    if is_model_uri(text) and depth < _DEEP:
        return model_files(store, parse_model_uri(text), depth + 1, elsewhere)
    if text.startswith(RUNS_SCHEME):
        return below_run(store, *parse_run_uri(text))
    for owner, find in ((version.model_id, store.model_artifacts), (version.run_id, store.artifacts)):
        below = inside(text, owner)
        if owner and below is not None:
            with suppress(NotFound):
                return find(owner), below
    return elsewhere(text) if elsewhere is not None else at_location(text, store.uri)


def model_files(store: Store, uri: ModelUri, depth: int = 0, elsewhere: Callable[[str], Place] | None = None) -> Place:
    """The files that a ``models:`` URI names."""
    if uri.model_id:
        return store.model_artifacts(uri.model_id), uri.path
    artifacts, path = version_files(store, find_version(store, uri), depth, elsewhere)
    return artifacts, path / uri.path


def at_location(text: str, tracking_uri: str | None = None) -> Place:
    """What lies at a local path or URI, which the store at `tracking_uri` told (default: the setting)."""
    location = Location.parse(text, base=Path.cwd())
    parent, _, name = location.path.rstrip("/").rpartition("/")
    root = Location(location.scheme, location.authority, parent or "/")
    # A local path is plain here, also one from a file: URI; other URIs are percent-encoded as they are noted.
    path = RelPath((name,)) if location.local is not None and name else RelPath.parse(unquote(name))
    return open_artifacts(root, tracking_uri), path


def inside(text: str, owner: str | None) -> RelPath | None:
    """The path below the artifact directory of the run or logged model `owner`, if that is where `text` leads."""
    _, found, rest = text.partition(f"/{owner}/artifacts")
    if not owner or not found or rest[:1] not in ("", "/"):
        return None
    with suppress(InvalidValue):
        return RelPath.parse((unquote(rest) if "://" in text else rest).strip("/"))
    return None
