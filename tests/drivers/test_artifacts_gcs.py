"""Artifacts in a bucket of Google Cloud Storage, as far as its XML interface is that of S3, which a server here speaks.

So paths, parts, ranges and listings are met; Google's credentials are not.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests import buckets
from tests.conftest import forget_buckets
from tests.drivers.elsewhere import *  # noqa: F403


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
