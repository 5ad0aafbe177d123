"""Write requirements-dev.lock: the exact versions that building and testing use, on every platform.

No hashes and no index in it, so that it installs from any mirror. torch's CUDA libraries are left out: with
a CPU build they are not needed, and with PyPI's build for Linux the installer finds them by itself.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
HEADER = "# Exact versions for development and CI. Written by `make lock` from pyproject.toml; do not edit.\n"
LEFT_OUT = re.compile(r"^(nvidia|cuda|triton|millstream)\b")


def compile_lock() -> str:
    """Resolve core, all extras and the dev group for every platform and Python this project supports."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11",
        "--all-extras", "--group", "dev", "--no-header", "--no-annotate", "--quiet", "--upgrade",
    ]  # fmt: skip
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return made.stdout


def main() -> None:
    """Write the lock anew."""
    lines = [line for line in compile_lock().splitlines() if not LEFT_OUT.match(line)]
    LOCK.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
