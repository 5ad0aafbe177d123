"""Time to start: `import` beyond a bare interpreter, and the commands' ``--version`` and ``--help``.

    python benchmarks/imports.py [--rounds 5] [--json]

Every figure is a whole process, its processor time as the kernel counted it; for imports the median of the bare
interpreter of the same environment is taken off. "A function" takes one as well, since Millstream loads them late.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from measure import Answer, arguments, environment, medians, pythons, report


def run(command: list[str], home: Path) -> Answer:
    """Processor and wall seconds of a command, with its children."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=home, env=environment(home))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - start}


def commands() -> dict[str, list[str]]:
    """What is started, by label."""
    found = {}
    for library, python in pythons().items():
        found[f"bare python of {library}"] = [str(python), "-c", "pass"]
        found[f"import {library}"] = [str(python), "-c", f"import {library}"]
        found[f"import {library}, a function"] = [str(python), "-c", f"import {library}; {library}.log_metric"]
        for option in ("--version", "--help"):
            found[f"{library} {option}"] = [str(python.with_name(library)), option]
    return found


def compare(rounds: int, as_json: bool) -> None:
    """Run everything in turns and print."""
    started = commands()
    samples: dict[str, list[Answer]] = {label: [] for label in started}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds + 1):
            for label, command in started.items():
                samples[label].append(run(command, Path(folder)))
    rows = {label: medians(list_[1:]) for label, list_ in samples.items()}  # the first round compiles and warms
    for library in ("millstream", "mlflow"):
        bare = rows[f"bare python of {library}"]
        for label in (f"import {library}", f"import {library}, a function"):
            rows[label] = {figure: max(rows[label][figure] - bare[figure], 0.0) for figure in bare}
    labels = [label for label in rows if "millstream" in label and "bare" not in label]
    against = {label: label.replace("millstream", "mlflow") for label in labels}
    report(f"start-up ({rounds} rounds; imports beyond the bare interpreter)", rows, against, "ms", as_json)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, rounds=5)
    compare(options.rounds, options.json)


if __name__ == "__main__":
    main()
