"""Several workers: one tree that answers as one, survives each of its workers, and ends as one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from millstream.server import workers
from millstream.server.process import Hooks
from millstream.server.sockets import bind
from millstream.server.turns import Turn
from millstream.stores.open import close_stores, open_store
from millstream.values.errors import InvalidValue, Unavailable
from tests.server.load import callers, new_run, wait_for_points
from tests.server.started import Started
from tests.stores.calls import history

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


def wait_until(true: Callable[[], bool]) -> None:
    """Until it is; the time limit of tests says how long that may take."""
    while not true():
        threading.Event().wait(0.02)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.fixture
def two(start: Callable[..., Started]) -> Started:
    server = start("server", "--workers", "2")
    wait_until(lambda: len(server.tree()) == 3)
    return server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_ends_all(two: Started, number: signal.Signals) -> None:
    tree = two.tree()
    assert two.get("/health") == (200, b"OK")
    two.process.send_signal(number)
    assert two.process.wait(30) == 0
    assert gone(tree)
    assert two.said().endswith("Stopped.\n")
    bind("127.0.0.1", two.port).close()


def test_a_terminal_that_is_closed_ends_all(two: Started) -> None:
    tree = two.tree()
    for process in tree:  # as the kernel does for the whole group
        process.send_signal(signal.SIGHUP)
    assert two.process.wait(30) == 0
    assert gone(tree)


def test_no_worker_outlives_a_parent_that_was_killed(two: Started) -> None:
    parent, *children = two.tree()
    parent.kill()
    two.process.wait(30)
    wait_until(lambda: gone(children))
    bind("127.0.0.1", two.port).close()


def test_a_worker_that_is_killed_is_replaced_and_what_it_answered_is_there(two: Started, tmp_path: Path) -> None:
    run = new_run(two.port)
    with callers(4, two.port, run) as at_work:
        wait_for_points(at_work, 5)
        _, *children = two.tree()
        children[0].kill()
        wait_until(lambda: two.process.poll() is None and len(set(two.tree()[1:]) - set(children)) == 1)
        for caller in at_work:
            caller.failures.clear()
        wait_for_points(at_work, 5)
    assert f"Worker {children[0].pid} ended by signal 9" in two.said()
    said = [step for caller in at_work for step in caller.said]
    found = [step for step, _, _ in history(open_store((tmp_path / "mlruns").as_uri()), run, "m")]
    close_stores()
    assert set(said) <= set(found)
    assert len(found) == len(set(found))


def test_workers_write_one_store(two: Started, tmp_path: Path) -> None:
    run = new_run(two.port)
    with callers(4, two.port, run) as at_work:
        wait_for_points(at_work, 20)
    assert [caller.failures for caller in at_work] == [[]] * 4
    said = [step for caller in at_work for step in caller.said]
    found = [step for step, _, _ in history(open_store((tmp_path / "mlruns").as_uri()), run, "m")]
    close_stores()
    assert sorted(found) == sorted(said)


def test_a_worker_that_hangs_is_ended_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "TICK", 0.01)
    monkeypatch.setattr(workers, "SILENT_TICKS", 200)
    hung = tmp_path / "hung"

    def work(_number: int, hooks: Hooks) -> None:
        hooks.ready()
        if hung.exists():
            os.kill(os.getppid(), signal.SIGTERM)
        hung.touch()
        threading.Event().wait()

    ready: list[bool] = []
    workers.Workers(1, work, bind("127.0.0.1", 0)).run(lambda: ready.append(True))
    assert ready == [True]


def test_workers_of_which_none_can_start_end_the_server() -> None:
    def work(_number: int, _hooks: Hooks) -> None:
        raise InvalidValue("This cannot be.")

    with pytest.raises(Unavailable, match="No worker of the server could start"):
        workers.Workers(2, work, bind("127.0.0.1", 0)).run(lambda: None)


def test_a_turn_is_of_one_process_and_thread_at_a_time() -> None:
    turn = Turn()
    reading, writing = os.pipe()
    starting, start = os.pipe()

    def child() -> int:
        pid = os.fork()
        if pid == 0:
            os.read(starting, 1)
            turn.__enter__()
            os.write(writing, b"child")
            os._exit(0)  # with the turn, which the next one gets all the same
        return pid

    children = [child(), child()]
    with turn:
        os.write(start, b"..")
        os.write(writing, b"parent ")
    for pid in children:
        os.waitpid(pid, 0)
    with turn:
        assert os.read(reading, 100) == b"parent childchild"
    for end in (reading, writing, starting, start):
        os.close(end)
