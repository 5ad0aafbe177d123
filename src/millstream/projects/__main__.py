"""`python -m millstream.projects`: see a task, given as JSON on standard input, through to its end.

This is the process behind ``run(synchronous=False)``; it lives on when the program that asked for the run ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from millstream.projects.process import Job, stop_on_signal
from millstream.projects.supervise import FAILED, FINISHED, Task, say, see_through
from millstream.tracking.client import MlflowClient
from millstream.values.errors import MillstreamError
from millstream.values.readers import json_reader


def main() -> int:
    """Carry out the task on standard input; exit code 0 when it FINISHED, 1 otherwise."""
    task = json_reader(Task)(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the processes have no use for the pipe that brought the task
    os.close(nothing)
    job = Job(Path(task.directory))
    with stop_on_signal(job):
        try:
            status = see_through(task, job, MlflowClient(task.tracking_uri))
        except MillstreamError as error:
            say(f"Error: {error.message}")
            status = FAILED
    if status == FAILED:
        say(f"=== Run (ID '{task.run_id}') failed ===")
    return 0 if status == FINISHED else 1


if __name__ == "__main__":
    sys.exit(main())
