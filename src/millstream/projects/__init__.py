"""Floor 5: running a directory of code as a run."""
