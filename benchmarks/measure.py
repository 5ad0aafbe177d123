"""What every benchmark uses: workers beside each other, medians, one table. Standard library only.

A benchmark is one script with two roles: run plainly it is the parent that starts workers, asks them in turns
and prints; run with ``--worker LIBRARY`` it measures one library in the Python it was started with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.interop.environment import interop_python  # noqa: E402

Answer = dict[str, Any]


def pythons() -> dict[str, Path]:
    """Interpreter of each library."""
    return {"millstream": Path(sys.executable), "mlflow": interop_python()}


def environment(home: Path) -> dict[str, str]:
    """Environment for workers: nothing of the user's settings, the index below `home`."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MILLSTREAM_"))}
    ours = {"MILLSTREAM_INDEX_DIR": str(home / "index")}
    return {**outside, **ours, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


class Worker:
    """A process of a script with ``--worker``; each call is one line to it and one JSON line back."""

    def __init__(self, python: Path, library: str, home: Path, *arguments: object, script: str | None = None) -> None:
        """Start the worker of `script`, or of the running one, for `library`; `home` is its working directory."""
        home.mkdir(parents=True, exist_ok=True)
        command = [str(python), str(Path(script or sys.argv[0]).resolve()), "--worker", library, *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=home, env=environment(home)
        )
        self()  # the first answer says that it is ready

    def __call__(self, request: str = "ready") -> Answer:
        """Answer to `request`."""
        assert self.process.stdin
        assert self.process.stdout
        print(request, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The worker {self.process.args} ended with {self.process.wait()}.")
        answer: Answer = json.loads(line)
        return answer

    def stop(self) -> None:
        """Let the worker end by itself."""
        self.process.communicate()


def serve(answer: Callable[[str], Answer]) -> None:
    """The worker's side: answer each line of stdin until it ends."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = line.strip()
        print(json.dumps({} if request == "ready" else answer(request)), file=output, flush=True)


class Clock:
    """Seconds of processor (this process, all threads) and of wall, since it was made."""

    def __init__(self) -> None:
        """Start."""
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self, calls: int = 1) -> Answer:
        """Seconds per call so far."""
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        return {"cpu": cpu / calls, "wall": wall / calls}


def medians(rounds: list[Answer]) -> Answer:
    """Median of each figure over the rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in ("cpu", "wall")}


def arguments(text: str | None, **options: int | str) -> argparse.Namespace:
    """Command line of a benchmark: ``--json``, and a number or a text for each of `options`."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default {default}")
    # `python -m benchmarks` hands the same options to every script.
    return parser.parse_known_args()[0]


def report(title: str, rows: dict[str, Answer], against: dict[str, str], unit: str, as_json: bool) -> None:
    """Print `rows` (seconds) in `unit`; `against` names for a row the row that it is so many times quicker than."""
    ratios = {
        name: {figure: rows[other][figure] / max(rows[name][figure], 1e-9) for figure in ("cpu", "wall")}
        for name, other in against.items()
    }
    if as_json:
        print(json.dumps({"title": title, "seconds": rows, "times_quicker": ratios, "than": against}, indent=1))
        return
    scale = {"s": 1, "ms": 1e3, "µs": 1e6}[unit]
    print(f"{title}\n  {'':42} {'cpu ' + unit:>12} {'wall ' + unit:>12}")
    for name, row in rows.items():
        print(f"  {name:42} {row['cpu'] * scale:12.2f} {row['wall'] * scale:12.2f}")
    for name, ratio in ratios.items():
        print(f"  {name} : {against[name]} = 1 : {ratio['cpu']:.1f} (cpu), 1 : {ratio['wall']:.1f} (wall)")
