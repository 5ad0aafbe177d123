"""The registry of a running server: MLflow's of 1.x to 3.x, or ours.

A search leaves out prompts, which MLflow keeps among the models, unless it asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from millstream.drivers.rest.client import RestClient
from millstream.formats.model_uris import is_model_uri
from millstream.formats.wire import replies
from millstream.stores.imports.base import Problem, SourceRegistered
from millstream.values.entities import ModelVersion
from millstream.values.errors import (
    BadRequest,
    DataDamaged,
    EndpointNotFound,
    InvalidValue,
    MillstreamError,
    NotFound,
    NotSupported,
)

PAGE = 1000
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
# What servers say who do not know what they are asked for.
_UNKNOWN = (BadRequest, EndpointNotFound, InvalidValue, NotFound, NotSupported)


def list_models(client: RestClient) -> Iterator[tuple[Any, str]]:
    """What the server says of every registered model, and the filter that its versions need besides."""
    seen: set[str] = set()
    for more in ("", _PROMPTS):
        try:
            for reply in _pages(client, "registered-models/search", "registered_models", more):
                name = str(reply.get("name", ""))
                if name not in seen:
                    seen.add(name)
                    yield reply, more
        except _UNKNOWN:
            continue


def read(client: RestClient, problem: Problem) -> Iterator[SourceRegistered]:
    """All registered models with their versions, by name; damaged ones are named to `problem`."""
    listed = sorted(list_models(client), key=lambda item: str(item[0].get("name", "")))
    for reply, more in listed:
        try:
            model = replies.registered_model(reply)
        except DataDamaged as error:
            problem(f"{error}; it is left out")
            continue
        quote = '"' if "'" in model.name else "'"
        condition = f"name = {quote}{model.name}{quote}" + (f" AND {more}" if more else "")
        versions = []
        for item in _pages(client, "model-versions/search", "model_versions", condition):
            try:
                version = replies.model_version(item)
            except DataDamaged as error:
                problem(f"registered model {model.name!r}: {error}; it is left out")
                continue
            if version.name == model.name:  # Some servers compare names without regard to case.
                versions.append(_placed(client, version))
        versions.sort(key=lambda version: version.version)
        yield SourceRegistered(model, versions)


def _placed(client: RestClient, version: ModelVersion) -> ModelVersion:
    """`version` with the place that its source means, which only a question of its own tells."""
    if not is_model_uri(version.source):
        return version
    parameters = {"name": version.name, "version": str(version.version)}
    try:
        place = str(client.get("model-versions/get-download-uri", parameters).get("artifact_uri", ""))
    except MillstreamError:
        return version
    return structs.replace(version, storage_location=place if place and place != version.source else None)


def _pages(client: RestClient, name: str, field: str, condition: str) -> Iterator[Any]:
    parameters: dict[str, Any] = {"max_results": PAGE}
    if condition:
        parameters["filter"] = condition
    while True:
        reply = client.get(name, parameters)
        yield from reply.get(field, ())
        token = reply.get("next_page_token")
        if not token or parameters.get("page_token") == token:
            return
        parameters["page_token"] = token
