"""Registered models: names under which versions of models are kept, with stages, aliases and tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from millstream.drivers.artifacts.base import Artifacts
from millstream.formats.model_uris import is_model_uri, parse_model_uri
from millstream.stores.base import Store
from millstream.stores.locations import RUNS_SCHEME, below_run, find_version, parse_run_uri, settle_source
from millstream.tracking import state
from millstream.tracking.context import user_name
from millstream.tracking.convert import now, to_tags
from millstream.tracking.places import registry_store, registry_uri, set_registry_uri
from millstream.values import names, ops, queries
from millstream.values.entities import ModelVersion, Page, RegisteredModel
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from millstream.values.paths import Location, RelPath

__all__ = [
    "copy_version",
    "create_version",
    "get_registry_uri",
    "register",
    "register_model",
    "search_model_versions",
    "search_registered_models",
    "set_model_version_tag",
    "set_registry_uri",
]

# Where a logged model keeps its files ends so.
_OF_LOGGED = re.compile(r"/(m-[0-9a-f]{32})/artifacts")


def get_registry_uri() -> str:
    """The URI of the store that registered models are kept in now."""
    return registry_uri() or state.uri() or state.store().uri


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Register the model at `model_uri` as the next version of `name`, which is made when there is none; returns it.

    The URI is ``runs:/<run id>/<path>``, ``models:/<model id>``, another version as ``models:/<name>/<version>``, a
    local path or a location. A version is ready at once, so `await_registration_for` changes nothing.
    """
    return register(state.store(), str(model_uri), name, tags)


def register(store: Store, model_uri: str, name: str, tags: Mapping[str, Any] | None = None) -> ModelVersion:
    """As `register_model`, for one who keeps runs in `store`."""
    names.check_registered_name(name)
    source, run_id, model_id = find_source(store, model_uri)
    registry = registry_store(store)
    with suppress(AlreadyExists):
        registry.write(ops.CreateRegisteredModel(op_id=names.new_run_id(), name=name, time=now()))
    return create_version(store, registry, name, source, run_id=run_id, tags=tags, model_id=model_id)


def find_source(store: Store, model_uri: str) -> tuple[str, str | None, str | None]:
    """What to register for a URI, and the run and logged model that it belongs to; NotFound when there is nothing."""
    if model_uri.startswith(RUNS_SCHEME):
        run_id, path = parse_run_uri(model_uri)
        artifacts, below = below_run(store, run_id, path)
        place = str(artifacts.location / below)
        if logged := _OF_LOGGED.search(place):
            return f"models:/{logged[1]}", run_id, logged[1]
        if not _is_there(artifacts, below):
            raise NotFound(f"Run {run_id!r} has no model {str(path)!r}: no artifact and no logged model is called so.")
        return place, run_id, None
    if is_model_uri(model_uri):
        uri = parse_model_uri(model_uri)
        return model_uri, None, uri.model_id or None
    return str(Location.parse(model_uri, base=Path.cwd())), None, None


def _is_there(artifacts: Artifacts, path: RelPath) -> bool:
    if not path.segments:
        return True
    return any(entry.path == str(path) for entry in artifacts.list(RelPath(path.segments[:-1])))


def create_version(
    store: Store,
    registry: Store,
    name: str,
    source: str,
    *,
    run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    run_link: str | None = None,
    description: str | None = None,
    model_id: str | None = None,
) -> ModelVersion:
    """Make the next version of `name` in `registry`; a logged model in `store` notes that it was registered."""
    op = ops.CreateModelVersion(
        op_id=names.new_run_id(),
        name=name,
        source=source,
        time=now(),
        run_id=run_id,
        run_link=run_link,
        description=description,
        user_id=user_name(),
        model_id=model_id,
        tags={tag.key: tag.value for tag in to_tags(tags or {})},
    )
    if registry is not store and is_model_uri(source) and parse_model_uri(source).model_id:
        op = settle_source(store, op)  # Logged models are where the runs are.
    version = registry.write(op)
    if version.model_id:
        _note(store, version)
    return version


def _note(store: Store, version: ModelVersion) -> None:
    """Add the version to the list in a tag of its logged model, as MLflow does."""
    with suppress(NotFound):
        model = store.read(queries.GetLoggedModel(model_id=str(version.model_id)))
        try:
            known = json.loads(model.tags.get(names.MODEL_VERSIONS_TAG, "[]"))
        except ValueError:
            known = []
        noted = [*(known if isinstance(known, list) else []), {"name": version.name, "version": version.version}]
        tags = {names.MODEL_VERSIONS_TAG: json.dumps(noted)}
        store.write(ops.SetLoggedModelTags(model_id=model.model_id, tags=tags))


def copy_version(store: Store, registry: Store, source_uri: str, name: str) -> ModelVersion:
    """Register a version of a registered model, named by a ``models:/`` URI, as the next version of `name`."""
    uri = parse_model_uri(source_uri) if is_model_uri(source_uri) else None
    if uri is None or uri.model_id:
        raise InvalidValue(f"copy_model_version takes models:/NAME/VERSION or models:/NAME@ALIAS; got {source_uri!r}.")
    found = find_version(registry, uri)
    with suppress(AlreadyExists):
        registry.write(ops.CreateRegisteredModel(op_id=names.new_run_id(), name=name, time=now()))
    return create_version(
        store,
        registry,
        name,
        f"models:/{found.name}/{found.version}",
        run_id=found.run_id,
        tags=found.tags,
        run_link=found.run_link,
        description=found.description,
        model_id=found.model_id,
    )


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[RegisteredModel]:
    """Registered models that match, by name unless `order_by` says otherwise; all when `max_results` is None."""
    found: list[RegisteredModel] = []
    for page in _pages(queries.SearchRegisteredModels, names.MAX_MODELS_PAGE, max_results, filter_string, order_by):
        found += page
    return found


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[ModelVersion]:
    """Versions that match, the last changed first unless `order_by` says otherwise; all when `max_results` is None."""
    found: list[ModelVersion] = []
    for page in _pages(queries.SearchModelVersions, 10_000, max_results, filter_string, order_by):
        found += page
    return found


def set_model_version_tag(
    name: str, version: str | int | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set or overwrite a tag of a version of a registered model."""
    if version is None or key is None:
        raise InvalidValue("set_model_version_tag needs name, version, key and value.")
    op = ops.SetModelVersionTag(name=name, version=names.check_version(version), key=key, value=str(value))
    registry_store(state.store()).write(op)


def _pages(
    kind: Any, most: int, max_results: int | None, filter_string: str | None, order_by: Sequence[str] | None
) -> Iterator[Page[Any]]:
    registry = registry_store(state.store())
    token, left = None, max_results
    while left is None or left > 0:
        limit = most if left is None else min(left, most)
        yield (page := registry.read(to_search(kind, filter_string, limit, order_by, token)))
        token = page.token
        left = None if left is None else left - len(page)
        if token is None:
            return


def to_search(
    kind: Any, filter_string: str | None, max_results: int, order_by: Sequence[str] | None, page_token: str | None
) -> Any:
    """The query of this kind that these arguments of MLflow mean."""
    return kind(
        filter=filter_string or "",
        order_by=(order_by,) if isinstance(order_by, str) else tuple(order_by or ()),
        max_results=max_results,
        page_token=page_token or None,
    )
