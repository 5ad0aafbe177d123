"""Train a few small models, then show their runs in the browser until Ctrl-C.

With --check: prove that the pages and the API answer with the runs just made, stop everything, exit 0.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "demo"
TREE = DATA / "mlruns"
SWEEP = ROOT / "examples" / "digits" / "sweep.py"
HOST = "127.0.0.1"
PORT = 5000
PATIENCE = 60.0


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


def run_ids() -> set[str]:
    """Ids of the runs on disk now."""
    return {meta.parent.name for meta in TREE.glob("*/*/meta.yaml") if re.fullmatch("[0-9a-f]{32}", meta.parent.name)}


def train() -> set[str]:
    """Run the sweep; ids of the runs it made."""
    DATA.mkdir(exist_ok=True)
    before = run_ids()
    say(f"training ({SWEEP.relative_to(ROOT)}); runs are kept in {TREE}")
    environment = {**os.environ, "MILLSTREAM_TRACKING_URI": str(TREE)}
    if code := subprocess.run([sys.executable, str(SWEEP)], cwd=DATA, env=environment, check=False).returncode:
        sys.exit(f"demo: the sweep failed (exit code {code}); see the lines above")
    made = run_ids() - before
    if not made:
        sys.exit(f"demo: the sweep made no run in {TREE}")
    return made


def choose_port() -> int:
    """The usual port, or a free one when that is taken."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                say(f"port {port} is taken; using a free one")
                continue
            return int(probe.getsockname()[1])
    sys.exit(f"demo: no port can be opened on {HOST}")


def start_ui(port: int) -> subprocess.Popen[bytes]:
    """The same command a user would give."""
    command = [str(Path(sys.executable).with_name("millstream")), "ui"]
    command += ["--backend-store-uri", str(TREE), "--host", HOST, "--port", str(port)]
    return subprocess.Popen(command, cwd=DATA)


def fetch(url: str, body: dict[str, Any] | None = None) -> bytes:
    """Body of an answer with status 200; any other raises."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return bytes(reply.read())


def wait_for(base: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if process.poll() is not None:
            sys.exit(f"demo: the server ended at once (exit code {process.returncode})")
        try:
            fetch(f"{base}/health")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def check(base: str, made: set[str]) -> None:
    """Raise unless page, scripts, REST interface and the UI's own interface answer with the runs just made."""
    page = fetch(f"{base}/").decode()
    scripts = re.findall(r'<script[^>]+src="([^"]+)"', page)
    if not scripts:
        sys.exit("demo: the page holds no script; is the UI built?")
    for script in scripts:
        fetch(f"{base}/{script.removeprefix('./').removeprefix('/')}")
    experiments = json.loads(fetch(f"{base}/api/2.0/mlflow/experiments/search", {"max_results": 1000}))["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    rest = json.loads(fetch(f"{base}/api/2.0/mlflow/runs/search", {"experiment_ids": ids, "max_results": 1000}))
    table = json.loads(fetch(f"{base}/api/ui/runs", {"experiment_ids": ids, "offset": 0, "limit": 1000}))
    for name, seen in {
        "REST interface": {run["info"]["run_id"] for run in rest.get("runs", [])},
        "UI's interface": set(table["run_id"]),
    }.items():
        if missing := made - seen:
            sys.exit(f"demo: the {name} does not show the runs {sorted(missing)}")
    finished = {run["info"]["run_id"] for run in rest["runs"] if run["info"]["status"] == "FINISHED"}
    if not made <= finished:
        sys.exit(f"demo: these runs did not finish: {sorted(made - finished)}")
    say(f"pages and API answer with the {len(made)} runs just made")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server as Ctrl-C would; kill it when it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end(_signal: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that the server goes too."""
    raise KeyboardInterrupt


def show(made: set[str], checking: bool) -> None:
    """Serve the runs: checked and ended, or until somebody ends it."""
    port = choose_port()
    base = f"http://{HOST}:{port}"
    process = start_ui(port)
    try:
        wait_for(base, process)
        if checking:
            check(base, made)
        else:
            say(f"open {base} in the browser; Ctrl-C ends it")
            process.wait()
    finally:
        stop(process)


def main() -> None:
    """Train, then serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="prove that it works, then stop")
    checking = parser.parse_args().check
    signal.signal(signal.SIGTERM, end)
    try:
        show(train(), checking)
    except KeyboardInterrupt:
        say("stopped")


if __name__ == "__main__":
    main()
