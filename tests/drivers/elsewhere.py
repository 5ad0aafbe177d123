"""What artifacts in any cloud are tested for; a module takes all of it and says what a `place` there is."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from millstream.drivers.artifacts.objects import ObjectArtifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.values.paths import Location, RelPath
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
    "artifacts",
    "environ",
    "test_a_directory_is_fetched_whole",
    "test_a_file_that_changes_while_it_is_read_is_not_patched_together",
    "test_a_server_passes_files_on",
    "test_large_files_go_in_parts_and_come_from_any_place",
    "test_names_that_begin_alike_are_not_below_each_other",
    "test_putting_listing_reading_and_removing",
    "test_the_root_itself_is_neither_written_nor_removed",
    "test_what_is_given_up_is_not_there",
]


@pytest.fixture
def environ() -> Mapping[str, str]:
    """What a server is told beside the variables of this process."""
    return {}


@pytest.fixture
def artifacts(place: str) -> ObjectArtifacts:
    found = open_artifacts(Location.parse(f"{place}/내%20run/artifacts"))
    assert type(found) is ObjectArtifacts
    return found


def test_a_server_passes_files_on(place: str, environ: dict[str, str], tmp_path: Path) -> None:
    content = os.urandom(9 * 2**20)
    options = ("--artifacts-destination", place)
    with started(f"sqlite:///{tmp_path}/runs.db", tmp_path, *options, environ=environ) as server:
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
