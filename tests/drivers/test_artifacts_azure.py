"""Artifacts in a container of a server that speaks Azure's Blob Storage: what is tested of S3, and through a server."""

from __future__ import annotations

import http.client
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from millstream.drivers.artifacts.objects import ObjectArtifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.values.errors import NotPermitted, StorageFailed
from millstream.values.paths import Location, RelPath
from tests import azurite
from tests.conftest import forget_buckets
from tests.drivers.test_artifacts_objects import (
    test_a_directory_is_fetched_whole,
    test_a_file_that_changes_while_it_is_read_is_not_patched_together,
    test_large_files_go_in_parts_and_come_from_any_place,
    test_names_that_begin_alike_are_not_below_each_other,
    test_putting_listing_reading_and_removing,
    test_the_root_itself_is_neither_written_nor_removed,
    test_what_is_given_up_is_not_there,
)
from tests.server.started import started

__all__ = [
    "test_a_directory_is_fetched_whole",
    "test_a_file_that_changes_while_it_is_read_is_not_patched_together",
    "test_large_files_go_in_parts_and_come_from_any_place",
    "test_names_that_begin_alike_are_not_below_each_other",
    "test_putting_listing_reading_and_removing",
    "test_the_root_itself_is_neither_written_nor_removed",
    "test_what_is_given_up_is_not_there",
]


@pytest.fixture(scope="module")
def azure() -> Iterator[azurite.Azure]:
    azurite.demand()
    with azurite.running() as server:
        yield server


@pytest.fixture(params=["wasbs", "abfss"])
def place(request: pytest.FixtureRequest, azure: azurite.Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty place in a container that this process may use."""
    for name, value in azure.environ().items():
        monkeypatch.setenv(name, value)
    forget_buckets()
    yield azure.place(request.param, uuid.uuid4().hex)
    forget_buckets()


@pytest.fixture
def artifacts(place: str) -> ObjectArtifacts:
    found = open_artifacts(Location.parse(f"{place}/내%20run/artifacts"))
    assert type(found) is ObjectArtifacts
    return found


def test_a_wrong_key_is_said(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", "d3Jvbmc=")
    found = open_artifacts(Location.parse(place))
    with pytest.raises((NotPermitted, StorageFailed)) as refused:
        found.put_bytes(b"x", RelPath.parse("f"))
    assert "d3Jvbmc=" not in str(refused.value)


def test_a_server_passes_files_on(place: str, azure: azurite.Azure, tmp_path: Path) -> None:
    content = os.urandom(9 * 2**20)
    options = ("--artifacts-destination", place)
    with started(f"sqlite:///{tmp_path}/runs.db", tmp_path, *options, environ=azure.environ()) as server:
        run = server.api("runs/create", experiment_id="0")["run"]["info"]
        below = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        target = f"/api/2.0/mlflow-artifacts/artifacts/{below}/{quote('큰 것.bin')}"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("PUT", target, content)
        assert connection.getresponse().status == 200
        connection.close()
        assert server.get(target) == (200, content)
        _, info = server.ask("GET", "/api/3.0/mlflow/server-info")
        assert info["multipart_uploads_enabled"] is False
    kept = open_artifacts(Location.parse(f"{place}/0/{run['run_id']}/artifacts"))
    assert [(file.path, file.file_size) for file in kept.list(RelPath())] == [("큰 것.bin", len(content))]
