"""Killing a process (SIGKILL) right before the n-th thing that it does to files or a database."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

FILE_EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "os.truncate"}

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def killed_at(number: int, action: Callable[[], object]) -> bool:
    """Do `action` in a child process that is killed right before its step `number`; False when it came to its end.

    Steps are opening files to write, renaming, linking and removing files, and statements and commits of databases.
    """
    child = os.fork()
    if child == 0:
        try:
            _arm(number)
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _arm(number: int) -> None:
    left = number

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        if name in FILE_EVENTS or (name == "open" and (arguments[2] or 0) & WRITING):
            step()

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", lambda *_: step())
    event.listen(Engine, "commit", lambda *_: step())
