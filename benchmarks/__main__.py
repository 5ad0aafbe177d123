"""Every benchmark, one after the other: ``python -m benchmarks``. Options are handed on to each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run each script in a process of its own; exit with 1 when one failed."""
    folder = Path(__file__).parent
    failed = [
        name
        for name in ("imports", "log_metric", "search", "store", "envelope", "ingest", "server", "files")
        if subprocess.run([sys.executable, str(folder / f"{name}.py"), *sys.argv[1:]]).returncode
    ]
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
