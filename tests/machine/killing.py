"""A write by a process that is killed when it has returned."""

from __future__ import annotations

import os
import signal
import warnings
from typing import Any

from millstream.values import ops
from millstream.values.errors import MillstreamError
from tests.machine.places import Opener


def write_and_die(opener: Opener, op: ops.Op[Any]) -> str:
    """Carry out `op` in a process of its own that is killed right after; the name of its error, "" when it was done."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # From Python 3.12 on a fork beside threads is warned of; this child touches nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _write_and_die(opener, op, writing)
    os.close(writing)
    with open(reading, "rb") as answers:
        answer = answers.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    assert answer.endswith("."), f"the child died before it answered: {answer!r}"
    return answer[:-1]


def _write_and_die(opener: Opener, op: ops.Op[Any], answers: int) -> None:
    try:
        error = ""
        try:
            opener().write(op)
        except MillstreamError as refused:
            error = type(refused).__name__
        os.write(answers, f"{error}.".encode())
        os.kill(os.getpid(), signal.SIGKILL)
    except BaseException as fault:
        os.write(answers, repr(fault).encode())
    finally:
        os._exit(1)
