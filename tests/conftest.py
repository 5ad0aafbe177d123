"""What every test stands on: no setting of the machine leaks in, no file of the user is touched."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Before any of them is imported: their asserts tell what went wrong as those of tests do.
pytest.register_assert_rewrite("tests.faults", "tests.machine", "tests.stores")

from millstream.tracking import state  # noqa: E402
from tests import buckets, compiled, servers  # noqa: E402

# A shell that starts something in the background, or nohup, lets it ignore these, and so would all that tests start.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# Machines differ in speed, so an example may take as long as it takes.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")
compiled.share()


# Each takes half a minute or more: begun last, it would leave the other worker with nothing to do.
LONGEST = (
    "test_a_postgresql_server",
    "test_a_directory",
    "test_a_sqlite_file",
    "test_damage_hurts_nothing_else_is_named_and_heals",
    "test_no_request_finds_a_fault[embedded]",
    "test_no_request_finds_a_fault[postgresql]",
    "test_a_directory_that_the_kernel_tells_of",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first in what each worker begins with, which is an equal part; the others as they were."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    longest = [item for name in LONGEST for item in items if item.name == name]
    others = [item for item in items if item.name not in LONGEST]
    left, ordered = len(items), []
    for worker in range(workers):
        size = left // (workers - worker)
        first = longest[worker::workers]
        rest = max(0, size - len(first))
        ordered += [*first, *others[:rest]]
        others, left = others[rest:], left - size
    items[:] = [*ordered, *others]


@pytest.fixture(autouse=True)
def bare_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test without MILLSTREAM_* and MLFLOW_* variables, with caches of its own and no experiment chosen before."""
    for variable in list(os.environ):
        if variable.startswith(("MILLSTREAM_", "MLFLOW_")):
            monkeypatch.delenv(variable)
    caches: Path = tmp_path_factory.getbasetemp() / "caches"
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(caches / "index"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    monkeypatch.setenv("XDG_STATE_HOME", str(caches / "state"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    state.set_uri(None)
    state.set_active_experiment(None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URI of a PostgreSQL server of this session."""
    servers.demand()
    with servers.running() as uri:
        yield uri


@pytest.fixture(scope="session")
def s3_server() -> Iterator[buckets.S3]:
    """A server of this session that speaks S3."""
    buckets.demand()
    with buckets.running() as server:
        yield server


@pytest.fixture
def s3(s3_server: buckets.S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty place in a bucket that this process may use."""
    for name, value in s3_server.environ().items():
        monkeypatch.setenv(name, value)
    forget_buckets()
    yield f"s3://{s3_server.bucket}/{uuid.uuid4().hex}"
    forget_buckets()


def forget_buckets() -> None:
    """Buckets are opened once for a process, with what its environment says then."""
    module = sys.modules.get("millstream.drivers.artifacts.buckets")
    if module is not None:
        module._open.clear()
