"""The processes of a running project: one group each, stopped as a group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from msgspec import Struct

from millstream.formats.command import Invocation
from millstream.values.errors import ProjectFailed

GRACE = 10.0  # seconds between asking processes to end and ending them
_POLL = 0.02
_STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)


class Job:
    """Runs invocations one after the other until one fails; `stop` ends what runs with all its children.

    Each process leads a session of its own, so that a Ctrl-C in the terminal reaches only Millstream, which
    passes it on in order: SIGTERM to the group, SIGKILL after `GRACE` seconds.
    """

    def __init__(self, directory: Path) -> None:
        """Prepare for a project's `directory`; nothing starts before `run`."""
        self.directory = directory
        self.stopping = False
        self._child: subprocess.Popen[bytes] | None = None
        self._group_gone = threading.Event()

    def run(self, invocations: Sequence[Invocation], environ: Mapping[str, str]) -> int:
        """Exit code of the first step that fails (negative: the signal that ended it), 0 when all succeed.

        ProjectFailed when a step cannot be started. After `stop` nothing is started.
        """
        code = 0
        for invocation in invocations:
            if self.stopping or code:
                break
            code = self._run(invocation, environ)
        return code

    def stop(self) -> None:
        """Ask the running process group to end; a second call ends it at once. Safe in a signal handler."""
        again, self.stopping = self.stopping, True
        self._signal(signal.SIGKILL if again else signal.SIGTERM)
        if not again:
            threading.Thread(target=self._kill_late, daemon=True).start()

    def _run(self, invocation: Invocation, environ: Mapping[str, str]) -> int:
        child = self._start(invocation, environ)
        self._child = child
        if self.stopping:  # asked for while the process was being started
            self._signal(signal.SIGTERM)
        code = child.wait()
        if self.stopping:
            self._await_group(child.pid)
        self._child = None
        return code

    def _start(self, invocation: Invocation, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()  # so that our lines stand before the child's
        directory = self.directory / invocation.directory
        try:
            return subprocess.Popen(
                invocation.argv,
                cwd=directory,
                env={**environ, **invocation.variables},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ProjectFailed(
                f"The command {invocation.argv[0]!r} could not be started in {directory}: {error}."
            ) from error

    def _signal(self, number: int) -> None:
        child = self._child
        if child is not None:
            try:
                os.killpg(child.pid, number)
            except (ProcessLookupError, PermissionError):
                pass  # all gone, or (macOS) only zombies left

    def _kill_late(self) -> None:
        if not self._group_gone.wait(GRACE):
            self._signal(signal.SIGKILL)

    def _await_group(self, group: int) -> None:
        """Return when no process of the group is left; after `GRACE` they are killed."""
        deadline = time.monotonic() + GRACE + 1
        while time.monotonic() < deadline and _lives(group):
            time.sleep(_POLL)
        self._group_gone.set()


def _lives(group: int) -> bool:
    """Whether a process of the group still runs; one that has ended and was not collected does not count."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if not os.path.isdir("/proc/self"):
        return True
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
            return True
    return False


class Interruption(Struct):
    """The signal that stopped a job, None when none did."""

    signal: int | None = None


@contextmanager
def stop_on_signal(job: Job) -> Iterator[Interruption]:
    """Pass Ctrl-C, SIGTERM and SIGHUP of this process on to `job` while the block runs, noting the first.

    Only the main thread gets signals; in another one nothing is changed. Signals that are ignored stay ignored.
    """
    interruption = Interruption()

    def stop(number: int, _frame: FrameType | None) -> None:
        if interruption.signal is None:
            interruption.signal = number
        job.stop()

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _STOP_SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stop)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
