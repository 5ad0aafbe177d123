"""The Pythons that have the real MLflow, one a generation, and one with frameworks that log to it: built once, cached.

Each is built by uv from ``requirements/<name>.txt`` into ``.cache/interop/<hash of pins>`` in the repository; the
newest MLflow is the interpreter named by ``MILLSTREAM_INTEROP_ENV`` where that is set. Where one cannot be built
(no network), `interop_python` raises `Unavailable`: tests skip with its reason, except on CI, where a missing proof
is a failure. Run as a module it builds all of them, which is `make clients`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts import wheels

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements")
VARIABLE = "MILLSTREAM_INTEROP_ENV"
NAMED = os.environ.get(VARIABLE)  # read at import: tests run without the variables of the outside
ON_CI = os.environ.get("CI", "").lower() in ("1", "true")
NEWEST = "mlflow3"
# What each must import. It also compiles what is imported, and nothing else of a gigabyte of code.
PROOFS = {
    NEWEST: "mlflow, mlflow.sklearn, mlflow.pyfunc",
    "mlflow2": "mlflow, mlflow.pyfunc",
    "mlflow1": "mlflow, mlflow.pyfunc",
    "frameworks": "mlflow, lightning, optuna_integration, transformers",
}
# pandas 1, which MLflow 1 needs, has no wheels for newer ones.
PYTHONS = {"mlflow1": (3, 11)}


class Unavailable(Exception):
    """The real MLflow cannot be had here; the text says why."""


def interop_python(name: str = NEWEST) -> Path:
    """The interpreter of the environment `name`; builds it on first use."""
    if NAMED and name == NEWEST:
        if not Path(NAMED).is_file():
            raise Unavailable(f"{VARIABLE} names {NAMED!r}, which is no file; point it to a Python with MLflow.")
        return Path(NAMED)
    version = ".".join(map(str, min(sys.version_info[:2], PYTHONS.get(name, sys.version_info[:2]))))
    pins = (REQUIREMENTS / f"{name}.txt").read_bytes() + version.encode()
    home = REPOSITORY / ".cache" / "interop" / f"{name}-{hashlib.sha256(pins).hexdigest()[:16]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(home.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers build it once
        if not (home / "complete").exists():
            _build(name, version, home)
    return home / "bin" / "python"


def _build(name: str, version: str, home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    found = shutil.which("uv")
    uv = [found] if found else [sys.executable, "-m", "uv"]
    mine = "{}.{}".format(*sys.version_info[:2]) == version
    _run(name, [*uv, "venv", "--quiet", "--python", sys.executable if mine else version, str(home)])
    python = str(home / "bin" / "python")
    links = wheels.find_links()
    command = [*uv, "pip", "install", "--quiet", "--python", python, "-r", str(REQUIREMENTS / f"{name}.txt")]
    for link in links:
        command += ["--find-links", link]
    needs_torch = "\ntorch==" in (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    if needs_torch and sys.platform == "linux" and not wheels.offers_torch(links):
        command += ["--torch-backend", "cpu"]
    _run(name, command)
    _run(name, [python, "-c", f"import {PROOFS[name]}"])
    (home / "complete").touch()


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=settings())
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"Cannot build the environment {name}: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip())[-500:]
        raise Unavailable(f"Cannot build the environment {name}: {' '.join(command)} failed: {reason}")


def settings() -> dict[str, str]:
    """This process's variables, without those that would mislead a client or have it compile its code every time."""
    outside = wheels.uv_environment()
    return {k: v for k, v in outside.items() if not k.startswith(("MLFLOW_", "MILLSTREAM_", "PYTHONDONTWRITE"))}


def main() -> None:
    """Build every environment; exit code 1 on CI when one is missing."""
    missing = False
    for name in PROOFS:
        began = time.monotonic()
        try:
            python = interop_python(name)
            print(f"clients: {name} is {python} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        except Unavailable as error:
            missing = True
            print(f"clients: {error}", file=sys.stderr)
    sys.exit(missing and ON_CI)


if __name__ == "__main__":
    main()
