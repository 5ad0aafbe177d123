"""Processes that can be killed, cheaply: forked from one that is warm."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.faults.work import Work

ROOT = Path(__file__).parents[2]
KILLED = (-signal.SIGKILL, -signal.SIGALRM)


class Nursery:
    """Starts processes for works, and waits for them."""

    def __init__(self, errors: Path) -> None:
        """What the processes say on standard error goes to the file `errors`."""
        self.errors = errors
        self._alive: set[int] = set()
        with errors.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-c", "from tests.faults.work import main; main()"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for pid in self._alive:
            os.kill(pid, signal.SIGKILL)
        self._process.communicate()

    def start(self, work: Work) -> int:
        """The number of a process that does `work`."""
        pid: int = self._ask(work)
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> bool:
        """Whether the process was killed; it has ended. An error in it is an error here."""
        code = self._ask(pid)
        self._alive.discard(pid)
        assert code in (0, *KILLED), f"exit code {code}\n{self.errors.read_text()}"
        return code in KILLED

    def kill(self, pid: int) -> None:
        """Kill a process and wait for its end."""
        os.kill(pid, signal.SIGKILL)
        self.wait(pid)

    def run(self, work: Work) -> bool:
        """Whether a process that did `work` was killed."""
        return self.wait(self.start(work))

    def _ask(self, what: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(what, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)
