"""A fleet of servers on one database and one bucket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import buckets, servers
from tests.deploy import fleet


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> tuple[str, buckets.S3]:
    """The database server and the object store of this session."""
    fleet.demand()
    return request.getfixturevalue("postgresql"), request.getfixturevalue("s3_server")


@pytest.fixture
def fleet_of(shared: tuple[str, buckets.S3], tmp_path: Path) -> Iterator[fleet.Fleet]:
    """Two servers of an empty store behind nginx."""
    database, s3 = shared
    made = fleet.Fleet(servers.new_schema(database), f"s3://{s3.bucket}/{uuid.uuid4().hex}", s3.environ(), tmp_path)
    with made.running():
        yield made
