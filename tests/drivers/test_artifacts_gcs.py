"""Artifacts in a bucket of Google Cloud Storage, as far as its XML interface is that of S3, which a server here speaks.

So paths, parts, ranges and listings are met; Google's credentials are not.
"""

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
from millstream.values.paths import Location, RelPath
from tests import buckets
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
def server_of_anybody() -> Iterator[buckets.S3]:
    buckets.demand()
    with buckets.running(anybody=True) as server:
        yield server


@pytest.fixture(params=["http://", ""], ids=["address", "host"])
def place(
    request: pytest.FixtureRequest, server_of_anybody: buckets.S3, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URI of an empty place in a bucket that this process may use."""
    host = server_of_anybody.endpoint.removeprefix("http://")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"{request.param}{host}")
    forget_buckets()
    yield f"gs://{server_of_anybody.bucket}/{uuid.uuid4().hex}"
    forget_buckets()


@pytest.fixture
def artifacts(place: str) -> ObjectArtifacts:
    found = open_artifacts(Location.parse(f"{place}/내%20run/artifacts"))
    assert type(found) is ObjectArtifacts
    return found


def test_a_server_passes_files_on(place: str, tmp_path: Path) -> None:
    content = os.urandom(9 * 2**20)
    with started(f"sqlite:///{tmp_path}/runs.db", tmp_path, "--artifacts-destination", place) as server:
        run = server.api("runs/create", experiment_id="0")["run"]["info"]
        below = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        target = f"/api/2.0/mlflow-artifacts/artifacts/{below}/{quote('큰 것.bin')}"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("PUT", target, content)
        assert connection.getresponse().status == 200
        connection.close()
        assert server.get(target) == (200, content)
    kept = open_artifacts(Location.parse(f"{place}/0/{run['run_id']}/artifacts"))
    assert [(file.path, file.file_size) for file in kept.list(RelPath())] == [("큰 것.bin", len(content))]
