"""A project's processes: in order, as a group, and gone when they were stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.formats.command import Invocation
from millstream.projects import process
from millstream.projects.process import Job, stop_on_signal
from millstream.values.errors import ProjectFailed

# Starts a process of its own, which ignores SIGTERM when asked to, and waits.
PARENT = """
import pathlib, signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import time; time.sleep(600)"
if sys.argv[2:] == ["deaf child"]:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); " + code
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
if sys.argv[2:]:
    child.stdout.readline()
pathlib.Path("pids.part").write_text(f"{__import__('os').getpid()} {child.pid}")
pathlib.Path("pids.part").rename("pids")
time.sleep(600)
"""


def python(code: str, *arguments: str) -> Invocation:
    return Invocation((sys.executable, "-c", code, *arguments))


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def test_steps_run_in_order_and_end_with_the_first_failure(tmp_path: Path) -> None:
    write = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ.get('A', '') + os.getcwd())"
    (tmp_path / "sub").mkdir()
    steps = [
        python(write, "one"),
        Invocation((sys.executable, "-c", write, "two"), {"A": "x"}, "sub"),
        python("import sys; sys.exit(7)"),
        python(write, "three"),
    ]
    assert Job(tmp_path).run(steps, os.environ) == 7
    assert (tmp_path / "one").read_text(encoding="utf-8") == str(tmp_path)
    assert (tmp_path / "sub" / "two").read_text(encoding="utf-8") == f"x{tmp_path / 'sub'}"
    assert not (tmp_path / "three").exists()
    assert Job(tmp_path).run(steps[:1], os.environ) == 0


def test_a_step_ended_by_a_signal_has_a_negative_code(tmp_path: Path) -> None:
    assert Job(tmp_path).run([python("import os; os.kill(os.getpid(), 9)")], os.environ) == -signal.SIGKILL


@pytest.mark.parametrize(
    "step", [Invocation(("/no/such/program",)), Invocation((sys.executable,), {}, "gone"), Invocation(("x" * 300,))]
)
def test_what_cannot_start_is_an_error(tmp_path: Path, step: Invocation) -> None:
    with pytest.raises(ProjectFailed, match="could not be started"):
        Job(tmp_path).run([step], os.environ)


@pytest.mark.parametrize("arguments", [("polite",), ("polite", "deaf child"), ("deaf",)])
def test_stop_ends_the_whole_group(tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)
    job = Job(tmp_path)
    pids: list[int] = []

    def stop_when_started() -> None:
        wait_for((tmp_path / "pids").exists)
        pids.extend(map(int, (tmp_path / "pids").read_text(encoding="utf-8").split()))
        job.stop()

    stopper = threading.Thread(target=stop_when_started)
    stopper.start()
    assert job.run([python(PARENT, *arguments), python("open('after', 'w')")], os.environ) < 0
    stopper.join()
    assert job.stopping
    assert len(pids) == 2
    assert not any(map(is_running, pids))
    assert not (tmp_path / "after").exists()


def test_a_second_stop_does_not_wait(tmp_path: Path) -> None:
    job = Job(tmp_path)

    def stop_twice() -> None:
        wait_for((tmp_path / "pids").exists)
        job.stop()
        job.stop()

    stopper = threading.Thread(target=stop_twice)
    stopper.start()
    assert job.run([python(PARENT, "deaf")], os.environ) == -signal.SIGKILL
    stopper.join()


def test_nothing_starts_after_stop(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.stop()
    assert job.run([python("open('after', 'w')")], os.environ) == 0
    assert not (tmp_path / "after").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_stop_the_job_and_handlers_come_back(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    job = Job(tmp_path)
    with stop_on_signal(job) as interruption:
        signal.raise_signal(number)
    assert (interruption.signal, job.stopping) == (number, True)
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        job = Job(tmp_path)
        with stop_on_signal(job) as interruption:
            signal.raise_signal(signal.SIGHUP)
        assert (interruption.signal, job.stopping) == (None, False)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone(tmp_path: Path) -> None:
    handlers: list[object] = []

    def look() -> None:
        with stop_on_signal(Job(tmp_path)):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
