"""Seeing a project run through to its end: start its processes, wait, write down how it ended."""

from __future__ import annotations

import os
import signal
import sys

import msgspec

from millstream.formats.command import Invocation
from millstream.projects.environment import child_environ
from millstream.projects.process import Job
from millstream.tracking.client import MlflowClient

FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"


class Task(msgspec.Struct, frozen=True):
    """A run that exists and the processes that it is to be: all that another process needs to know."""

    run_id: str
    experiment_id: str
    tracking_uri: str
    directory: str
    invocations: tuple[Invocation, ...]

    def environ(self) -> dict[str, str]:
        """Environment of the processes."""
        return child_environ(os.environ, self.run_id, self.tracking_uri, self.experiment_id)


def see_through(task: Task, job: Job, client: MlflowClient) -> str:
    """Run the processes of `task` and end its run with the status they earned, which is returned.

    The exit code decides, whatever the processes wrote about the run; a stopped job is KILLED. When a process cannot
    be started the run is FAILED and the error goes on.
    """
    status = FAILED
    try:
        code = job.run(task.invocations, task.environ())
        status = KILLED if job.stopping else FAILED if code else FINISHED
        if status == FAILED:
            say(f"The command ended with {_describe(code)}.")
    finally:
        client.set_terminated(task.run_id, status)
    if status == FINISHED:
        say(f"=== Run (ID '{task.run_id}') succeeded ===")
    elif status == KILLED:
        say(f"=== Run (ID '{task.run_id}') was stopped ===")
    return status


def say(line: str) -> None:
    """Write a line for the person at the terminal."""
    if sys.stderr is not None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
