"""Stores of every kind, a nursery of processes to kill, small disks; how much of it, and from which seed."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.faults.nursery import Nursery
from tests.stores.conftest import open_tree, root, store

__all__ = ["open_tree", "root", "store"]

SEED = int(os.environ.get("FAULTS_SEED") or random.randrange(10**9))
# How many processes are killed at random moments in all; a night may take 5,000.
KILLS = int(os.environ.get("FAULTS_KILLS") or 200)
# How many random byte flips are tried on files.
FLIPS = int(os.environ.get("FAULTS_FLIPS") or 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")
            item.add_marker(pytest.mark.timeout(3600))  # a night's worth of kills is one test


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where randomness starts; FAULTS_SEED=… plays a failure again."""
    print(f"FAULTS_SEED={SEED}")
    return SEED


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "errors") as found:
        yield found


@pytest.fixture(params=["embedded", "sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of each kind where nothing is yet."""
    monkeypatch.setenv("MILLSTREAM_DEFAULT_ARTIFACT_ROOT", str(root.parent / "artifacts"))
    root.parent.mkdir(parents=True)
    if request.param == "embedded":
        return root.as_uri()
    if request.param == "sqlite":
        return f"sqlite:///{root.parent}/runs 하나.db"
    return servers.new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    folder = tmp_path / "작은 disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
