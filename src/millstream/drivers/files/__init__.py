"""Files: writing, reading and scanning an `mlruns` tree. The tree is the truth; no lock on the logging path."""
