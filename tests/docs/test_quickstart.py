"""The quick start is run as a reader would run it, in both languages, in an empty folder.

A `python` block whose first line is `# name.py` is saved under that name; any other is run. Each line of an `sh` block
is a command; `millstream ui` and `millstream models serve` are started, asked for an answer and interrupted. `console`
blocks (installing) are not run.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGES = ("quickstart.md", "quickstart.ko.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 60


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block of a page."""
    return FENCE.findall((DOCS / page).read_text(encoding="utf-8"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("page", PAGES)
def test_the_quick_start_works(page: str, tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    port = free_port()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONIOENCODING": "utf-8",
        "MILLSTREAM_PORT": str(port),
    }
    for language, text in blocks(page):
        if language == "python":
            run_python(text, folder, environment)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    run_command(words, folder, environment, port)
        else:
            assert language in {"console", "text"}, f"{page}: a block in {language!r} is never tried"


def run_python(text: str, folder: Path, environment: dict[str, str]) -> None:
    """Save a named block; run any other in a fresh interpreter."""
    if named := re.match(r"# (\S+\.py)\n", text):
        (folder / named.group(1)).write_text(text, encoding="utf-8")
        return
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-"],
        input=text, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stderr}"


def run_command(words: list[str], folder: Path, environment: dict[str, str], port: int) -> None:
    """Run one command to its end; a server until it has answered."""
    if words[:2] in (["millstream", "ui"], ["millstream", "server"]) or words[:3] == ["millstream", "models", "serve"]:
        check_server(words, folder, environment, port)
        return
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


def check_server(words: list[str], folder: Path, environment: dict[str, str], port: int) -> None:
    """Start a server, wait for its first answer, interrupt it; it must end by itself."""
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(f"http://127.0.0.1:{port}/health") and not answers(f"http://127.0.0.1:{port}/ping"):
                log.seek(0)
                assert process.poll() is None, f"{words} ended:\n{log.read()}"
                assert time.monotonic() < deadline, f"{words} gives no answer:\n{log.read()}"
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def test_both_languages_show_the_same_code() -> None:
    english, korean = (
        [(language, without_comments(text)) for language, text in blocks(page) if language != "text"] for page in PAGES
    )
    assert english == korean
    assert {"python", "sh"} <= {language for language, _ in english}


def without_comments(text: str) -> list[str]:
    """Code lines as they run; comments are in the language of the page."""
    return [re.sub(r"\s*# .*$", "", line) for line in text.splitlines()]
