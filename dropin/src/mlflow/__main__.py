"""`python -m mlflow`: the command `mlflow`."""

from __future__ import annotations

import sys

from millstream_mlflow import main

if __name__ == "__main__":
    sys.exit(main())
