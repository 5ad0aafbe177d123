"""Floor 5: running a directory of code as a run."""

from millstream.projects.launch import RunFailed, SubmittedRun, run

__all__ = ["RunFailed", "SubmittedRun", "run"]
