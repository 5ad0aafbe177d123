"""Artifacts in a container of a server that speaks Azure's Blob Storage: what is tested of S3, and through a server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from millstream.drivers.artifacts.open import open_artifacts
from millstream.values.errors import NotPermitted, StorageFailed
from millstream.values.paths import Location, RelPath
from tests import azurite
from tests.conftest import forget_buckets
from tests.drivers.elsewhere import *  # noqa: F403


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
def environ(azure: azurite.Azure) -> dict[str, str]:
    return azure.environ()


def test_a_wrong_key_is_said(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", "d3Jvbmc=")
    found = open_artifacts(Location.parse(place))
    with pytest.raises((NotPermitted, StorageFailed)) as refused:
        found.put_bytes(b"x", RelPath.parse("f"))
    assert "d3Jvbmc=" not in str(refused.value)
