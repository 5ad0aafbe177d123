"""The Python that has the real MLflow: found, or built once and cached.

Order: the interpreter named by ``MILLSTREAM_INTEROP_ENV``; else ``.cache/interop/<hash of pins>`` in the repository,
built from ``requirements.txt`` with uv or pip. Where it cannot be built (no network), `interop_python` raises
`Unavailable`: tests skip with its reason, except on CI, where a missing proof is a failure.
Run as a script it builds the environment and prints its interpreter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VARIABLE = "MILLSTREAM_INTEROP_ENV"
NAMED = os.environ.get(VARIABLE)  # read at import: tests run without the variables of the outside


class Unavailable(Exception):
    """The real MLflow cannot be had here; the text says why."""


def interop_python() -> Path:
    """The interpreter that imports the pinned MLflow; builds its environment on first use."""
    if NAMED:
        if not Path(NAMED).is_file():
            raise Unavailable(f"{VARIABLE} names {NAMED!r}, which is no file; point it to a Python with MLflow.")
        return Path(NAMED)
    pins = REQUIREMENTS.read_bytes() + "{}.{}".format(*sys.version_info[:2]).encode()
    home = REPOSITORY / ".cache" / "interop" / hashlib.sha256(pins).hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(home.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers build it once
        if not (home / "complete").exists():
            _build(home)
    return home / "bin" / "python"


def _build(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    python = str(home / "bin" / "python")
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(home)])
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(REQUIREMENTS)])
    else:
        _run([sys.executable, "-m", "venv", str(home)])
        _run([python, "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)])
    _run([python, "-c", "import mlflow"])
    (home / "complete").touch()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"Cannot build the MLflow environment: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip())[-500:]
        raise Unavailable(f"Cannot build the MLflow environment: {' '.join(command)} failed: {reason}")


if __name__ == "__main__":
    print(interop_python())
