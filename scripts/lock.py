"""Write the locks: the exact versions that building, testing and the other programs in tests use, on every platform.

No hashes and no index in them, so that they install from any mirror. torch's CUDA libraries are left out: with
a CPU build they are not needed, and with PyPI's build for Linux the installer finds them by itself.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
CLIENTS = ROOT / "tests" / "interop" / "requirements"
HEADER = "# Exact versions for {}. Written by `make lock` from {}; do not edit.\n"
LEFT_OUT = re.compile(r"^(nvidia|cuda|triton|millstream)\b")


def compile_lock(source: Path, *options: str) -> list[str]:
    """Resolve what `source` asks for, for every platform and Python this project supports."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", str(source), "--universal", "--python-version", "3.11",
        "--no-header", "--no-annotate", "--quiet", "--upgrade", *options,
    ]  # fmt: skip
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [line for line in made.stdout.splitlines() if not LEFT_OUT.match(line)]


def write(lock: Path, purpose: str, source: Path, *options: str) -> None:
    """Write one lock anew."""
    lines = [HEADER.format(purpose, source.name).rstrip("\n"), *compile_lock(source, *options)]
    lock.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{lock.name}: {len(lines) - 1} packages", file=sys.stderr)


def main() -> None:
    """Write every lock anew."""
    write(LOCK, "development and CI", ROOT / "pyproject.toml", "--all-extras", "--group", "dev")
    for source in sorted(CLIENTS.glob("*.in")):
        write(source.with_suffix(".txt"), "tests/interop", source)


if __name__ == "__main__":
    main()
