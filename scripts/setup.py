"""Make .venv ready: this project and the drop-in, editable, with every development package at its locked version.

Runs under any Python 3.11 or newer with nothing installed. Called by `make setup` when an input has changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from wheels import find_links, offers_torch, uv_environment

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements-dev.lock"
PROBE = "import sys; sys.exit(sys.version_info < (3, 11))"


def works(command: list[str]) -> bool:
    """Whether the command runs here and ends well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """Make .venv with the Python running this, unless one is there that still works."""
    if works([str(PYTHON), "-c", PROBE]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if works([sys.executable, "-m", "venv", str(VENV)]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if works(["uv", "venv", "--python", sys.executable, str(VENV)]):
        return
    sys.exit(f"{sys.executable} cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv")


def find_uv() -> list[str]:
    """uv of this machine, else uv put into .venv by pip."""
    if works(["uv", "--version"]):
        return ["uv"]
    if not works([str(PYTHON), "-m", "uv", "--version"]):
        pinned = re.search(r"^uv==\S+", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
        wanted = pinned.group() if pinned else "uv"
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", wanted], check=True)
    return [str(PYTHON), "-m", "uv"]


def install(uv: list[str]) -> None:
    """Install everything; torch as a CPU build from a wheel directory or torch's CPU index, only then from PyPI."""
    links, environment = find_links(), uv_environment()
    command = [*uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
    if sys.dont_write_bytecode:
        # Nothing would be compiled on first use, and every process of a test would compile it all again.
        command.append("--compile-bytecode")
    for link in links:
        command += ["--find-links", link]
    command += ["--requirement", str(LOCK), "--editable", str(ROOT)]
    if (ROOT / "dropin" / "pyproject.toml").exists():
        command += ["--editable", str(ROOT / "dropin")]
    if sys.platform == "linux" and not offers_torch(links):
        if subprocess.run([*command, "--torch-backend", "cpu"], env=environment, check=False).returncode == 0:
            return
        print("setup: torch's CPU index cannot be reached; using the package index alone.", file=sys.stderr)
    subprocess.run(command, env=environment, check=True)


def main() -> None:
    """Make the environment, then say so in one line."""
    make_venv()
    try:
        install(find_uv())
    except subprocess.CalledProcessError as error:
        sys.exit(f"setup: installing failed (exit code {error.returncode}); see the lines above.")
    print(f"setup: {VENV} is ready.", file=sys.stderr)


if __name__ == "__main__":
    main()
